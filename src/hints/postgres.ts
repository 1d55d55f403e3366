/** What the live index reads of the record. The point is never selected. */
import { limits } from '#protocol/limits.ts'
import { loadStatements, type Tx } from '#platform/postgres.ts'
import { type Cell, fromBigInt, toBigInt } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import type { LiveEnvelope } from './live-envelope.ts'

const sql = loadStatements(import.meta.url, ['live-envelopes', 'ended-envelopes'])

type LiveRow = {
  id: string
  cell_r10: bigint
  cell_r7: bigint
  hider_kind: LiveEnvelope['kind']
  hider_id: string
  audience: LiveEnvelope['audience']
  guests: string[] | null
  presence: 'gps' | 'code'
  is_reported: boolean
  greeting: string | null
  brand: string | null
  clue: string | null
}

/** The live envelopes of some res-7 cells, in one query. */
export async function loadLiveEnvelopes(tx: Tx, cells7: readonly Cell[]): Promise<LiveEnvelope[]> {
  const rows = await tx.query<LiveRow>(sql['live-envelopes'], [cells7.map(toBigInt), limits.report.lowersAt])
  return rows.map(row => ({
    id: row.id,
    cell10: fromBigInt(row.cell_r10),
    cell7: fromBigInt(row.cell_r7),
    kind: row.hider_kind,
    hiderId: row.hider_id,
    audience: row.audience,
    ...(row.guests !== null && { guestIds: row.guests }),
    ...(row.presence === 'code' && { presence: row.presence }),
    ...(row.is_reported && { isReported: true as const }),
    ...(row.greeting !== null && { greeting: row.greeting }),
    ...(row.brand !== null && { brand: row.brand }),
    ...(row.clue !== null && { clue: row.clue }),
  }))
}

/** Which of these envelopes are live no longer, and why. */
export async function findEnds(tx: Tx, ids: readonly string[]): Promise<Map<string, EndReason>> {
  const rows = await tx.query<{ id: string; state: EndReason }>(sql['ended-envelopes'], [ids])
  return new Map(rows.map(row => [row.id, row.state]))
}
