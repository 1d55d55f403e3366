/**
 * The live index: the envelopes near the players of this server, in memory, by cell. A cell is followed over pub/sub
 * first and read from the record then, so that nothing falls between the two; and because pub/sub forgets, everything is
 * read again every 15 s and after each reconnect. Memory is bounded by the cells that somebody watches; a cell that
 * nobody watches any more is dropped at the second re-read, so that a walk along a border does not load it over and over.
 */
import type { Logger } from 'pino'
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { Unavailable } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import { createLiveCells, type LiveCells } from './live-cells.ts'
import type { LiveEnvelope } from './live-envelope.ts'

export type CellEvent =
  | { type: 'opened'; envelope: LiveEnvelope }
  | { type: 'ended'; id: string; cell7: Cell; reason: EndReason }

/** Where messages about cells come from. */
export type CellFeed = {
  /** Resolves when messages arrive, or at once where there is no connection: `reread` follows when there is one. */
  follow(cells7: readonly Cell[]): Promise<void>
  unfollow(cells7: readonly Cell[]): void
}

export type LiveIndexPorts = {
  loadEnvelopes(cells7: readonly Cell[]): Promise<LiveEnvelope[]>
  /** Which of these are live no longer, and why. */
  findEnds(ids: readonly string[]): Promise<ReadonlyMap<string, EndReason>>
  feed: CellFeed
  clock: Clock
  log: Pick<Logger, 'warn'>
}

export type LiveIndex = Pick<LiveCells, 'envelopesAt' | 'openCountsIn' | 'versionOf' | 'endOf'> & {
  /** Counted: each watch needs its unwatch. Loading begins at once. */
  watch(cells7: readonly Cell[]): void
  unwatch(cells7: readonly Cell[]): void
  isLoaded(cells7: readonly Cell[]): boolean
  /** Of watched cells; throws {@link Unavailable} when the record cannot be read now. */
  whenLoaded(cells7: readonly Cell[]): Promise<void>
  /** Calls `listener` with each cell that changed or was loaded; the returned function ends that. */
  onChange(listener: (cell7: Cell) => void): () => void
  apply(event: CellEvent): void
  /** Reads everything again, now; a failure is logged and left to the next turn. */
  reread(): Promise<void>
  close(): void
}

type Watch = { watchers: number; isIdle: boolean; loading: Promise<void>; isLoaded: boolean }

const REREAD_EVERY_MS = 15_000
const RETRY_AFTER_MS = 1_000
const CELLS_PER_QUERY = 200

export function createLiveIndex({ loadEnvelopes, findEnds, feed, clock, log }: LiveIndexPorts): LiveIndex {
  const cells = createLiveCells()
  const watches = new Map<Cell, Watch>()
  const listeners = new Set<(cell7: Cell) => void>()
  let isClosed = false
  let cancelReread = clock.after(REREAD_EVERY_MS, turn)
  let cancelRetry: (() => void) | undefined

  const notify = (cell7: Cell) => listeners.forEach(listener => listener(cell7))

  const askToLoad = createBatcher<Cell, void>({
    maxSize: CELLS_PER_QUERY,
    concurrency: 4,
    run: async cells7 => {
      await feed.follow(cells7)
      await read(cells7)
      return cells7.map(() => undefined)
    },
  })

  function load(cell7: Cell): Promise<void> {
    const loading = askToLoad(cell7)
    loading.catch((error: unknown) => retryLater(error))
    return loading
  }

  /** One timer for all cells that failed: they failed together. */
  function retryLater(error: unknown): void {
    if (cancelRetry !== undefined || isClosed) return
    log.warn({ err: error }, 'the live index could not be loaded')
    cancelRetry = clock.after(RETRY_AFTER_MS, () => {
      cancelRetry = undefined
      for (const [cell7, watch] of watches) if (!watch.isLoaded) watch.loading = load(cell7)
    })
  }

  /** Brings cells to what the record says; those that were dropped or watched anew meanwhile are left alone. */
  async function read(cells7: readonly Cell[]): Promise<void> {
    const before = cells7.map(cell7 => [cell7, watches.get(cell7)] as const)
    const readAt = cells.now()
    const envelopes = await loadEnvelopes(cells7)
    const found = new Set(envelopes.map(({ id }) => id))
    const missing = cells7.flatMap(cell7 => [...cells.idsIn(cell7)].filter(id => !found.has(id)))
    const ends = missing.length === 0 ? new Map<string, EndReason>() : await findEnds(missing)
    const byCell7 = new Map(cells7.map(cell7 => [cell7, [] as LiveEnvelope[]]))
    for (const envelope of envelopes) byCell7.get(envelope.cell7)?.push(envelope)
    for (const [cell7, watch] of before) {
      if (watch === undefined || watches.get(cell7) !== watch) continue
      const isChanged = cells.replace(cell7, { envelopes: byCell7.get(cell7) ?? [], ends, readAt })
      const isNews = isChanged || !watch.isLoaded
      watch.isLoaded = true
      if (isNews) notify(cell7)
    }
  }

  function turn(): void {
    dropIdle()
    void reread().finally(() => {
      if (!isClosed) cancelReread = clock.after(REREAD_EVERY_MS, turn)
    })
  }

  async function reread(): Promise<void> {
    const all = [...watches.keys()]
    try {
      for (let from = 0; from < all.length && !isClosed; from += CELLS_PER_QUERY) {
        await read(all.slice(from, from + CELLS_PER_QUERY))
      }
    } catch (error) {
      log.warn({ err: error }, 'the live index could not be read again')
    }
  }

  function dropIdle(): void {
    const dropped: Cell[] = []
    for (const [cell7, watch] of watches) {
      if (watch.watchers > 0) continue
      if (watch.isIdle) dropped.push(cell7)
      watch.isIdle = true
    }
    if (dropped.length > 0) feed.unfollow(dropped)
    for (const cell7 of dropped) {
      watches.delete(cell7)
      cells.drop(cell7)
    }
  }

  return {
    envelopesAt: cells.envelopesAt,
    openCountsIn: cells.openCountsIn,
    versionOf: cells.versionOf,
    endOf: cells.endOf,
    watch(cells7) {
      for (const cell7 of cells7) {
        const watch = watches.get(cell7)
        if (watch !== undefined) {
          watch.watchers++
          watch.isIdle = false
          continue
        }
        cells.keep(cell7)
        watches.set(cell7, { watchers: 1, isIdle: false, isLoaded: false, loading: load(cell7) })
      }
    },
    unwatch(cells7) {
      for (const cell7 of cells7) {
        const watch = watches.get(cell7)
        if (watch !== undefined) watch.watchers--
      }
    },
    isLoaded: cells7 => cells7.every(cell7 => watches.get(cell7)?.isLoaded),
    async whenLoaded(cells7) {
      const unloaded = cells7.flatMap(cell7 => watches.get(cell7) ?? []).filter(watch => !watch.isLoaded)
      try {
        await Promise.all(unloaded.map(watch => watch.loading))
      } catch (error) {
        throw new Unavailable('the live index could not be loaded', { cause: error })
      }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    apply(event) {
      const cell7 = event.type === 'opened' ? event.envelope.cell7 : event.cell7
      const isChanged = event.type === 'opened' ? cells.open(event.envelope) : cells.end(event)
      if (isChanged) notify(cell7)
    },
    reread,
    close() {
      isClosed = true
      cancelReread()
      cancelRetry?.()
      feed.unfollow([...watches.keys()])
      for (const cell7 of watches.keys()) cells.drop(cell7)
      watches.clear()
    },
  }
}
