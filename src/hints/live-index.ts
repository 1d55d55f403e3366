/**
 * The live index: the envelopes near the players of this server, in memory, by cell. A cell is followed over pub/sub
 * first and read from the record then, so that nothing falls between the two; and because pub/sub forgets, everything
 * is read again every 12 s and after each reconnect: what was missed is there within 15 s, the reading included. Memory
 * is bounded by the cells that somebody watches; a cell that nobody watches any more is dropped at the second re-read,
 * so that a walk along a border does not load it again and again.
 */
import type { Logger } from 'pino'
import { createBatcher } from '#platform/batch.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import { Unavailable } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { EndReason } from '../realtime/announcer.ts'
import { createChangedCells } from './changed-cells.ts'
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

export type CellWatchPorts = {
  feed: CellFeed
  clock: Clock
  log: Pick<Logger, 'warn'>
}

export type LiveIndexPorts = CellWatchPorts & {
  loadEnvelopes(cells7: readonly Cell[]): Promise<LiveEnvelope[]>
  /** Which of these are live no longer, and why. */
  findEnds(ids: readonly string[]): Promise<ReadonlyMap<string, EndReason>>
}

export type IndexChange = CellChange | CellLoaded
export type CellLoaded = { type: 'loaded'; cell7: Cell }

/** What is kept of the watched cells, whatever it is: envelopes here, service requests in src/requests. */
export type CellContents = {
  keep(cell7: Cell): void
  drop(cell7: Cell): void
  /** Reads the record, as it is when this begins; what it returns brings one cell to that. */
  read(cells7: readonly Cell[]): Promise<(cell7: Cell) => void>
  onLoaded(loaded: CellLoaded): void
}

export type CellWatch = {
  /** Counted: each watch needs its unwatch. Loading begins at once. */
  watch(cells7: readonly Cell[]): void
  unwatch(cells7: readonly Cell[]): void
  isLoaded(cells7: readonly Cell[]): boolean
  /** Of watched cells; throws {@link Unavailable} when the record cannot be read now. */
  whenLoaded(cells7: readonly Cell[]): Promise<void>
  /** Reads everything again, or only these, now; a failure is logged and left to the next turn. */
  reread(cells7?: readonly Cell[]): Promise<void>
  close(): void
}

export type LiveIndex = Pick<LiveCells, 'envelopesAt' | 'openCountsIn' | 'endOf'> &
  CellWatch & {
    /** Calls `listener` with what comes, goes and is loaded in watched cells. */
    onChange(listener: (change: IndexChange) => void): void
    apply(event: CellEvent): void
  }

type Watch = { watchers: number; isIdle: boolean; isLoaded: boolean; loading: Promise<void> }

/** The watched cells and what is in them. */
type Holding = { contents: CellContents; watches: Map<Cell, Watch> }

const REREAD_EVERY_MS = 12_000
const RETRY_AFTER_MS = 1_000
const CELLS_PER_QUERY = 200

export function createLiveIndex(ports: LiveIndexPorts): LiveIndex {
  const listeners: ((change: IndexChange) => void)[] = []
  const notify = (change: IndexChange) => listeners.forEach(listener => listener(change))
  const cells = createLiveCells(notify)
  const read = (cells7: readonly Cell[]) => readEnvelopes(cells, ports, cells7)
  const watch = createCellWatch({ keep: cells.keep, drop: cells.drop, read, onLoaded: notify }, ports)
  const changed = createChangedCells(ports.clock, watch.reread)
  return {
    ...watch,
    envelopesAt: cells.envelopesAt,
    openCountsIn: cells.openCountsIn,
    endOf: cells.endOf,
    onChange: listener => void listeners.push(listener),
    apply(event) {
      if (event.type === 'opened') cells.open(event.envelope)
      else if (event.type === 'ended') cells.end(event)
      else changed.add(event.cell7)
    },
    close() {
      changed.stop()
      watch.close()
    },
  }
}

