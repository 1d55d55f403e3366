/**
 * One stream of server-sent events. It never holds more than one event that was not read: figures stand for all before
 * them, so a newer one replaces it. Who reads nothing for ten seconds while there is something to read is cut off.
 */
import { createHash } from 'node:crypto'
import type { Cancel, Clock } from '#platform/clock.ts'
import type { Streamed } from '#platform/streamed.ts'
import { type Reading, viewFigures } from './view.ts'

export type Goodbye = 'key_revoked' | 'server_stops' | 'unavailable'

export type Stream = Streamed & {
  /** Tells of a reading, unless it is older than the last one or says the same. */
  show(reading: Reading): void
  /** Says goodbye, and cuts off whoever does not read that within a second. */
  end(reason: Goodbye): void
}

export type StreamOptions = {
  first: Reading
  /** What the client has already. */
  lastEventId: string | undefined
  clock: Clock
  pace: { heartbeatMs: number; slowReaderMs: number }
  /** Once, however it ended. */
  onOver: () => void
}

const opening = 'retry: 2000\n\n'
const heartbeat = ': still here\n\n'
const farewell = (reason: Goodbye) => `event: goodbye\ndata: ${JSON.stringify({ reason })}\n\n`
const partingMs = 1_000

const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** The event of a reading, unless the client has a newer one, or one that says the same. */
function createTeller(lastEventId: string | undefined): (reading: Reading) => string | undefined {
  let told = { no: 0, id: lastEventId }
  return reading => {
    if (reading.no <= told.no) return undefined
    const figures = viewFigures(reading)
    const { asOf: _, ...counters } = figures
    const id = createHash('sha256').update(JSON.stringify(counters)).digest('hex').slice(0, 16)
    const isNews = id !== told.id
    told = { no: reading.no, id }
    return isNews ? `id: ${id}\nevent: figures\ndata: ${JSON.stringify(figures)}\n\n` : undefined
  }
}

type Hatch = {
  /** `isLast`: nothing follows it, so it has a time of its own. */
  put(piece: string, withinMs: number, isLast?: boolean): void
  /** The piece, or a heartbeat where none comes for a while; nothing once it is closed. */
  take(): Promise<string | undefined>
  close(): void
}

/** Holds one piece at most, and a newer one replaces it; whoever waits for one gets it at once. */
function createHatch(
  { clock, pace }: Pick<StreamOptions, 'clock' | 'pace'>,
  on: { taken(): void; unread(): void },
): Hatch {
  let unread: string | undefined
  let give: ((piece: string | undefined) => void) | undefined
  let cancelTimer: Cancel = () => {}

  function hand(piece: string): void {
    const waiting = give
    give = undefined
    cancelTimer()
    on.taken()
    waiting?.(piece)
  }

  return {
    put(piece, withinMs, isLast = false) {
      if (give !== undefined) return hand(piece)
      // Whoever is slow stays so when a newer piece comes.
      if (unread === undefined || isLast) {
        cancelTimer()
        cancelTimer = clock.after(withinMs, on.unread)
      }
      unread = piece
    },
    take() {
      const piece = unread
      unread = undefined
      return new Promise(resolve => {
        give = resolve
        if (piece !== undefined) hand(piece)
        else cancelTimer = clock.after(pace.heartbeatMs, () => hand(heartbeat))
      })
    },
    close() {
      cancelTimer()
      give?.(undefined)
      give = undefined
    },
  }
}

export function createStream(options: StreamOptions): Stream {
  const { first, lastEventId, pace, onOver } = options
  const cut = new AbortController()
  const tell = createTeller(lastEventId)
  const hatch = createHatch(options, {
    taken: () => (phase === 'parting' ? finish() : undefined),
    unread() {
      finish()
      cut.abort()
    },
  })
  let phase: 'open' | 'parting' | 'over' = 'open'
  hatch.put(opening + (tell(first) ?? ''), pace.slowReaderMs)

  function finish(): void {
    if (phase === 'over') return
    phase = 'over'
    hatch.close()
    onOver()
  }

  return {
    signal: cut.signal,
    show(reading) {
      const event = phase === 'open' ? tell(reading) : undefined
      if (event !== undefined) hatch.put(event, pace.slowReaderMs)
    },
    end(reason) {
      if (phase !== 'open') return
      phase = 'parting'
      hatch.put(farewell(reason), partingMs, true)
    },
    [Symbol.asyncIterator]: () => ({
      async next() {
        const piece = phase === 'over' ? undefined : await hatch.take()
        return piece === undefined ? done : { done: false, value: piece }
      },
      return() {
        finish()
        return Promise.resolve(done)
      },
    }),
  }
}
