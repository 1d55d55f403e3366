/**
 * Chinese maps do not speak WGS-84. GCJ-02 (the law's offset, used by AMap, Tencent and WeChat) lies 363-606 m
 * off and BD-09 (Baidu) farther still: more than any claim radius. Positions are converted here, at the edge,
 * and are WGS-84 inside. The offset is secret by law; the formulas are the public reconstruction that open
 * converters share (googollee/eviltransform, wandergis/coordtransform). They have no closed inverse: it is
 * found by fixed-point iteration.
 */
import type { Point } from './point.ts'

export type Crs = 'wgs84' | 'gcj02' | 'bd09'

/** Semi-major axis and squared eccentricity of the Krasovsky 1940 ellipsoid, on which the offset is defined. */
const AXIS_M = 6_378_245
const ECCENTRICITY_2 = 0.006_693_421_622_965_943

/** The iteration contracts by about 1e-3 a step: 1e-10 degrees (10 µm) after four, ten leave no doubt. */
const MAX_STEPS = 10
const CLOSE_ENOUGH_DEG = 1e-10

/** A WGS-84 point of a point in `crs`. */
export function toWgs84(point: Point, crs: Crs): Point {
  if (crs === 'wgs84' || !isInChinaBox(point)) return point
  return crs === 'gcj02' ? invert(shiftToGcj02, point) : invert(shiftToGcj02, invert(shiftToBd09, point))
}

/** The point in `crs` of a WGS-84 point; the inverse of `toWgs84`. */
export function fromWgs84(point: Point, crs: Crs): Point {
  if (crs === 'wgs84' || !isInChinaBox(point)) return point
  return crs === 'gcj02' ? shiftToGcj02(point) : shiftToBd09(shiftToGcj02(point))
}

/**
 * Outside this rough box all three systems are taken to be one: the rule of every public converter. It includes
 * neighbours of China, whose maps are then shifted like theirs; within 1 km of its edge a round trip may not return.
 */
function isInChinaBox({ lat, lng }: Point): boolean {
  return lng >= 72.004 && lng <= 137.8347 && lat >= 0.8293 && lat <= 55.8271
}

function invert(shift: (point: Point) => Point, target: Point): Point {
  let guess = target
  for (let step = 0; step < MAX_STEPS; step++) {
    const reached = shift(guess)
    const [errorLat, errorLng] = [target.lat - reached.lat, target.lng - reached.lng]
    guess = { lat: guess.lat + errorLat, lng: guess.lng + errorLng }
    if (Math.max(Math.abs(errorLat), Math.abs(errorLng)) < CLOSE_ENOUGH_DEG) break
  }
  return guess
}

function shiftToGcj02({ lat, lng }: Point): Point {
  const [x, y] = [lng - 105, lat - 35]
  const sinLat = Math.sin((lat * Math.PI) / 180)
  const flattening = 1 - ECCENTRICITY_2 * sinLat * sinLat
  const meridianRadiusM = (AXIS_M * (1 - ECCENTRICITY_2)) / (flattening * Math.sqrt(flattening))
  const parallelRadiusM = (AXIS_M / Math.sqrt(flattening)) * Math.cos((lat * Math.PI) / 180)
  return {
    lat: lat + ((offsetNorthM(x, y) / meridianRadiusM) * 180) / Math.PI,
    lng: lng + ((offsetEastM(x, y) / parallelRadiusM) * 180) / Math.PI,
  }
}

function offsetNorthM(x: number, y: number): number {
  const trend = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x))
  const waves = ripple(x) + 20 * wave(y, 1) + 40 * wave(y, 3) + 160 * wave(y, 12) + 320 * wave(y, 30)
  return trend + (waves * 2) / 3
}

function offsetEastM(x: number, y: number): number {
  const trend = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x))
  const waves = ripple(x) + 20 * wave(x, 1) + 40 * wave(x, 3) + 150 * wave(x, 12) + 300 * wave(x, 30)
  return trend + (waves * 2) / 3
}

function ripple(x: number): number {
  return 20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)
}

function wave(degrees: number, halfPeriodDeg: number): number {
  return Math.sin((degrees * Math.PI) / halfPeriodDeg)
}

/** Baidu's second shift, in the polar form in which it is known: small waves in radius and angle, then a constant. */
function shiftToBd09({ lat, lng }: Point): Point {
  const radius = Math.hypot(lng, lat) + 0.000_02 * wave(lat, 0.06)
  const angle = Math.atan2(lat, lng) + 0.000_003 * Math.cos((lng * Math.PI * 3000) / 180)
  return { lat: radius * Math.sin(angle) + 0.006, lng: radius * Math.cos(angle) + 0.0065 }
}
