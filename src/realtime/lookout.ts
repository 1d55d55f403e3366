/**
 * What a session sees: where its player stands, what the index holds around, what the client was told of it. All that
 * says something about the surroundings leaves on the tick: hints, warmth, and the acknowledgement of the position
 * that they belong to, so that the time of an answer tells nothing about what lies near.
 */
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import type { Around, Surroundings } from '../hints/around.ts'
import type { LiveIndex } from '../hints/live-index.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Crowd } from './crowd.ts'
import type { Line } from './line.ts'
import type { Ticker, Ticking } from './ticker.ts'
import { createView } from './view.ts'

export type LookoutPorts = {
  clock: Clock
  around: Around
  index: Pick<LiveIndex, 'endOf'>
  crowd: Crowd
  ticker: Ticker
}

export type PositionAck = Unnumbered<Extract<ServerFrame, { type: 'position.ack' }>>

export type Lookout = {
  readonly tickMs: number
  /** The player stands in this res-12 cell. */
  place(cell: Cell): void
  /** Hints pause: the player moves too fast. */
  pause(isPaused: boolean): void
  acknowledge(ack: PositionAck): void
  /** This player has a share of the envelope. */
  addClaimed(envelopeId: string): void
  /** There is a socket again: what has changed meanwhile is told. */
  wake(): void
  end(): void
}

/** So fast does no tick need to be, however fast a player's time runs. */
const MIN_TICK_MS = 4
/** An acknowledgement waits this long for hints that still have to be loaded. */
const ACK_WAITS_MS = 2_000

export function createLookout(
  { player, line, claimedIds }: { player: PlayerCaller; line: Line; claimedIds: Set<string> },
  { clock, around, index, crowd, ticker }: LookoutPorts,
): Lookout {
  const view = createView()
  const ticking: Ticking = {
    tickMs: Math.max(MIN_TICK_MS, limits.hint.tickMs / player.timeScale),
    tick,
    send: line.release,
  }
  let cell10: Cell | undefined
  let isPaused = false
  let isEnded = false
  const acks = createAcks(clock)
  /** What the view was brought to last; undefined when it has to be looked at again whatever it is. */
  let told: Surroundings | undefined

  function tick(): boolean {
    if (!line.isOpen()) return false
    if (line.isCongested()) return true
    const stands = isPaused ? undefined : cell10
    const seen = stands && around.surroundings(stands)
    if (stands !== undefined && seen === undefined && acks.areFresh()) return true
    line.hold()
    for (const frame of acks.take()) line.send(frame)
    return seen !== undefined && seen !== told && !tell(seen)
  }

  /** True where that was all. */
  function tell(seen: Surroundings): boolean {
    const hints = around.select({ id: player.id, claimedIds }, seen)
    const { frames, isComplete } = view.update({ hints, warmth: seen.warmth }, reasonOf)
    for (const json of frames) line.sendJson(json)
    told = isComplete ? seen : undefined
    return isComplete
  }

  const reasonOf = (envelopeId: string) =>
    claimedIds.has(envelopeId) ? 'claimed' : (index.endOf(envelopeId) ?? 'out_of_range')

  return {
    tickMs: ticking.tickMs,
    place(cell) {
      if (isEnded) return
      cell10 = coarsen(cell, 10)
      crowd.move(ticking, cell10)
      ticker.mark(ticking)
    },
    pause(paused) {
      isPaused = paused
    },
    acknowledge(frame) {
      if (isEnded) return
      acks.add(frame)
      ticker.mark(ticking)
    },
    addClaimed(envelopeId) {
      if (isEnded || claimedIds.has(envelopeId)) return
      claimedIds.add(envelopeId)
      told = undefined
      ticker.mark(ticking)
    },
    wake: () => ticker.mark(ticking),
    end() {
      isEnded = true
      ticker.forget(ticking)
      crowd.leave(ticking)
    },
  }
}

/** Acknowledgements that wait for the tick. */
function createAcks(clock: Pick<Clock, 'nowMs'>) {
  let waiting: { sinceMs: number; frame: PositionAck }[] = []
  return {
    add: (frame: PositionAck) => void waiting.push({ sinceMs: clock.nowMs(), frame }),
    areFresh: () => waiting.some(({ sinceMs }) => clock.nowMs() - sinceMs < ACK_WAITS_MS),
    take(): PositionAck[] {
      const frames = waiting.map(({ frame }) => frame)
      waiting = []
      return frames
    },
  }
}
