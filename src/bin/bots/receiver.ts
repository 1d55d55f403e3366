/**
 * What a phone's receiver makes of a place: an error that wanders, as real ones do, so that neighbouring fixes err
 * alike, and an accuracy that it says of itself and that is never twice the same.
 */
import { travelFrom } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'
import type { Dice } from '../play/dice.ts'

export type Seen = Point & { accuracyM: number }

/** After so long an error has nothing to do with the one before. */
const MEMORY_MS = 30_000
/** 68 % of the errors in a plane are within so many standard deviations of one axis. */
const SIGMAS_OF_68 = 1.51
const MOST_SIGMAS = 3
const LEAST_ACCURACY_M = 3

/** `noiseM`: the radius that 68 % of the errors stay within. */
export function createReceiver({ noiseM, dice }: { noiseM: number; dice: Dice }) {
  const sigmaM = noiseM / SIGMAS_OF_68
  let [eastM, northM] = [sigmaM * rollNormal(dice), sigmaM * rollNormal(dice)]

  return {
    see(place: Point, passedMs: number): Seen {
      const kept = Math.exp(-passedMs / MEMORY_MS)
      const renewedM = sigmaM * Math.sqrt(1 - kept * kept)
      eastM = eastM * kept + renewedM * rollNormal(dice)
      northM = northM * kept + renewedM * rollNormal(dice)
      const distanceM = Math.min(MOST_SIGMAS * sigmaM, Math.hypot(eastM, northM))
      const bearingDeg = (Math.atan2(eastM, northM) * 180) / Math.PI
      const { lat, lng } = travelFrom(place, { bearingDeg, distanceM })
      const accuracyM = Math.max(LEAST_ACCURACY_M, noiseM) * (0.8 + 0.6 * dice.fraction())
      return { lat: round(lat, 7), lng: round(lng, 7), accuracyM: round(accuracyM, 1) }
    },
  }
}

/** Of the normal distribution (Box and Muller 1958). */
const rollNormal = (dice: Dice): number =>
  Math.sqrt(-2 * Math.log(1 - dice.fraction())) * Math.cos(2 * Math.PI * dice.fraction())

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits
