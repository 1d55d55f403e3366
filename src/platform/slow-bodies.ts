/**
 * Bodies that do not arrive in their time. Node.js looks for late requests by itself, but not for late bodies, as long
 * as a head has more time than a request (`headersTimeout` is 60 s); and one time for all would cut off files, which
 * may come slowly and are watched where they are read.
 */
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { limits } from '#protocol/limits.ts'

/** How often anybody looks: for heads, which Node.js does every 30 s by itself, and for bodies. */
export const looksForLateEveryMs = 5_000

export type SlowBodies = {
  /** The head of a request is here. */
  began(request: FastifyRequest): void
  /** All of its body is. */
  arrived(request: FastifyRequest): void
}

/** Calls `hangUp` for each whose body is late. There are never more than sockets. */
export function watchBodies(http: FastifyInstance, hangUp: (socket: Socket) => void): SlowBodies {
  /** Since when, the oldest first. */
  const waiting = new Map<IncomingMessage, number>()

  function look(): void {
    const lateMs = performance.now() - limits.http.requestTimeoutMs
    for (const [message, sinceMs] of waiting) {
      const isGone = message.complete || message.destroyed
      if (!isGone && sinceMs > lateMs) break
      waiting.delete(message)
      // What was injected into the server has no socket, and is here as a whole.
      if (!isGone && message.socket instanceof Socket) hangUp(message.socket)
    }
  }
  const timer = setInterval(look, looksForLateEveryMs)
  timer.unref()
  http.addHook('onClose', async () => clearInterval(timer))

  return {
    began({ raw, routeOptions }) {
      const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers
      const hasBody = length !== undefined || encoding !== undefined
      if (hasBody && routeOptions.config.consumes === undefined) waiting.set(raw, performance.now())
    },
    arrived: ({ raw }) => void waiting.delete(raw),
  }
}
