/**
 * Idempotency-Key: the answer is stored in the transaction of its effect, so it exists exactly when the effect does.
 * A second request with the key gets that answer; with another body it is refused; while the first runs, too.
 */
import { createHash } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import type { Clock } from './clock.ts'
import type { Job } from './jobs.ts'
import { type Database, loadStatements, lockNumber, type Tx } from './postgres.ts'
import { isRefusal, type Refusal, refuse } from './problem.ts'

const sql = loadStatements(import.meta.url, ['try-locks', 'find-answer', 'keep-answer', 'forget-answers'])

export type IdempotentRequest = {
  /** Whose keys these are: callers never meet each other's. */
  tenant: string
  operation: string
  key: string
  /** The validated body; its fingerprint tells a retry from another request. */
  body: unknown
  nowMs: number
}

/** Acts at most once per idempotency key, in one transaction that a refusal rolls back. */
export type RunOnce = <A extends { status: number; body: unknown }>(
  request: IdempotentRequest,
  act: (tx: Tx) => Promise<A | Refusal>,
) => Promise<A | Refusal>

type Kept = { status: number; body: unknown }

/**
 * Runs `act` at most once per key inside one transaction. Refusals are not kept: they changed nothing, so the client
 * may send the same key again once the reason is gone.
 */
export function runOnce<A extends Kept>(
  database: Database,
  request: IdempotentRequest,
  act: (tx: Tx) => Promise<A | Refusal>,
): Promise<A | Refusal> {
  const { tenant, operation, key } = request
  const fingerprint = createHash('sha256').update(canonicalJson(request.body)).digest()
  return inTransaction(database, async tx => {
    const lock = lockNumber({ scope: `idempotency:${tenant}:${operation}`, id: key })
    const held = await tx.query(sql['try-locks'], [[lock]])
    // A statement of its own after the lock: it sees what the holder before us committed.
    const [kept] = await tx.query<KeptRow>(sql['find-answer'], [tenant, operation, key])
    if (kept !== undefined) {
      return kept.fingerprint.equals(fingerprint)
        ? ({ status: kept.status, body: kept.body } as A)
        : refuse('idempotency_mismatch')
    }
    if (held.length === 0) return refuse('idempotency_in_flight', { retryAfterMs: 200 })
    const answer = await act(tx)
    if (isRefusal(answer)) return answer
    const row = [tenant, operation, key, fingerprint, answer.status, JSON.stringify(answer.body)]
    await tx.query(sql['keep-answer'], [...row, new Date(request.nowMs)])
    return answer
  })
}

type KeptRow = { fingerprint: Buffer; status: number; body: unknown }

/** Rolls back when the value is a refusal: a verb may refuse after it has written. */
async function inTransaction<A extends Kept>(
  database: Database,
  run: (tx: Tx) => Promise<A | Refusal>,
): Promise<A | Refusal> {
  try {
    return await database.transact(async tx => {
      const answer = await run(tx)
      if (isRefusal(answer)) throw new RolledBack(answer)
      return answer
    })
  } catch (error) {
    if (error instanceof RolledBack) return error.refusal
    throw error
  }
}

class RolledBack extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

/** JSON with sorted keys: the same body in another key order is the same request. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )

const forgetting = { everyMs: 600_000, batch: 5_000 }

/** Answers are kept for 30 days; after that a key may be used again. */
export const createForgettingJob = ({ database, clock }: { database: Database; clock: Clock }): Job => ({
  name: 'forget-answers',
  everyMs: forgetting.everyMs,
  run: async () => {
    const before = new Date(clock.nowMs() - limits.idempotency.keptMs)
    const forgotten = await database.query(sql['forget-answers'], [before, forgetting.batch])
    return { more: forgotten.length === forgetting.batch }
  },
})
