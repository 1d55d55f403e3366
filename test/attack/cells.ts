/** Cells all over the world, far apart from each other, and points that fill one. */
import { getPentagons, gridDisk } from 'h3-js'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import type { Dice } from '../../src/bin/play/dice.ts'
import { cellAt, centreOf } from './hypothesis.ts'

const lat = (latDeg: number, lng: number): Point => ({ lat: latDeg, lng })

/** Where grids are odd: high up, across the antimeridian, on the equator and the zero meridian. */
const oddPlaces: readonly Point[] = [
  ...[lat(89.99, 12), lat(-89.9, -60), lat(78.2232, 15.6267), lat(71.64, 128.87)],
  ...[lat(-16.5, 179.9999), lat(66.07, -179.9998), lat(-44.05, 180), lat(0.0001, 6.61)],
]

/**
 * `count` hint cells: all twelve pentagons in turn as themselves and as a neighbour, the one at 39.10 N 122.30 E
 * first; odd places; the rest drawn evenly from the sphere.
 */
export function chooseCells(count: number, dice: Dice): string[] {
  const yellowSea = (cell: string) => Math.hypot(centreOf(cell).lat - 39.1, centreOf(cell).lng - 122.3)
  const pentagons = getPentagons(10).sort((a, b) => yellowSea(a) - yellowSea(b))
  const special = pentagons.flatMap((pentagon, i) => {
    const neighbour = gridDisk(pentagon, 1)[1] ?? pentagon
    const odd = oddPlaces[i]
    return [i % 2 === 0 ? neighbour : pentagon, ...(odd === undefined ? [] : [cellAt(odd, 10)])]
  })
  const chosen = special.slice(0, Math.ceil(count / 2))
  while (chosen.length < count) {
    const latDeg = (Math.asin(2 * dice.fraction() - 1) * 180) / Math.PI
    chosen.push(cellAt({ lat: latDeg, lng: 360 * dice.fraction() - 180 }, 10))
  }
  return chosen
}

/** A sunflower: as even as can be, to the rim. */
export function fillCell(cell: string, resolution: 10 | 12, count: number): Point[] {
  const centre = centreOf(cell)
  const rimM = resolution === 10 ? 90 : 13
  for (let tried = count; ; tried += Math.ceil(count / 4)) {
    const points = Array.from({ length: tried }, (_, i) =>
      travelFrom(centre, { bearingDeg: 137.508 * i, distanceM: rimM * Math.sqrt(i / tried) }),
    ).filter(point => cellAt(point, resolution) === cell)
    // From the rim inwards: what is near the middle is the least likely to differ.
    if (points.length >= count) return points.reverse().slice(0, count)
  }
}
