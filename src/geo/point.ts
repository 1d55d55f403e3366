/**
 * A place on Earth, WGS-84 degrees, canonical: one place has one spelling, so equal places are equal values.
 * h3-js takes latitude 91, the string '31' and null without a word; nothing reaches it except through here.
 */
export type Point = { readonly lat: number; readonly lng: number }

/**
 * The canonical point of two untrusted numbers in degrees: longitude in [-180, 180) (180 is folded to -180), no
 * negative zero. `undefined` for anything that is not a finite number in range; strings are not converted.
 */
export function parsePoint({ lat, lng }: { lat: unknown; lng: unknown }): Point | undefined {
  if (typeof lat !== 'number' || typeof lng !== 'number') return undefined
  const isOnEarth = lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180
  return isOnEarth ? { lat: lat + 0, lng: lng === 180 ? -180 : lng + 0 } : undefined
}

/** The canonical point of a GeoJSON position, which is `[lng, lat]` and may carry an altitude (RFC 7946, 3.1.1). */
export function parsePosition(position: readonly unknown[]): Point | undefined {
  const [lng, lat] = position
  return parsePoint({ lat, lng })
}

/** A longitude brought into [-180, 180); for values that arithmetic pushed over the antimeridian. */
export function wrapLng(lng: number): number {
  const turns = Math.floor((lng + 180) / 360)
  return turns === 0 ? lng : lng - 360 * turns
}
