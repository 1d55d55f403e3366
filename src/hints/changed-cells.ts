/**
 * Cells in which a drop opened or closed hundreds at once: nobody sends 50,000 messages, those who watch read the cell
 * again. However often it is said, a cell is read once a second at most; what a failed reading missed comes with the
 * next turn of the index.
 */
import type { Cancel, Clock } from '#platform/clock.ts'
import type { Cell } from '../geo/cell.ts'

const READ_AFTER_MS = 1_000

export function createChangedCells(clock: Clock, reread: (cells7: readonly Cell[]) => Promise<void>) {
  const changed = new Set<Cell>()
  let cancel: Cancel | undefined

  function read(): void {
    cancel = undefined
    const cells7 = [...changed]
    changed.clear()
    void reread(cells7)
  }

  return {
    add(cell7: Cell): void {
      changed.add(cell7)
      cancel ??= clock.after(READ_AFTER_MS, read)
    },
    stop: (): void => cancel?.(),
  }
}
