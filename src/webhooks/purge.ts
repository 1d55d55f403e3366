/** What nobody asks for any more goes, in batches that hold no lock for long. */
import { limits } from '#protocol/limits.ts'
import type { SpreadPorts } from './spread.ts'

const batch = 1_000

/** Deletes what is old, one batch. What stood behind an event that was never delivered moves up. */
export function purgeEvents({ transact, record, clock }: SpreadPorts): Promise<{ more: boolean }> {
  return transact(async tx => {
    const nowMs = clock.nowMs()
    const old = await record.listOld(tx, nowMs - limits.webhook.keptMs, batch)
    if (old.length === 0) return { more: false }
    const queues = await record.listQueuesOf(tx, old)
    await record.lockEndpoints(
      tx,
      queues.map(({ endpointId }) => endpointId),
    )
    await record.deleteEvents(tx, old)
    await record.promote(tx, queues, nowMs)
    return { more: old.length === batch }
  })
}

/** The logs of deleted endpoints, and then these. */
export function purgeEndpoints({
  transact,
  record,
}: Pick<SpreadPorts, 'transact' | 'record'>): Promise<{ more: boolean }> {
  return transact(async tx => {
    const purged = await record.purgeDeliveries(tx, batch)
    await record.purgeEndpoints(tx)
    return { more: purged === batch }
  })
}
