/**
 * A session's way out, which outlives its sockets. Without one, frames for the player are numbered and kept, so that
 * the next socket is sent them; what can be told anew, like hints, waits.
 */
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Connection } from './connection.ts'

export type Line = Pick<
  Connection,
  'send' | 'sendJson' | 'hold' | 'release' | 'isOpen' | 'isCongested' | 'close'
> & {
  /** Whether it leads to this connection. */
  leadsTo(connection: Connection): boolean
  /** The socket is gone. */
  cut(): void
  /** Leads to `next` from now on, behind frame `seq`; false where what came after it is not kept any more. */
  resume(next: Connection, seq: number, openingOf: (missed: number) => ServerFrame): boolean
}

export function createLine(first: Connection): Line {
  const trail = first.trail()
  let connection: Connection | undefined = first

  function sendJson(json: string): void {
    if (connection?.isOpen()) connection.sendJson(json)
    else trail.number(json)
  }

  return {
    send: (frame: Unnumbered) => sendJson(JSON.stringify(frame)),
    sendJson,
    hold: () => connection?.hold(),
    release: () => connection?.release(),
    isOpen: () => connection?.isOpen() === true,
    isCongested: () => connection?.isCongested() === true,
    close: (code, reason) => connection?.close(code, reason),
    leadsTo: another => another === connection,
    cut: () => (connection = undefined),
    resume(next, seq, openingOf) {
      const missed = trail.since(seq)
      if (missed === undefined) return false
      connection?.close(closeCodes.replaced, 'the session went on on another socket')
      connection = next
      next.goOn(trail, openingOf(missed.length), missed)
      return true
    },
  }
}
