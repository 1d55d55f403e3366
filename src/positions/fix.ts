/** Fixes as the rules know them: WGS-84, one res-12 cell, nothing finer. */
import type { Cell } from '../geo/cell.ts'

/** A position as a client reports it: its res-12 cell, its 68 % radius, and the client's own time, for order only. */
export type ReportedFix = { cell: Cell; accuracyM: number; atMs?: number }

/** A fix as the track keeps it. */
export type Fix = ReportedFix & {
  receivedAtMs: number
  /** How fast a ride it is part of goes at least; absent where it may be none. */
  mps?: number
  /** The first one ever, often an old one of the phone: no place to be left behind until another agrees. */
  isFirst?: true
}
