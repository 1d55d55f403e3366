/**
 * Where a city of bots plays: polygons, anywhere inside of which they may go, or single places, between which they go.
 * What a bot does there follows from numbers alone, so an area answers numbers with points and draws nothing itself.
 */
import { Check } from 'typebox/value'
import { Area as AreaShape } from '#protocol/rest/areas.ts'
import { polygonsOf, refuseShape } from '../../areas/area.ts'
import { measureM, travelFrom } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'
import { type Polygons, spreadOver } from '../../geo/spread.ts'
import type { Dice } from '../play/dice.ts'
import { builtInPlaces, readPlaces } from '../play/places.ts'
import { UsageFault } from '../play/usage-fault.ts'

export type Area = {
  /** The corners of its box: south-west, north-east. */
  box: readonly [Point, Point]
  /** A point of it for two numbers in [0, 1). */
  pointAt(u: number, v: number): Point
  /** A place to hide at: the next of the single places, or anywhere in the polygons. */
  spotAt(index: number, dice: Dice): Point
}

const VERTICES = 1_000
/** Bots walk; what is larger they would not cross in a day. */
const WIDEST_M = 50_000
/** How far from a single place bots stroll around it. */
const STROLL_M = 120

export const builtInArea = (): Area => areaOfPlaces(builtInPlaces)

/**
 * Of GeoJSON: a Polygon or MultiPolygon, bare or in features, or a FeatureCollection of Points. Throws a
 * {@link UsageFault} that says what is wrong with it.
 */
export function readArea(text: string): Area {
  const shapes = listGeometries(parse(text))
  const isOfPoints = shapes.some(shape => (shape as { type?: unknown } | null)?.type === 'Point')
  return checkSize(isOfPoints ? areaOfPlaces(readPlaces(text)) : areaOfPolygons(shapes.flatMap(readPolygons)))
}

export function areaOfPlaces(places: readonly Point[]): Area {
  const placeAt = (index: number): Point => {
    const { lat, lng } = places[index % places.length] as Point
    return { lat, lng }
  }
  return {
    box: boxOf(places),
    // The fraction of u within its place turns the way, v says how far it goes.
    pointAt(u, v) {
      const at = u * places.length
      const bearingDeg = 360 * (at % 1)
      return travelFrom(placeAt(Math.floor(at)), { bearingDeg, distanceM: STROLL_M * Math.sqrt(v) })
    },
    spotAt: placeAt,
  }
}

export function areaOfPolygons(polygons: Polygons): Area {
  const spread = spreadOver(polygons)
  if (spread === undefined) throw new UsageFault('--area: there is no ground in it')
  const corners = polygons.flat(2).map(([lng, lat]) => ({ lat, lng }))
  const { pointAt } = spread
  return { box: boxOf(corners), pointAt, spotAt: (_, dice) => pointAt(dice.fraction(), dice.fraction()) }
}

export const centreOfBox = ([southWest, northEast]: Area['box']): Point => ({
  lat: (southWest.lat + northEast.lat) / 2,
  lng: (southWest.lng + northEast.lng) / 2,
})

function boxOf(points: readonly Point[]): Area['box'] {
  const [lats, lngs] = [points.map(({ lat }) => lat), points.map(({ lng }) => lng)]
  return [
    { lat: Math.min(...lats), lng: Math.min(...lngs) },
    { lat: Math.max(...lats), lng: Math.max(...lngs) },
  ]
}

function checkSize(area: Area): Area {
  const [southWest, northEast] = area.box
  const widthM = measureM(southWest, northEast)
  if (widthM <= WIDEST_M && northEast.lng - southWest.lng < 180) return area
  throw new UsageFault(`--area is ${Math.round(widthM / 1_000)} km wide, at most ${WIDEST_M / 1_000} km`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageFault(`--area is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

type Loose = { type?: unknown; features?: unknown; geometry?: unknown }

function listGeometries(content: unknown): unknown[] {
  const { type, features, geometry } = (content ?? {}) as Loose
  if (type === 'FeatureCollection' && Array.isArray(features)) return features.flatMap(listGeometries)
  return type === 'Feature' ? [geometry] : [content]
}

function readPolygons(shape: unknown): Polygons {
  if (!Check(AreaShape, shape)) {
    throw new UsageFault('--area is GeoJSON of Polygons and MultiPolygons in WGS-84 degrees, or of Points')
  }
  const refusal = refuseShape(shape, { vertices: VERTICES })
  if (refusal !== undefined) throw new UsageFault(`--area: ${refusal.reason}`)
  return polygonsOf(shape)
}
