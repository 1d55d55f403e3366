/** What a fill with cells would cost, asked before: one of a sliver across a country would not end. */
import { getHexagonAreaAvg, UNITS } from 'h3-js'
import { boxAround, METRES_A_DEGREE } from './box.ts'
import type { Polygons } from './spread.ts'

/** Cells of the boxes around the polygons, which is what H3 looks through, and those times corners. */
export function estimateFill(polygons: Polygons, resolution: number): { cells: number; steps: number } {
  const cellM2 = getHexagonAreaAvg(resolution, UNITS.m2)
  const estimates = polygons.map(rings => {
    const { west, south, east, north } = boxAround([rings])
    const widest = south < 0 && north > 0 ? 0 : Math.min(Math.abs(south), Math.abs(north))
    const widthM = (east - west) * METRES_A_DEGREE * Math.cos((widest * Math.PI) / 180)
    const cells = (widthM * (north - south) * METRES_A_DEGREE) / cellM2
    return { cells, steps: cells * rings.flat().length }
  })
  return {
    cells: estimates.reduce((sum, { cells }) => sum + cells, 0),
    steps: estimates.reduce((sum, { steps }) => sum + steps, 0),
  }
}
