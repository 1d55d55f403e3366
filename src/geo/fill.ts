/** The H3 cells whose centres lie in an area, and whether a point does. */
import { polygonToCells } from 'h3-js'
import type { Cell } from './cell.ts'
import type { Point } from './point.ts'
import type { Polygons } from './spread.ts'

export const fillCells = (polygons: Polygons, resolution: number): Cell[] =>
  [
    ...new Set(polygons.flatMap(rings => polygonToCells(rings as unknown as number[][][], resolution, true))),
  ] as Cell[]

/** By the even-odd rule over all rings. */
export function isInside(polygons: Polygons, { lat, lng }: Point): boolean {
  let inside = false
  for (const rings of polygons) {
    for (const ring of rings) {
      for (let i = 1; i < ring.length; i++) {
        const [aLng, aLat] = ring[i - 1] as readonly [number, number]
        const [bLng, bLat] = ring[i] as readonly [number, number]
        if (aLat > lat === bLat > lat) continue
        if (lng < ((bLng - aLng) * (lat - aLat)) / (bLat - aLat) + aLng) inside = !inside
      }
    }
  }
  return inside
}
