/**
 * Overload: a server that is asked for more than it can do answers a part of it in time and refuses the rest at once,
 * instead of answering everybody late. How much is let in follows additive increase, multiplicative decrease (Chiu and
 * Jain 1989), which finds the share that a server can carry and stays near it.
 */
import { type Histogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { limits } from '#protocol/limits.ts'
import type { Cancel, Clock } from './clock.ts'

/** What a server carries at the moment. */
export type Load = {
  /** Median of the time between turns of the event loop, in ms: one long turn, as at the start, moves it little. */
  loopDelayMs: number
  /** Of the largest heap that Node.js allows. */
  heapPercent: number
  /** Statements that wait for a connection to PostgreSQL. */
  waiting: number
}

type Verdict = 'calm' | 'busy' | 'overloaded'

/** The worst of the three counts. */
export function judgeLoad(load: Load): Verdict {
  const { loopDelayMs, heapPercent, waiting } = limits.overload
  const pairs = [
    [load.loopDelayMs, loopDelayMs],
    [load.heapPercent, heapPercent],
    [load.waiting, waiting],
  ] as const
  if (pairs.some(([value, { most }]) => value > most)) return 'overloaded'
  return pairs.some(([value, { calm }]) => value > calm) ? 'busy' : 'calm'
}

/** Which share of requests is let in from now on, in (0, 1]. Between calm and overloaded it stays what it is. */
export function adaptShare(share: number, load: Load): number {
  const { leastShare, raise } = limits.overload
  const verdict = judgeLoad(load)
  if (verdict === 'overloaded') return Math.max(leastShare, share / 2)
  return verdict === 'busy' ? share : Math.min(1, share + raise)
}

export type Overload = {
  /** All that a request costs while there is no overload. */
  readonly isShedding: boolean
  /** Whether the next request is let in; evenly, so that a share of a half is every second one. */
  admit(): boolean
  figures(): { share: number; shed: number; load: Load }
  stop(): void
}

export function createOverload({ clock, waiting }: { clock: Clock; waiting: () => number }): Overload {
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  let load: Load = { loopDelayMs: 0, heapPercent: 0, waiting: 0 }
  let share = 1
  let credit = 0
  let shed = 0
  let cancel: Cancel

  function look(): void {
    load = { loopDelayMs: readDelay(delays), heapPercent: readHeap(), waiting: waiting() }
    delays.reset()
    share = adaptShare(share, load)
    cancel = clock.after(limits.overload.lookEveryMs, look)
  }
  cancel = clock.after(limits.overload.lookEveryMs, look)

  return {
    get isShedding() {
      return share < 1
    },
    admit() {
      credit += share
      if (credit < 1) {
        shed++
        return false
      }
      credit -= 1
      return true
    },
    figures: () => ({ share, shed, load }),
    stop() {
      cancel()
      delays.disable()
    },
  }
}

/** Of a window in which one long turn took all the time there is no median yet. */
const readDelay = (delays: Histogram): number => (delays.count < 2 ? 0 : delays.percentile(50) / 1e6)

function readHeap(): number {
  const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics()
  return (100 * used) / most
}
