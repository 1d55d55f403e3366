/**
 * A session's way out, which outlives its sockets. Without one, frames for the player are numbered and kept, so that
 * the next socket is sent them; what can be told anew, like hints, waits.
 */
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Unnumbered } from '#protocol/ws/server.ts'
import type { Connection } from './connection.ts'
import { type FrameText, jsonOf } from './text-frames.ts'
import type { Trail } from './trail.ts'

export type Line = Pick<
  Connection,
  'send' | 'sendText' | 'hold' | 'pack' | 'release' | 'isOpen' | 'isCongested' | 'close'
> & {
  /** Whether it leads to this connection. */
  leadsTo(connection: Connection): boolean
  /** The socket is gone. */
  cut(): void
  /** Leads to `next` from now on, behind frame `seq`; false where what came after it is not kept any more. */
  resume(next: Connection, seq: number, openingOf: (missed: number) => Unnumbered): boolean
}

export const createLine = (first: Connection): Line => new SessionLine(first)

class SessionLine implements Line {
  private readonly trail: Trail
  private connection: Connection | undefined

  constructor(first: Connection) {
    this.trail = first.trail()
    this.connection = first
  }

  send(frame: Unnumbered): void {
    this.sendText(JSON.stringify(frame))
  }

  sendText(text: FrameText): void {
    if (this.connection?.isOpen() === true) this.connection.sendText(text)
    else this.trail.number(jsonOf(text))
  }

  hold(): void {
    this.connection?.hold()
  }

  pack(): number {
    return this.connection?.pack() ?? 0
  }

  release(): void {
    this.connection?.release()
  }

  isOpen(): boolean {
    return this.connection?.isOpen() === true
  }

  isCongested(): boolean {
    return this.connection?.isCongested() === true
  }

  close(code: number, reason: string): void {
    this.connection?.close(code, reason)
  }

  leadsTo(another: Connection): boolean {
    return another === this.connection
  }

  cut(): void {
    this.connection = undefined
  }

  resume(next: Connection, seq: number, openingOf: (missed: number) => Unnumbered): boolean {
    const missed = this.trail.since(seq)
    if (missed === undefined) return false
    this.connection?.close(closeCodes.replaced, 'the session went on on another socket')
    this.connection = next
    next.goOn(this.trail, seq, [JSON.stringify(openingOf(missed.length)), ...missed])
    return true
  }
}
