/**
 * Where an envelope may lie, given all that was heard and a hypothesis of how it came about: cells of 80 m are kept or
 * thrown away, the kept ones are divided by seven, down to a metre or to the cell that the hypothesis cannot look into.
 * A cell is thrown away only where no point of it explains an answer, so the region is never too small.
 */
import {
  cellArea,
  cellToBoundary,
  cellToChildren,
  cellToParent,
  getResolution,
  gridDisk,
  latLngToCell,
  UNITS,
} from 'h3-js'
import { measureM } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { cellAt, centreOf, type Hypothesis, type Observation, snapTo } from './hypothesis.ts'

export type Region = {
  cells: readonly string[]
  areaM2: number
  /** The best estimate. */
  centre: Point
  /** From the estimate to the farthest point. */
  radiusM: number
}

/** A square metre. */
const FINEST = 15
/** Where more is left than this, nothing finer is asked for. */
const MOST_CELLS = 20_000
/** Rings of cells are at least so far apart, and no cell of resolution 10 is larger: see geo/neighbourhood. */
const RING_M = 75
const CELL_RADIUS_M = 84
/** Children stick out of their parents, theirs out of them, and so on: by 6 % of the radius in all. */
const OVERHANG = 1.1

const radiusOf = (resolution: number): number => CELL_RADIUS_M / Math.sqrt(7) ** (resolution - 10)

type Check = { from: Point; minM: number; maxM: number }

export function findRegion(
  observations: readonly Observation[],
  hypothesis: Hypothesis,
  { around, reachM }: { around: Point; reachM: number },
): Region | undefined {
  const checks = listChecks(observations, hypothesis)
  const told = observations.flatMap(one => ('cell' in one ? [one.cell] : []))
  const finest = hypothesis.lies === 'point' ? FINEST : hypothesis.lies
  let cells = told.length > 0 ? [...new Set(told)] : cellsWithin(around, reachM)
  for (let resolution = 10; ; resolution++) {
    const slackM = resolution >= finest && finest !== FINEST ? 1e-6 : radiusOf(resolution) * OVERHANG
    cells = cells.filter(cell => explains(cell, checks, slackM))
    if (resolution === finest || cells.length > MOST_CELLS || cells.length === 0) break
    cells = cells.flatMap(cell => cellToChildren(cell, resolution + 1))
  }
  return cells.length === 0 ? undefined : measure(cells)
}

export function measure(cells: readonly string[]): Region {
  const areas = cells.map(cell => cellArea(cell, UNITS.m2))
  const areaM2 = areas.reduce((sum, area) => sum + area, 0)
  const [origin = { lat: 0, lng: 0 }] = cells.map(centreOf)
  // Offsets from one of them, so that the antimeridian divides nothing.
  const mean = (offset: (point: Point) => number) =>
    cells.reduce((sum, cell, i) => sum + offset(centreOf(cell)) * (areas[i] ?? 0), 0) / areaM2
  const centre = {
    lat: origin.lat + mean(({ lat }) => lat - origin.lat),
    lng: wrap(origin.lng + mean(({ lng }) => wrap(lng - origin.lng))),
  }
  const corners = cells.flatMap(cell => cellToBoundary(cell))
  const radiusM = corners.reduce((most, [lat, lng]) => Math.max(most, measureM(centre, { lat, lng })), 0)
  return { cells, areaM2, centre, radiusM }
}

export function covers({ cells }: Region, place: Point): boolean {
  const resolution = getResolution(cells[0] ?? '')
  if (resolution <= 12) return cells.includes(cellToParent(cellAt(place, 12), resolution))
  return cells.some(cell => measureM(centreOf(cell), place) <= radiusOf(resolution) * OVERHANG)
}

/** The same answer at places that the hypothesis does not tell apart is heard once. */
function listChecks(observations: readonly Observation[], hypothesis: Hypothesis): Check[] {
  const checks = new Map<string, Check>()
  for (const one of observations) {
    if ('cell' in one) continue
    const from = snapTo(one.at, hypothesis.stands)
    const { nearM } = hypothesis
    const [minM, maxM] =
      'minM' in one ? [one.minM, one.maxM] : one.isNear ? [0, nearM] : [nearM, Number.POSITIVE_INFINITY]
    checks.set(`${from.lat} ${from.lng} ${minM} ${maxM}`, { from, minM, maxM })
  }
  return [...checks.values()]
}

function explains(cell: string, checks: readonly Check[], slackM: number): boolean {
  const centre = centreOf(cell)
  return checks.every(({ from, minM, maxM }) => {
    const distanceM = measureM(from, centre)
    return distanceM + slackM > minM && distanceM - slackM <= maxM
  })
}

function cellsWithin({ lat, lng }: Point, reachM: number): string[] {
  const disk = gridDisk(latLngToCell(lat, lng, 10), Math.ceil(reachM / RING_M))
  return disk.filter(cell => measureM({ lat, lng }, centreOf(cell)) <= reachM + CELL_RADIUS_M)
}

const wrap = (degrees: number): number => degrees - 360 * Math.floor((degrees + 180) / 360)
