/**
 * `GET /v1/play`: the handshake, and the thin layer between a WebSocket and a dialogue. Handlers are attached before
 * anything is awaited, or early frames are lost; and what they throw reaches nobody, so each goes through one wrapper.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type RawData, WebSocket } from 'ws'
import { deviceHeader } from '#protocol/device.ts'
import { limits } from '#protocol/limits.ts'
import { socketPath, subprotocol, tokenProtocolPrefix } from '#protocol/ws/frame.ts'
import { headerOf, sendRefusal } from '#platform/http.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Admission, Network } from './admission.ts'
import { CLOSING_MS, type Wire } from './connection.ts'
import type { Hub, Visitor } from './hub.ts'

export type PlaySocketPorts = {
  hub: Hub
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
  const spoken = { ...ports, log }
  const answers = new WeakMap<FastifyRequest, ServerResponse>()
  await app.register(websocket, {
    options: {
      ...ofPlaySocket(),
      maxPayload: limits.socket.payloadBytes,
      perMessageDeflate: false,
      // A frame of 4 KiB has no need of more pieces; each costs memory until the frame is complete.
      maxFragments: 16,
      maxBufferedChunks: 64,
      // The hub knows who is there, and whose pings are too many.
      clientTracking: false,
      autoPong: false,
      handleProtocols: protocols => protocols.has(subprotocol) && subprotocol,
    },
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
      if (socket instanceof PlaySocket) socket.begin(request, answers.get(request), spoken)
    },
  })
}

/** Options of ws that its types do not name as they are. */
const ofPlaySocket = (): object => ({
  WebSocket: PlaySocket,
  /** Whoever ws closes, for a frame too large, has this long to answer; what comes until then is thrown away. */
  closeTimeout: CLOSING_MS,
})

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
  copyOf(
    offeredProtocols(request)
      .find(protocol => protocol.startsWith(tokenProtocolPrefix))
      ?.slice(tokenProtocolPrefix.length),
  )

/** Of the token alone, as long as the socket is open: a slice would keep the whole header. */
const copyOf = (token: string | undefined): string | undefined =>
  token === undefined ? undefined : Buffer.from(token).toString()

type Spoken = Pick<PlaySocketPorts, 'hub' | 'admission'> & { log: Pick<FastifyBaseLogger, 'error' | 'debug'> }

/**
 * A socket, and the wire of its connection. Thousands of them are open for hours and do nothing, so each is one object
 * that hears what ws emits without listeners, whose table is larger than most of what is here; and of the handshake
 * only what is named here is kept, where the request with all its headers, and an answer that is never sent, would stay
 * with the listeners.
 */
class PlaySocket extends WebSocket implements Wire {
  private spoken: Spoken | undefined
  private stream: Socket | undefined
  private visitor: Visitor | undefined
  private network: Network | undefined

  /** `answer` is Node's, which is never sent. */
  begin(request: FastifyRequest, answer: ServerResponse | undefined, spoken: Spoken): void {
    const stream = request.raw.socket
    // The stream would hold on to the answer that was made for it, and the plugin's listener to both.
    answer?.detachSocket(stream)
    this.spoken = spoken
    this.stream = stream
    this.network = spoken.admission.enter(request.ip)
    this.visitor = spoken.hub.connect(this, {
      token: tokenOf(request),
      device: headerOf(request, deviceHeader),
    })
    this.removeAllListeners()
  }

  override emit(event: string | symbol, ...told: unknown[]): boolean {
    if (this.visitor === undefined) return super.emit(event, ...told)
    const [first] = told
    if (event === 'message') this.onMessage(first as RawData, told[1] as boolean)
    else if (event === 'ping') this.onPing(first as Buffer)
    else if (event === 'pong') this.onPong(first as Buffer)
    else if (event === 'close') this.onClose(first as number)
    else if (event === 'error') this.onFault(first as Error)
    else return super.emit(event, ...told)
    return true
  }

  write(piece: Buffer): void {
    // Nothing of ours is compressed or a Blob, so ws writes what it sends at once, too: the order stays.
    if (this.readyState === this.OPEN) this.stream?.write(piece)
  }

  writtenBytes(): number {
    return this.stream?.bytesWritten ?? 0
  }

  bufferedBytes(): number {
    return this.stream?.writableLength ?? 0
  }

  /** ws has sent the close code (1009 and the like) when it reports an error: terminating would lose it. */
  private onFault(error: Error): void {
    this.spoken?.log.debug({ err: error }, 'a socket failed')
  }

  private onMessage(data: RawData, isBinary: boolean): void {
    this.guard(() => this.visitor?.hear(isBinary ? undefined : textOf(data)))
  }

  private onPing(payload: Buffer): void {
    this.guard(() => this.visitor?.ping(payload))
  }

  private onPong(payload: Buffer): void {
    this.guard(() => this.visitor?.pong(payload.toString('latin1')))
  }

  private onClose(code: number): void {
    this.guard(() => {
      if (this.network !== undefined) this.spoken?.admission.leave(this.network)
      this.visitor?.end(code)
    })
  }

  /** What a listener throws reaches nobody. */
  private guard(handle: () => void | Promise<void>): void {
    try {
      handle()?.catch((error: unknown) => this.fail(error))
    } catch (error) {
      this.fail(error)
    }
  }

  private fail(error: unknown): void {
    this.spoken?.log.error({ err: error }, 'a socket handler failed')
    this.visitor?.fail()
  }
}

/** Text arrives as one Buffer: `binaryType` is left at its default. */
const textOf = (data: RawData): string => (data as Buffer).toString('utf8')
