/** Looks for a place in what was sent or logged. */
import type { Point } from '../../src/geo/point.ts'

/** Two metres: less than to any corner of an outline that is sent. */
const NEAR_DEG = 2e-5

/**
 * Cells finer than the hint cell, and pairs of numbers beside each other that are the place, in either order and
 * to five decimals.
 */
export function listPlaces(text: string, { lat, lng }: Point): string[] {
  const cells = text.match(/\b8[b-f][0-9a-f]{13}\b/g) ?? []
  const found = [...text.matchAll(/-?\d{1,3}\.\d{4,}/g)].map(([number]) => number)
  const stretch = Math.max(0.01, Math.cos((lat * Math.PI) / 180))
  const isLat = (number: string) => Math.abs(Number(number) - lat) < NEAR_DEG
  const isLng = (number: string) => Math.abs(Number(number) - lng) < NEAR_DEG / stretch
  const pairs = found.flatMap((number, i) => {
    const next = found[i + 1] ?? ''
    return (isLat(number) && isLng(next)) || (isLng(number) && isLat(next)) ? [`${number} ${next}`] : []
  })
  return [...cells, ...pairs]
}
