/**
 * Journeys of honest people, made up but repeatable: how fast, how often heard, how wrong the receiver. A receiver's
 * error wanders, as real ones do: neighbouring fixes err alike. Some fixes are glitches, which no rule has to believe.
 */
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'

/**
 * A repeatable source of numbers in [0, 1) (mulberry32), so that a trace that fails can be found again by its
 * number.
 */
export function createRolls(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A number of the normal distribution (Box and Muller 1958). */
export const rollNormal = (roll: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll())

export type TraceFix = { point: Point; accuracyM: number; atS: number; isGlitch: boolean }

export type Journey = {
  mps: number
  /** How fast it gains speed from rest; absent: it is under way already. */
  gainMps2?: number
  /** The shortest and longest time between two fixes; one for the whole trace. */
  everyS: readonly [number, number]
  /** How far the receiver errs, at most; a trace has its own. */
  jitterM: number
  /** Errors of two fixes have nothing to do with each other: the worst streets. */
  isErratic?: boolean
  /** Now and then, at full speed, nothing is heard for so long, at most. */
  tunnelS?: number
  /** Stands still at times, like at a traffic light. */
  stops?: boolean
  /** Halfway, nothing is heard for so long, at most, and the next fix is where a jet got to. */
  flightS?: number
}

const GLITCHES = 0.004
const TUNNELS = 0.03
const JET_MPS = 250

/** How many of ten thousand people travel like this. */
export type Share = { of10000: number; isOnFoot?: boolean; isOpenedOnTheWay?: boolean }

const walk = { mps: 1.4, isOnFoot: true, stops: true }
const train = { mps: 97, everyS: [1, 10], jitterM: 20, tunnelS: 180 } as const

export const journeys = {
  walk: { ...walk, of10000: 3_000, everyS: [1, 5], jitterM: 15 },
  'walk among towers': { ...walk, of10000: 1_500, everyS: [1, 5], jitterM: 100 },
  'walk in the worst streets': { ...walk, of10000: 500, everyS: [2, 5], jitterM: 50, isErratic: true },
  'walk, rarely heard': { ...walk, of10000: 500, everyS: [30, 90], jitterM: 100, tunnelS: 600 },
  bicycle: { mps: 6, of10000: 1_500, everyS: [1, 5], jitterM: 30, tunnelS: 40, stops: true },
  car: { mps: 33, of10000: 1_500, gainMps2: 3, everyS: [1, 10], jitterM: 30, tunnelS: 180, stops: true },
  'high-speed train': { ...train, of10000: 600, gainMps2: 0.6 },
  'high-speed train, opened on the way': { ...train, of10000: 100, isOpenedOnTheWay: true },
  'jet, in flight mode': { mps: 1.4, of10000: 600, everyS: [1, 10], jitterM: 30, flightS: 40_000 },
  'jet, at the window': { mps: 250, of10000: 200, gainMps2: 0.8, everyS: [1, 10], jitterM: 30 },
} as const satisfies Record<string, Journey & Share>

/** The fixes of one journey. */
export function travel(journey: Journey, fixes: number, roll: () => number): TraceFix[] {
  const start = { lat: roll() * 120 - 60, lng: roll() * 360 - 180 }
  const bearingDeg = roll() * 360
  const [least, most] = journey.everyS
  const everyS = least + roll() * (most - least)
  const receiver = createReceiver(journey, roll)
  const trace: TraceFix[] = []
  let [atS, mps, movedM, restS] = [0, journey.gainMps2 === undefined ? journey.mps : 0, 0, 0]
  for (let i = 0; i < fixes; i++) {
    const place = travelFrom(start, { bearingDeg, distanceM: movedM })
    trace.push({ ...receiver.see(place, everyS), atS })
    const isTunnel = mps === journey.mps && journey.tunnelS !== undefined && roll() < TUNNELS
    if (journey.flightS !== undefined && i === Math.floor(fixes / 2)) {
      const flownS = 2_100 + (journey.flightS - 2_100) * roll()
      atS += flownS
      movedM += JET_MPS * flownS
    }
    const passedS = everyS + (isTunnel ? roll() * (journey.tunnelS ?? 0) : 0)
    if (journey.stops && roll() < 0.02) restS = 30 * roll()
    atS += passedS
    if (restS > 0) {
      restS -= passedS
      if (journey.gainMps2 !== undefined) mps = 0
      continue
    }
    const before = mps
    mps = Math.min(journey.mps, mps + (journey.gainMps2 ?? 0) * passedS)
    movedM += ((before + mps) / 2) * passedS
  }
  return trace
}

/** What a receiver makes of a place: an error that wanders within the trace's bounds, and now and then nonsense. */
function createReceiver({ jitterM, isErratic = false }: Journey, roll: () => number) {
  const mostM = jitterM * (isErratic ? 1 : 0.2 + 0.8 * roll())
  const sigmaM = mostM / 3
  let [eastM, northM] = [sigmaM * rollNormal(roll), sigmaM * rollNormal(roll)]
  let glitchesLeft = 0
  return {
    see(place: Point, passedS: number): Omit<TraceFix, 'atS'> {
      const keep = isErratic ? 0 : Math.exp(-passedS / 30)
      const renew = sigmaM * Math.sqrt(1 - keep * keep)
      eastM = eastM * keep + renew * rollNormal(roll)
      northM = northM * keep + renew * rollNormal(roll)
      if (roll() < GLITCHES) glitchesLeft = roll() < 0.5 ? 1 : 2
      const isGlitch = glitchesLeft-- > 0
      const errorM = isGlitch ? 200 + 5_000 * roll() : Math.min(mostM, Math.hypot(eastM, northM))
      const bearingDeg = (Math.atan2(eastM, northM) * 180) / Math.PI
      const accuracyM = Math.max(4, Math.min(120, 1.5 * sigmaM * (0.7 + 0.6 * roll())))
      return { point: travelFrom(place, { bearingDeg, distanceM: errorM }), accuracyM, isGlitch }
    },
  }
}
