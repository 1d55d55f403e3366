/** Who stands where: which sessions are told when something changes that can be seen from a res-10 cell. */
import type { Cell } from '../geo/cell.ts'
import type { Around } from '../hints/around.ts'
import type { Ticker, Ticking } from './ticker.ts'

export type Crowd = {
  /** The session stands in this cell from now on, and in no other. */
  move(session: Ticking, cell10: Cell): void
  leave(session: Ticking): void
}

export type CrowdPorts = { around: Pick<Around, 'watch' | 'unwatch' | 'onChange'>; ticker: Ticker }

export function createCrowd({ around, ticker }: CrowdPorts): Crowd {
  const cellOf = new Map<Ticking, Cell>()
  const sessionsAt = new Map<Cell, Set<Ticking>>()
  around.onChange(cell10 => sessionsAt.get(cell10)?.forEach(ticker.mark))

  function leave(session: Ticking): void {
    const cell10 = cellOf.get(session)
    if (cell10 === undefined) return
    cellOf.delete(session)
    const sessions = sessionsAt.get(cell10)
    sessions?.delete(session)
    if (sessions?.size === 0) sessionsAt.delete(cell10)
    around.unwatch(cell10)
  }

  return {
    move(session, cell10) {
      if (cellOf.get(session) === cell10) return
      // The new cell is watched before the old one is let go: what both see stays loaded.
      around.watch(cell10)
      leave(session)
      cellOf.set(session, cell10)
      sessionsAt.set(cell10, (sessionsAt.get(cell10) ?? new Set()).add(session))
    },
    leave,
  }
}
