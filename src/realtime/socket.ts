/**
 * `GET /v1/play`: the handshake, and the thin layer between a WebSocket and a dialogue. Handlers are attached before
 * anything is awaited, or early frames are lost; and what they throw reaches nobody, so each goes through one wrapper.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { deviceHeader } from '#protocol/device.ts'
import { limits } from '#protocol/limits.ts'
import { socketPath, subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import { headerOf, sendRefusal } from '#platform/http.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Admission } from './admission.ts'
import { CLOSING_MS, type Wire } from './connection.ts'
import type { Hub, Visitor } from './hub.ts'

export type PlaySocketPorts = {
  hub: Hub
  authenticator: {
    /** The player behind a bare token, or a refusal. */
    authenticatePlayerToken(token: string, device?: string): Promise<PlayerCaller | Refusal>
  }
  /** Browser origins that may open sockets. A client that sends no Origin is no browser. */
  origins: readonly string[] | 'any'
  admission: Admission
}

/**
 * Registers the plugin on `app` and the route. Call it before other routes, so that an upgrade sent to one of them is
 * answered and not left open. Closing the app says goodbye to every client.
 */
export async function registerPlaySocket(app: FastifyInstance, ports: PlaySocketPorts): Promise<void> {
  const { log } = app
  // ws has sent the close code (1009 and the like) when it reports an error: terminating would lose it.
  const onError = (error: Error) => log.debug({ err: error }, 'a socket failed')
  const answers = new WeakMap<FastifyRequest, ServerResponse>()
  await app.register(websocket, {
    options: {
      maxPayload: limits.socket.payloadBytes,
      perMessageDeflate: false,
      // A frame of 4 KiB has no need of more pieces; each costs memory until the frame is complete.
      maxFragments: 16,
      maxBufferedChunks: 64,
      ...hangUp,
      handleProtocols: protocols => protocols.has(subprotocol) && subprotocol,
    },
    errorHandler: onError,
    // The default drops everyone without a code.
    preClose: done => done(),
  })
  app.addHook('preClose', async () => {
    await ports.hub.close()
    app.websocketServer.close()
  })
  app.route({
    method: 'GET',
    url: socketPath,
    onRequest: (request, reply, done) => {
      const refusal = judgeHandshake(request, ports)
      answers.set(request, reply.raw)
      if (refusal === undefined) return done()
      sendRefusal(reply, refusal, false)
    },
    handler: (_request: FastifyRequest, reply: FastifyReply) => sendRefusal(reply, notASocket, false),
    wsHandler: (socket, request) => {
      talk(socket, request, { ...ports, log, onError, answer: answers.get(request) })
    },
  })
}

/**
 * Whoever ws closes for what they sent, a frame too large, has this long to answer; what comes until then is thrown
 * away. An option of ws that its types do not name yet.
 */
const hangUp = { closeTimeout: CLOSING_MS }

const notASocket = refuse('bad_request', {
  detail: `This is a WebSocket: upgrade, with the subprotocol ${subprotocol}.`,
})

/** Who may not come in: told as HTTP, before the upgrade. */
function judgeHandshake(
  request: FastifyRequest,
  { origins, admission }: PlaySocketPorts,
): Refusal | undefined {
  const { origin } = request.headers
  if (origin !== undefined && origins !== 'any' && !origins.includes(origin)) return refuse('forbidden')
  return offeredProtocols(request).includes(subprotocol) ? admission.judge(request.ip) : notASocket
}

const offeredProtocols = (request: FastifyRequest): string[] =>
  (request.headers['sec-websocket-protocol'] ?? '').split(',').map(protocol => protocol.trim())

const tokenOf = (request: FastifyRequest): string | undefined =>
  offeredProtocols(request)
    .find(protocol => protocol.startsWith(tokenProtocolPrefix))
    ?.slice(tokenProtocolPrefix.length)

type TalkPorts = PlaySocketPorts & {
  log: Pick<FastifyBaseLogger, 'error'>
  onError: (error: Error) => void
  /** Node's, which is never sent. */
  answer: ServerResponse | undefined
}

/**
 * What is kept of the handshake is only what is named here: a socket stays open for hours, and the request with all its
 * headers, and an answer that is never sent, would stay with it.
 */
function talk(
  socket: WebSocket,
  request: FastifyRequest,
  { hub, authenticator, admission, log, onError, answer }: TalkPorts,
): void {
  const stream = request.raw.socket
  // The stream would hold on to the answer that was made for it, and the plugin's listener to both.
  answer?.detachSocket(stream)
  socket.removeAllListeners('error')
  socket.on('error', onError)
  const header = headerOf(request, deviceHeader)
  const visitor = hub.connect(new PlayWire(socket, stream), {
    token: tokenOf(request),
    // What `hello` names goes before the header: a browser can send no header here.
    authenticate: (token, device = header) => authenticator.authenticatePlayerToken(token, device),
  })
  listen(socket, { visitor, leave: admission.enter(request.ip), log })
}

type Visit = Pick<TalkPorts, 'log'> & { visitor: Visitor; leave: () => void }

function listen(socket: WebSocket, { visitor, leave, log }: Visit): void {
  const fail = (error: unknown) => {
    log.error({ err: error }, 'a socket handler failed')
    visitor.fail()
  }
  const guard = (handle: () => void | Promise<void>) => {
    try {
      handle()?.catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  socket.on('message', (data, isBinary) => guard(() => visitor.hear(isBinary ? undefined : textOf(data))))
  socket.on('ping', () => guard(() => visitor.ping()))
  socket.on('pong', () => guard(() => visitor.pong()))
  socket.on('close', code =>
    guard(() => {
      leave()
      visitor.end(code)
    }),
  )
}

/** Text arrives as one Buffer: `binaryType` is left at its default. */
const textOf = (data: RawData): string => (data as Buffer).toString('utf8')

class PlayWire implements Wire {
  private readonly socket: WebSocket
  private readonly stream: Socket

  constructor(socket: WebSocket, stream: Socket) {
    this.socket = socket
    this.stream = stream
  }

  send(piece: Buffer): void {
    // Nothing of ours is compressed or a Blob, so ws writes what it sends at once, too: the order stays.
    if (this.socket.readyState === this.socket.OPEN) this.stream.write(piece)
  }

  ping(): void {
    this.socket.ping()
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason)
  }

  terminate(): void {
    this.socket.terminate()
  }

  writtenBytes(): number {
    return this.stream.bytesWritten
  }

  bufferedBytes(): number {
    return this.stream.writableLength
  }
}
