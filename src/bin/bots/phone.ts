/**
 * A bot's phone: the reference client, with an app that can sleep. A sleeping app has no socket, and whoever shares the
 * network with it hears of that only by its silence; awake, the client resumes as it would in a hand.
 */
import { WebSocket } from 'ws'
import { createPlayClient, type PlayClient, type PlayState } from '#protocol/client.ts'
import { PlayClosed } from '#protocol/client/answers.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { explain, isAsTheProtocolSays } from '../play/play-socket.ts'
import { ServerFault } from '../play/rest-client.ts'

export type Phone = {
  /** Throws a {@link ServerFault} where no answer comes any more. */
  request: PlayClient['request']
  sleep(): void
  wake(): void
  close(): void
}

export type PhoneOptions = {
  url: string
  token: string
  onFrame: (frame: ServerFrame) => void
  /** `isNew`: the session of before was gone. */
  onReconnected: (reconnection: { isNew: boolean }) => void
}

const BACKOFF = { firstMs: 50, mostMs: 200 }
const OPEN_WITHIN_MS = 30_000

/** Resolves once the session is open. Throws a {@link ServerFault} where the server does not let the player in. */
export function openPhone({ url, token, onFrame, onReconnected }: PhoneOptions): Promise<Phone> {
  let isAsleep = false
  let socket: WebSocket | undefined
  let fault: ServerFault | undefined

  const keep = (opened: WebSocket) => void (socket = opened)

  class Radio extends WebSocket {
    constructor(address: string, protocols: string[]) {
      if (isAsleep) throw new Error('asleep')
      super(address, protocols)
      keep(this)
    }
  }

  return new Promise((resolve, reject) => {
    let wasOpen = false
    const giveUp = (message: string): void => {
      fault ??= new ServerFault(message)
      reject(fault)
      client.close()
    }
    const patience = setTimeout(() => giveUp(`no socket at ${url}`), OPEN_WITHIN_MS)
    const client = createPlayClient({
      url,
      token,
      WebSocket: Radio,
      backoff: BACKOFF,
      onState,
      onFrame: take,
    })

    function onState(state: PlayState): void {
      if (state.status === 'closed') {
        clearTimeout(patience)
        fault ??= new ServerFault(explain(state))
        reject(fault)
      }
      if (state.status !== 'open') return
      clearTimeout(patience)
      if (wasOpen) onReconnected(state)
      wasOpen = true
      resolve({
        request,
        sleep() {
          isAsleep = true
          socket?.terminate()
        },
        wake: () => void (isAsleep = false),
        close: client.close,
      })
    }

    function take(frame: ServerFrame): void {
      if (isAsTheProtocolSays(frame)) onFrame(frame)
      else giveUp(`the server sent a ${frame.type} frame that is not as the protocol says`)
    }

    async function request(...asked: Parameters<PlayClient['request']>): Promise<ServerFrame> {
      try {
        return await client.request(...asked)
      } catch (error) {
        if (error instanceof PlayClosed) throw fault ?? new ServerFault(error.message, { cause: error })
        throw error
      }
    }
  })
}
