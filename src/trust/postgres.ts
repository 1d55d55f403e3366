/** Reads what trust follows from; it owns no table, and counts in those of others. */
import assert from 'node:assert/strict'
import { limits } from '#protocol/limits.ts'
import { loadStatements, type Tx } from '#platform/postgres.ts'
import type { TrustFacts } from './trust.ts'

const sql = loadStatements(import.meta.url, ['trust-facts'])

type FactsRow = {
  created_at: Date
  time_scale: number
  settled_claims: number
  confirmed_requests: number
  upheld_reports: number
}

/** In one statement, so that the facts are of one moment. A sandbox player grows older at their own pace. */
export async function readTrustFacts(
  tx: Tx,
  { playerId, nowMs }: { playerId: string; nowMs: number },
): Promise<TrustFacts> {
  const { upheldWithinMs, levels } = limits.trust
  const most = Math.max(...levels.map(level => level.settledClaims))
  const since = new Date(nowMs - upheldWithinMs)
  const [row] = await tx.query<FactsRow>(sql['trust-facts'], [playerId, since, most])
  assert(row, 'a player is on record')
  return {
    ageMs: Math.max(0, nowMs - row.created_at.getTime()) * row.time_scale,
    settledClaims: row.settled_claims,
    confirmedRequests: row.confirmed_requests,
    upheldReports: row.upheld_reports,
  }
}
