/** Points that a merchant has uploaded, to be dropped at: each keeps the name that it has in the file. */
import type { Tx } from '#platform/postgres.ts'
import type { Places } from '../geo/places.ts'

export type UploadFormat = 'csv' | 'geojson'

/** `rows`: of a CSV file the number of the row, the header being 1; of GeoJSON the number of the feature, from 0. */
export type UploadedPoints = { format: UploadFormat; places: Places; rows: Int32Array }

export type Upload = UploadedPoints & { id: string; campaignId: string; createdAtMs: number }

export const rowPointer = (format: UploadFormat, row: number): string =>
  format === 'csv' ? `/rows/${row}` : `/features/${row}`

export const pointerOf = ({ format, rows }: UploadedPoints, index: number): string =>
  rowPointer(format, rows[index] ?? 0)

/** The table of uploads. */
export type UploadRecord = {
  /** The same points twice are one upload; the oldest beyond `kept` are forgotten. */
  insert(tx: Tx, upload: Upload, kept: number): Promise<void>
  find(tx: Tx, which: { id: string; campaignId: string }): Promise<UploadedPoints | undefined>
  forget(tx: Tx, campaignId: string): Promise<void>
}
