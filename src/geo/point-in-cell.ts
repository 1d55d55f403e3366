/**
 * A point somewhere in a cell, every part of it as likely as any other: what a camera may be shown of a place that
 * stays secret. It is made of the cell and of chance alone, so that no number of them says more than the cell does.
 *
 * A cell is a fan of triangles around its centre. One is drawn by its area, and a point in it by the square root
 * trick for triangles (Osada et al. 2002, "Shape Distributions", 4.2), on the sphere's chords: cells of resolution 12
 * are 20 m wide, where chord and arc differ by less than a nanometre, and no pole or antimeridian is in the way.
 */
import assert from 'node:assert/strict'
import { cellToBoundary } from 'h3-js'
import { type Cell, centreOf, locateCell, resolutionOf } from './cell.ts'
import { type Point, wrapLng } from './point.ts'

type Vector = readonly [number, number, number]

/** Boundaries are rounded a little differently than points are located: one draw in millions falls outside. */
const ATTEMPTS = 20
/** A centimetre. */
const DECIMALS = 1e7
const RADIANS = Math.PI / 180

/** `chance` gives numbers in [0, 1), three for a draw; the same ones give the same point. */
export function pointInCell(cell: Cell, chance: () => number): Point {
  assert(resolutionOf(cell) === 12, 'places are cells of resolution 12')
  const centre = toVector(centreOf(cell))
  const corners = cellToBoundary(cell).map(([lat, lng]) => toVector({ lat, lng }))
  const fan = corners.map((corner, i) => [corner, corners[(i + 1) % corners.length] ?? corner] as const)
  const areas = fan.map(([a, b]) => areaOf(centre, a, b))
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [a, b] = fan[pickByWeight(areas, chance())] ?? [centre, centre]
    const [outward, along] = [Math.sqrt(chance()), chance()]
    const point = toPoint(combine([centre, 1 - outward], [a, outward * (1 - along)], [b, outward * along]))
    if (locateCell(point) === cell) return point
  }
  return centreOf(cell)
}

function pickByWeight(weights: readonly number[], chance: number): number {
  let left = chance * weights.reduce((sum, weight) => sum + weight, 0)
  const picked = weights.findIndex(weight => (left -= weight) < 0)
  return picked === -1 ? weights.length - 1 : picked
}

function toVector({ lat, lng }: Point): Vector {
  const [north, east] = [lat * RADIANS, lng * RADIANS]
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)]
}

function toPoint([x, y, z]: Vector): Point {
  const [lat, lng] = [Math.atan2(z, Math.hypot(x, y)) / RADIANS, Math.atan2(y, x) / RADIANS]
  const round = (degrees: number) => Math.round(degrees * DECIMALS) / DECIMALS + 0
  return { lat: round(lat), lng: wrapLng(round(lng)) }
}

const combine = (...parts: readonly [Vector, number][]): Vector => {
  const along = (axis: 0 | 1 | 2) => parts.reduce((sum, [vector, weight]) => sum + vector[axis] * weight, 0)
  return [along(0), along(1), along(2)]
}

/** Half the length of the cross product. */
function areaOf(a: Vector, b: Vector, c: Vector): number {
  const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
  const [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]]
  return Math.hypot(uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx) / 2
}
