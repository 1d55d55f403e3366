/**
 * Whether a pin was probably meant in another datum than the one it was sent in. Chinese maps are some hundred
 * metres off, so the mistake has a signature: as it was sent, the pin is far from where its sender stands, and read in
 * another datum it lies at their feet. Whoever hides elsewhere on purpose is taken for such a mistake only where
 * elsewhere is the one spot that the shift leads to.
 */
import { type Crs, toWgs84 } from './datum.ts'
import { measureM } from './distance.ts'
import type { Point } from './point.ts'

export type Pin = { sent: Point; crs: Crs; stands: Point; accuracyM: number }
export type Misreading = { crs: Crs; distanceM: number }

const DATUMS: readonly Crs[] = ['wgs84', 'gcj02', 'bd09']

/** Where a shift is smaller, hardly anything is missed by it; of BD-09 against WGS-84 the largest is some 1.5 km. */
const SHIFT_M = { min: 150, max: 1_500 }
/** One hides a step or two from where the phone says that one stands, which is the centre of a cell of 10 m. */
const AT_FEET_M = 30
/** A coarser fix explains no more. */
const MOST_ACCURACY_M = 50

/** The datum in which the pin lies where its sender stands; nothing where it is well as it was sent. */
export function findMisreading({ sent, crs, stands, accuracyM }: Pin): Misreading | undefined {
  const distanceFrom = (datum: Crs) => measureM(toWgs84(sent, datum), stands)
  const distanceM = distanceFrom(crs)
  if (distanceM < SHIFT_M.min || distanceM > SHIFT_M.max) return undefined
  const nearM = AT_FEET_M + Math.min(accuracyM, MOST_ACCURACY_M)
  const [nearest] = DATUMS.filter(datum => datum !== crs)
    .map(datum => ({ crs: datum, offM: distanceFrom(datum) }))
    .filter(({ offM }) => offM <= nearM)
    .sort((a, b) => a.offM - b.offM)
  return nearest && { crs: nearest.crs, distanceM: Math.round(distanceM) }
}
