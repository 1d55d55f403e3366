/** Answers that are sent piece by piece: exports of files, and events. */
import { Socket } from 'node:net'
import { addAbortSignal, Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Operation } from '#protocol/operation.ts'

/** What is sent piece by piece, as fast as it is read; its iterator hears by `return` that nobody reads any more. */
export type Streamed = AsyncIterable<string> & {
  /** Cuts the client off, whatever it has read. */
  signal?: AbortSignal
}

/** Runs what it is given in the name of whoever sent the request. */
export type Act = <T>(run: () => T) => T

/** A stream reads on after its handler has answered, driven by the client's socket: each piece by `act` as well. */
const readWith = <I>(act: Act, body: AsyncIterable<I>): AsyncIterable<I> => ({
  [Symbol.asyncIterator]() {
    const pieces = body[Symbol.asyncIterator]()
    return {
      next: () => act(() => pieces.next()),
      return: async () => act(async () => (await pieces.return?.()) ?? { done: true, value: undefined }),
    }
  },
})

/** Bytes rather than pieces are counted, so that little is read ahead of a slow client; of events, one. */
const readAheadBytes = { 'text/csv': 64 * 1_024, 'application/geo+json': 64 * 1_024, 'text/event-stream': 1 }

type Sending = { type: NonNullable<Operation['produces']>; body: Streamed; act: Act; stalledMs: number }

export function sendStream(reply: FastifyReply, { type, body, act, stalledMs }: Sending): FastifyReply {
  const pieces = Readable.from(readWith(act, body), {
    objectMode: false,
    highWaterMark: readAheadBytes[type],
  })
  if (body.signal !== undefined) addAbortSignal(body.signal, pieces)
  // Node closes a socket on which nothing moves for this long, and sets its own time again for the next request.
  if (reply.raw.socket instanceof Socket) reply.raw.socket.setTimeout(stalledMs)
  const headers =
    type === 'text/event-stream'
      ? { 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
      : { 'content-disposition': 'attachment' }
  return reply.type(`${type}; charset=utf-8`).headers(headers).send(pieces)
}
