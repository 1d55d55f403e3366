/**
 * Ends what is over and refunds the rest. Claims stop at the exact moment by the times in the gate and in the row; this
 * follows within seconds, in batches that are short transactions, leaving rows that a settlement holds to the next
 * turn. What was reserved in time and is settled before its turn comes is a win; what comes after is refused as ended.
 * An escrow that does not hold what it should cannot be given back by trying again: the envelope is frozen.
 */
import type { Logger } from 'pino'
import { halve } from '#platform/halve.ts'
import { announceEnds, type EndPorts, endLocked, takeEndable } from './end.ts'
import type { Transact } from '#platform/postgres.ts'
import type { EnvelopeRecord } from './ports.ts'
import { canMove } from './state.ts'

export type ExpirePorts = EndPorts & {
  transact: Transact
  record: Pick<EnvelopeRecord, 'listDueToExpire' | 'lockDueToExpire' | 'lockEnvelope' | 'moveEnvelope'>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  log: Pick<Logger, 'error'>
}

/** One batch; `more` when it was full and something came of it. */
export async function expireDue(
  ports: ExpirePorts,
  { nowMs, limit }: { nowMs: number; limit: number },
): Promise<{ more: boolean }> {
  const ids = await ports.transact(tx => ports.record.listDueToExpire(tx, { nowMs, limit }))
  if (ids.length === 0) return { more: false }
  const done = await halve<string, string>(ids, {
    run: some => expireTogether(ports, some, nowMs),
    isBad: ports.isRowError,
    alone: (id, fault) => freeze(ports, id, fault),
  })
  return { more: ids.length === limit && done.length > 0 }
}

async function expireTogether(ports: ExpirePorts, ids: readonly string[], nowMs: number): Promise<string[]> {
  const end = { state: 'expired', nowMs } as const
  const expired = await ports.transact(async tx => {
    const due = takeEndable(await ports.record.lockDueToExpire(tx, { nowMs, ids }))
    await endLocked(ports, tx, due, end)
    return due
  })
  announceEnds(ports, expired, end)
  return expired.map(({ id }) => id)
}

async function freeze({ transact, record, log }: ExpirePorts, id: string, fault: Error): Promise<string> {
  const isFrozen = await transact(async tx => {
    const envelope = await record.lockEnvelope(tx, id)
    if (envelope === undefined || !canMove(envelope.state, 'frozen')) return false
    await record.moveEnvelope(tx, id, 'frozen')
    return true
  })
  if (isFrozen)
    log.error({ err: fault, envelopeId: id }, 'an escrow cannot be refunded; its envelope is frozen')
  return id
}
