/**
 * Where the envelopes of a drop go, from the area that the exclusions leave. Pure but for the turns that it lets others
 * have: 50,000 places are some hundred milliseconds of computing. All chance comes from the seed, so that what was
 * previewed is what is dropped.
 */
import { createHash } from 'node:crypto'
import type { DropOrder } from '#protocol/rest/drops.ts'
import { breathe } from '#platform/breathe.ts'
import type { Cell } from '../geo/cell.ts'
import { fillCells, isInside } from '../geo/fill.ts'
import { parsePosition, type Point } from '../geo/point.ts'
import { cellPolygon } from '../geo/polygon.ts'
import { createSpacing, type Spacing } from '../geo/spacing.ts'
import { type Polygons, spreadOver } from '../geo/spread.ts'

export type PlaceRequest = {
  strategy: DropOrder['strategy']
  seed: string
  spacingM: number | undefined
  free: Polygons
  /** Where the merchant's other envelopes are. */
  others: readonly Point[]
}

export type Placed = {
  points: Point[]
  /** Wanted, and not placed: the spacing leaves no room. */
  missing: number
  /** Cells of which too little is left to hide in. */
  cellsWithoutRoom: number
  /** Of given points: the numbers of those that are too near another. */
  crowded: number[]
}

/** For each place that is wanted, tries that the spacing may refuse. */
const TRIES = 30
/** About a millisecond. */
const TURN = 500

export async function placeEnvelopes(request: PlaceRequest): Promise<Placed> {
  const { strategy, spacingM, free, others } = request
  const spacing = spacingM === undefined ? undefined : createSpacing({ spacingM, ...boundsOf(free) })
  for (const other of others) spacing?.take(other)
  const context = { free, spacing, draw: createDraw(request.seed) }
  if (strategy.type === 'uniform') return placeUniform(context, strategy.envelopes)
  if (strategy.type === 'cells') return placeInCells(context, fillCells(free, strategy.resolution))
  return placeGiven(context, strategy.points.coordinates)
}

type Context = { free: Polygons; spacing: Spacing | undefined; draw: () => number }

async function placeUniform({ free, spacing, draw }: Context, wanted: number): Promise<Placed> {
  const spread = spreadOver(free)
  const points: Point[] = []
  for (let tries = 0; spread && points.length < wanted && tries < wanted * TRIES; tries++) {
    if (tries % TURN === 0) await breathe()
    const point = spread.pointAt(draw(), draw())
    if (spacing && !spacing.hasRoom(point)) continue
    spacing?.take(point)
    points.push(point)
  }
  return { points, missing: wanted - points.length, cellsWithoutRoom: 0, crowded: [] }
}

/** Anywhere in the cell: its centre would be known to whoever sees the hint. */
async function placeInCells({ free, spacing, draw }: Context, cells: readonly Cell[]): Promise<Placed> {
  const points: Point[] = []
  for (const [i, cell] of cells.entries()) {
    if (i % (TURN / 10) === 0) await breathe()
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

async function placeGiven(
  { spacing }: Context,
  coordinates: readonly (readonly number[])[],
): Promise<Placed> {
  const crowded: number[] = []
  const points = coordinates.map((position, i) => {
    const point = parsePosition(position) ?? { lat: 0, lng: 0 }
    if (spacing?.hasRoom(point) === false) crowded.push(i)
    spacing?.take(point)
    return point
  })
  return { points, missing: 0, cellsWithoutRoom: 0, crowded }
}

function boundsOf(free: Polygons): { near: Point; highestLat: number } {
  const positions = free.flat(2)
  const [lng = 0, lat = 0] = positions[0] ?? []
  return { near: { lat, lng }, highestLat: Math.max(0, ...positions.map(([, lat]) => Math.abs(lat))) }
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
