/**
 * What an attacker may suppose of a build: that it measures from the very point where the player stands, or from the
 * centre of a cell around it, to the very point of the envelope, or to the centre of a cell around that. Which of them
 * is so the attacker finds out with an envelope of their own, whose place they know.
 */
import { cellToLatLng, cellToParent, latLngToCell } from 'h3-js'
import type { Point } from '../../src/geo/point.ts'

export type Snap = 'point' | 10 | 11 | 12

export type Hypothesis = {
  stands: Snap
  lies: Snap
  /** How near is `near`. */
  nearM: number
}

/** What was heard at a place: a distance between two bounds, near or far, or the hint cell itself. */
export type Observation =
  | { at: Point; minM: number; maxM: number }
  | { at: Point; isNear: boolean }
  | { cell: string }

const snaps: readonly Snap[] = ['point', 12, 11, 10]

/** Of hints, warmth and reach: `nearM` is the claim radius, which everybody is told. */
export const distanceHypotheses = (nearM: number): Hypothesis[] =>
  snaps.flatMap(stands => snaps.map(lies => ({ stands, lies, nearM })))

/** Less than from any cell to the next. */
const SAME_CELL_M = 1

/** Of a place that is taken: too near to another one, or in the same cell. */
export const crowdHypotheses = (nearM: number): Hypothesis[] =>
  snaps.map(snap => ({ stands: snap, lies: snap, nearM: snap === 'point' ? nearM : SAME_CELL_M }))

export const nameOf = ({ stands, lies }: Hypothesis): string => {
  const name = (snap: Snap) => (snap === 'point' ? 'point' : `cell ${snap}`)
  return `${name(stands)} to ${name(lies)}`
}

/** A point is located once, at resolution 12; coarser cells are parents of that one, as the published rules say. */
export const cellAt = ({ lat, lng }: Point, resolution: 10 | 11 | 12): string =>
  cellToParent(latLngToCell(lat, lng, 12), resolution)

export const centreOf = (cell: string): Point => {
  const [lat, lng] = cellToLatLng(cell)
  return { lat, lng }
}

export const snapTo = (point: Point, snap: Snap): Point =>
  snap === 'point' ? point : centreOf(cellAt(point, snap))
