/**
 * Ends what is over and refunds the rest. Claims stop at the exact moment by the times in the gate and in the row; this
 * follows within seconds, in batches, leaving rows that a settlement holds to the next turn.
 */
import { announceEnds, type EndPorts, endLocked } from './end.ts'
import type { EnvelopeRecord, Transact } from './ports.ts'

export type ExpirePorts = EndPorts & {
  transact: Transact
  record: Pick<EnvelopeRecord, 'lockDueToExpire'>
}

/** One batch; `more` when it was full. */
export async function expireDue(
  ports: ExpirePorts,
  { nowMs, limit }: { nowMs: number; limit: number },
): Promise<{ more: boolean }> {
  const end = { state: 'expired', nowMs } as const
  const expired = await ports.transact(async tx => {
    const due = await ports.record.lockDueToExpire(tx, { nowMs, limit })
    await endLocked(ports, tx, due, end)
    return due
  })
  announceEnds(ports, expired, end)
  return { more: expired.length === limit }
}
