/**
 * An area that came from outside, judged twice: here by what can be seen without geometry, so that a hostile one costs
 * nothing; then by PostGIS. RFC 7946 asks for closed rings the right way round, cut at the antimeridian.
 */
import { limits } from '#protocol/limits.ts'
import type { Area } from '#protocol/rest/areas.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Polygons, Ring } from '../geo/spread.ts'

/** What PostGIS says of an area. */
export type Survey = {
  isValid: boolean
  /** Outer rings counter-clockwise, holes clockwise. */
  isOriented: boolean
  areaM2: number
  /** Inside of what the operator verified for the merchant; true where nobody asked. */
  isCovered: boolean
}

export type AreaRecord = {
  survey(tx: Tx, area: Area, merchantId: string | undefined): Promise<Survey>
}

const rules = limits.campaign

export const polygonsOf = (area: Area): Polygons =>
  (area.type === 'Polygon' ? [area.coordinates] : area.coordinates) as Polygons

const broken = (reason: string, figures?: Record<string, number>): Refusal =>
  refuse('campaign_refused', { reason, ...(figures !== undefined && { figures }) })

/** Why it is none, judged without geometry. */
export function refuseShape(area: Area, { vertices }: { vertices: number }): Refusal | undefined {
  const rings = polygonsOf(area).flat()
  const count = rings.reduce((sum, ring) => sum + ring.length, 0)
  if (count > vertices) return broken('area_vertices', { vertices: count, limit: vertices })
  if (!rings.every(isClosed)) return broken('area_open')
  const positions = rings.flat()
  if (positions.some(([, lat]) => Math.abs(lat) > rules.highestLatitude)) return broken('area_polar')
  // Nothing that fits into the largest area is half as long as the Earth is around: it meant the other way.
  const spans = rings.map(
    ring => Math.max(...ring.map(([lng]) => lng)) - Math.min(...ring.map(([lng]) => lng)),
  )
  return spans.some(span => span > 180) ? broken('area_antimeridian') : undefined
}

function isClosed(ring: Ring): boolean {
  const [first, last] = [ring[0], ring.at(-1)]
  return first !== undefined && last !== undefined && first[0] === last[0] && first[1] === last[1]
}

/** Why it is none, by its geometry; `merchantId`: it has to lie inside of that merchant's verified area. */
export async function refuseGeometry(
  record: AreaRecord,
  tx: Tx,
  {
    area,
    merchantId,
    mostM2 = rules.areaM2,
  }: { area: Area; merchantId?: string | undefined; mostM2?: number },
): Promise<Refusal | undefined> {
  const survey = await record.survey(tx, area, merchantId)
  if (!survey.isValid) return broken('area_crossing')
  if (!survey.isOriented) return broken('area_clockwise')
  if (survey.areaM2 > mostM2)
    return broken('area_too_large', { areaM2: Math.round(survey.areaM2), limitM2: mostM2 })
  return survey.isCovered ? undefined : broken('area_outside')
}
