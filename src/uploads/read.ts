/** Reads a file of points from the wire, a piece at a time, and stops where it is too large or too wrong to go on. */
import type { UploadType } from '#protocol/operation.ts'
import { limits } from '#protocol/limits.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Crs } from '../geo/datum.ts'
import { createCsvReader } from './csv.ts'
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
  const reader = format === 'csv' ? createCsvReader(sink) : createGeoJsonReader(sink)
  const stopped = await pass(pieces, reader)
  if (stopped !== undefined) return stopped
  const fault = reader.end()
  if (sink.faults.length > 0) return broken('rows_refused', sink.faults)
  if (sink.hasTooMany()) return broken('too_many_points')
  if (fault !== undefined) return broken(fault)
  const uploaded = sink.finish()
  return uploaded.rows.length === 0 ? broken('no_points') : { status: 'ok', uploaded }
}

/** A byte order mark is no part of the text; bytes that are no UTF-8 are not repaired. */
async function pass(pieces: AsyncIterable<Uint8Array>, reader: FileReader): Promise<Refusal | undefined> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const decode = (piece?: Uint8Array) => {
    try {
      return piece === undefined ? utf8.decode() : utf8.decode(piece, { stream: true })
    } catch {
      return broken('not_utf8')
    }
  }
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.byteLength
    if (bytes > limits.upload.bytes) return refuse('payload_too_large')
    const text = decode(piece)
    if (typeof text === 'object') return text
    reader.push(text)
    if (reader.isDone()) return undefined
  }
  const rest = decode()
  return typeof rest === 'object' && isRefusal(rest) ? rest : undefined
}
