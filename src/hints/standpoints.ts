/**
 * The res-10 cells that players stand in, and how many envelopes lie within 1 and 2 km of each. A disk of 2 km is a
 * thousand cells: counted once when somebody comes to stand there, and from then on each envelope that comes or goes
 * is one distance for each cell that is stood in nearby. So a change costs little, and reaches only whom it concerns.
 */
import { limits } from '#protocol/limits.ts'
import { type Cell, centreOf } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import type { Point } from '../geo/point.ts'
import { cells7Around } from './area.ts'
import { bandOf, roundCount, type Warmth } from './band.ts'
import type { CellChange } from './live-cells.ts'
import type { LiveIndex } from './live-index.ts'

export type StandpointIndex = Pick<LiveIndex, 'watch' | 'unwatch' | 'onChange' | 'isLoaded' | 'openCountsIn'>

export type Standpoints = {
  /** Counted: each watch needs its unwatch. Loading begins at once. */
  watch(cell10: Cell): void
  unwatch(cell10: Cell): void
  /** Of a watched cell; `undefined` until everything within 2 km is loaded. */
  warmthAt(cell10: Cell): Warmth | undefined
}

type Counts = { near: number; far: number }
type Standpoint = {
  cell10: Cell
  centre: Point
  area: readonly Cell[]
  watchers: number
  /** Undefined until the area is loaded. */
  counts: Counts | undefined
}

const [nearM, farM] = limits.hint.warmthRadiiM

/** `onChange` is called with a watched cell when what can be seen from it is loaded or has changed. */
export function createStandpoints(index: StandpointIndex, onChange: (cell10: Cell) => void): Standpoints {
  const standpoints = new Map<Cell, Standpoint>()
  const byCell7 = new Map<Cell, Set<Standpoint>>()

  index.onChange(change => {
    const cell7 = change.type === 'loaded' ? change.cell7 : change.envelope.cell7
    for (const standpoint of byCell7.get(cell7) ?? []) {
      const isConcerned = change.type === 'loaded' ? count(index, standpoint) : recount(standpoint, change)
      if (isConcerned) onChange(standpoint.cell10)
    }
  })

  return {
    watch(cell10) {
      const known = standpoints.get(cell10)
      if (known !== undefined) {
        known.watchers++
        return
      }
      const standpoint: Standpoint = {
        cell10,
        centre: centreOf(cell10),
        area: cells7Around(cell10),
        watchers: 1,
        counts: undefined,
      }
      standpoints.set(cell10, standpoint)
      for (const cell7 of standpoint.area)
        byCell7.set(cell7, (byCell7.get(cell7) ?? new Set()).add(standpoint))
      index.watch(standpoint.area)
      count(index, standpoint)
    },
    unwatch(cell10) {
      const standpoint = standpoints.get(cell10)
      if (standpoint === undefined || --standpoint.watchers > 0) return
      standpoints.delete(cell10)
      for (const cell7 of standpoint.area) {
        const others = byCell7.get(cell7)
        others?.delete(standpoint)
        if (others?.size === 0) byCell7.delete(cell7)
      }
      index.unwatch(standpoint.area)
    },
    warmthAt(cell10) {
      const counts = standpoints.get(cell10)?.counts
      return counts && describeCounts(counts)
    },
  }
}

const describeCounts = ({ near, far }: Counts): Warmth => ({
  within1Km: roundCount(near),
  within2Km: roundCount(far),
})

/** Counts everything once, when the whole area is loaded; `true` when that was now. */
function count(index: StandpointIndex, standpoint: Standpoint): boolean {
  if (standpoint.counts !== undefined || !index.isLoaded(standpoint.area)) return false
  const counts: Counts = { near: 0, far: 0 }
  for (const cell7 of standpoint.area) {
    for (const [cell10, envelopes] of index.openCountsIn(cell7)) {
      addTo(counts, measureM(standpoint.centre, centreOf(cell10)), envelopes)
    }
  }
  standpoint.counts = counts
  return true
}

/** Takes one envelope in or out; `true` when it can be seen from there or changes the warmth. */
function recount(standpoint: Standpoint, { type, envelope }: CellChange): boolean {
  const { counts, cell10 } = standpoint
  const distanceM = measureM(standpoint.centre, centreOf(envelope.cell10))
  if (counts === undefined || distanceM > farM) return false
  const before = describeCounts(counts)
  // Only what everybody may claim is counted, so that the warmth of a cell is the same for all who stand in it.
  if (envelope.audience !== 'players') addTo(counts, distanceM, type === 'added' ? 1 : -1)
  const now = describeCounts(counts)
  const isWarmthNew = before.within1Km !== now.within1Km || before.within2Km !== now.within2Km
  return isWarmthNew || bandOf(cell10, envelope.cell10) !== undefined
}

function addTo(counts: Counts, distanceM: number, envelopes: number): void {
  if (distanceM <= nearM) counts.near += envelopes
  if (distanceM <= farM) counts.far += envelopes
}
