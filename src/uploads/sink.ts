/** Collects what a file says, point by point: at most as many as a drop has envelopes, and as many faults as help. */
import { limits } from '#protocol/limits.ts'
import { type Crs, toWgs84 } from '../geo/datum.ts'
import { toPlaces } from '../geo/places.ts'
import { parsePoint, type Point } from '../geo/point.ts'
import { rowPointer, type UploadedPoints, type UploadFormat } from './upload.ts'

export type RowFault = { pointer: string; message: string }

export type Sink = {
  readonly faults: readonly RowFault[]
  /** It has more than it keeps. */
  isFull(): boolean
  hasTooMany(): boolean
  /** `column`: below the row or feature. */
  fault(row: number, column: string, message: string): void
  take(row: number, point: { lat: number; lng: number }): void
  finish(): UploadedPoints
}

/** What reads one format: takes the text as it comes, and says at the end what is wrong with the file as a whole. */
export type FileReader = {
  push(text: string): void
  /** There is no use in reading on. */
  isDone(): boolean
  end(): 'columns' | 'file_cut' | 'not_geojson' | undefined
}

export function createSink(format: UploadFormat, crs: Crs): Sink {
  const { points: most, errors } = limits.upload
  const points: Point[] = []
  const rows: number[] = []
  const faults: RowFault[] = []
  return {
    faults,
    hasTooMany: () => points.length > most,
    isFull: () => points.length > most || faults.length >= errors,
    fault: (row, column, message) => {
      const pointer = `${rowPointer(format, row)}${column}`
      if (faults.length < errors) faults.push({ pointer, message })
    },
    take(row, sent) {
      const point = parsePoint(sent)
      if (point === undefined) return
      points.push(toWgs84(point, crs))
      rows.push(row)
    },
    finish: () => ({ format, places: toPlaces(points), rows: Int32Array.from(rows) }),
  }
}
