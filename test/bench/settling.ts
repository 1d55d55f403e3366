/**
 * The least that durable grants can cost PostgreSQL: the rows of a settlement (accounts, transfers with all that their
 * triggers do, claims, counters), inserted in batches of its size, as many transactions at a time, and nothing asked
 * before: no lock is taken in advance, no rival looked for.
 */
import { createDatabase } from '#platform/postgres.ts'
import { createClaimRecord } from '../../src/claims/postgres.ts'
import { claimIdOf } from '../../src/claims/reservation.ts'
import { settleLimits } from '../../src/claims/settle-queue.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { shareOfAll } from './party.ts'
import type { Stores } from './stores.ts'

export type RawGrants = (envelopeIds: readonly string[], forMs: number) => Promise<number>

/** Answers how many rows a second; player number i wins share i + 1 of each envelope. */
export function createRawGrants(stores: Stores, url: string, playerIds: readonly string[]): RawGrants {
  const { batch, concurrency } = settleLimits
  const role = 'hexbao_game' as const
  const database = createDatabase({ url, role, connections: concurrency, onIdleError: () => undefined })
  stores.undo(() => database.close())
  const record = createClaimRecord({ database, postTransfers })

  return async (envelopeIds, forMs) => {
    const rows = envelopeIds.flatMap(envelopeId =>
      playerIds.map((playerId, i) => ({
        ...{ id: claimIdOf(envelopeId, playerId), envelopeId, playerId },
        ...{ shareNo: i + 1, ...shareOfAll, claimedAtMs: Date.now() },
      })),
    )
    const startMs = performance.now()
    let [next, granted] = [0, 0]
    async function insert(): Promise<void> {
      while (performance.now() - startMs < forMs && next < rows.length) {
        const some = rows.slice(next, next + batch)
        next += batch
        await database.transact(async tx => {
          await record.insertClaims(tx, some)
          await record.pay(tx, some)
          await record.count(tx, some, Date.now())
        })
        granted += some.length
      }
    }
    await Promise.all(Array.from({ length: concurrency }, insert))
    return (granted * 1_000) / (performance.now() - startMs)
  }
}
