/**
 * The way out to one client: numbers the frames and does not let a slow reader fill the memory. What may be replaced by
 * something newer is held back by the caller while `isCongested`; what is sent is sent in order, and who leaves 256 KiB
 * or 10 s of it unread is closed. Money is never only on the socket, so nothing of value is lost.
 */
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import { createTrail, type Trail } from './trail.ts'

/** The little of a WebSocket that we use. */
export type Wire = {
  /** One text frame each, as one piece; `onFlushed` is called when the kernel has taken it, or when it is lost. */
  send(texts: readonly string[], onFlushed: () => void): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  bufferedBytes(): number
}

export type Connection = {
  send(frame: Unnumbered): void
  /** A frame that is serialised already, without `seq`: shared by all who are sent the same. */
  sendJson(json: string): void
  /** What is sent from now on waits, and leaves as one piece: on `release`, or before the socket is closed. */
  hold(): void
  release(): void
  /** The frames sent so far, which number the next ones. */
  trail(): Trail
  /** Goes on with another socket's trail: first `opening`, numbered by the caller, then what was missed. */
  goOn(trail: Trail, opening: ServerFrame, missed: readonly string[]): void
  ping(): void
  isOpen(): boolean
  /** The code that we closed with. */
  closeCode(): number | undefined
  /** Hints wait: the client has not read what it was sent. */
  isCongested(): boolean
  close(code: number, reason: string): void
  terminate(): void
  /** The socket is gone; timers end. */
  ended(): void
}

/** After a close frame the client has this long to answer it. */
export const CLOSING_MS = 2_000

const { slowReaderBytes, slowReaderMs, coalesceBytes } = limits.socket

/** Watches how fast the client reads, and calls `giveUp` once it is too slow. */
function watchReader(wire: Pick<Wire, 'bufferedBytes'>, clock: Clock, giveUp: () => void) {
  /** When each piece that the kernel has not taken yet was sent, oldest first. */
  const unsentSinceMs: number[] = []
  let cancelLook: Cancel | undefined

  /** Looks again when the oldest piece would be too old, while there is one. */
  function judge(): void {
    const [oldestMs] = unsentSinceMs
    if (oldestMs === undefined) return
    const waitedMs = clock.nowMs() - oldestMs
    const buffered = wire.bufferedBytes()
    if (buffered > slowReaderBytes || waitedMs >= slowReaderMs) return giveUp()
    if (buffered === 0) return
    cancelLook ??= clock.after(slowReaderMs - waitedMs, () => {
      cancelLook = undefined
      judge()
    })
  }

  return {
    judge,
    sent: () => void unsentSinceMs.push(clock.nowMs()),
    flushed: () => void unsentSinceMs.shift(),
    end: () => cancelLook?.(),
  }
}

export function createConnection(wire: Wire, clock: Clock): Connection {
  const reader = watchReader(wire, clock, () => close(closeCodes.tooSlow, 'too much was unread for too long'))
  let trail = createTrail()
  let isOpen = true
  let held: string[] | undefined
  let closeCode: number | undefined
  let cancelClosing: Cancel | undefined

  function sendJson(json: string): void {
    if (isOpen) transmit(trail.number(json))
  }

  function transmit(text: string): void {
    if (!isOpen) return
    if (held === undefined) write([text])
    else held.push(text)
  }

  function write(texts: readonly string[]): void {
    reader.sent()
    wire.send(texts, reader.flushed)
    reader.judge()
  }

  const hold = () => void (held ??= [])

  function release(): void {
    const texts = held
    held = undefined
    if (isOpen && texts !== undefined && texts.length > 0) write(texts)
  }

  function close(code: number, reason: string): void {
    release()
    if (!isOpen) return
    isOpen = false
    closeCode = code
    reader.end()
    wire.close(code, reason)
    cancelClosing = clock.after(CLOSING_MS, () => wire.terminate())
  }

  return {
    send: frame => sendJson(JSON.stringify(frame)),
    sendJson,
    hold,
    release,
    trail: () => trail,
    goOn(another, opening, missed) {
      trail = another
      hold()
      transmit(JSON.stringify(opening))
      missed.forEach(transmit)
      release()
    },
    closeCode: () => closeCode,
    ping: () => isOpen && wire.ping(),
    isOpen: () => isOpen,
    isCongested: () => wire.bufferedBytes() > coalesceBytes,
    close,
    terminate: () => wire.terminate(),
    ended() {
      isOpen = false
      reader.end()
      cancelClosing?.()
    },
  }
}
