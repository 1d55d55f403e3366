/**
 * Whoever was rewarded here cannot be rewarded far away a moment later. The farther, the longer the wait: about
 * what the journey takes, so that a traveller never notices it. The table is the one that players of location
 * games know (trainers' cool-down charts of Pokémon GO), made continuous: no distance gains from being a metre
 * shorter.
 */
import { type Cell, centreOf } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { elapsedMs, type Pace, waitMs } from './pace.ts'

/** A place where the account was at a moment, from which a cool-down runs. */
export type Anchor = { cell: Cell; atMs: number }

/** The last rewarded place, and the one that the track left without a plausible way. */
export type Anchors = { rewarded?: Anchor; leftBehind?: Anchor }

const MINUTE_MS = 60_000

/** Kilometres and minutes; linear between, 120 minutes beyond. */
const TABLE = [
  [0, 0],
  [1, 1],
  [5, 2],
  [10, 6],
  [25, 11],
  [65, 22],
  [100, 35],
  [250, 45],
  [500, 60],
  [1350, 120],
] as const

/** The wait after a reward for the next one `distanceM` away, in the player's milliseconds. */
export function cooldownMs(distanceM: number): number {
  const distanceKm = distanceM / 1000
  let [nearKm, nearMin]: readonly [number, number] = TABLE[0]
  for (const [farKm, farMin] of TABLE) {
    if (distanceKm < farKm) {
      return (nearMin + ((farMin - nearMin) * (distanceKm - nearKm)) / (farKm - nearKm)) * MINUTE_MS
    }
    ;[nearKm, nearMin] = [farKm, farMin]
  }
  return nearMin * MINUTE_MS
}

/** What is left of a cool-down: `retryAfterMs` on the client's clock, `distanceM` from the place that causes it. */
export type Cooldown = { retryAfterMs: number; distanceM: number; waitedMs: number; neededMs: number }

/** The longest cool-down that stands between an account and a reward at `cell`; `undefined` where none does. */
export function findCooldown(
  { rewarded, leftBehind }: Anchors,
  cell: Cell,
  pace: Pace,
): Cooldown | undefined {
  const open = [rewarded, leftBehind]
    .filter(anchor => anchor !== undefined)
    .map(anchor => measureCooldown(anchor, cell, pace))
    .filter(({ retryAfterMs }) => retryAfterMs > 0)
  return open.sort((a, b) => b.retryAfterMs - a.retryAfterMs)[0]
}

/** Milliseconds on the client's clock until a reward at `cell` is possible; 0 when it is now. */
export function remainingCooldownMs(anchors: Anchors, cell: Cell, pace: Pace): number {
  return findCooldown(anchors, cell, pace)?.retryAfterMs ?? 0
}

/** The cool-down at `cell` of one place; over where `retryAfterMs` is 0. */
export function measureCooldown(anchor: Anchor, cell: Cell, pace: Pace): Cooldown {
  const distanceM = measureM(centreOf(anchor.cell), centreOf(cell))
  const [neededMs, waitedMs] = [cooldownMs(distanceM), elapsedMs(anchor.atMs, pace)]
  return { retryAfterMs: waitMs(Math.max(0, neededMs - waitedMs), pace), distanceM, waitedMs, neededMs }
}
