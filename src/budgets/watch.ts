/**
 * Which budgets are frozen, as one server knows it without asking: read every two seconds, and at once when another
 * server says that something changed. It stops claims before they reserve; settlement asks the rows themselves, so
 * what is out of date here costs an answer, never money. While PostgreSQL is out of reach the last reading stands.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import { type Covered, namesOver } from './budget.ts'

export const watchEveryMs = 2_000

export type FreezeWatchPorts = {
  /** The names of all frozen budgets. */
  listFrozen: () => Promise<readonly string[]>
  clock: Pick<Clock, 'after'>
  log: Pick<Logger, 'warn'>
}

export type FreezeWatch = {
  isFrozen(envelope: Covered): boolean
  /** Reads now; whoever asks while a reading is under way waits for one that begins after it. */
  refresh(): Promise<void>
  /** Resolves after the first reading. */
  start(): Promise<void>
  stop(): void
}

export function createFreezeWatch({ listFrozen, clock, log }: FreezeWatchPorts): FreezeWatch {
  let frozen: ReadonlySet<string> = new Set()
  let reading: Promise<void> | undefined
  let next: Promise<void> | undefined
  let cancel: (() => void) | undefined
  let isStopped = false

  async function read(): Promise<void> {
    try {
      frozen = new Set(await listFrozen())
    } catch (error) {
      log.warn({ err: error }, 'what is frozen was not read')
    } finally {
      reading = undefined
    }
  }

  function refresh(): Promise<void> {
    if (reading === undefined) return (reading = read())
    next ??= reading.then(() => {
      next = undefined
      return refresh()
    })
    return next
  }

  function schedule(): void {
    if (isStopped) return
    cancel = clock.after(watchEveryMs, () => void refresh().then(schedule))
  }

  return {
    isFrozen: envelope => frozen.size > 0 && namesOver(envelope).some(name => frozen.has(name)),
    refresh,
    start: () => refresh().then(schedule),
    stop() {
      isStopped = true
      cancel?.()
    },
  }
}
