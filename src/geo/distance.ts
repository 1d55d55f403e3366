/**
 * Great-circle distance. The sphere is off by up to 0.56 % against the ellipsoid, 3 m at the publish radius: far below
 * a cell, and the same on both sides of every comparison.
 */
import { type Point, wrapLng } from './point.ts'

/** Mean Earth radius R1 of WGS-84 (2a + b)/3 as adopted by the IUGG (Moritz 2000, "Geodetic Reference System 1980"). */
export const EARTH_RADIUS_M = 6_371_008.8

const RADIANS = Math.PI / 180

/**
 * Metres between two points by the haversine formula (Sinnott 1984), exact enough down to millimetres.
 * Symmetric to the last bit, so that a band is the same whichever cell asks.
 */
export function measureM(a: Point, b: Point): number {
  const sinLat = Math.sin(((b.lat - a.lat) * RADIANS) / 2)
  const sinLng = Math.sin(((b.lng - a.lng) * RADIANS) / 2)
  const h = sinLat * sinLat + Math.cos(a.lat * RADIANS) * Math.cos(b.lat * RADIANS) * (sinLng * sinLng)
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)))
}

/**
 * The point reached by going `distanceM` from `start` at `bearingDeg`, clockwise from north (spherical direct
 * formula).
 */
export function travelFrom(
  start: Point,
  { bearingDeg, distanceM }: { bearingDeg: number; distanceM: number },
): Point {
  const angle = distanceM / EARTH_RADIUS_M
  const bearing = bearingDeg * RADIANS
  const lat = start.lat * RADIANS
  const sinEnd = Math.sin(lat) * Math.cos(angle) + Math.cos(lat) * Math.sin(angle) * Math.cos(bearing)
  const east = Math.sin(bearing) * Math.sin(angle) * Math.cos(lat)
  const turn = Math.atan2(east, Math.cos(angle) - Math.sin(lat) * sinEnd)
  const endLat = Math.asin(Math.max(-1, Math.min(1, sinEnd))) / RADIANS
  return { lat: endLat, lng: wrapLng(start.lng + turn / RADIANS) }
}
