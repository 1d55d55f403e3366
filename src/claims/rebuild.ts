/**
 * Rebuild: fill the gate of an envelope from PostgreSQL under a new epoch. Needed on the first claim, after Redis lost
 * or rolled back something, and when its counts contradict the record. One at a time per envelope, everywhere.
 */
import type { Reach } from './failpoints.ts'
import type { ClaimGate } from './gate.ts'
import type { ClaimableEnvelope, ClaimRecord } from './record.ts'

export type RebuildPorts<T> = {
  record: ClaimRecord<T>
  gate: ClaimGate
  reach: Reach
  /** A gate was filled. */
  onRebuilt?: (() => void) | undefined
}

export type Rebuilt = 'loaded' | 'busy' | 'not_live' | 'done_by_another'

/**
 * `badEpoch` is the epoch that the caller found wrong: where the row and Redis agree on a later one, another server has
 * rebuilt meanwhile and nothing is done. The lock is held until the load is complete; the row lock is not, because a
 * settlement that runs meanwhile is fenced by the new epoch.
 */
export async function rebuildGate<T>(
  { record, gate, reach, onRebuilt }: RebuildPorts<T>,
  envelope: ClaimableEnvelope,
  badEpoch: number | undefined,
): Promise<Rebuilt> {
  const turn = await record.withLock('rebuild', envelope.id, async (): Promise<Rebuilt> => {
    const stored = await gate.storedEpoch(envelope.id)
    const load = await record.transact(async tx => {
      const [row] = await record.lockEnvelopes(tx, [envelope.id])
      if (row?.state !== 'live') return 'not_live' as const
      if (stored === row.epoch && stored !== badEpoch) return 'done_by_another' as const
      const epoch = await record.raiseEpoch(tx, envelope.id, stored ?? 0)
      // Statements of their own, after the lock: they see every settlement that committed before it.
      const freeShares = await record.listFreeShares(tx, envelope.id)
      const winners = await record.listWinningShares(tx, envelope.id)
      const { shareCount, opensAtMs, expiresAtMs } = row
      return { epoch, freeShares, winners, shareCount, opensAtMs, expiresAtMs }
    })
    if (typeof load === 'string') return load
    reach('rebuild-between-bump-and-load')
    const isInForce = await gate.load({ envelopeId: envelope.id, ...load }, stored)
    if (isInForce) onRebuilt?.()
    return isInForce ? 'loaded' : 'done_by_another'
  })
  return turn.status === 'busy' ? 'busy' : turn.value
}