async function readEnvelopes(
  cells: LiveCells,
  ports: Pick<LiveIndexPorts, 'loadEnvelopes' | 'findEnds'>,
  cells7: readonly Cell[],
): Promise<(cell7: Cell) => void> {
  const readAt = cells.now()
  const envelopes = await ports.loadEnvelopes(cells7)
  const found = new Set(envelopes.map(({ id }) => id))
  const missing = cells7.flatMap(cell7 => [...cells.idsIn(cell7)].filter(id => !found.has(id)))
  const ends = missing.length === 0 ? new Map<string, EndReason>() : await ports.findEnds(missing)
  const byCell7 = new Map(cells7.map(cell7 => [cell7, [] as LiveEnvelope[]]))
  for (const envelope of envelopes) byCell7.get(envelope.cell7)?.push(envelope)
  return cell7 => cells.replace(cell7, { envelopes: byCell7.get(cell7) ?? [], ends, readAt })
}

/** Follows and reads the cells that somebody watches, and lets go of them. */
export function createCellWatch(contents: CellContents, ports: CellWatchPorts): CellWatch {
  const holding: Holding = { contents, watches: new Map() }
  const { watches } = holding
  const loader = createLoader(holding, ports)
  const rereader = startRereading(holding, ports)

  function watch(cell7: Cell): void {
    const known = watches.get(cell7)
    if (known !== undefined) {
      known.watchers++
      known.isIdle = false
      return
    }
    contents.keep(cell7)
    watches.set(cell7, { watchers: 1, isIdle: false, isLoaded: false, loading: loader.load(cell7) })
  }

  function unwatch(cell7: Cell): void {
    const known = watches.get(cell7)
    if (known !== undefined) known.watchers--
  }

  return {
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
    reread: async cells7 => void (await rereader.reread(cells7)),
    close() {
      rereader.stop()
      loader.stop()
      drop(holding, ports.feed, [...watches.keys()])
    },
  }
}

/** Loads cells that are new, joined into few queries; what failed is tried again after a second. */
function createLoader(holding: Holding, ports: CellWatchPorts) {
  const { clock, feed, log } = ports
  let isStopped = false
  /** One timer for all cells that failed: they failed together. */
  let cancelRetry: Cancel | undefined

  const ask = createBatcher<Cell, void>({
    maxSize: CELLS_PER_QUERY,
    concurrency: 4,
    run: async cells7 => {
      await feed.follow(cells7)
      await readRecord(holding, cells7)
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

/** Every 12 s: lets go of what nobody watched since the last turn, reads the rest again; a second after a failure. */
function startRereading(holding: Holding, ports: CellWatchPorts) {
  const { watches } = holding
  const { clock } = ports
  let isStopped = false
  let cancelNext = clock.after(REREAD_EVERY_MS, turn)

  function turn(): void {
    dropIdle(holding, ports.feed)
    void readFor(clock.nowMs())
  }

  /** One turn's reading, until it has succeeded. */
  async function readFor(sinceMs: number): Promise<void> {
    const hasRead = await reread()
    if (isStopped) return
    const waitMs = Math.max(RETRY_AFTER_MS, sinceMs + REREAD_EVERY_MS - clock.nowMs())
    cancelNext = hasRead
      ? clock.after(waitMs, turn)
      : clock.after(RETRY_AFTER_MS, () => void readFor(clock.nowMs()))
  }

  async function reread(cells7?: readonly Cell[]): Promise<boolean> {
    const all = [...watches.keys()].filter(cell7 => cells7 === undefined || cells7.includes(cell7))
    try {
      for (let from = 0; from < all.length; from += CELLS_PER_QUERY) {
        if (isStopped) break
        await readRecord(holding, all.slice(from, from + CELLS_PER_QUERY))
      }
      return true
    } catch (error) {
      ports.log.warn({ err: error }, 'the live index could not be read again')
      return false
    }
  }

  return {
    reread,
    stop() {
      isStopped = true
      cancelNext()
    },
  }
}

/** Brings cells to what the record says; those that were dropped or watched anew meanwhile are left alone. */
async function readRecord({ contents, watches }: Holding, cells7: readonly Cell[]): Promise<void> {
  const before = cells7.map(cell7 => [cell7, watches.get(cell7)] as const)
  const settle = await contents.read(cells7)
  for (const [cell7, watch] of before) {
    if (watch === undefined || watches.get(cell7) !== watch) continue
    settle(cell7)
    if (watch.isLoaded) continue
    watch.isLoaded = true
    contents.onLoaded({ type: 'loaded', cell7 })
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

function drop({ contents, watches }: Holding, feed: CellFeed, cells7: readonly Cell[]): void {
  if (cells7.length > 0) feed.unfollow(cells7)
  for (const cell7 of cells7) {
    watches.delete(cell7)
    contents.drop(cell7)
  }
}
