/**
 * A proximity hint is a location oracle: exact distances give an envelope away in 3 probes, bands of the true
 * distance in 30, noise averages out. So a hint is a function of two res-10 cells and of nothing else. All
 * points of one cell are indistinguishable, whatever is asked and however often; and one table per cell serves
 * every player in it.
 */
import { limits } from '#protocol/limits.ts'
import { LRUCache } from 'lru-cache'
import { type Cell, centreOf } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { neighboursWithin } from '../geo/neighbourhood.ts'

export type Band = 'here' | 'hot' | 'warm' | 'cool'

/** Nearest first: the order in which hints are shown. */
export const BANDS: readonly Band[] = ['here', 'hot', 'warm', 'cool']

/** How many envelopes, to the power of ten and no finer. */
export type Count = '0' | '1+' | '10+' | '100+'
export type Warmth = { within1Km: Count; within2Km: Count }

const HOT_M = 150
const WARM_M = 300
/** The publish radius: beyond it an envelope is not listed. */
const COOL_M = limits.envelope.publishRadiusM

/** 55 entries each: 4,000 tables hold every cell of a large town. */
const tables = new LRUCache<Cell, ReadonlyMap<Cell, Band>>({ max: 4000 })

/**
 * The band of an envelope's res-10 cell seen from a player's, by the great circle between the two centres (grid
 * distance fails near pentagons): same cell, up to 150 m, 300 m, 500 m; `undefined` beyond.
 */
export function bandOf(playerCell10: Cell, envelopeCell10: Cell): Band | undefined {
  if (playerCell10 === envelopeCell10) return 'here'
  const distanceM = measureM(centreOf(playerCell10), centreOf(envelopeCell10))
  if (distanceM <= HOT_M) return 'hot'
  if (distanceM <= WARM_M) return 'warm'
  return distanceM <= COOL_M ? 'cool' : undefined
}

/** Every res-10 cell that has a band from `cell10`, with it, nearest ring first; computed once per cell and shared. */
export function bandsAround(cell10: Cell): ReadonlyMap<Cell, Band> {
  const known = tables.get(cell10)
  if (known) return known
  const bands = new Map<Cell, Band>()
  for (const neighbour of neighboursWithin(cell10, COOL_M)) {
    const band = bandOf(cell10, neighbour)
    if (band) bands.set(neighbour, band)
  }
  tables.set(cell10, bands)
  return bands
}

export function roundCount(count: number): Count {
  if (count >= 100) return '100+'
  if (count >= 10) return '10+'
  return count >= 1 ? '1+' : '0'
}
