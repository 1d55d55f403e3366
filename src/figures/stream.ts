/**
 * One stream of server-sent events. It never holds more than one event that was not read: figures stand for all before
 * them, so a newer one replaces it. Who reads nothing for ten seconds while there is something to read is cut off.
 */
import { createHash } from 'node:crypto'
import type { Cancel, Clock } from '#platform/clock.ts'
import type { Streamed } from '#platform/http.ts'
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
const partingMs = 1_000

const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

export function createStream({ first, lastEventId, clock, pace, onOver }: StreamOptions): Stream {
  const cut = new AbortController()
  const told = { no: first.no, id: lastEventId }
  let unread: string | undefined = opening + (describe(first) ?? '')
  let isReading: ((piece: IteratorResult<string>) => void) | undefined
  let phase: 'open' | 'parting' | 'over' = 'open'
  let cancelTimer: Cancel = clock.after(pace.slowReaderMs, cutOff)

  /** The event, unless the client has it. */
  function describe(reading: Reading): string | undefined {
    const figures = viewFigures(reading)
    const { asOf: _, ...counters } = figures
    const id = createHash('sha256').update(JSON.stringify(counters)).digest('hex').slice(0, 16)
    if (id === told.id) return undefined
    told.id = id
    return `id: ${id}\nevent: figures\ndata: ${JSON.stringify(figures)}\n\n`
  }

  function finish(): void {
    if (phase === 'over') return
    phase = 'over'
    cancelTimer()
    onOver()
  }

  function cutOff(): void {
    finish()
    cut.abort()
  }

  function say(piece: string, withinMs: number): void {
    if (isReading !== undefined) return answer({ done: false, value: piece })
    // Whoever is slow stays so when a newer event comes; only a goodbye has a time of its own.
    if (unread === undefined || phase === 'parting') {
      cancelTimer()
      cancelTimer = clock.after(withinMs, cutOff)
    }
    unread = piece
  }

  function answer(piece: IteratorResult<string>): void {
    const resolve = isReading
    isReading = undefined
    cancelTimer()
    if (phase === 'parting') finish()
    resolve?.(piece)
  }

  function next(): Promise<IteratorResult<string>> {
    const piece = unread
    unread = undefined
    if (piece !== undefined && phase !== 'over') {
      cancelTimer()
      if (phase === 'parting') finish()
      return Promise.resolve({ done: false, value: piece })
    }
    if (phase === 'over') return Promise.resolve(done)
    return new Promise(resolve => {
      isReading = resolve
      cancelTimer = clock.after(pace.heartbeatMs, () => answer({ done: false, value: heartbeat }))
    })
  }

  return {
    signal: cut.signal,
    show(reading) {
      if (phase !== 'open' || reading.no <= told.no) return
      told.no = reading.no
      const event = describe(reading)
      if (event !== undefined) say(event, pace.slowReaderMs)
    },
    end(reason) {
      if (phase !== 'open') return
      phase = 'parting'
      say(`event: goodbye\ndata: ${JSON.stringify({ reason })}\n\n`, partingMs)
    },
    [Symbol.asyncIterator]: () => ({
      next,
      return() {
        finish()
        answer(done)
        return Promise.resolve(done)
      },
    }),
  }
}
