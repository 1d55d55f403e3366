/**
 * The way out to one client: numbers the frames and does not let a slow reader fill the memory. What may be replaced by
 * something newer is held back by the caller while `isCongested`; what is sent is sent in order, and who leaves 256 KiB
 * or 10 s of it unread is closed. Money is never only on the socket, so nothing of value is lost.
 */
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Unnumbered } from '#protocol/ws/server.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import { type FrameText, frameTexts, jsonOf } from './text-frames.ts'
import { createTrail, type Trail } from './trail.ts'

/** The little of a WebSocket that we use. */
export type Wire = {
  /** Frames, as one piece. */
  write(piece: Buffer): void
  ping(payload: string): void
  /** Answers a ping with what it carried. */
  pong(payload: Buffer): void
  close(code: number, reason: string): void
  terminate(): void
  /** All that was written so far, pieces and control frames. */
  writtenBytes(): number
  /** What of it the kernel has not taken; a piece counts until all of it is taken. */
  bufferedBytes(): number
}

export type Connection = {
  send(frame: Unnumbered): void
  /** A frame that is serialised already, without `seq`. */
  sendText(text: FrameText): void
  /** What is sent from now on waits, and leaves as one piece: on `release`, or before the socket is closed. */
  hold(): void
  /** Makes the piece of what waits so far; returns its bytes. Then `release` has nothing left to do but to send it. */
  pack(): number
  release(): void
  /** The frames sent so far, which number the next ones. */
  trail(): Trail
  /** Goes on with another socket's trail behind frame `seq`: first an opening of that number, then what was missed. */
  goOn(trail: Trail, seq: number, texts: readonly string[]): void
  ping(): void
  /** Answers the client's ping; who does not read the answers is a slow reader like any other. */
  answerPing(payload: Buffer): void
  /** The client has read all that was sent before the ping of this payload. */
  pong(payload: string): void
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

/** A piece: where it ends in all that was written, and when it was sent. */
type Unsent = { endsAt: number; sinceMs: number }

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
  private isHolding = false
  /** What waits, if anything, and the number of the first. */
  private held: FrameText[] | undefined
  private heldSeq = 0
  /** What was held, and is ready to leave. */
  private packed: Buffer | undefined
  private closedWith: number | undefined
  private cancelClosing: Cancel | undefined
  /** Pieces that the kernel had not taken when we looked last, oldest first. */
  private unsent: Unsent[] | undefined
  private cancelLook: Cancel | undefined

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire
    this.clock = clock
  }

  send(frame: Unnumbered): void {
    this.sendText(JSON.stringify(frame))
  }

  sendText(text: FrameText): void {
    if (!this.isOpened) return
    const seq = this.trailOfFrames.number(jsonOf(text))
    if (!this.isHolding) return this.write(frameTexts(seq, [text]))
    if (this.held !== undefined) return void this.held.push(text)
    this.held = [text]
    this.heldSeq = seq
  }

  private write(piece: Buffer): void {
    this.wire.write(piece)
    this.watchReader()
  }

  private watchReader(): void {
    // The kernel mostly takes it at once: then there is nothing to remember.
    if (this.wire.bufferedBytes() === 0) return void (this.unsent = undefined)
    this.unsent ??= []
    this.unsent.push({ endsAt: this.wire.writtenBytes(), sinceMs: this.clock.nowMs() })
    this.judgeReader()
  }

  /** Closes who reads too slowly; looks again when the oldest piece would be too old, while there is one. */
  private judgeReader(): void {
    const buffered = this.wire.bufferedBytes()
    const oldest = this.findOldest(buffered)
    if (oldest === undefined) return
    const waitedMs = this.clock.nowMs() - oldest.sinceMs
    if (buffered > slowReaderBytes || waitedMs >= slowReaderMs) {
      return this.close(closeCodes.tooSlow, 'too much was unread for too long')
    }
    this.cancelLook ??= this.clock.after(slowReaderMs - waitedMs, () => {
      this.cancelLook = undefined
      this.judgeReader()
    })
  }

  /** Of the pieces that are still unread; forgets those before it. */
  private findOldest(buffered: number): Unsent | undefined {
    const takenBytes = this.wire.writtenBytes() - buffered
    this.unsent = this.unsent?.filter(({ endsAt }) => endsAt > takenBytes)
    return this.unsent?.[0]
  }

  hold(): void {
    this.isHolding = true
  }

  pack(): number {
    if (this.held !== undefined) {
      const more = frameTexts(this.heldSeq, this.held)
      this.packed = this.packed === undefined ? more : Buffer.concat([this.packed, more])
      this.held = undefined
    }
    return this.packed?.length ?? 0
  }

  release(): void {
    this.pack()
    const piece = this.packed
    this.isHolding = false
    this.packed = undefined
    if (this.isOpened && piece !== undefined) this.write(piece)
  }

  trail(): Trail {
    return this.trailOfFrames
  }

  goOn(another: Trail, seq: number, texts: readonly string[]): void {
    this.release()
    this.trailOfFrames = another
    if (this.isOpened) this.write(frameTexts(seq, texts))
  }

  ping(): void {
    if (this.isOpened) this.wire.ping(String(this.trailOfFrames.lastSeq()))
  }

  answerPing(payload: Buffer): void {
    if (!this.isOpened) return
    this.wire.pong(payload)
    this.watchReader()
  }

  pong(payload: string): void {
    this.trailOfFrames.forget(Number(payload))
  }

  isOpen(): boolean {
    return this.isOpened
  }

  closeCode(): number | undefined {
    return this.closedWith
  }

  isCongested(): boolean {
    return this.unsent !== undefined && this.wire.bufferedBytes() > coalesceBytes
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
