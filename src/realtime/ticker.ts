/**
 * The fixed tick on which hints leave. Sessions that have something to say are collected and speak together at the next
 * multiple of the tick on the clock: when a frame leaves tells nothing of when its cause happened. Only dirty sessions
 * cost anything, and a session that sandbox time runs faster for has a tick of its own length.
 */
import type { Cancel, Clock } from '#platform/clock.ts'

export type Ticking = {
  readonly tickMs: number
  /** Says what there is to say; true where there is more for the next tick. */
  tick(): boolean
  /** Makes what was said ready to leave; returns its bytes. */
  pack(): number
  /** Lets it out. */
  send(): void
}

export type Ticker = {
  mark(session: Ticking): void
  forget(session: Ticking): void
  close(): void
}

/**
 * So much is said before any of it leaves: receivers on the way are woken for many frames instead of for each, and when
 * one leaves tells less of what the others cost.
 */
const SAY_AT_ONCE_BYTES = 8 * 1_024 * 1_024

type Round = { dirty: Set<Ticking>; cancel: Cancel | undefined }

export function createTicker(clock: Clock, onTick?: (tookMs: number) => void): Ticker {
  /** By length of the tick: one timer each. */
  const rounds = new Map<number, Round>()
  let isClosed = false

  function roundOf(tickMs: number): Round {
    const known = rounds.get(tickMs)
    if (known) return known
    const round: Round = { dirty: new Set(), cancel: undefined }
    rounds.set(tickMs, round)
    return round
  }

  function mark(session: Ticking): void {
    if (isClosed) return
    const round = roundOf(session.tickMs)
    round.dirty.add(session)
    round.cancel ??= clock.after(session.tickMs - (clock.nowMs() % session.tickMs), () => run(round))
  }

  function run(round: Round): void {
    const sessions = [...round.dirty]
    round.dirty.clear()
    round.cancel = undefined
    const startedMs = clock.nowMs()
    let bytes = 0
    let said: Ticking[] = []
    for (const session of sessions) {
      if (session.tick()) mark(session)
      bytes += session.pack()
      said.push(session)
      if (bytes < SAY_AT_ONCE_BYTES) continue
      for (const one of said) one.send()
      said = []
      bytes = 0
    }
    for (const one of said) one.send()
    onTick?.(clock.nowMs() - startedMs)
  }

  return {
    mark,
    forget: session => rounds.get(session.tickMs)?.dirty.delete(session),
    close() {
      isClosed = true
      for (const { cancel } of rounds.values()) cancel?.()
      rounds.clear()
    },
  }
}
