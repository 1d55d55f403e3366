/** A clock whose timers run when the test moves it, in order, and which tells how many are left. */
import { type Clock, systemClock } from '#platform/clock.ts'

export type ManualClock = Clock & {
  /** Runs everything that is due within `ms`, and lets promises settle after each. */
  pass(ms: number): Promise<void>
  timersLeft(): number
}

export function createManualClock(startMs = Date.parse('2026-03-01T08:00:00.000Z')): ManualClock {
  type Timer = { atMs: number; task: () => void }
  const timers = new Set<Timer>()
  let nowMs = startMs

  const after = (ms: number, task: () => void) => {
    const timer = { atMs: nowMs + ms, task }
    timers.add(timer)
    return () => void timers.delete(timer)
  }

  return {
    nowMs: () => nowMs,
    after,
    sleep: ms => new Promise(resolve => after(ms, resolve)),
    atTurnEnd: systemClock.atTurnEnd,
    timersLeft: () => timers.size,
    async pass(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.task()
        await settle()
      }
      nowMs = untilMs
      await settle()
    },
  }
}

/** Lets every promise that can settle do so. */
export const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
