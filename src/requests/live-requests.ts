/**
 * The open service requests of the res-7 cells that somebody watches, in memory, by res-9 cell. Messages may overtake
 * each other and reads of the record; a request's version says which picture of it is the later one, and what a read
 * does not find is gone unless a message brought it after the read had begun.
 */
import { LRUCache } from 'lru-cache'
import type { Cell } from '../geo/cell.ts'
import { type CellLoaded, type CellWatch, type CellWatchPorts, createCellWatch } from '../hints/live-index.ts'
import type { LiveRequest } from './live-request.ts'

export type RequestEvent =
  | { type: 'opened'; request: LiveRequest }
  | { type: 'closed'; id: string; cell7: Cell; version: number }

/** A request came, went or is shown otherwise; `cell9` is where. */
export type RequestChange = { type: 'changed'; cell7: Cell; cell9: Cell } | CellLoaded

export type LiveRequests = CellWatch & {
  /** Of a watched cell. */
  requestsAt(cell9: Cell): ReadonlyMap<string, LiveRequest>
  onChange(listener: (change: RequestChange) => void): void
  apply(event: RequestEvent): void
}

export type LiveRequestPorts = CellWatchPorts & {
  loadRequests(cells7: readonly Cell[]): Promise<LiveRequest[]>
}

type Entry = { request: LiveRequest; since: number }

/** Against messages of before that come late. */
const CLOSED_REMEMBERED = 50_000
const nothing: ReadonlyMap<string, LiveRequest> = new Map()

type RequestCells = {
  keep(cell7: Cell): void
  drop(cell7: Cell): void
  /** What a message or a read says; `since` when it was learned. */
  open(request: LiveRequest, since: number): void
  close(closed: { id: string; cell7: Cell; version: number }): void
  /** Brings one cell to what a read that began at `readAt` found. */
  replace(cell7: Cell, requests: readonly LiveRequest[], readAt: number): void
  requestsAt(cell9: Cell): ReadonlyMap<string, LiveRequest>
}

function createRequestCells(notify: (change: RequestChange) => void): RequestCells {
  const kept = new Map<Cell, Map<string, Entry>>()
  const byCell9 = new Map<Cell, Map<string, LiveRequest>>()
  const closed = new LRUCache<string, number>({ max: CLOSED_REMEMBERED })
  const entriesOf = (cell7: Cell): Entry[] => [...(kept.get(cell7)?.values() ?? [])]

  function open(request: LiveRequest, since: number): void {
    const { id, cell7, cell9, version } = request
    const entries = kept.get(cell7)
    if (entries === undefined || (closed.get(id) ?? 0) >= version) return
    const known = entries.get(id)
    if (known !== undefined && known.request.version >= version) {
      known.since = Math.max(known.since, since)
      return
    }
    entries.set(id, { request, since })
    const here = byCell9.get(cell9) ?? new Map<string, LiveRequest>()
    byCell9.set(cell9, here.set(id, request))
    notify({ type: 'changed', cell7, cell9 })
  }

  function forget({ id, cell7, cell9 }: LiveRequest): void {
    kept.get(cell7)?.delete(id)
    const here = byCell9.get(cell9)
    here?.delete(id)
    if (here?.size === 0) byCell9.delete(cell9)
  }

  function remove(request: LiveRequest): void {
    forget(request)
    notify({ type: 'changed', cell7: request.cell7, cell9: request.cell9 })
  }

  return {
    keep: cell7 => void kept.set(cell7, kept.get(cell7) ?? new Map<string, Entry>()),
    drop(cell7) {
      for (const { request } of entriesOf(cell7)) forget(request)
      kept.delete(cell7)
    },
    open,
    close({ id, cell7, version }) {
      closed.set(id, Math.max(version, closed.get(id) ?? 0))
      const known = kept.get(cell7)?.get(id)
      if (known !== undefined && known.request.version < version) remove(known.request)
    },
    replace(cell7, requests, readAt) {
      const found = new Set(requests.map(({ id }) => id))
      for (const { request, since } of entriesOf(cell7)) {
        if (!found.has(request.id) && since <= readAt) remove(request)
      }
      for (const request of requests) open(request, readAt)
    },
    requestsAt: cell9 => byCell9.get(cell9) ?? nothing,
  }
}

export function createLiveRequests(ports: LiveRequestPorts): LiveRequests {
  const listeners: ((change: RequestChange) => void)[] = []
  const notify = (change: RequestChange) => listeners.forEach(listener => listener(change))
  const cells = createRequestCells(notify)
  let moment = 0

  async function read(cells7: readonly Cell[]): Promise<(cell7: Cell) => void> {
    const readAt = ++moment
    const found = new Map<Cell, LiveRequest[]>(cells7.map(cell7 => [cell7, []]))
    for (const request of await ports.loadRequests(cells7)) found.get(request.cell7)?.push(request)
    return cell7 => cells.replace(cell7, found.get(cell7) ?? [], readAt)
  }

  return {
    ...createCellWatch({ keep: cells.keep, drop: cells.drop, read, onLoaded: notify }, ports),
    requestsAt: cells.requestsAt,
    onChange: listener => void listeners.push(listener),
    apply: event => (event.type === 'opened' ? cells.open(event.request, ++moment) : cells.close(event)),
  }
}
