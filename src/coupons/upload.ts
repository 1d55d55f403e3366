/**
 * Uploading: rows are read as they arrive, closed, and added some hundred at a time, each time in a transaction of its
 * own. What is there already is a duplicate and changes nothing, so an upload that broke off is sent again as a whole.
 */
import type { UploadReport } from '#protocol/rest/coupons.ts'
import { limits } from '#protocol/limits.ts'
import { CsvFault, readCsv } from '#platform/csv.ts'
import { createId } from '#platform/id.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { NewCoupon, Pool } from './coupon.ts'
import { drawCode } from './draw-code.ts'
import type { CouponPorts } from './ports.ts'
import { poolStateAt } from './state.ts'

const rules = limits.coupon

/** Some 10 ms of computing: nobody else waits longer for an upload. */
const batchRows = 500
/** A quoted row may have every character doubled. */
const fileLimits = { bytes: rules.uploadBytes, rowChars: 4 * rules.payloadChars }

export type UploadRequest = { caller: MerchantCaller; id: string; pieces: AsyncIterable<Uint8Array> }

export async function uploadCoupons(
  ports: CouponPorts,
  { caller, id, pieces }: UploadRequest,
): Promise<{ status: 200; body: UploadReport } | Refusal> {
  const pool = await ports.record.findPool(ports.database, id)
  const refusal = refusePool(pool, caller.id, ports.clock.nowMs())
  if (refusal !== undefined) return refusal
  try {
    return await readRows(ports, { caller, id, pieces })
  } catch (error) {
    if (!(error instanceof CsvFault)) throw error
    if (error.reason === 'too_large') return refuse('payload_too_large')
    return refuse('coupon_file_refused', { reason: error.reason, detail: `row ${error.row}` })
  }
}

function refusePool(pool: Pool | undefined, merchantId: string, nowMs: number): Refusal | undefined {
  if (pool?.merchantId !== merchantId) return refuse('not_found')
  const state = poolStateAt(pool, nowMs)
  return state === 'usable' ? undefined : refuse('pool_state', { reason: state })
}

async function readRows(
  ports: CouponPorts,
  { caller, id, pieces }: UploadRequest,
): Promise<{ status: 200; body: UploadReport } | Refusal> {
  const report: UploadReport = { poolId: id, rows: 0, added: 0, duplicates: 0, refused: 0, errors: [] }
  let payloads: string[] = []
  const flush = async (): Promise<Refusal | undefined> => {
    const batch = payloads
    payloads = []
    const added = await addBatch(ports, { caller, id, payloads: batch })
    if (typeof added !== 'number') return added
    report.added += added
    report.duplicates += batch.length - added
    return undefined
  }
  let hasHeader = false
  for await (const { row, fields } of readCsv(pieces, fileLimits)) {
    if (!hasHeader) {
      // Spreadsheets begin UTF-8 with a mark, which the decoder has taken away.
      if (fields.length !== 1 || fields[0] !== 'code') return refuseFile('header_missing', row)
      hasHeader = true
      continue
    }
    if (++report.rows > rules.uploadRows) return refuseFile('too_many_rows', row)
    const read = readPayload(fields)
    if (read.status === 'ok') payloads.push(read.payload)
    else {
      report.refused += 1
      if (report.errors.length < rules.uploadErrors) report.errors.push({ row, message: read.message })
    }
    const refusal = payloads.length === batchRows ? await flush() : undefined
    if (refusal !== undefined) return refusal
  }
  if (!hasHeader) return refuseFile('header_missing', 1)
  return (payloads.length > 0 ? await flush() : undefined) ?? { status: 200, body: report }
}

const refuseFile = (reason: string, row: number): Refusal =>
  refuse('coupon_file_refused', { reason, detail: `row ${row}` })

function readPayload(
  fields: readonly string[],
): { status: 'ok'; payload: string } | { status: 'bad'; message: string } {
  const [sent = ''] = fields
  if (fields.length > 1) return { status: 'bad', message: 'has more than one field' }
  const verdict = checkText(sent, { maxChars: rules.payloadChars, allowContact: true })
  return verdict.status === 'refused'
    ? { status: 'bad', message: verdict.detail }
    : { status: 'ok', payload: verdict.text }
}

/** How many of them are new; the pool may have been made void, or filled, since the last batch. */
async function addBatch(
  { database, record, vault, clock, random }: CouponPorts,
  { caller, id: poolId, payloads }: { caller: MerchantCaller; id: string; payloads: readonly string[] },
): Promise<number | Refusal> {
  const nowMs = clock.nowMs()
  const merchantId = caller.id
  const coupons = payloads.map((payload): NewCoupon => {
    const id = createId({ clock, random })
    const code = drawCode(random)
    return {
      ...{ id, poolId, merchantId, createdAtMs: nowMs, ...vault.close(id, { code, payload }) },
      codeMac: vault.digest('code', { merchantId, text: code }),
      payloadMac: vault.digest('payload', { merchantId, text: payload }),
    }
  })
  return database.transact(async tx => {
    const pool = await record.lockPool(tx, poolId)
    const refusal = refusePool(pool, merchantId, nowMs)
    if (refusal !== undefined || pool === undefined) return refusal ?? refuse('not_found')
    // Duplicates may be among them; who is that near to the end uploads less at a time.
    if (pool.uploaded + coupons.length > rules.perPool) return refuse('pool_state', { reason: 'full' })
    return record.addCoupons(tx, poolId, coupons)
  })
}
