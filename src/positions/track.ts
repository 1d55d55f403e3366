/**
 * Whether a fix continues the track of an account. The server's receive time counts; the client's `at` only orders
 * fixes. An implausible fix is ignored and never replaces an accepted one: a receiver's glitch costs an honest player
 * nothing, and a teleport gains nothing. Only when three implausible fixes agree with each other does the track restart
 * where they are, and then the cool-down of that distance applies (`cooldown.ts`).
 *
 * A track is plain data, stored as JSON between two fixes; these functions return a new one.
 */
import { limits } from '#protocol/limits.ts'
import { centreOf } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { type Anchor, type Anchors, measureCooldown } from './cooldown.ts'
import type { Fix, ReportedFix } from './fix.ts'
import {
  findRide,
  isImplausible,
  type Leap,
  measureLeap,
  reachableMps,
  SLACK_M,
  slowedMps,
  SUSTAINED_MPS,
} from './leap.ts'
import { elapsedMs, type Pace } from './pace.ts'

export type Track = Anchors & {
  /** Accepted fixes of the last 30 s, oldest first, at most 17; the last accepted fix stays however old it is. */
  accepted: readonly Fix[]
  /** Implausible fixes that agree with each other, at most 2: the third restarts the track. */
  candidates: readonly Fix[]
}

export type Figures = Record<string, number>

export type FixVerdict =
  | { status: 'accepted'; track: Track; speedMps: number; tooFast: boolean }
  | { status: 'refused'; reason: 'accuracy' | 'stale' | 'jump'; track: Track; figures: Figures }

const noFixes: readonly Fix[] = []

export const emptyTrack: Track = { accepted: noFixes, candidates: noFixes }

const WORST_ACCURACY_M = limits.position.worstAccuracyM
/** A runner passes, a car does not. */
export const WALKING_LIMIT_MPS = limits.position.walkingSpeedKmh / 3.6

const CONSISTENT_FIXES = 3

const SPEED_WINDOW_MS = 30_000
/** Over less than this, a difference between two fixes is the receiver's jitter (or the network's), not motion. */
const SHORTEST_BASE_MS = 10_000
/** Accepted fixes are kept this far apart, so that a client that sends ten a second fills no memory. */
const SPACING_MS = 2_000

/**
 * An older `at` is a fix overtaken on its way, which takes seconds. Much later it is a phone whose clock was set back,
 * and refusing it would lock an honest player out until the clock has caught up.
 */
const OVERTAKEN_WITHIN_MS = 600_000

/** The newest accepted fix; lists, hiding and drops ask how old it is. */
export function lastFixOf(track: Track): Fix | undefined {
  return track.accepted.at(-1)
}

/**
 * Judges one fix, in this order: `accuracy` (worse than 120 m), `stale` (its `at` is older than the last
 * accepted one's; an equal one is a retry), `jump`. The speed is that of the last 30 s, or since the last
 * accepted fix where that is longer ago; too fast is no refusal here: the fix counts, hints pause and a claim
 * is refused. A claim with an on-site code may bring a coarser fix, whose track is not kept.
 */
export function judgeFix(
  track: Track,
  reported: ReportedFix,
  pace: Pace,
  worstAccuracyM: number = WORST_ACCURACY_M,
): FixVerdict {
  const fix: Fix = { ...reported, receivedAtMs: pace.nowMs }
  const last = lastFixOf(track)
  if (!(fix.accuracyM <= worstAccuracyM)) {
    const figures = { accuracyM: fix.accuracyM, limitM: worstAccuracyM }
    return { status: 'refused', reason: 'accuracy', track, figures }
  }
  if (!last) return accept(track, { ...fix, isFirst: true }, pace)

  const olderByMs = (last.atMs ?? -Infinity) - (fix.atMs ?? Infinity)
  if (olderByMs > 0 && elapsedMs(last.receivedAtMs, pace) < OVERTAKEN_WITHIN_MS) {
    return { status: 'refused', reason: 'stale', track, figures: { olderByMs } }
  }
  const ride = reachableMps(last, pace)
  // The slack is granted once in the window, or many small leaps made a big one.
  const base = baseOf(track.accepted, pace) ?? last
  const leap = measureLeap(last, fix, pace, ride)
  if (isImplausible(leap)) return considerRestart(track, fix, pace, leap)
  // From the same fix, what is plausible at the lower speed is at the higher one.
  const longer = base === last ? leap : measureLeap(base, fix, pace, Math.max(SUSTAINED_MPS, ride))
  return isImplausible(longer) ? considerRestart(track, fix, pace, longer) : accept(track, fix, pace)
}

