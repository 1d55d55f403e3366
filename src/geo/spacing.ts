/** Keeps points apart: a grid of squares as wide as the spacing, so that only nine of them are looked at. */
import { METRES_A_DEGREE } from './box.ts'
import { measureM } from './distance.ts'
import { type Point, wrapLng } from './point.ts'

export type Spacing = {
  /** Whether it is far enough from every point that was taken. */
  hasRoom(point: Point): boolean
  take(point: Point): void
}

/**
 * `near` is any point of the area, `highestLat` the largest latitude without sign: degrees of longitude are taken to be
 * as short as there, so that points that are near each other are in squares next to each other, also across ±180.
 */
export function createSpacing({
  spacingM,
  near,
  highestLat,
}: {
  spacingM: number
  near: Point
  highestLat: number
}): Spacing {
  const squares = new Map<number, Point[]>()
  const narrow = Math.cos((highestLat * Math.PI) / 180)
  const squareOf = ({ lat, lng }: Point) =>
    [
      Math.floor((wrapLng(lng - near.lng) * METRES_A_DEGREE * narrow) / spacingM),
      Math.floor(((lat - near.lat) * METRES_A_DEGREE) / spacingM),
    ] as const
  const keyOf = (x: number, y: number) => x * 100_000_000 + y
  return {
    hasRoom(point) {
      const [x, y] = squareOf(point)
      for (let dx = -1; dx <= 1; dx++) {
        for (let dy = -1; dy <= 1; dy++) {
          const others = squares.get(keyOf(x + dx, y + dy)) ?? []
          if (others.some(other => measureM(point, other) < spacingM)) return false
        }
      }
      return true
    },
    take(point) {
      const key = keyOf(...squareOf(point))
      const square = squares.get(key)
      if (square === undefined) squares.set(key, [point])
      else square.push(point)
    },
  }
}
