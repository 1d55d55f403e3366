/**
 * Which res-7 cells a server must hold so that it can tell a player everything: the hints within 500 m and the warmth
 * within 2 km. A superset, the same for all seven res-10 cells of a res-9 cell, so that a walk rarely changes it.
 */
import { LRUCache } from 'lru-cache'
import { type Cell, coarsen } from '../geo/cell.ts'
import { neighboursWithin } from '../geo/neighbourhood.ts'

const WARMTH_M = 2_000
/** More than the centre of a res-10 cell can be from the centre of its res-9 parent (measured: 145 m). */
const CHILD_OFFSET_M = 160

const areas = new LRUCache<Cell, readonly Cell[]>({ max: 10_000 })

/** The res-7 cells of every res-10 cell whose centre is at most 2 km from that of `cell10`. Do not change the array. */
export function cells7Around(cell10: Cell): readonly Cell[] {
  const cell9 = coarsen(cell10, 9)
  const known = areas.get(cell9)
  if (known) return known
  const reached = neighboursWithin(cell9, WARMTH_M + 2 * CHILD_OFFSET_M)
  const area = [...new Set(reached.map(cell => coarsen(cell, 7)))]
  areas.set(cell9, area)
  return area
}
