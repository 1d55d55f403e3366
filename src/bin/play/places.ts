/** Places to hide envelopes at: a GeoJSON file of points, or the public sights along the Bund that come with hexbao. */
import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import { parsePosition } from '../../geo/point.ts'
import { UsageFault } from './usage-fault.ts'

/** WGS-84 degrees. */
export type Place = { name: string; lat: number; lng: number }

const Collection = Type.Object({
  type: Type.Literal('FeatureCollection'),
  features: Type.Array(Type.Unknown()),
})
const PointFeature = Type.Object({
  type: Type.Literal('Feature'),
  geometry: Type.Object({ type: Type.Literal('Point'), coordinates: Type.Array(Type.Unknown()) }),
})
const Named = Type.Object({ properties: Type.Object({ name: Type.String({ pattern: '\\S' }) }) })
const Typed = Type.Object({ type: Type.String() })

const FAULTS_SHOWN = 10

/**
 * The places of a GeoJSON FeatureCollection of Points (RFC 7946: longitude first), named by `properties.name`. Throws a
 * {@link UsageFault} that says which features are wrong, and why.
 */
export function readPlaces(text: string): Place[] {
  const collection = parseCollection(text)
  if (collection.features.length === 0) throw new UsageFault('the FeatureCollection is empty')
  const places: Place[] = []
  const faults: string[] = []
  collection.features.forEach((feature, index) => {
    const read = readFeature(feature, index)
    if (typeof read === 'string') faults.push(`feature ${index + 1}: ${read}`)
    else places.push(read)
  })
  if (faults.length === 0) return places
  const rest = faults.length - FAULTS_SHOWN
  const shown = rest > 0 ? [...faults.slice(0, FAULTS_SHOWN), `and ${rest} more`] : faults
  throw new UsageFault(`the places cannot be read:\n  ${shown.join('\n  ')}`)
}

function parseCollection(text: string): Static<typeof Collection> {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new UsageFault(`not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (Check(Collection, content)) return content
  throw new UsageFault(`a GeoJSON FeatureCollection is needed, this is ${nameType(content)}`)
}

/** The place of a feature, or why it has none. */
function readFeature(feature: unknown, index: number): Place | string {
  if (!Check(PointFeature, feature)) {
    const geometry = (feature as { geometry?: unknown } | null)?.geometry
    const isFeature = Check(Typed, feature) && feature.type === 'Feature'
    return isFeature ? `its geometry is ${nameType(geometry)}, and has to be a Point` : 'is not a Feature'
  }
  const { coordinates } = feature.geometry
  const point = parsePosition(coordinates)
  if (point !== undefined) {
    return { name: Check(Named, feature) ? feature.properties.name.trim() : `Place ${index + 1}`, ...point }
  }
  const [lng, lat] = coordinates
  if (typeof lng !== 'number' || typeof lat !== 'number') return 'its coordinates are not [lng, lat]'
  const isTurned = parsePosition([lat, lng]) !== undefined
  return `[${lng}, ${lat}] is not on Earth${isTurned ? '; GeoJSON puts the longitude first' : ''}`
}

function nameType(value: unknown): string {
  if (Check(Typed, value)) return `a ${value.type}`
  return value === null || value === undefined ? 'missing' : 'something else'
}

export const builtInPlaces: readonly Place[] = readPlaces(
  readFileSync(new URL('../data/places.geojson', import.meta.url), 'utf8'),
)
