/**
 * The live index: the envelopes near the players of this server, in memory, by cell. A cell is followed over pub/sub
 * first and read from the record then, so that nothing falls between the two; and because pub/sub forgets, everything
 * is read again every 15 s and after each reconnect. Memory is bounded by the cells that somebody watches; a cell that
 * nobody watches any more is dropped at the second re-read, so that a walk along a border does not load it again and
 * again.
 */
import type { Logger } from 'pino'
import { createBatcher } from '#platform/batch.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import { Unavailable } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import { type CellChange, createLiveCells, type LiveCells } from './live-cells.ts'
import type { LiveEnvelope } from './live-envelope.ts'

export type CellEvent =
  | { type: 'opened'; envelope: LiveEnvelope }
  | { type: 'ended'; id: string; cell7: Cell; reason: EndReason }
  | { type: 'changed'; cell7: Cell }

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

export type IndexChange = CellChange | { type: 'loaded'; cell7: Cell }

export type LiveIndex = Pick<LiveCells, 'envelopesAt' | 'openCountsIn' | 'endOf'> & {
  /** Counted: each watch needs its unwatch. Loading begins at once. */
  watch(cells7: readonly Cell[]): void
  unwatch(cells7: readonly Cell[]): void
  isLoaded(cells7: readonly Cell[]): boolean
  /** Of watched cells; throws {@link Unavailable} when the record cannot be read now. */
  whenLoaded(cells7: readonly Cell[]): Promise<void>
  /** Calls `listener` with what comes, goes and is loaded in watched cells. */
  onChange(listener: (change: IndexChange) => void): void
  apply(event: CellEvent): void
  /** Reads everything again, now; a failure is logged and left to the next turn. */
  reread(): Promise<void>
  close(): void
}

type Watch = { watchers: number; isIdle: boolean; isLoaded: boolean; loading: Promise<void> }

/** The watched cells, what is in them, and how both are brought in line with the record. */
type Holding = {
  cells: LiveCells
  watches: Map<Cell, Watch>
  notify(change: IndexChange): void
}

const REREAD_EVERY_MS = 15_000
const RETRY_AFTER_MS = 1_000
const CHANGED_AFTER_MS = 1_000
const CELLS_PER_QUERY = 200

export function createLiveIndex(ports: LiveIndexPorts): LiveIndex {
  const listeners: ((change: IndexChange) => void)[] = []
  const notify = (change: IndexChange) => listeners.forEach(listener => listener(change))
  const holding: Holding = { cells: createLiveCells(notify), watches: new Map(), notify }
  const { cells, watches } = holding
  const loader = createLoader(holding, ports)
  const rereader = startRereading(holding, ports)

  function watch(cell7: Cell): void {
    const known = watches.get(cell7)
    if (known !== undefined) {
      known.watchers++
      known.isIdle = false
      return
    }
    cells.keep(cell7)
    watches.set(cell7, { watchers: 1, isIdle: false, isLoaded: false, loading: loader.load(cell7) })
  }

  function unwatch(cell7: Cell): void {
    const known = watches.get(cell7)
    if (known !== undefined) known.watchers--
  }

  return {
    envelopesAt: cells.envelopesAt,
    openCountsIn: cells.openCountsIn,
    endOf: cells.endOf,
    watch: cells7 => cells7.forEach(watch),
    unwatch: cells7 => cells7.forEach(unwatch),
    isLoaded: cells7 => cells7.every(cell7 => watches.get(cell7)?.isLoaded),
    async whenLoaded(cells7) {
      const unloaded = cells7.flatMap(cell7 => watches.get(cell7) ?? []).filter(known => !known.isLoaded)
      try {
        await Promise.all(unloaded.map(known => known.loading))
      } catch (error) {
        throw new Unavailable('the live index could not be loaded', { cause: error })
      }
    },
    onChange: listener => void listeners.push(listener),
    apply(event) {
      if (event.type === 'opened') cells.open(event.envelope)
      else if (event.type === 'ended') cells.end(event)
      else if (watches.has(event.cell7)) rereader.readSoon(event.cell7)
    },
    reread: rereader.reread,
    close() {
      rereader.stop()
      loader.stop()
      drop(holding, ports.feed, [...watches.keys()])
    },
  }
}

