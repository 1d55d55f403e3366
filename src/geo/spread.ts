/**
 * Points spread evenly over an area. Each polygon is cut at the latitudes of its corners into trapezoids with
 * horizontal sides, holes left out by the even-odd rule; a trapezoid is drawn by its share of the ground, and a point
 * inside of it. So every draw is a hit, however thin or holed the area is: nothing is tried and thrown away. A metre of
 * longitude is taken to be as long everywhere in one trapezoid, which at a height of 2 km is right to 0.03 % at 45°.
 */
import type { Point } from './point.ts'

export type Ring = readonly (readonly [lng: number, lat: number])[]
/** Of a MultiPolygon; a Polygon is a list of one. */
export type Polygons = readonly (readonly Ring[])[]

/** One trapezoid: the lng of both sides at its lower and upper latitude. */
type Trapezoid = {
  lat: readonly [number, number]
  left: readonly [number, number]
  right: readonly [number, number]
}

export type Spread = {
  /** A point for two numbers in [0, 1). */
  pointAt(u: number, v: number): Point
}

/** Undefined where there is no ground. Cutting n corners costs n times the edges at one latitude. */
export function spreadOver(polygons: Polygons): Spread | undefined {
  const trapezoids = polygons.flatMap(cut)
  const ends: number[] = []
  let total = 0
  for (const trapezoid of trapezoids) ends.push((total += groundOf(trapezoid)))
  if (!(total > 0)) return undefined
  return {
    pointAt(u, v) {
      const at = u * total
      const index = findEnd(ends, at)
      const trapezoid = trapezoids[index] as Trapezoid
      const from = ends[index - 1] ?? 0
      return pointIn(trapezoid, (at - from) / ((ends[index] ?? 0) - from), v)
    },
  }
}

function cut(rings: readonly Ring[]): Trapezoid[] {
  const edges = rings.flatMap(ring =>
    ring.slice(1).flatMap((end, i) => {
      const start = ring[i] as readonly [number, number]
      if (start[1] === end[1]) return []
      return [start[1] < end[1] ? { low: start, high: end } : { low: end, high: start }]
    }),
  )
  const lats = [...new Set(edges.flatMap(({ low, high }) => [low[1], high[1]]))].sort((a, b) => a - b)
  edges.sort((a, b) => a.low[1] - b.low[1])
  const trapezoids: Trapezoid[] = []
  let active: typeof edges = []
  let next = 0
  for (const [i, bottom] of lats.slice(0, -1).entries()) {
    const top = lats[i + 1] as number
    active = active.filter(({ high }) => high[1] > bottom)
    for (; (edges[next]?.low[1] ?? Infinity) <= bottom; next++)
      active.push(edges[next] as (typeof edges)[number])
    const sides = active
      .map(edge => ({ low: lngAt(edge, bottom), high: lngAt(edge, top) }))
      .sort((a, b) => a.low + a.high - b.low - b.high)
    for (let k = 0; k + 1 < sides.length; k += 2) {
      const [left, right] = [sides[k] as (typeof sides)[number], sides[k + 1] as (typeof sides)[number]]
      trapezoids.push({ lat: [bottom, top], left: [left.low, left.high], right: [right.low, right.high] })
    }
  }
  return trapezoids
}

type Edge = { low: readonly [number, number]; high: readonly [number, number] }

const lngAt = ({ low, high }: Edge, lat: number): number =>
  low[0] + ((high[0] - low[0]) * (lat - low[1])) / (high[1] - low[1])

function groundOf({ lat, left, right }: Trapezoid): number {
  const width = (right[0] - left[0] + right[1] - left[1]) / 2
  return Math.max(0, width) * (lat[1] - lat[0]) * Math.cos(((lat[0] + lat[1]) * Math.PI) / 360)
}

/** `t` in [0, 1): how much of the ground lies below; then evenly from side to side. */
function pointIn({ lat, left, right }: Trapezoid, t: number, v: number): Point {
  const [w0, w1] = [right[0] - left[0], right[1] - left[1]]
  const slope = w1 - w0
  const height = Math.abs(slope) < 1e-12 ? t : (Math.sqrt(w0 * w0 + t * (w1 * w1 - w0 * w0)) - w0) / slope
  const h = Math.min(1, Math.max(0, height))
  const from = left[0] + (left[1] - left[0]) * h
  const to = right[0] + (right[1] - right[0]) * h
  return { lat: lat[0] + (lat[1] - lat[0]) * h, lng: from + (to - from) * v }
}

/** The first whose end lies behind `at`. */
function findEnd(ends: readonly number[], at: number): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ends[middle] ?? 0) > at) high = middle
    else low = middle + 1
  }
  return low
}
