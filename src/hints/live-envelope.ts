/** What the live index holds of an envelope: its hint cell and what a hint shows, never its point. */
import type { Cell } from '../geo/cell.ts'

export type LiveEnvelope = {
  id: string
  /** Resolution 10, the finest cell that a hint may depend on. */
  cell10: Cell
  /** Resolution 7: the unit that servers watch. */
  cell7: Cell
  kind: 'player' | 'merchant'
  hiderId: string
  audience: 'anyone' | 'players' | 'passphrase'
  /** For audience `players`: who may see it. */
  guestIds?: readonly string[]
  presence?: 'code'
  /** Several players reported it: it is shown last in its band. */
  isReported?: true
  greeting?: string
  brand?: string
  clue?: string
}
