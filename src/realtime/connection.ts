/**
 * The way out to one client: numbers the frames and does not let a slow reader fill the memory. What may be replaced by
 * something newer is held back by the caller while `isCongested`; what is sent is sent in order, and who leaves 256 KiB
 * or 10 s of it unread is closed. Money is never only on the socket, so nothing of value is lost.
 */
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import { frameTexts } from './text-frames.ts'
import { createTrail, type Trail } from './trail.ts'

/** The little of a WebSocket that we use. */
export type Wire = {
  /** Frames, as one piece; `onFlushed` is called when the kernel has taken it, or when it is lost. */
  send(piece: Buffer, onFlushed: () => void): void
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
  /** Makes the piece of what waits so far; returns its bytes. Then `release` has nothing left to do but to send it. */
  pack(): number
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

export const createConnection = (wire: Wire, clock: Clock): Connection => new WireConnection(wire, clock)

/** A class, as there is one for each socket and most do nothing: each function of its own would be memory. */
class WireConnection implements Connection {
  private readonly wire: Wire
  private readonly clock: Clock
  private trailOfFrames = createTrail()
  private isOpened = true
  private held: string[] | undefined
  /** What was held, and is ready to leave. */
  private packed: Buffer | undefined
  private closedWith: number | undefined
  private cancelClosing: Cancel | undefined
  /** When each piece that the kernel has not taken yet was sent, oldest first. */
  private unsentSinceMs: number[] = []
  private cancelLook: Cancel | undefined

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire
    this.clock = clock
  }

  send(frame: Unnumbered): void {
    this.sendJson(JSON.stringify(frame))
  }

  sendJson(json: string): void {
    if (this.isOpened) this.transmit(this.trailOfFrames.number(json))
  }

  private transmit(text: string): void {
    if (!this.isOpened) return
    if (this.held === undefined) this.write(frameTexts([text]))
    else this.held.push(text)
  }

  private write(piece: Buffer): void {
    this.unsentSinceMs.push(this.clock.nowMs())
    this.wire.send(piece, () => void this.unsentSinceMs.shift())
    this.judgeReader()
  }

  /** Closes who reads too slowly; looks again when the oldest piece would be too old, while there is one. */
  private judgeReader(): void {
    const [oldestMs] = this.unsentSinceMs
    if (oldestMs === undefined) return
    const buffered = this.wire.bufferedBytes()
    const waitedMs = this.clock.nowMs() - oldestMs
    if (buffered > slowReaderBytes || waitedMs >= slowReaderMs) {
      return this.close(closeCodes.tooSlow, 'too much was unread for too long')
    }
    if (buffered === 0) return
    this.cancelLook ??= this.clock.after(slowReaderMs - waitedMs, () => {
      this.cancelLook = undefined
      this.judgeReader()
    })
  }

  hold(): void {
    this.held ??= []
  }

  pack(): number {
    if (this.held !== undefined && this.held.length > 0) {
      const more = frameTexts(this.held)
      this.packed = this.packed === undefined ? more : Buffer.concat([this.packed, more])
      this.held = []
    }
    return this.packed?.length ?? 0
  }

  release(): void {
    this.pack()
    const piece = this.packed
    this.held = undefined
    this.packed = undefined
    if (this.isOpened && piece !== undefined) this.write(piece)
  }

  trail(): Trail {
    return this.trailOfFrames
  }

  goOn(another: Trail, opening: ServerFrame, missed: readonly string[]): void {
    this.trailOfFrames = another
    this.hold()
    this.transmit(JSON.stringify(opening))
    for (const text of missed) this.transmit(text)
    this.release()
  }

  ping(): void {
    if (this.isOpened) this.wire.ping()
  }

  isOpen(): boolean {
    return this.isOpened
  }

  closeCode(): number | undefined {
    return this.closedWith
  }

  isCongested(): boolean {
    return this.unsentSinceMs.length > 0 && this.wire.bufferedBytes() > coalesceBytes
  }

  close(code: number, reason: string): void {
    this.release()
    if (!this.isOpened) return
    this.isOpened = false
    this.closedWith = code
    this.cancelLook?.()
    this.wire.close(code, reason)
    this.cancelClosing = this.clock.after(CLOSING_MS, () => this.wire.terminate())
  }

  terminate(): void {
    this.wire.terminate()
  }

  ended(): void {
    this.isOpened = false
    this.cancelLook?.()
    this.cancelClosing?.()
  }
}
