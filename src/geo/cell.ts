/**
 * H3 cells, the only thing of a place that rules, keys and frames may carry. A point is located once, at resolution 12;
 * every coarser cell is a *parent* of that one. Locating the point again at a coarser resolution disagrees with the
 * parent for 7 % of points, and the pair of answers leaks where in the cell the point is: so this is the only module of
 * the project that calls `latLngToCell`, and no other function takes a point.
 *
 * SQL derives parents by the same bits (an unused digit is 7), as generated columns:
 *   parent(cell, r) = (cell & ~(15 << 52)) | (r << 52) | ((1 << 3 * (15 - r)) - 1)
 */
import assert from 'node:assert/strict'
import { cellToLatLng, getResolution, isValidCell, latLngToCell } from 'h3-js'
import type { Point } from './point.ts'

declare const cellBrand: unique symbol

/** An H3 index in its 15 hexadecimal digits. */
export type Cell = string & { readonly [cellBrand]: true }

/** 12: reveal, claim, presence. 10: hints. 9: people, statistics. 7: shards of the live index. */
export type Resolution = 12 | 10 | 9 | 7

const FINEST: Resolution = 12

/**
 * The centres that were asked for lately: of `older` those that nobody asked for since are forgotten. Asking is a look
 * into a Map, where a cache that keeps its entries in order would write with each.
 */
const CENTRES_REMEMBERED = 25_000
let [recent, older] = [new Map<Cell, Point>(), new Map<Cell, Point>()]

/** The res-12 cell of a canonical point (`parsePoint`). */
export function locateCell({ lat, lng }: Point): Cell {
  assert(Math.abs(lat) <= 90 && Math.abs(lng) <= 180, 'a point is parsed before it is located')
  return latLngToCell(lat, lng, FINEST) as Cell
}

/** The ancestor of `cell` at `resolution`; the cell itself when it is already there. Asserts that it is not finer. */
export function coarsen(cell: Cell, resolution: Resolution): Cell {
  const from = Number.parseInt(cell.charAt(1), 16)
  assert(from >= resolution, 'a cell never becomes finer')
  if (from === resolution) return cell
  // The bits of the comment above, in text: what is not used any more are the last 9 to 24 of them.
  const bits = 3 * (15 - resolution)
  const head = 15 - Math.ceil(bits / 4)
  const tail = Number.parseInt(cell.slice(head), 16) | ((1 << bits) - 1)
  return `8${resolution.toString(16)}${cell.slice(2, head)}${tail.toString(16).padStart(15 - head, '0')}` as Cell
}

export function resolutionOf(cell: Cell): number {
  return getResolution(cell)
}

/** The centre of a cell, remembered: hints and presence ask for the same few thousand over and over. */
export function centreOf(cell: Cell): Point {
  const known = recent.get(cell)
  if (known !== undefined) return known
  const centre = older.get(cell) ?? computeCentre(cell)
  if (recent.size >= CENTRES_REMEMBERED) [recent, older] = [new Map(), recent]
  recent.set(cell, centre)
  return centre
}

/** `centreOf` without the memory, for sweeps over thousands of cells that would flush it. */
export function computeCentre(cell: Cell): Point {
  const [lat, lng] = cellToLatLng(cell)
  return { lat, lng }
}

/**
 * A cell that came from outside (a key, a frame, a file): `undefined` unless it is a valid one in canonical
 * spelling.
 */
export function parseCell(text: unknown): Cell | undefined {
  return typeof text === 'string' && /^[0-9a-f]{15}$/.test(text) && isValidCell(text)
    ? (text as Cell)
    : undefined
}

/** The cell as PostgreSQL keeps it. The top bit of an H3 index is 0, so it fits a signed bigint. */
export function toBigInt(cell: Cell): bigint {
  return BigInt(`0x${cell}`)
}

/** The cell of a PostgreSQL bigint, which `pg` returns as a decimal string. Asserts that it is one. */
export function fromBigInt(value: bigint | string): Cell {
  const cell = parseCell(BigInt(value).toString(16))
  assert(cell, 'a stored cell is a valid cell')
  return cell
}
