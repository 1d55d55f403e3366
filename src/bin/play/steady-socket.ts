/**
 * A socket that outlives a restart of the server: when it closes, a new one is opened and the frame that had no answer
 * is sent again, which every frame allows: a fix is a fix, and a claim answers the same win twice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { ServerFault } from './rest-client.ts'
import {
  openPlaySocket,
  type PlaySocket,
  type Request,
  SocketClosed,
  type SocketOptions,
} from './socket-client.ts'

/** A closing that another socket would not change. */
const finalCodes: readonly number[] = [
  closeCodes.badFrame,
  closeCodes.unauthorized,
  closeCodes.banned,
  closeCodes.replaced,
  closeCodes.flood,
]

const OPENINGS = 8
const FIRST_WAIT_MS = 250

/** Throws a `ServerFault` where the server cannot be reached at all, or wants no more of this player. */
export async function createSteadySocket(
  options: SocketOptions & { onReconnected: () => void },
): Promise<PlaySocket> {
  let retryAfterMs = 0
  const onFrame = (frame: ServerFrame): void => {
    if (frame.type === 'goodbye') retryAfterMs = frame.retryAfterMs
    options.onFrame(frame)
  }
  let socket = await openPlaySocket({ ...options, onFrame })

  async function reopen(closed: SocketClosed): Promise<void> {
    if (finalCodes.includes(closed.code)) throw new ServerFault(closed.message, { cause: closed })
    for (let opening = 1; ; opening++) {
      await sleep(Math.max(retryAfterMs, FIRST_WAIT_MS * 2 ** (opening - 1)))
      retryAfterMs = 0
      try {
        socket = await openPlaySocket({ ...options, onFrame })
        return options.onReconnected()
      } catch (error) {
        if (!(error instanceof ServerFault) || opening === OPENINGS) throw error
      }
    }
  }

  return {
    async request(frame: Request) {
      for (;;) {
        try {
          return await socket.request(frame)
        } catch (error) {
          if (!(error instanceof SocketClosed)) throw error
          await reopen(error)
        }
      }
    },
    close: () => socket.close(),
  }
}
