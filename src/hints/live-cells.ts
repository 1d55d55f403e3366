/**
 * The envelopes of the res-7 cells that somebody watches, as messages and reads of the record leave them. Both are late
 * in their own way: a read shows the record as it was when it began, and messages may overtake each other. So every
 * entry and every end is stamped with a moment of this process, and a read changes nothing that a message said after
 * it began. An end is final, except `frozen`. What is written on an envelope may come and go while it lives: then it is
 * another entry, and who sees it is told.
 */
import assert from 'node:assert/strict'
import { LRUCache } from 'lru-cache'
import type { Cell } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import type { LiveEnvelope } from './live-envelope.ts'

/** The order in which this process learned things; grows with each. */
export type Moment = number

type Entry = { envelope: LiveEnvelope; since: Moment }
type CellContent = { entries: Map<string, Entry>; openCounts: Map<Cell, number> }

/** What became of one envelope in a cell that is kept. */
export type CellChange = { type: 'added' | 'removed'; envelope: LiveEnvelope }

export type Ended = { id: string; cell7: Cell; reason: EndReason }

/** What a read of the record that began at `readAt` found, and why what it did not find is live no longer. */
export type RecordRead = {
  envelopes: readonly LiveEnvelope[]
  ends: ReadonlyMap<string, EndReason>
  readAt: Moment
}

export type LiveCells = {
  keep(cell7: Cell): void
  drop(cell7: Cell): void
  /** The moment that a read of the record is given when it begins. */
  now(): Moment
  /** What a message says. Cells that are not kept are ignored. */
  open(envelope: LiveEnvelope): void
  end(ended: Ended): void
  /** Brings one cell to what the record said. */
  replace(cell7: Cell, read: RecordRead): void
  idsIn(cell7: Cell): Iterable<string>
  envelopesAt(cell10: Cell): readonly LiveEnvelope[]
  /** How many envelopes for everybody lie in each res-10 cell of a res-7 cell. */
  openCountsIn(cell7: Cell): ReadonlyMap<Cell, number>
  endOf(id: string): EndReason | undefined
}

/** Ends are remembered for the sessions that have not heard yet, and against messages that come late. */
const ENDS_REMEMBERED = 50_000

const nothing: ReadonlyMap<Cell, number> = new Map()

type Memory = {
  cells: Map<Cell, CellContent>
  byCell10: Map<Cell, LiveEnvelope[]>
  ends: LRUCache<string, { reason: EndReason; at: Moment }>
  moment: Moment
  onChange(change: CellChange): void
}

/** `onChange` hears of every envelope that comes or goes, but not of cells that are dropped. */
export function createLiveCells(onChange: (change: CellChange) => void): LiveCells {
  const memory: Memory = {
    onChange,
    cells: new Map(),
    byCell10: new Map(),
    ends: new LRUCache({ max: ENDS_REMEMBERED }),
    moment: 0,
  }
  const { cells, byCell10, ends } = memory
  return {
    keep: cell7 => {
      if (!cells.has(cell7)) cells.set(cell7, { entries: new Map(), openCounts: new Map() })
    },
    drop: cell7 => {
      for (const entry of cells.get(cell7)?.entries.values() ?? []) removeEntry(memory, entry)
      cells.delete(cell7)
    },
    now: () => ++memory.moment,
    open: envelope => openEnvelope(memory, envelope),
    end: ended => endEnvelope(memory, ended),
    replace: (cell7, read) => replaceCell(memory, cell7, read),
    idsIn: cell7 => cells.get(cell7)?.entries.keys() ?? [],
    envelopesAt: cell10 => byCell10.get(cell10) ?? [],
    openCountsIn: cell7 => cells.get(cell7)?.openCounts ?? nothing,
    endOf: id => ends.get(id)?.reason,
  }
}

function openEnvelope(memory: Memory, envelope: LiveEnvelope): void {
  const end = memory.ends.get(envelope.id)
  if (end !== undefined && end.reason !== 'frozen') return
  memory.ends.delete(envelope.id)
  const content = memory.cells.get(envelope.cell7)
  if (content === undefined) return
  const known = content.entries.get(envelope.id)
  if (known !== undefined) renewEntry(memory, content, { known, envelope, since: ++memory.moment })
  else addEntry(memory, content, { envelope, since: ++memory.moment })
}

function endEnvelope(memory: Memory, { id, cell7, reason }: Ended): void {
  memory.ends.set(id, { reason, at: ++memory.moment })
  const entry = memory.cells.get(cell7)?.entries.get(id)
  if (entry === undefined) return
  removeEntry(memory, entry)
  memory.onChange({ type: 'removed', envelope: entry.envelope })
}

function replaceCell(memory: Memory, cell7: Cell, { envelopes, ends, readAt }: RecordRead): void {
  const content = memory.cells.get(cell7)
  if (content === undefined) return
  for (const [id, reason] of ends) {
    const entry = content.entries.get(id)
    if (entry !== undefined && entry.since <= readAt) endEnvelope(memory, { id, cell7, reason })
  }
  for (const envelope of envelopes) {
    const hasEndedSince = (memory.ends.get(envelope.id)?.at ?? 0) > readAt
    if (hasEndedSince) continue
    const known = content.entries.get(envelope.id)
    if (known !== undefined) {
      if (known.since <= readAt) renewEntry(memory, content, { known, envelope, since: known.since })
      continue
    }
    memory.ends.delete(envelope.id)
    addEntry(memory, content, { envelope, since: readAt })
  }
}

const readsTheSame = (one: LiveEnvelope, other: LiveEnvelope): boolean =>
  one.greeting === other.greeting && one.clue === other.clue && one.isReported === other.isReported

type Renewal = { known: Entry; envelope: LiveEnvelope; since: Moment }

function renewEntry(memory: Memory, content: CellContent, { known, envelope, since }: Renewal): void {
  if (readsTheSame(known.envelope, envelope)) {
    known.since = since
    return
  }
  removeEntry(memory, known)
  memory.onChange({ type: 'removed', envelope: known.envelope })
  addEntry(memory, content, { envelope, since })
}

function addEntry(memory: Memory, content: CellContent, entry: Entry): void {
  const { id, cell10 } = entry.envelope
  content.entries.set(id, entry)
  memory.byCell10.set(cell10, [...(memory.byCell10.get(cell10) ?? []), entry.envelope])
  countOpen(content, entry.envelope, 1)
  memory.onChange({ type: 'added', envelope: entry.envelope })
}

function removeEntry(memory: Memory, { envelope }: Entry): void {
  const content = memory.cells.get(envelope.cell7)
  assert(content, 'an entry lies in a cell that is kept')
  content.entries.delete(envelope.id)
  const others = (memory.byCell10.get(envelope.cell10) ?? []).filter(other => other.id !== envelope.id)
  if (others.length > 0) memory.byCell10.set(envelope.cell10, others)
  else memory.byCell10.delete(envelope.cell10)
  countOpen(content, envelope, -1)
}

/** Only what everybody may claim is counted, so that the warmth of a cell is the same for all who stand in it. */
function countOpen({ openCounts }: CellContent, { audience, cell10 }: LiveEnvelope, change: 1 | -1): void {
  if (audience === 'players') return
  const count = (openCounts.get(cell10) ?? 0) + change
  if (count > 0) openCounts.set(cell10, count)
  else openCounts.delete(cell10)
}
