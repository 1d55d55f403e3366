/** Puts a set of points somewhere else on Earth, so that the demo plays where the developer sits. */
import { parsePoint, type Point, wrapLng } from '../../geo/point.ts'
import { UsageFault } from './usage-fault.ts'

const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** The mean of the points, on a map that is cut opposite the first one, so that the antimeridian divides nothing. */
export function centroidOf(points: readonly Point[]): Point {
  const origin = points[0]?.lng ?? 0
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    lat: mean(points.map(({ lat }) => lat)),
    lng: wrapLng(origin + mean(points.map(({ lng }) => wrapLng(lng - origin)))),
  }
}

/**
 * Moves all points as one from around `from` to around `to`; distances stay true to a few per mil within some
 * kilometres. Throws a {@link UsageFault} where the points do not fit, right at a pole.
 */
export function shiftAll<P extends Point>(
  points: readonly P[],
  { from, to }: { from: Point; to: Point },
): P[] {
  const stretch = Math.cos(radians(from.lat)) / Math.cos(radians(to.lat))
  return points.map(point => {
    const lat = round(to.lat + point.lat - from.lat)
    const lng = round(wrapLng(to.lng + wrapLng(point.lng - from.lng) * stretch))
    const moved = Math.abs(lat) < 89 ? parsePoint({ lat, lng }) : undefined
    if (moved === undefined) throw new UsageFault('--around: too near to a pole')
    return { ...point, ...moved }
  })
}

/** A centimetre; more digits say nothing. */
const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7

/** The point of `LAT,LNG` as typed after `--around`. */
export function readAround(text: string): Point {
  const [lat, lng, ...more] = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  const point = more.length === 0 ? parsePoint({ lat, lng }) : undefined
  if (point !== undefined) return point
  throw new UsageFault(`--around takes LAT,LNG in degrees (--around=-33.857,151.215), not ${text}`)
}
