/**
 * Where the envelopes of a drop go, from the area that the exclusions leave. Seconds of computing for 50,000 places, so
 * only a worker loads this file (place-task.ts). All chance comes from the seed: what was previewed is what is dropped.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { boxAround } from '../geo/box.ts'
import { type Cell, coarsen, locateCell } from '../geo/cell.ts'
import { fillCells, isInside } from '../geo/fill.ts'
import { type Places, toPlaces } from '../geo/places.ts'
import { parsePoint, type Point } from '../geo/point.ts'
import { cellPolygon } from '../geo/polygon.ts'
import { createSpacing, type Spacing } from '../geo/spacing.ts'
import { type Polygons, spreadOver } from '../geo/spread.ts'
import type { PlaceRequest, Placed } from './placing.ts'

/** For each place that is wanted, tries that the spacing may refuse. */
const TRIES = 30

type Found = Omit<Placed, 'places' | 'cells'> & { points: Point[] }

export function placeEnvelopes(request: PlaceRequest): Placed {
  const { points, ...found } = findPoints(request)
  return { ...found, places: toPlaces(points), cells: countByCell(points) }
}

function findPoints({ strategy, seed, spacingM, free, others }: PlaceRequest): Found {
  const spacing =
    spacingM === undefined ? undefined : createSpacing({ spacingM, ...boundsOf(free, spacingM) })
  if (spacing) for (const other of listPoints(others)) spacing.take(other)
  const context = { free, spacing, draw: createDraw(seed) }
  if (strategy.type === 'uniform') return placeUniform(context, strategy.envelopes)
  if (strategy.type === 'cells') return placeInCells(context, fillCells(free, strategy.resolution))
  return placeGiven(context, strategy.places)
}

type Context = { free: Polygons; spacing: Spacing | undefined; draw: () => number }

function placeUniform({ free, spacing, draw }: Context, wanted: number): Found {
  const spread = spreadOver(free)
  const points: Point[] = []
  for (let tries = 0; spread && points.length < wanted && tries < wanted * TRIES; tries++) {
    const point = spread.pointAt(draw(), draw())
    if (spacing && !spacing.hasRoom(point)) continue
    spacing?.take(point)
    points.push(point)
  }
  return { points, missing: wanted - points.length, cellsWithoutRoom: 0, crowded: [] }
}

/** Anywhere in the cell: its centre would be known to whoever sees the hint. */
function placeInCells({ free, spacing, draw }: Context, cells: readonly Cell[]): Found {
  const points: Point[] = []
  for (const cell of cells) {
    const { type, coordinates } = cellPolygon(cell)
    const spread = spreadOver((type === 'Polygon' ? [coordinates] : coordinates) as Polygons)
    for (let tries = 0; spread && tries < TRIES; tries++) {
      const point = spread.pointAt(draw(), draw())
      if (!isInside(free, point) || spacing?.hasRoom(point) === false) continue
      spacing?.take(point)
      points.push(point)
      break
    }
  }
  return { points, missing: 0, cellsWithoutRoom: cells.length - points.length, crowded: [] }
}

function placeGiven({ spacing }: Context, places: Places): Found {
  const crowded: number[] = []
  const points = [...listPoints(places)]
  for (const [i, point] of points.entries()) {
    if (spacing?.hasRoom(point) === false) crowded.push(i)
    spacing?.take(point)
  }
  return { points, missing: 0, cellsWithoutRoom: 0, crowded }
}

function* listPoints({ lngs, lats }: Places): Generator<Point> {
  for (let i = 0; i < lngs.length; i++) {
    const point = parsePoint({ lng: lngs[i], lat: lats[i] })
    assert(point, 'places are points')
    yield point
  }
}

/** Of resolution 9, the fullest first. */
function countByCell(points: readonly Point[]): Placed['cells'] {
  const counts = new Map<Cell, number>()
  for (const point of points) {
    const cell = coarsen(locateCell(point), 9)
    counts.set(cell, (counts.get(cell) ?? 0) + 1)
  }
  return [...counts]
    .map(([hex_id, envelopes]) => ({ hex_id, envelopes }))
    .sort((a, b) => b.envelopes - a.envelopes || (a.hex_id < b.hex_id ? -1 : 1))
}

/** The merchant's other envelopes lie as far outside as the spacing. */
function boundsOf(free: Polygons, spacingM: number): { near: Point; highestLat: number } {
  const { west, south, north } = boxAround(free, spacingM)
  return { near: { lat: south, lng: west }, highestLat: Math.max(Math.abs(south), Math.abs(north)) }
}

/** Numbers in [0, 1) with 48 bits, from SHAKE256 of the seed: the same everywhere, for ever. */
function createDraw(seed: string): () => number {
  let block = 0
  let bytes = Buffer.alloc(0)
  let offset = 0
  return () => {
    if (offset === bytes.length) {
      bytes = createHash('shake256', { outputLength: 6_144 })
        .update(`hexbao-drop-v1\n${seed}\n${block++}`)
        .digest()
      offset = 0
    }
    offset += 6
    return bytes.readUIntBE(offset - 6, 6) / 2 ** 48
  }
}
