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
  /** `onFlushed` is called when the kernel has taken the bytes, or when they are lost. */
  send(text: string, onFlushed: () => void): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  bufferedBytes(): number
}

export type Connection = {
  send(frame: Unnumbered): void
  /** A frame that is serialised already, without `seq`: shared by all who are sent the same. */
  sendJson(json: string): void
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

export function createConnection(wire: Wire, clock: Clock): Connection {
  let trail = createTrail()
  let isOpen = true
  let closeCode: number | undefined
  /** When each frame that the kernel has not taken yet was sent, oldest first. */
  const unsentSinceMs: number[] = []
  let cancelWatch: Cancel | undefined
  let cancelClosing: Cancel | undefined

  function sendJson(json: string): void {
    if (isOpen) transmit(trail.number(json))
  }

  function transmit(text: string): void {
    if (!isOpen) return
    unsentSinceMs.push(clock.nowMs())
    wire.send(text, () => unsentSinceMs.shift())
    judgeReader()
  }

  /** Looks again when the oldest frame would be too old, while there is one. */
  function judgeReader(): void {
    const [oldestMs] = unsentSinceMs
    if (!isOpen || oldestMs === undefined) return
    const waitedMs = clock.nowMs() - oldestMs
    if (wire.bufferedBytes() > slowReaderBytes || waitedMs >= slowReaderMs) {
      return close(closeCodes.tooSlow, 'too much was unread for too long')
    }
    if (wire.bufferedBytes() === 0) return
    cancelWatch ??= clock.after(slowReaderMs - waitedMs, () => {
      cancelWatch = undefined
      judgeReader()
    })
  }

  function close(code: number, reason: string): void {
    if (!isOpen) return
    isOpen = false
    closeCode = code
    cancelWatch?.()
    wire.close(code, reason)
    cancelClosing = clock.after(CLOSING_MS, () => wire.terminate())
  }

  return {
    send: frame => sendJson(JSON.stringify(frame)),
    sendJson,
    trail: () => trail,
    goOn(another, opening, missed) {
      trail = another
      transmit(JSON.stringify(opening))
      missed.forEach(transmit)
    },
    closeCode: () => closeCode,
    ping: () => isOpen && wire.ping(),
    isOpen: () => isOpen,
    isCongested: () => wire.bufferedBytes() > coalesceBytes,
    close,
    terminate: () => wire.terminate(),
    ended() {
      isOpen = false
      cancelWatch?.()
      cancelClosing?.()
    },
  }
}
