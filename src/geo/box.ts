/** The box of degrees around an area, which does not lie across the antimeridian. */
import type { Polygons } from './spread.ts'

export type Box = { west: number; south: number; east: number; north: number }

/** Of one degree of latitude. */
export const METRES_A_DEGREE = 111_195

export function boxAround(polygons: Polygons, marginM = 0): Box {
  const positions = polygons.flat(2)
  const [lngs, lats] = [positions.map(([lng]) => lng), positions.map(([, lat]) => lat)]
  const [south, north] = [Math.min(...lats), Math.max(...lats)]
  const marginLat = marginM / METRES_A_DEGREE
  const narrowest = Math.cos(((Math.max(Math.abs(south), Math.abs(north)) + marginLat) * Math.PI) / 180)
  const marginLng = marginLat / narrowest
  return {
    ...{ west: Math.min(...lngs) - marginLng, south: south - marginLat },
    ...{ east: Math.max(...lngs) + marginLng, north: north + marginLat },
  }
}
