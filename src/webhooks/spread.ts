/**
 * Hands events to the endpoints that ask for them. That is no part of the transaction that wrote the event: who claims
 * waits for one row at most, and for no lock of an endpoint.
 */
import type { Clock } from '#platform/clock.ts'
import type { Transact } from '#platform/postgres.ts'
import { limits } from '#protocol/limits.ts'
import type { WebhookRecord } from './ports.ts'

export type SpreadPorts = { transact: Transact; record: WebhookRecord; clock: Pick<Clock, 'nowMs'> }

export const spreadLimits = { batch: 500, purgeBatch: 1_000 } as const

/** One batch; `more` when it was full. */
export function spreadEvents({ transact, record, clock }: SpreadPorts): Promise<{ more: boolean }> {
  return transact(async tx => {
    const fresh = await record.takeNew(tx, spreadLimits.batch)
    if (fresh.length === 0) return { more: false }
    const nowMs = clock.nowMs()
    await record.lockEndpointsOf(tx, [...new Set(fresh.map(({ owner }) => owner))])
    const positions = fresh.map(({ position }) => position)
    await record.promote(tx, await record.addDeliveries(tx, positions, nowMs), nowMs)
    return { more: fresh.length === spreadLimits.batch }
  })
}

/** Deletes what is old, one batch. What stood behind an event that was never delivered moves up. */
export function purgeEvents({ transact, record, clock }: SpreadPorts): Promise<{ more: boolean }> {
  return transact(async tx => {
    const nowMs = clock.nowMs()
    const old = await record.listOld(tx, nowMs - limits.webhook.keptMs, spreadLimits.purgeBatch)
    if (old.length === 0) return { more: false }
    const queues = await record.listQueuesOf(tx, old)
    await record.lockEndpoints(
      tx,
      queues.map(({ endpointId }) => endpointId),
    )
    await record.deleteEvents(tx, old)
    await record.promote(tx, queues, nowMs)
    return { more: old.length === spreadLimits.purgeBatch }
  })
}
