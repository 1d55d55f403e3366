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

/** Looks that a body may see, and time between two of them that it has at least. */
const patience = Math.ceil(limits.http.requestTimeoutMs / looksForLateEveryMs)

export type SlowBodies = {
  /** The head of a request is here. */
  began(request: FastifyRequest): void
}

/** The last request with a body that came over a socket, until somebody looks and finds all of it there. */
type Arriving = { message: IncomingMessage | undefined; looksBefore: number }

/**
 * Calls `hangUp` for each whose body is late. A request costs a look at its socket's entry: what is noted and taken
 * back for each costs a small answer 5 % of its time.
 */
export function watchBodies(http: FastifyInstance, hangUp: (socket: Socket) => void): SlowBodies {
  const sockets = new Map<Socket, Arriving>()
  let looks = 0

  function look(): void {
    looks++
    for (const [socket, arriving] of sockets) {
      const { message, looksBefore } = arriving
      if (message === undefined) continue
      const isHere = message.complete || message.destroyed
      if (!isHere && looks - looksBefore <= patience) continue
      arriving.message = undefined
      if (!isHere) hangUp(socket)
    }
  }
  const timer = setInterval(look, looksForLateEveryMs)
  timer.unref()
  http.addHook('onClose', async () => clearInterval(timer))

  return {
    began({ raw, routeOptions }) {
      const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers
      if (length === undefined && encoding === undefined) return
      if (routeOptions.config.consumes !== undefined) return
      // What was injected into the server has no socket, and is here as a whole.
      if (raw.socket instanceof Socket) note(raw.socket, raw)
    },
  }

  function note(socket: Socket, message: IncomingMessage): void {
    const arriving = sockets.get(socket)
    if (arriving !== undefined) {
      arriving.message = message
      arriving.looksBefore = looks
      return
    }
    sockets.set(socket, { message, looksBefore: looks })
    socket.once('close', () => sockets.delete(socket))
  }
}
