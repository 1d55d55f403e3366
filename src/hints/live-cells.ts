/**
 * The envelopes of the res-7 cells that somebody watches, as messages and reads of the record leave them. Both are late
 * in their own way: a read shows the record as it was when it began, and messages may overtake each other. So every
 * entry and every end is stamped with a moment of this process, and a read changes nothing that a message said after
 * it began. An end is final, except `frozen`.
 */
import { LRUCache } from 'lru-cache'
import type { Cell } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import type { LiveEnvelope } from './live-envelope.ts'

/** The order in which this process learned things; grows with each. */
export type Moment = number

type Entry = { envelope: LiveEnvelope; since: Moment }
type CellContent = { entries: Map<string, Entry>; openCounts: Map<Cell, number>; version: Moment }

export type LiveCells = {
  keep(cell7: Cell): void
  drop(cell7: Cell): void
  /** The moment that a read of the record is given when it begins. */
  now(): Moment
  /** What a message says; `true` when something changed. Cells that are not kept are ignored. */
  open(envelope: LiveEnvelope): boolean
  end(ended: { id: string; cell7: Cell; reason: EndReason }): boolean
  /** Brings one cell to what a read that began at `readAt` saw; `ends` are those that it misses, with the reason. */
  replace(
    cell7: Cell,
    read: { envelopes: readonly LiveEnvelope[]; ends: ReadonlyMap<string, EndReason>; readAt: Moment },
  ): boolean
  idsIn(cell7: Cell): Iterable<string>
  envelopesAt(cell10: Cell): readonly LiveEnvelope[]
  openCountsIn(cell7: Cell): ReadonlyMap<Cell, number>
  /** Changes with everything that changes in the cell, and never returns to an earlier value. */
  versionOf(cell7: Cell): Moment
  endOf(id: string): EndReason | undefined
}

/** Ends are remembered for the sessions that have not heard yet, and against messages that come late. */
const ENDS_REMEMBERED = 50_000

const nothing: ReadonlyMap<Cell, number> = new Map()

export function createLiveCells(): LiveCells {
  const cells = new Map<Cell, CellContent>()
  const byCell10 = new Map<Cell, LiveEnvelope[]>()
  const ends = new LRUCache<string, { reason: EndReason; at: Moment }>({ max: ENDS_REMEMBERED })
  let moment: Moment = 0

  function add(content: CellContent, envelope: LiveEnvelope, since: Moment): void {
    content.entries.set(envelope.id, { envelope, since })
    byCell10.set(envelope.cell10, [...(byCell10.get(envelope.cell10) ?? []), envelope])
    countOpen(content, envelope, 1)
    content.version = ++moment
  }

  function remove(content: CellContent, { envelope }: Entry): void {
    content.entries.delete(envelope.id)
    const others = (byCell10.get(envelope.cell10) ?? []).filter(other => other.id !== envelope.id)
    if (others.length > 0) byCell10.set(envelope.cell10, others)
    else byCell10.delete(envelope.cell10)
    countOpen(content, envelope, -1)
    content.version = ++moment
  }

  function open(envelope: LiveEnvelope): boolean {
    const content = cells.get(envelope.cell7)
    const end = ends.get(envelope.id)
    if (end !== undefined && end.reason !== 'frozen') return false
    ends.delete(envelope.id)
    if (content === undefined || content.entries.has(envelope.id)) return false
    add(content, envelope, ++moment)
    return true
  }

  function end({ id, cell7, reason }: { id: string; cell7: Cell; reason: EndReason }): boolean {
    ends.set(id, { reason, at: ++moment })
    const content = cells.get(cell7)
    const entry = content?.entries.get(id)
    if (content === undefined || entry === undefined) return false
    remove(content, entry)
    return true
  }

  const replace: LiveCells['replace'] = (cell7, read) => {
    const content = cells.get(cell7)
    if (content === undefined) return false
    let isChanged = false
    for (const [id, reason] of read.ends) {
      const entry = content.entries.get(id)
      if (entry !== undefined && entry.since <= read.readAt) isChanged = end({ id, cell7, reason }) || isChanged
    }
    for (const envelope of read.envelopes) {
      const hasEndedSince = (ends.get(envelope.id)?.at ?? 0) > read.readAt
      if (hasEndedSince || content.entries.has(envelope.id)) continue
      ends.delete(envelope.id)
      add(content, envelope, read.readAt)
      isChanged = true
    }
    return isChanged
  }

  return {
    keep: cell7 => {
      if (!cells.has(cell7)) cells.set(cell7, { entries: new Map(), openCounts: new Map(), version: ++moment })
    },
    drop: cell7 => {
      const content = cells.get(cell7)
      if (content === undefined) return
      for (const entry of content.entries.values()) remove(content, entry)
      cells.delete(cell7)
    },
    now: () => ++moment,
    open,
    end,
    replace,
    idsIn: cell7 => cells.get(cell7)?.entries.keys() ?? [],
    envelopesAt: cell10 => byCell10.get(cell10) ?? [],
    openCountsIn: cell7 => cells.get(cell7)?.openCounts ?? nothing,
    versionOf: cell7 => cells.get(cell7)?.version ?? 0,
    endOf: id => ends.get(id)?.reason,
  }
}

/** Only what everybody may claim is counted, so that the warmth of a cell is the same for all who stand in it. */
function countOpen({ openCounts }: CellContent, { audience, cell10 }: LiveEnvelope, change: 1 | -1): void {
  if (audience === 'players') return
  const count = (openCounts.get(cell10) ?? 0) + change
  if (count > 0) openCounts.set(cell10, count)
  else openCounts.delete(cell10)
}
