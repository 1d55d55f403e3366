/** Who stands where: which sessions hear of a res-7 cell, and which cells the live index is to hold for them. */
import type { Cell } from '../geo/cell.ts'
import type { LiveIndex } from '../hints/live-index.ts'
import type { Ticker, Ticking } from './ticker.ts'

export type Areas = {
  /** The session is told of these cells from now on, and of no others. */
  move(session: Ticking, cells7: readonly Cell[]): void
  leave(session: Ticking): void
  close(): void
}

export type AreaPorts = { index: Pick<LiveIndex, 'watch' | 'unwatch' | 'onChange'>; ticker: Ticker }

export function createAreas({ index, ticker }: AreaPorts): Areas {
  const areaOf = new Map<Ticking, readonly Cell[]>()
  const sessionsIn = new Map<Cell, Set<Ticking>>()
  const ignoreChanges = index.onChange(cell7 => sessionsIn.get(cell7)?.forEach(ticker.mark))

  function enter(session: Ticking, cells7: readonly Cell[]): void {
    areaOf.set(session, cells7)
    index.watch(cells7)
    for (const cell7 of cells7) {
      const sessions = sessionsIn.get(cell7) ?? new Set()
      sessionsIn.set(cell7, sessions.add(session))
    }
  }

  function leave(session: Ticking): void {
    const cells7 = areaOf.get(session) ?? []
    areaOf.delete(session)
    index.unwatch(cells7)
    for (const cell7 of cells7) {
      const sessions = sessionsIn.get(cell7)
      sessions?.delete(session)
      if (sessions?.size === 0) sessionsIn.delete(cell7)
    }
  }

  return {
    move(session, cells7) {
      if (areaOf.get(session) === cells7) return
      // The new area is watched before the old one is let go: what they share stays loaded.
      const before = areaOf.get(session) ?? []
      index.watch(before)
      leave(session)
      enter(session, cells7)
      index.unwatch(before)
    },
    leave,
    close() {
      ignoreChanges()
      for (const session of areaOf.keys()) leave(session)
    },
  }
}
