/**
 * Whether a player may try to claim where they stand: everything that concerns the player alone, judged before anything
 * that depends on the envelope, so that these refusals can say why without telling where an envelope is. The order of
 * the reasons is part of the contract: accuracy, stale, jump, speed, cooldown.
 */
import { limits } from '#protocol/limits.ts'
import { type Cell, centreOf, coarsen } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { findCooldown } from './cooldown.ts'
import type { ReportedFix } from './fix.ts'
import type { Pace } from './pace.ts'
import { type Figures, judgeFix, type Track, WALKING_LIMIT_MPS } from './track.ts'

export type PresenceReason = 'accuracy' | 'stale' | 'jump' | 'speed' | 'cooldown'

/** `figures` leave the server in the sandbox only; `retryAfterMs` is on the client's clock, for `cooldown` only. */
export type PresenceRefusal = { reason: PresenceReason; figures: Figures; retryAfterMs?: number }

/** `track` is to be stored whatever the verdict. */
export type PresenceVerdict =
  | { status: 'present'; track: Track }
  | ({ status: 'refused'; track: Track } & PresenceRefusal)

/** Judges the fix of a claim or reveal. */
export function judgePresence(
  track: Track,
  fix: ReportedFix,
  pace: Pace,
  worstAccuracyM?: number,
): PresenceVerdict {
  const verdict = judgeFix(track, fix, pace, worstAccuracyM)
  if (verdict.status === 'refused') return verdict

  const { track: next, speedMps, tooFast } = verdict
  if (tooFast) {
    const figures = { speedKmh: roundTenth(speedMps * 3.6), limitKmh: roundTenth(WALKING_LIMIT_MPS * 3.6) }
    return { status: 'refused', reason: 'speed', track: next, figures }
  }
  const cooldown = judgeCooldown(next, fix.cell, pace)
  return cooldown === undefined
    ? { status: 'present', track: next }
    : { status: 'refused', track: next, ...cooldown }
}

/** Why there is no reward at `cell` yet, if there is none. */
export function judgeCooldown(track: Track, cell: Cell, pace: Pace): PresenceRefusal | undefined {
  const cooldown = findCooldown(track, cell, pace)
  if (cooldown === undefined) return undefined
  const { retryAfterMs, distanceM, waitedMs, neededMs } = cooldown
  const figures = { distanceM: Math.round(distanceM), waitedMs, neededMs: Math.ceil(neededMs) }
  return { reason: 'cooldown', figures, retryAfterMs }
}

/** The track after a reward at `cell`: the next one is measured from here. */
export function rewardAt(track: Track, cell: Cell, nowMs: number): Track {
  return { ...track, rewarded: { cell, atMs: nowMs } }
}

/** `distanceM` is the figure behind an `out_of_reach`, for the sandbox only. */
export type Reach = { isWithin: boolean; distanceM: number }

/** Whether a fix is inside an envelope's claim radius, between the centres of the two res-12 cells. */
export function measureReach(places: { fixCell: Cell; envelopeCell: Cell; radiusM: number }): Reach {
  const { fixCell, envelopeCell, radiusM } = places
  const distanceM = measureM(centreOf(fixCell), centreOf(envelopeCell))
  return { isWithin: distanceM <= radiusM, distanceM: roundTenth(distanceM) }
}

/** With an on-site code: between the centres of the two hint cells, so that a try tells no more than a hint. */
export function measureCodeReach({ fixCell, envelopeCell }: { fixCell: Cell; envelopeCell: Cell }): Reach {
  const distanceM = measureM(centreOf(coarsen(fixCell, 10)), centreOf(coarsen(envelopeCell, 10)))
  return { isWithin: distanceM <= limits.code.reachM, distanceM: roundTenth(distanceM) }
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10
}
