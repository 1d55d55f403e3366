/** Reads a file of points from the wire, a piece at a time, and stops where it is too large or too wrong to go on. */
import type { UploadType } from '#protocol/operation.ts'
import { limits } from '#protocol/limits.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { readText, TextFault } from '#platform/text-file.ts'
import type { Crs } from '../geo/datum.ts'
import { createPointsReader } from './csv.ts'
import { createGeoJsonReader } from './geojson.ts'
import { createSink, type FileReader, type Sink } from './sink.ts'
import type { UploadedPoints } from './upload.ts'

/** A file as it arrives. */
export type SentFile = { type: UploadType; pieces: AsyncIterable<Uint8Array> }

const broken = (reason: string, errors?: Sink['faults']): Refusal =>
  refuse('upload_refused', { reason, ...(errors !== undefined && { errors: [...errors] }) })

export async function readPoints(
  { type, pieces }: SentFile,
  crs: Crs,
): Promise<{ status: 'ok'; uploaded: UploadedPoints } | Refusal> {
  const format = type === 'text/csv' ? 'csv' : 'geojson'
  const sink = createSink(format, crs)
  const reader = format === 'csv' ? createPointsReader(sink) : createGeoJsonReader(sink)
  const stopped = await pass(pieces, reader)
  if (stopped !== undefined) return stopped
  const fault = reader.end()
  if (sink.faults.length > 0) return broken('rows_refused', sink.faults)
  if (sink.hasTooMany()) return broken('too_many_points')
  if (fault !== undefined) return broken(fault)
  const uploaded = sink.finish()
  return uploaded.rows.length === 0 ? broken('no_points') : { status: 'ok', uploaded }
}

async function pass(pieces: AsyncIterable<Uint8Array>, reader: FileReader): Promise<Refusal | undefined> {
  try {
    for await (const text of readText(pieces, limits.upload.bytes)) {
      reader.push(text)
      if (reader.isDone()) return undefined
    }
  } catch (error) {
    if (!(error instanceof TextFault)) throw error
    return error.reason === 'too_large' ? refuse('payload_too_large') : broken(error.reason)
  }
  return undefined
}
