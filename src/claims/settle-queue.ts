/**
 * One settle queue a process: what is reserved while one transaction commits leaves with the next, so a rush settles in
 * batches and a lone claim waits for nobody. While PostgreSQL is down the batch is tried again and everything waits;
 * when the oldest unsettled win is too old or too many wait, the queue is full and the claim path stops reserving:
 * exposure stays bounded. What a dying process leaves here is in the outbox, for another server's sweeper.
 */
import { type Ask, createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import type { Reservation } from './reservation.ts'
import type { Settle, Settled } from './settle.ts'

export const settleLimits = {
  batch: 200,
  concurrency: 2,
  waiting: 10_000,
  oldestMs: 5_000,
  retryMs: [50, 1_000],
} as const

export type SettleQueue = {
  settle: Ask<Reservation, Settled>
  /** Whether wins of this envelope wait. */
  isSettling(envelopeId: string): boolean
  /** Too many or too old wins wait: nothing more may be reserved. */
  isFull(): boolean
  /** Since when the oldest of those that wait does so. */
  oldestMs(): number | undefined
  /** Resolves when nothing waits. */
  drain(): Promise<void>
}

export type SettleQueuePorts = {
  settle: Settle
  clock: Clock
  /** PostgreSQL is down or the outcome of COMMIT is unknown: settling again is safe and right. */
  isOutage: (error: unknown) => boolean
  onOutage: (error: unknown) => void
  /** No win of the envelope waits any more, however it ended. */
  onSettled?: (envelopeId: string) => void
}

export function createSettleQueue(ports: SettleQueuePorts): SettleQueue {
  const { settle, clock, isOutage, onOutage, onSettled } = ports
  const ask = createBatcher<Reservation, Settled>({
    maxSize: settleLimits.batch,
    concurrency: settleLimits.concurrency,
    clock,
    run: settlePatiently,
  })
  // Insertion order is age order: the first value is the oldest.
  const waiting = new Map<symbol, number>()
  const waitingOf = new Map<string, number>()
  const idle = new Set<() => void>()
  const oldestMs = () => waiting.values().next().value

  async function settlePatiently(batch: Reservation[]): Promise<Settled[]> {
    const [firstMs, longestMs] = settleLimits.retryMs
    for (let waitMs: number = firstMs; ; waitMs = Math.min(waitMs * 2, longestMs)) {
      try {
        return await settle(batch)
      } catch (error) {
        if (!isOutage(error)) throw error
        if (waitMs === firstMs) onOutage(error)
        await clock.sleep(waitMs)
      }
    }
  }

  return {
    async settle(reservation) {
      const ticket = Symbol('settling')
      const { envelopeId } = reservation
      waiting.set(ticket, clock.nowMs())
      waitingOf.set(envelopeId, (waitingOf.get(envelopeId) ?? 0) + 1)
      try {
        return await ask(reservation)
      } finally {
        waiting.delete(ticket)
        const left = (waitingOf.get(envelopeId) ?? 1) - 1
        if (left > 0) waitingOf.set(envelopeId, left)
        else {
          waitingOf.delete(envelopeId)
          onSettled?.(envelopeId)
        }
        if (waiting.size === 0) {
          for (const resolve of idle) resolve()
          idle.clear()
        }
      }
    },
    isSettling: envelopeId => waitingOf.has(envelopeId),
    oldestMs,
    isFull() {
      if (waiting.size >= settleLimits.waiting) return true
      const sinceMs = oldestMs()
      return sinceMs !== undefined && clock.nowMs() - sinceMs > settleLimits.oldestMs
    },
    drain: () => (waiting.size === 0 ? Promise.resolve() : new Promise(resolve => idle.add(resolve))),
  }
}
