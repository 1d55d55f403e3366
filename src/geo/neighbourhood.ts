/**
 * All cells around a cell by the distance between centres. Grid rings are no measure of distance: local cells
 * are up to 29 % smaller than the average, and rings computed from the average edge miss 15-19 % of what lies
 * within 500 m. So the rings here start from a measured lower bound and then grow until the outermost one
 * proves that nothing is left: a straight line to any cell beyond crosses that ring, at most one cell radius
 * away from one of its centres.
 */
import assert from 'node:assert/strict'
import { gridDiskDistances } from 'h3-js'
import { LRUCache } from 'lru-cache'
import { type Cell, computeCentre, resolutionOf } from './cell.ts'
import { measureM } from './distance.ts'
import type { Point } from './point.ts'

/**
 * `ringStepM`: less than any ring adds to the distance (measured minimum over random cells and all pentagons:
 * 83.1 m at res 10, 211 m at res 9). `cellRadiusM`: more than any cell reaches from its centre (measured
 * maximum 83.6 and 221.2 m).
 */
const SIZES: Readonly<Record<number, { ringStepM: number; cellRadiusM: number }>> = {
  9: { ringStepM: 195, cellRadiusM: 240 },
  10: { ringStepM: 75, cellRadiusM: 90 },
}

/**
 * `gridDisk` is quadratic and k = 5000 kills the process; 36 rings are 4,000 cells: 2.5 km at res 10, 7 km at
 * res 9.
 */
const MAX_RINGS = 36

/** 300,000 cells of about 40 bytes: every 500 m neighbourhood of a city, or 350 neighbourhoods of 2 km. */
const remembered = new LRUCache<string, readonly Cell[]>({
  maxSize: 300_000,
  sizeCalculation: cells => Math.max(1, cells.length),
})

/**
 * Every cell of the resolution of `cell` (9 or 10) whose centre lies at most `radiusM` from the centre of
 * `cell`, itself included, nearest ring first. Exact near pentagons, poles and the antimeridian. Do not change
 * the returned array.
 */
export function neighboursWithin(cell: Cell, radiusM: number): readonly Cell[] {
  const key = `${cell}:${radiusM}`
  const known = remembered.get(key)
  if (known) return known
  const neighbours = computeNeighbours(cell, radiusM)
  remembered.set(key, neighbours)
  return neighbours
}

function computeNeighbours(cell: Cell, radiusM: number): Cell[] {
  const size = SIZES[resolutionOf(cell)]
  assert(size, 'neighbourhoods are asked for at resolutions 9 and 10')
  const centre = computeCentre(cell)
  for (let k = Math.ceil((radiusM + size.cellRadiusM) / size.ringStepM); ; k++) {
    assert(k <= MAX_RINGS, `a neighbourhood of ${radiusM} m is larger than ${MAX_RINGS} rings`)
    const rings = gridDiskDistances(cell, k) as Cell[][]
    const outermost = rings.at(-1) ?? []
    if (outermost.every(other => isFarther({ centre, other, limitM: radiusM + size.cellRadiusM }))) {
      return rings.flat().filter(other => !isFarther({ centre, other, limitM: radiusM }))
    }
  }
}

function isFarther({ centre, other, limitM }: { centre: Point; other: Cell; limitM: number }): boolean {
  return measureM(centre, computeCentre(other)) > limitM
}
