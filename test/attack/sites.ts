/**
 * Where envelopes are hidden to be attacked: far apart, all over the world, a pentagon's neighbourhood, the far north
 * and the antimeridian among them; each near a corner of its hint cell, where a guess at the middle is wrong.
 */
import { cellToBoundary } from 'h3-js'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { cellAt, centreOf } from './hypothesis.ts'

export type Site = {
  place: Point
  /** Where the attacker begins: some streets away. */
  start: Point
}

const towns: readonly Point[] = [
  { lat: 30.6574, lng: 104.0657 },
  { lat: 39.1, lng: 122.3 },
  { lat: -33.8568, lng: 151.2153 },
  { lat: 78.2232, lng: 15.6267 },
  { lat: -16.85, lng: 179.9995 },
  { lat: -0.1807, lng: -78.4678 },
]

/** Others of a town are so far away that warmth does not mix. */
const SPACING_M = 9_000

/** An endless supply; no two share anything that is seen. */
export function* createSites(): Generator<Site, never> {
  for (let i = 0; ; i++) {
    const town = towns[i % towns.length] as Point
    const around = travelFrom(town, { bearingDeg: 140, distanceM: SPACING_M * Math.floor(i / towns.length) })
    const cell = cellAt(around, 10)
    const start = travelFrom(centreOf(cell), { bearingDeg: 40 + 70 * i, distanceM: 280 })
    yield { place: nearCorner(cell, i), start }
  }
}

/** As near to a corner as a point of the cell can be: the hint cell is the parent of the point's finer one. */
function nearCorner(cell: string, i: number): Point {
  const centre = centreOf(cell)
  const corners = cellToBoundary(cell).map(([lat, lng]) => ({ lat, lng }))
  const corner = corners[i % corners.length] as Point
  const bearingDeg = bearingTo(centre, corner)
  for (let part = 0.95; part > 0; part -= 0.05) {
    const place = travelFrom(centre, { bearingDeg, distanceM: part * measureM(centre, corner) })
    if (cellAt(place, 10) === cell) return place
  }
  return centre
}

function bearingTo(from: Point, to: Point): number {
  const radians = Math.PI / 180
  const [lat1, lat2, dLng] = [from.lat * radians, to.lat * radians, (to.lng - from.lng) * radians]
  const y = Math.sin(dLng) * Math.cos(lat2)
  const x = Math.cos(lat1) * Math.sin(lat2) - Math.sin(lat1) * Math.cos(lat2) * Math.cos(dLng)
  return Math.atan2(y, x) / radians
}
