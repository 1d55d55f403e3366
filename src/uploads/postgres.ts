/** The table of uploads: bytes in, bytes out, in the order of this machine and of every other that runs it. */
import { loadStatements, type Row } from '#platform/postgres.ts'
import type { UploadFormat, UploadRecord } from './upload.ts'

const sql = loadStatements(import.meta.url, [
  'insert-upload',
  'forget-older',
  'find-upload',
  'forget-uploads',
])

type UploadRow = Row & { format: UploadFormat; lngs: Buffer; lats: Buffer; rows: Buffer }

const toBytes = ({ buffer, byteOffset, byteLength }: Float64Array | Int32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

/** A copy: the numbers begin at a multiple of their size. */
const toNumbers = (bytes: Buffer): Float64Array => new Float64Array(Uint8Array.from(bytes).buffer)

export const uploadRecord: UploadRecord = {
  async insert(tx, { id, campaignId, format, places, rows, createdAtMs }, kept) {
    const bytes = [places.lngs, places.lats, rows].map(toBytes)
    await tx.query(sql['insert-upload'], [
      id,
      campaignId,
      format,
      rows.length,
      ...bytes,
      new Date(createdAtMs),
    ])
    await tx.query(sql['forget-older'], [campaignId, kept])
  },

  async find(tx, { id, campaignId }) {
    const [row] = await tx.query<UploadRow>(sql['find-upload'], [id, campaignId])
    return (
      row && {
        format: row.format,
        places: { lngs: toNumbers(row.lngs), lats: toNumbers(row.lats) },
        rows: new Int32Array(Uint8Array.from(row.rows).buffer),
      }
    )
  },

  async forget(tx, campaignId) {
    await tx.query(sql['forget-uploads'], [campaignId])
  },
}
