/**
 * A cell as GeoJSON, for clients without an H3 library. RFC 7946 asks for counter-clockwise rings (3.1.6) and
 * for shapes that cross the antimeridian to be cut in two (3.1.9); a cell around a pole becomes a cap that is
 * cut open along it.
 */
import { cellToBoundary } from 'h3-js'
import type { Cell } from './cell.ts'

type Position = [lng: number, lat: number]
type Polygon = { type: 'Polygon'; coordinates: Position[][] }
type MultiPolygon = { type: 'MultiPolygon'; coordinates: Position[][][] }

/** The outline of a cell: a Polygon, or a MultiPolygon of two parts where the cell lies across the antimeridian. */
export function cellPolygon(cell: Cell): Polygon | MultiPolygon {
  const ring = unrollRing(cellToBoundary(cell))
  const [first = [0, 0], last = first] = [ring[0], ring.at(-1)]
  const turnDeg = shortestTurn(last[0], first[0]) + last[0] - first[0]
  if (Math.abs(turnDeg) > 180) return polygonOf(capRing(ring, turnDeg > 0 ? 90 : -90))

  const parts = [-360, 0, 360]
    .map(shift => clipToWorld(ring.map(([lng, lat]) => [lng + shift, lat])))
    .filter(part => part.length >= 3)
  const [only] = parts
  if (only && parts.length === 1) return polygonOf(only)
  return { type: 'MultiPolygon', coordinates: parts.map(part => [closeRing(part)]) }
}

function polygonOf(ring: Position[]): Polygon {
  return { type: 'Polygon', coordinates: [closeRing(ring)] }
}

function closeRing(ring: Position[]): Position[] {
  const [first] = ring
  return first ? [...ring, first] : ring
}

/** The boundary as positions whose longitudes run on past ±180 instead of jumping by 360. */
function unrollRing(boundary: readonly number[][]): Position[] {
  const ring: Position[] = []
  for (const [lat = 0, lng = 0] of boundary) {
    const before = ring.at(-1)?.[0]
    ring.push([before === undefined ? lng : before + shortestTurn(before, lng), lat])
  }
  return ring
}

/** The turn in [-180, 180) from one longitude to another. */
function shortestTurn(fromLng: number, toLng: number): number {
  const turn = (toLng - fromLng) % 360
  return turn < -180 ? turn + 360 : turn >= 180 ? turn - 360 : turn
}

/** A ring around a pole, opened at the antimeridian and led along it to the pole. */
function capRing(ring: Position[], poleLat: number): Position[] {
  const eastward = poleLat > 0 ? 1 : -1
  const sorted = ring
    .map(([lng, lat]): Position => [shortestTurn(0, lng), lat])
    .sort((a, b) => (a[0] - b[0]) * eastward)
  const [first = [0, poleLat], last = first] = [sorted[0], sorted.at(-1)]
  const seam = interpolateLat([first[0] + 360 * eastward, first[1]], last, 180 * eastward)
  const [startLng, endLng] = [-180 * eastward, 180 * eastward]
  return [[startLng, seam], ...sorted, [endLng, seam], [endLng, poleLat], [startLng, poleLat]]
}

/** The part of a ring between longitudes -180 and 180 (Sutherland and Hodgman 1974, one half plane after the other). */
function clipToWorld(ring: Position[]): Position[] {
  return clipAt(clipAt(ring, { limit: 180, isInside: lng => lng <= 180 }), {
    limit: -180,
    isInside: lng => lng >= -180,
  })
}

function clipAt(ring: Position[], edge: { limit: number; isInside(lng: number): boolean }): Position[] {
  const clipped: Position[] = []
  let before = ring.at(-1)
  for (const position of ring) {
    if (before && edge.isInside(before[0]) !== edge.isInside(position[0])) {
      clipped.push([edge.limit, interpolateLat(before, position, edge.limit)])
    }
    if (edge.isInside(position[0])) clipped.push(position)
    before = position
  }
  return clipped
}

function interpolateLat(a: Position, b: Position, lng: number): number {
  return a[0] === b[0] ? a[1] : a[1] + ((b[1] - a[1]) * (lng - a[0])) / (b[0] - a[0])
}
