/**
 * The heat map: in which cells how many different players have won, told so that no answer, and no two answers, point at
 * a few of them. Three rules do that, and none of them needs a memory: they follow from claims, which never change.
 *
 * 1. Time stands on fixed windows, whole hours; there is no period to ask for. A window is over a minute after its end,
 *    because a claim commits after its time (as statements have it).
 * 2. The map moves on to the end of a window only when k players who are new to the campaign lie behind the last one: so
 *    what differs between two maps is the doing of k people at least, whatever else is known of that hour.
 * 3. A cell tells its players rounded down to a multiple of k, nothing below k. So the sum over the cells says nothing of
 *    the cell that is missing: each of the others holds back up to k - 1 players, too.
 */
import type { Cell } from '../geo/cell.ts'
import type { Finders } from './ports.ts'

export type HeatMap = {
  /** The end of the last window that the map tells of. */
  asOfMs: number | undefined
  finders: ReadonlyMap<Cell, number>
}

/** The end of the last window that is over. */
export const lastWindowEnd = (nowMs: number, { windowMs, lateMs }: { windowMs: number; lateMs: number }) =>
  Math.floor((nowMs - lateMs) / windowMs) * windowMs

/** `firsts` in the order of their windows, all of them over; `k` players at least. */
export function drawHeatMap(
  firsts: readonly Finders[],
  { k, windowMs }: { k: number; windowMs: number },
): HeatMap {
  let untold = 0
  let lastTold: number | undefined
  for (const { windowNo, cell, players } of firsts) {
    if (cell !== undefined) continue
    untold += players
    if (untold < k) continue
    untold = 0
    lastTold = windowNo
  }
  const found = new Map<Cell, number>()
  for (const { windowNo, cell, players } of firsts) {
    if (cell === undefined || lastTold === undefined || windowNo > lastTold) continue
    found.set(cell, (found.get(cell) ?? 0) + players)
  }
  const rounded = [...found].map(([cell, players]) => [cell, Math.floor(players / k) * k] as const)
  return {
    asOfMs: lastTold === undefined ? undefined : (lastTold + 1) * windowMs,
    finders: new Map(rounded.filter(([, players]) => players > 0)),
  }
}