/** Loads cells that are new, joined into few queries; what failed is tried again after a second. */
function createLoader(holding: Holding, ports: LiveIndexPorts) {
  const { clock, feed, log } = ports
  let isStopped = false
  /** One timer for all cells that failed: they failed together. */
  let cancelRetry: Cancel | undefined

  const ask = createBatcher<Cell, void>({
    maxSize: CELLS_PER_QUERY,
    concurrency: 4,
    run: async cells7 => {
      await feed.follow(cells7)
      await readRecord(holding, ports, cells7)
      return cells7.map(() => undefined)
    },
  })

  function load(cell7: Cell): Promise<void> {
    const loading = ask(cell7)
    loading.catch(retryLater)
    return loading
  }

  function retryLater(error: unknown): void {
    if (cancelRetry !== undefined || isStopped) return
    log.warn({ err: error }, 'the live index could not be loaded')
    cancelRetry = clock.after(RETRY_AFTER_MS, () => {
      cancelRetry = undefined
      for (const [cell7, watch] of holding.watches) if (!watch.isLoaded) watch.loading = load(cell7)
    })
  }

  return {
    load,
    stop() {
      isStopped = true
      cancelRetry?.()
    },
  }
}

/** Every 15 s: lets go of what nobody watched since the last turn, reads the rest again. */
function startRereading(holding: Holding, ports: LiveIndexPorts) {
  const { watches } = holding
  let isStopped = false
  let cancelTurn = ports.clock.after(REREAD_EVERY_MS, turn)

  function turn(): void {
    dropIdle(holding, ports.feed)
    void reread().finally(() => {
      if (!isStopped) cancelTurn = ports.clock.after(REREAD_EVERY_MS, turn)
    })
  }

  async function reread(): Promise<void> {
    const all = [...watches.keys()]
    try {
      for (let from = 0; from < all.length; from += CELLS_PER_QUERY) {
        if (isStopped) return
        await readRecord(holding, ports, all.slice(from, from + CELLS_PER_QUERY))
      }
    } catch (error) {
      ports.log.warn({ err: error }, 'the live index could not be read again')
    }
  }

  const changed = new Set<Cell>()
  let cancelSoon: Cancel | undefined

  /** A drop changes a cell a hundred times in a few seconds; it is read once a second at most. */
  function readSoon(cell7: Cell): void {
    changed.add(cell7)
    cancelSoon ??= ports.clock.after(CHANGED_AFTER_MS, () => {
      cancelSoon = undefined
      const cells7 = [...changed].filter(cell => watches.has(cell))
      changed.clear()
      if (isStopped || cells7.length === 0) return
      readRecord(holding, ports, cells7).catch((error: unknown) => {
        ports.log.warn({ err: error }, 'cells that changed could not be read again')
      })
    })
  }

  return {
    reread,
    readSoon,
    stop() {
      isStopped = true
      cancelTurn()
      cancelSoon?.()
    },
  }
}

/** Brings cells to what the record says; those that were dropped or watched anew meanwhile are left alone. */
async function readRecord(holding: Holding, ports: LiveIndexPorts, cells7: readonly Cell[]): Promise<void> {
  const { cells, watches, notify } = holding
  const before = cells7.map(cell7 => [cell7, watches.get(cell7)] as const)
  const readAt = cells.now()
  const envelopes = await ports.loadEnvelopes(cells7)
  const found = new Set(envelopes.map(({ id }) => id))
  const missing = cells7.flatMap(cell7 => [...cells.idsIn(cell7)].filter(id => !found.has(id)))
  const ends = missing.length === 0 ? new Map<string, EndReason>() : await ports.findEnds(missing)
  const byCell7 = new Map(cells7.map(cell7 => [cell7, [] as LiveEnvelope[]]))
  for (const envelope of envelopes) byCell7.get(envelope.cell7)?.push(envelope)
  for (const [cell7, watch] of before) {
    if (watch === undefined || watches.get(cell7) !== watch) continue
    cells.replace(cell7, { envelopes: byCell7.get(cell7) ?? [], ends, readAt })
    if (watch.isLoaded) continue
    watch.isLoaded = true
    notify({ type: 'loaded', cell7 })
  }
}

function dropIdle(holding: Holding, feed: CellFeed): void {
  const unwatched = [...holding.watches].filter(([, { watchers }]) => watchers === 0)
  drop(
    holding,
    feed,
    unwatched.filter(([, { isIdle }]) => isIdle).map(([cell7]) => cell7),
  )
  for (const [, watch] of unwatched) watch.isIdle = true
}

function drop({ cells, watches }: Holding, feed: CellFeed, cells7: readonly Cell[]): void {
  if (cells7.length > 0) feed.unfollow(cells7)
  for (const cell7 of cells7) {
    watches.delete(cell7)
    cells.drop(cell7)
  }
}