/** The oldest accepted fix of the last 30 s. */
function baseOf(accepted: readonly Fix[], pace: Pace): Fix | undefined {
  return accepted.find(({ receivedAtMs }) => elapsedMs(receivedAtMs, pace) <= SPEED_WINDOW_MS)
}

function accept(track: Track, fix: Fix, pace: Pace, rideMps?: number): FixVerdict {
  const moved = measureMove(track.accepted, fix, pace)
  const speedMps = Math.max(0, moved.distanceM) / moved.withinS
  const last = lastFixOf(track)
  const shownMps = rideMps ?? Math.max(0, moved.distanceM - SLACK_M) / moved.withinS
  const mps = Math.floor(Math.max(shownMps, last ? slowedMps(last, pace) : 0))
  const accepted = [...keepWindow(track.accepted, pace), mps > 0 ? { ...fix, mps } : fix]
  const next = { ...track, accepted, candidates: noFixes }
  return { status: 'accepted', track: next, speedMps, tooFast: speedMps > WALKING_LIMIT_MPS }
}

/** How far the accuracies cannot explain, from the oldest fix of the window, or else from the last one. */
function measureMove(accepted: readonly Fix[], fix: Fix, pace: Pace): { distanceM: number; withinS: number } {
  const from = baseOf(accepted, pace) ?? accepted.at(-1)
  if (!from) return { distanceM: 0, withinS: 1 }
  const distanceM = measureM(centreOf(from.cell), centreOf(fix.cell)) - from.accuracyM - fix.accuracyM
  return { distanceM, withinS: Math.max(SHORTEST_BASE_MS, elapsedMs(from.receivedAtMs, pace)) / 1000 }
}

/** The fixes to keep before a new one: those of the window, without the newest where it crowds the one before it. */
function keepWindow(accepted: readonly Fix[], pace: Pace): Fix[] {
  const kept = accepted.filter(({ receivedAtMs }) => elapsedMs(receivedAtMs, pace) <= SPEED_WINDOW_MS)
  const [before, newest] = kept.slice(-2)
  const isCrowded =
    before && newest && (newest.receivedAtMs - before.receivedAtMs) * pace.timeScale < SPACING_MS
  return isCrowded ? kept.slice(0, -1) : kept
}

/** Remembers an implausible fix, or restarts the track at it when it is the third of a consistent series. */
function considerRestart(track: Track, fix: Fix, pace: Pace, leap: Leap): FixVerdict {
  const { candidates } = track
  const figures = { distanceM: Math.round(leap.distanceM), limitM: Math.round(leap.limitM) }
  const isResent = candidates.some(
    ({ cell, atMs }) => cell === fix.cell && atMs !== undefined && atMs === fix.atMs,
  )
  if (isResent) return { status: 'refused', reason: 'jump', track, figures }

  const [last, by, base] = [lastFixOf(track), candidates[0], baseOf(track.accepted, pace)]
  const ride = last && by && findRide({ last, base, by, to: fix }, pace)
  if (ride !== undefined) return accept(track, fix, pace, ride)

  const isConsistent = !candidates.some(candidate => isImplausible(measureLeap(candidate, fix, pace)))
  const series = isConsistent ? [...candidates, fix] : [fix]
  if (series.length < CONSISTENT_FIXES) {
    return { status: 'refused', reason: 'jump', track: { ...track, candidates: series }, figures }
  }
  return accept({ ...track, ...leaveBehind(track, fix, pace), accepted: [] }, fix, pace)
}

/** The anchor of a restart. A second restart close by must not shake off the longer cool-down of the first. */
function leaveBehind(track: Track, fix: Fix, pace: Pace): { leftBehind?: Anchor } {
  const last = lastFixOf(track)
  const anchors = [last && !last.isFirst && { cell: last.cell, atMs: last.receivedAtMs }, track.leftBehind]
  const [leftBehind] = anchors
    .filter(anchor => anchor !== undefined && anchor !== false)
    .map(anchor => ({ anchor, remainingMs: measureCooldown(anchor, fix.cell, pace).retryAfterMs }))
    .sort((a, b) => b.remainingMs - a.remainingMs)
    .map(({ anchor }) => anchor)
  return leftBehind ? { leftBehind } : {}
}
