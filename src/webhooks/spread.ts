/**
 * Hands events to the endpoints that ask for them. That is no part of the transaction that wrote the event: who claims
 * waits for one row at most, and for no lock of an endpoint.
 */
import type { Clock } from '#platform/clock.ts'
import type { Transact } from '#platform/postgres.ts'
import type { WebhookRecord } from './ports.ts'

export type SpreadPorts = { transact: Transact; record: WebhookRecord; clock: Pick<Clock, 'nowMs'> }

const batch = 500

/** One batch; `more` when it was full. */
export function spreadEvents({ transact, record, clock }: SpreadPorts): Promise<{ more: boolean }> {
  return transact(async tx => {
    const fresh = await record.takeNew(tx, batch)
    if (fresh.length === 0) return { more: false }
    const nowMs = clock.nowMs()
    await record.lockEndpointsOf(tx, [...new Set(fresh.map(({ owner }) => owner))])
    const positions = fresh.map(({ position }) => position)
    await record.promote(tx, await record.addDeliveries(tx, positions, nowMs), nowMs)
    return { more: fresh.length === batch }
  })
}
