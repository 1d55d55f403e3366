/** One socket of one player: frames go out, answers are matched by `ref`, everything else is handed on as it comes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Check } from 'typebox/value'
import type { RawData } from 'ws'
import { WebSocket } from 'ws'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { closeCodes, socketPath, subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import { type ServerFrame, serverFrames } from '#protocol/ws/server.ts'
import { ServerFault } from './rest-client.ts'

/** The connection is gone; what was under way may or may not have happened. */
export class SocketClosed extends Error {
  override name = 'SocketClosed'
  readonly code: number
  constructor(code: number, reason: string) {
    super(`the socket closed with ${code}${reason === '' ? '' : ` (${reason})`}`)
    this.code = code
  }
}

/** A frame before the client names it; its kind is kept. */
export type Request = ClientFrame extends infer F ? (F extends ClientFrame ? Omit<F, 'id'> : never) : never

export type PlaySocket = {
  /** Sends a frame and resolves with the one that answers it. Throws {@link SocketClosed}. */
  request(frame: Request): Promise<ServerFrame>
  close(): Promise<void>
}

export type SocketOptions = {
  /** Of the REST API: http or https. */
  url: string
  token: string
  /** Every frame that answers none. */
  onFrame: (frame: ServerFrame) => void
}

const ANSWER_MS = 15_000

/** Resolves once the session is open. Throws a `ServerFault` where the server does not let the player in. */
export async function openPlaySocket({ url, token, onFrame }: SocketOptions): Promise<PlaySocket> {
  const address = `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${socketPath}`
  const socket = new WebSocket(address, [subprotocol, `${tokenProtocolPrefix}${token}`])
  const waiting = new Map<string, { resolve: (frame: ServerFrame) => void; reject: (error: Error) => void }>()
  let lastId = 0

  function take(frame: ServerFrame): void {
    const asked = frame.ref === undefined ? undefined : waiting.get(frame.ref)
    if (asked === undefined || frame.ref === undefined) return onFrame(frame)
    waiting.delete(frame.ref)
    asked.resolve(frame)
  }

  function fail(error: Error): void {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  const closed = new Promise<void>(resolve => {
    socket.on('close', (code, reason) => {
      fail(new SocketClosed(code, reason.toString()))
      resolve()
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('error', error => reject(new ServerFault(`no socket at ${address}: ${error.message}`)))
    socket.on('close', code => {
      const isOurs = code === closeCodes.unauthorized
      reject(new ServerFault(isOurs ? 'the token is not valid' : `${address} closed at once, with ${code}`))
    })
    socket.on('message', data => {
      try {
        const frame = readFrame(data)
        if (frame?.type === 'welcome') resolve()
        if (frame !== undefined) take(frame)
      } catch (error) {
        fail(error as Error)
        reject(error as Error)
        socket.terminate()
      }
    })
  })

  return {
    async request(frame) {
      if (socket.readyState !== WebSocket.OPEN) throw new SocketClosed(1006, 'before the request')
      const id = String(++lastId)
      const answered = new Promise<ServerFrame>((resolve, reject) => waiting.set(id, { resolve, reject }))
      socket.send(JSON.stringify({ ...frame, id }))
      const deadline = new AbortController()
      const late = sleep(ANSWER_MS, undefined, { signal: deadline.signal }).then(() => {
        throw new ServerFault(`a ${frame.type} frame was not answered within ${ANSWER_MS} ms`)
      })
      try {
        return await Promise.race([answered, late])
      } finally {
        waiting.delete(id)
        deadline.abort()
      }
    },
    async close() {
      socket.close(1000)
      await closed
    },
  }
}

/** The frame, or nothing where it is of a newer protocol than this client's. */
function readFrame(data: RawData): ServerFrame | undefined {
  const frame: unknown = JSON.parse(textOf(data))
  const type = (frame as { type?: unknown } | null)?.type
  if (!isFrameType(type)) return undefined
  const schema = serverFrames[type]
  if (Check(schema, frame)) return frame
  throw new ServerFault(`the server sent a ${type} frame that is not as the protocol says`)
}

const isFrameType = (type: unknown): type is keyof typeof serverFrames =>
  typeof type === 'string' && Object.hasOwn(serverFrames, type)

const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)).toString('utf8')
