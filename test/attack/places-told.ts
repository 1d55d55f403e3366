/** Looks for places in what was sent or logged. */
import { cellToBoundary, gridDisk } from 'h3-js'
import type { Point } from '../../src/geo/point.ts'
import { cellAt } from './hypothesis.ts'

/** Two metres. */
const NEAR_DEG = 2e-5

/** `1.2345, 5.6789`, or with a name between, but never over the border of a bracket: that would be two places. */
const pairPattern = /(-?\b\d{1,3}\.\d{4,})(?=[^\d[\]{}-]{1,12}(-?\d{1,3}\.\d{4,}))/g

/**
 * Cells finer than the hint cell, and numbers beside each other that are one of the places, in either order, to five
 * decimals.
 */
export function listPlaces(
  texts: Iterable<string>,
  places: readonly Point[],
  withinDeg: number = NEAR_DEG,
): string[] {
  const [cells, pairs] = [new Set<string>(), new Set<string>()]
  for (const text of texts) {
    for (const [cell] of text.matchAll(/\b8[b-f][0-9a-f]{13}\b/g)) cells.add(cell)
    for (const [, first, second] of text.matchAll(pairPattern)) pairs.add(`${first} ${second}`)
  }
  const told = [...pairs].filter(pair => {
    const [a = 0, b = 0] = pair.split(' ').map(Number)
    const isTold = (place: Point, [lat, lng]: [number, number]) =>
      isNear(place, { lat, lng }, withinDeg) && !isCorner(place, { lat, lng })
    return places.some(place => isTold(place, [a, b]) || isTold(place, [b, a]))
  })
  return [...cells, ...told]
}

function isNear(place: Point, { lat, lng }: Point, withinDeg: number): boolean {
  const stretch = Math.max(0.01, Math.cos((place.lat * Math.PI) / 180))
  return Math.abs(lat - place.lat) < withinDeg && Math.abs(lng - place.lng) < withinDeg / stretch
}

/** Hint cells are told with their outlines, and somebody may hide right at a corner. */
function isCorner(place: Point, point: Point): boolean {
  const corners = gridDisk(cellAt(place, 10), 1).flatMap(cell => cellToBoundary(cell))
  return corners.some(([lat, lng]) => isNear({ lat, lng }, point, 1e-9))
}
