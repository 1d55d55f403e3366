/**
 * How far a fix plausibly lies from an earlier one: what the fastest vehicle covers, and once the jitter of the
 * receiver. Over short distances the fastest vehicle is a car; but who is known to ride a train or a jet goes on in it,
 * however seldom the phone is heard. A ride gives a liar nothing that many small steps did not give before: it takes as
 * long as the train, hints pause, and a claim waits for half a minute on foot and for the cool-down.
 */
import { centreOf } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import type { Fix } from './fix.ts'
import { elapsedMs, type Pace } from './pace.ts'

export type Leap = { distanceM: number; limitM: number }

/** How far a receiver errs beyond its own accuracy. */
export const SLACK_M = 100

/** Nothing that a phone sits in covers the distance faster: car or local train, high-speed train, jet. */
const FASTEST = [
  { belowM: 10_000, mps: 40 },
  { belowM: 500_000, mps: 100 },
  { belowM: Infinity, mps: 270 },
] as const
const FASTEST_OF_ALL_MPS = 270

/** What a fast train keeps up for the whole window of the track. */
export const SUSTAINED_MPS = 100

/** Faster than this is a ride, which goes on as fast, a little faster or slower: by at most 2 m/s a second. */
const RIDE_FROM_MPS = 25
const CHANGE_MPS2 = 2
const GAIN_WITHIN_MS = 30_000

/** How far `to` lies from an earlier fix, between res-12 centres, and how far it plausibly can. */
export function measureLeap(from: Fix, to: Fix, pace: Pace, leastMps = 0): Leap {
  const distanceM = distanceBetween(from, to)
  const fastest = FASTEST.find(({ belowM }) => distanceM < belowM)?.mps ?? 0
  const passedMs = elapsedMs(from.receivedAtMs, pace)
  const reachM = (Math.max(fastest, leastMps) * passedMs) / 1000
  return { distanceM, limitM: SLACK_M + from.accuracyM + to.accuracyM + reachM }
}

export function isImplausible({ distanceM, limitM }: Leap): boolean {
  return distanceM > limitM
}

/** The speed that the ride of the last accepted fix may have reached by now; 0 where that was no ride. */
export function reachableMps(last: Fix, pace: Pace): number {
  const { mps = 0 } = last
  if (mps < RIDE_FROM_MPS) return 0
  const gain = (CHANGE_MPS2 * Math.min(GAIN_WITHIN_MS, elapsedMs(last.receivedAtMs, pace))) / 1000
  return Math.min(FASTEST_OF_ALL_MPS, mps + gain)
}

/** The speed that a ride has at least, if it brakes from now on: one fix after a tunnel says nothing of its speed. */
export function slowedMps({ mps = 0, receivedAtMs }: Fix, pace: Pace): number {
  return Math.max(0, mps - (CHANGE_MPS2 * elapsedMs(receivedAtMs, pace)) / 1000)
}

/**
 * The speed of a ride that nothing accepted shows yet, because the game was opened on the train or the train left a
 * tunnel: `by`, a fix that was refused, and `to` lie farther and farther from the last accepted one, as a train goes.
 * So whoever sits in one is ignored once, not for the whole journey. The slack counts once from `base`, too, the oldest
 * fix of the window.
 */
export function findRide(
  { last, base, by, to }: { last: Fix; base: Fix | undefined; by: Fix; to: Fix },
  pace: Pace,
): number | undefined {
  const fastestMps = Math.max(SUSTAINED_MPS, reachableMps(last, pace))
  const legs = [base ?? last, last, by].map(from => measureLeap(from, to, pace, fastestMps))
  if (legs.some(isImplausible)) return undefined
  const unexplainedM = distanceBetween(by, to) - by.accuracyM - to.accuracyM
  const isOnTheWay = distanceBetween(last, by) < distanceBetween(last, to)
  if (unexplainedM < SLACK_M || !isOnTheWay) return undefined
  return Math.min(fastestMps, (unexplainedM / elapsedMs(by.receivedAtMs, pace)) * 1000)
}

const distanceBetween = (a: Fix, b: Fix): number => measureM(centreOf(a.cell), centreOf(b.cell))
