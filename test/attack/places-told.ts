/** Looks for places in what was sent or logged. */
import type { Point } from '../../src/geo/point.ts'

/** Two metres: less than to any corner of an outline that is sent. */
const NEAR_DEG = 2e-5

/**
 * Cells finer than the hint cell, and numbers beside each other that are one of the places, in either order, to five
 * decimals.
 */
export function listPlaces(texts: Iterable<string>, places: readonly Point[]): string[] {
  const [cells, pairs] = [new Set<string>(), new Set<string>()]
  for (const text of texts) {
    for (const [cell] of text.matchAll(/\b8[b-f][0-9a-f]{13}\b/g)) cells.add(cell)
    let before = ''
    for (const [number] of text.matchAll(/-?\b\d{1,3}\.\d{4,}/g)) {
      if (before !== '') pairs.add(`${before} ${number}`)
      before = number
    }
  }
  const told = [...pairs].filter(pair => {
    const [a = 0, b = 0] = pair.split(' ').map(Number)
    return places.some(place => isNear(place, a, b) || isNear(place, b, a))
  })
  return [...cells, ...told]
}

function isNear(place: Point, lat: number, lng: number): boolean {
  const stretch = Math.max(0.01, Math.cos((place.lat * Math.PI) / 180))
  return Math.abs(lat - place.lat) < NEAR_DEG && Math.abs(lng - place.lng) < NEAR_DEG / stretch
}
