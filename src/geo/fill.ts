/** The H3 cells whose centres lie in an area, and whether a point does. */
import { getHexagonAreaAvg, polygonToCells, UNITS } from 'h3-js'
import type { Cell } from './cell.ts'
import type { Point } from './point.ts'
import type { Polygons } from './spread.ts'

/**
 * How much a fill would cost: cells of the boxes around the polygons, which is what H3 looks through, times corners. To
 * be asked before: a fill of a sliver across a country would not end.
 */
export function estimateFill(polygons: Polygons, resolution: number): { cells: number; steps: number } {
  const cellM2 = getHexagonAreaAvg(resolution, UNITS.m2)
  const estimates = polygons.map(rings => {
    const positions = rings.flat()
    const [lngs, lats] = [positions.map(([lng]) => lng), positions.map(([, lat]) => lat)]
    const [south, north] = [Math.min(...lats), Math.max(...lats)]
    const widest = south < 0 && north > 0 ? 0 : Math.min(Math.abs(south), Math.abs(north))
    const widthM = (Math.max(...lngs) - Math.min(...lngs)) * METRES * Math.cos((widest * Math.PI) / 180)
    const cells = (widthM * (north - south) * METRES) / cellM2
    return { cells, steps: cells * positions.length }
  })
  return {
    cells: estimates.reduce((sum, { cells }) => sum + cells, 0),
    steps: estimates.reduce((sum, { steps }) => sum + steps, 0),
  }
}

/** Of one degree of latitude. */
const METRES = 111_195

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
