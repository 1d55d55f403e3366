/** A clock that stands still until a test moves it; only waiting is real, so that timers of the server still run. */
import { type Clock, systemClock } from '#platform/clock.ts'

export type TestClock = Clock & {
  set(nowMs: number): void
  advance(ms: number): void
}

export function createTestClock(startMs = Date.parse('2026-03-01T08:00:00.000Z')): TestClock {
  let nowMs = startMs
  return {
    ...systemClock,
    nowMs: () => nowMs,
    set: ms => (nowMs = ms),
    advance: ms => (nowMs += ms),
  }
}
