/**
 * One settle queue a process: what is reserved while one transaction commits leaves with the next, so a rush settles in
 * batches and a lone claim waits for nobody. When the oldest unsettled win is too old or too many wait, the queue is
 * full and the claim path stops reserving: exposure stays bounded.
 */
import { type Ask, createBatcher } from '#platform/batch.ts'
import type { Reservation } from './reservation.ts'
import type { Settle, Settled } from './settle.ts'

export const settleLimits = { batch: 200, concurrency: 2, waiting: 10_000, oldestMs: 5_000 }

export type SettleQueue = {
  settle: Ask<Reservation, Settled>
  /** Too many or too old wins wait: nothing more may be reserved. */
  isFull(): boolean
  /** Resolves when nothing waits. */
  drain(): Promise<void>
}

export function createSettleQueue(ports: { settle: Settle; nowMs: () => number }): SettleQueue {
  const ask = createBatcher<Reservation, Settled>({
    maxSize: settleLimits.batch,
    concurrency: settleLimits.concurrency,
    run: batch => ports.settle(batch),
  })
  // Insertion order is age order: the first value is the oldest.
  const waiting = new Map<symbol, number>()
  const idle = new Set<() => void>()

  return {
    async settle(reservation) {
      const ticket = Symbol('settling')
      waiting.set(ticket, ports.nowMs())
      try {
        return await ask(reservation)
      } finally {
        waiting.delete(ticket)
        if (waiting.size === 0) {
          for (const resolve of idle) resolve()
          idle.clear()
        }
      }
    },
    isFull() {
      if (waiting.size >= settleLimits.waiting) return true
      const { value: oldestMs } = waiting.values().next()
      return oldestMs !== undefined && ports.nowMs() - oldestMs > settleLimits.oldestMs
    },
    drain: () => (waiting.size === 0 ? Promise.resolve() : new Promise(resolve => idle.add(resolve))),
  }
}
