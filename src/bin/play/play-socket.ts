/** The reference client as the tools use it: every frame is checked, and what cannot be mended is a `ServerFault`. */
import { Check } from 'typebox/value'
import { WebSocket } from 'ws'
import { createPlayClient, type PlayClient, type PlayOptions, type PlayState } from '#protocol/client.ts'
import { PlayClosed } from '#protocol/client/answers.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import { type ServerFrame, serverFrames } from '#protocol/ws/server.ts'
import { ServerFault } from './rest-client.ts'

export type PlaySocket = {
  /** Resolves with the frame that answers it. Throws a {@link ServerFault}. */
  request: PlayClient['request']
  /** Resolves when the server wants no more of this player, or cannot be reached any more. */
  ended: Promise<ServerFault>
  close(): void
}

export type PlaySocketOptions = Pick<PlayOptions, 'backoff'> & {
  /** Of the REST API: http or https. */
  url: string
  token: string
  onFrame: (frame: ServerFrame) => void
  onReconnected: () => void
}

const ATTEMPTS = 8

/** Resolves once the session is open. Throws a {@link ServerFault} where the server does not let the player in. */
export function openPlaySocket(options: PlaySocketOptions): Promise<PlaySocket> {
  const { onFrame, onReconnected, ...more } = options
  return new Promise((resolve, reject) => {
    let isOpen = false
    let end: (fault: ServerFault) => void = reject
    const ended = new Promise<ServerFault>(tell => (end = tell))
    const client = createPlayClient({ ...more, WebSocket, attempts: ATTEMPTS, onState, onFrame: take })

    function onState(state: PlayState): void {
      if (state.status === 'open' && isOpen) onReconnected()
      if (state.status === 'open' && !isOpen) resolve({ request, ended, close: client.close })
      if (state.status === 'waiting' && !isOpen) fail(`no socket at ${options.url}`)
      if (state.status === 'closed') fail(explain(state))
      isOpen ||= state.status === 'open'
    }

    function fail(message: string): void {
      const fault = new ServerFault(message)
      reject(fault)
      end(fault)
      if (!isOpen) client.close()
    }

    function take(frame: ServerFrame): void {
      if (isAsTheProtocolSays(frame)) return onFrame(frame)
      fail(`the server sent a ${frame.type} frame that is not as the protocol says`)
      client.close()
    }

    async function request(...asked: Parameters<PlayClient['request']>): Promise<ServerFrame> {
      try {
        return await client.request(...asked)
      } catch (error) {
        if (error instanceof PlayClosed) throw new ServerFault(error.message, { cause: error })
        throw error
      }
    }
  })
}

export const explain = ({ code, reason }: { code: number; reason: string }): string =>
  code === closeCodes.unauthorized ? 'the token is not valid' : `the socket closed with ${code}: ${reason}`

/** What is of a newer protocol than this client's cannot be judged. */
export const isAsTheProtocolSays = (frame: ServerFrame): boolean =>
  !Object.hasOwn(serverFrames, frame.type) || Check(serverFrames[frame.type], frame)
