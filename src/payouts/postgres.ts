/** The table of payouts. */
import { keysetParams } from '#platform/page.ts'
import { loadStatements, type Row } from '#platform/postgres.ts'
import { retry } from './hand-over.ts'
import type { Payout, PayoutRecord } from './payout.ts'
import type { PayoutState } from './state.ts'

const sql = loadStatements(import.meta.url, [
  'insert-payout',
  'find-payout',
  'lock-payout',
  'end-payout',
  'list-own-payouts',
  'list-payouts-by-state',
  'begin-tries',
  'note-by-hand',
  'note-submitted',
])

type PayoutRow = {
  id: string
  owner_kind: 'player' | 'merchant'
  owner_id: string
  currency: string
  amount: bigint
  destination: string | null
  state: PayoutState
  reason: string | null
  reference: string | null
  created_at: Date
  ended_at: Date | null
  tries: number
}

export const payoutRecord: PayoutRecord = {
  async insert(tx, { id, owner, currency, amountMinor, destination, createdAtMs, nextTryAtMs }) {
    const what = [id, owner.kind, owner.id, currency, amountMinor, destination ?? null]
    await tx.query(sql['insert-payout'], [...what, new Date(createdAtMs), new Date(nextTryAtMs)])
  },

  async find(tx, id) {
    const [row] = await tx.query<PayoutRow>(sql['find-payout'], [id])
    return row && toPayout(row)
  },

  async lock(tx, id) {
    const [locked] = await tx.query<Row>(sql['lock-payout'], [id])
    // A statement of its own after the lock: it sees what the holder before us committed.
    return locked && payoutRecord.find(tx, id)
  },

  async end(tx, { id, outcome, reason, reference, endedAtMs }) {
    await tx.query(sql['end-payout'], [id, outcome, reason ?? null, reference ?? null, new Date(endedAtMs)])
  },

  async listOwn(tx, ownerId, page) {
    return (await tx.query<PayoutRow>(sql['list-own-payouts'], [ownerId, ...keysetParams(page)])).map(
      toPayout,
    )
  },

  async listByState(tx, state, page) {
    return (await tx.query<PayoutRow>(sql['list-payouts-by-state'], [state, ...keysetParams(page)])).map(
      toPayout,
    )
  },

  async beginTries(tx, { nowMs, limit }) {
    const { firstDelayMs, longestDelayMs, tries } = retry
    const params = [new Date(nowMs), firstDelayMs, longestDelayMs, tries, limit]
    return (await tx.query<PayoutRow>(sql['begin-tries'], params)).map(toPayout)
  },

  async noteByHand(tx, id) {
    await tx.query(sql['note-by-hand'], [id])
  },

  async noteSubmitted(tx, { id, reference }) {
    await tx.query(sql['note-submitted'], [id, reference ?? null])
  },
}

const toPayout = (row: PayoutRow): Payout => ({
  id: row.id,
  owner: { kind: row.owner_kind, id: row.owner_id },
  currency: row.currency,
  amountMinor: row.amount,
  state: row.state,
  createdAtMs: row.created_at.getTime(),
  tries: row.tries,
  ...(row.destination === null ? {} : { destination: row.destination }),
  ...(row.reason === null ? {} : { reason: row.reason }),
  ...(row.reference === null ? {} : { reference: row.reference }),
  ...(row.ended_at === null ? {} : { endedAtMs: row.ended_at.getTime() }),
})
