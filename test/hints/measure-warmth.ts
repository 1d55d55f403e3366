/** Warmth by its plain definition, counted anew: what the server keeps up from change to change must agree with it. */
import { limits } from '#protocol/limits.ts'
import { type Cell, centreOf } from '../../src/geo/cell.ts'
import { measureM } from '../../src/geo/distance.ts'
import { roundCount, type Warmth } from '../../src/hints/band.ts'

const [nearM, farM] = limits.hint.warmthRadiiM

/** From a res-10 cell, centre to centre, over the numbers of live envelopes by res-10 cell. */
export function measureWarmth(cell10: Cell, countsByCell10: ReadonlyMap<Cell, number>): Warmth {
  let [near, far] = [0, 0]
  for (const [cell, count] of countsByCell10) {
    const distanceM = measureM(centreOf(cell10), centreOf(cell))
    if (distanceM <= nearM) near += count
    if (distanceM <= farM) far += count
  }
  return { within1Km: roundCount(near), within2Km: roundCount(far) }
}
