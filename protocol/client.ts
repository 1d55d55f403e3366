/**
 * The reference client of the socket, for browsers and Node: copy it, or read it as the description of what a client
 * has to do. It opens a session and keeps it through sleeping phones, tunnels and deploys: resumes where it can, takes
 * the snapshot of a new session where it cannot, waits with full jitter, and gives up only where coming back is no use.
 * It needs nothing but a WebSocket constructor, two files beside it, and this folder's constants and types.
 */
import { type Answers, createAnswers, lost, PlayClosed, type PlayRequest } from './client/answers.ts'
import { createSurroundings, type Surroundings } from './client/surroundings.ts'
import type { Fix } from './scalars.ts'
import { closeCodes, socketPath, subprotocol } from './ws/frame.ts'
import type { ServerFrame } from './ws/server.ts'

type Category = NonNullable<Extract<PlayRequest, { type: 'watch' }>['category']>
type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>

/** What is used of a WebSocket; that of a browser, of Node and of the package `ws` will do. */
export type SocketLike = {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(text: string): void
  close(code?: number): void
}

export type PlayState =
  /** `isNew`: not the session of before; whatever else depends on the past, like a wallet, is to be read again. */
  | { status: 'open'; isNew: boolean; welcome: FrameOf<'welcome'> }
  | { status: 'waiting'; retryInMs: number; code: number }
  | { status: 'closed'; code: number; reason: string }

export type PlayOptions = {
  /** Of the server: http, https, ws or wss, with or without the path. */
  url: string
  /** Asked again for each opening where it is a function, so that an expired token can be renewed. */
  token: string | (() => string | Promise<string>)
  /** A UUID that this phone made once and keeps; where it is judged to be, its player is. */
  device?: string
  WebSocket?: new (url: string, protocols: string[]) => SocketLike
  /** Every frame, once, in order, after `hints` and `warmth` have taken it in. */
  onFrame?: (frame: ServerFrame) => void
  onState?: (state: PlayState) => void
  /** Openings in a row that may fail; as many as it takes where it is not told. */
  attempts?: number
  /** Waits between openings: from 0 to `firstMs`, doubled with each failure up to `mostMs`. */
  backoff?: { firstMs: number; mostMs: number }
  /** So long an answer is waited for, over all reconnections. */
  answerMs?: number
  /** After so long without a word the server is asked for one, and after `openMs` more it is taken for dead. */
  silence?: { quietMs: number; openMs: number }
  random?: () => number
}

export type PlayClient = {
  /** What lies around, by envelope; a live view. */
  readonly hints: Surroundings['hints']
  /** Service requests that are near, by id, where they are watched; a live view. */
  readonly requests: Surroundings['requests']
  /** The outline of each cell of a hint or a request, by cell. */
  readonly zones: Surroundings['zones']
  warmth(): Surroundings['warmth']
  /** Rejects with {@link PlayRefusal} or {@link PlayClosed}; of fixes that wait for a socket only the last is sent. */
  position(fix: Fix): Promise<FrameOf<'position.ack'>>
  /** Where to draw an envelope within reach, and a ticket to claim it with. */
  reveal(
    envelopeId: string,
    fix: Fix,
    more?: { passphrase?: string; code?: string },
  ): Promise<FrameOf<'reveal.result'>>
  /** By a fix, or by the ticket of a reveal. Safe to repeat: who has won hears the same win. */
  claim(
    envelopeId: string,
    by: Fix | { ticket: string },
    more?: { passphrase?: string; code?: string },
  ): Promise<FrameOf<'claim.result'>>
  /** On duty or not: fills `requests`, in this session and, as the server keeps it, in those that come after it. */
  watch(serviceRequests: boolean, more?: { category?: Category }): Promise<FrameOf<'watching'>>
  /** Any frame; resolves with its answer, which may be an `error`. */
  request(frame: PlayRequest): Promise<ServerFrame>
  close(): void
}

/** The server said no. */
export class PlayRefusal extends Error {
  override name = 'PlayRefusal'
  readonly frame: FrameOf<'error'>
  constructor(frame: FrameOf<'error'>) {
    super(frame.reason === undefined ? frame.code : `${frame.code} (${frame.reason})`)
    this.frame = frame
  }
}

/** Closings that another socket would not change; after all others the client comes back. */
const finalCodes: readonly number[] = [
  closeCodes.tooManyPieces,
  closeCodes.tooBig,
  closeCodes.badFrame,
  closeCodes.unauthorized,
  closeCodes.banned,
  closeCodes.replaced,
  closeCodes.flood,
]

type Timer = ReturnType<typeof setTimeout>

type Core = {
  options: PlayOptions
  address: string
  answers: Answers
  around: Surroundings
  socket: SocketLike | undefined
  session: { id: string; seq: number } | undefined
  /** The session is open on this socket, and what was missed has come. */
  isReady: boolean
  isClosed: boolean
  wasWelcome: boolean
  missing: number
  failures: number
  retryAfterMs: number
  watch: Timer | undefined
  retry: Timer | undefined
}

export function createPlayClient(options: PlayOptions): PlayClient {
  const core: Core = {
    options,
    address: `${options.url.replace(/^http/, 'ws').replace(/\/+$/, '').replace(socketPath, '')}${socketPath}`,
    answers: createAnswers(options.answerMs ?? 30_000),
    around: createSurroundings(),
    ...{ socket: undefined, session: undefined, watch: undefined, retry: undefined },
    ...{ isReady: false, isClosed: false, wasWelcome: false, missing: 0, failures: 0, retryAfterMs: 0 },
  }
  const request = (frame: PlayRequest) =>
    core.answers.ask(frame, core.isReady ? text => core.socket?.send(text) : undefined, core.isClosed)
  const demand = async <T extends ServerFrame['type']>(frame: PlayRequest, type: T): Promise<FrameOf<T>> => {
    const answer = await request(frame)
    if (answer.type === 'error') throw new PlayRefusal(answer)
    if (answer.type !== type) throw new PlayClosed(closeCodes.badFrame, `answered with ${answer.type}`)
    return answer as FrameOf<T>
  }
  void connect(core)
  return {
    hints: core.around.hints,
    zones: core.around.zones,
    requests: core.around.requests,
    warmth: () => core.around.warmth,
    request,
    position: fix => demand({ type: 'position', fix }, 'position.ack'),
    reveal: (envelopeId, fix, more = {}) =>
      demand({ type: 'reveal', envelopeId, fix, ...more }, 'reveal.result'),
    claim: (envelopeId, by, more = {}) => {
      const proof = 'ticket' in by ? by : { fix: by }
      return demand({ type: 'claim', envelopeId, ...proof, ...more }, 'claim.result')
    },
    watch: (serviceRequests, more = {}) => demand({ type: 'watch', serviceRequests, ...more }, 'watching'),
    close: () => end(core, 1000, 'closed by us'),
  }
}

async function connect(core: Core): Promise<void> {
  const { options } = core
  const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: PlayOptions['WebSocket'] }).WebSocket
  if (WebSocket === undefined) return end(core, lost, 'there is no WebSocket here: pass a constructor')
  try {
    const token = typeof options.token === 'function' ? await options.token() : options.token
    if (core.isClosed) return
    const socket = new WebSocket(core.address, [subprotocol])
    core.socket = socket
    const isOurs = () => core.socket === socket
    const hello = {
      type: 'hello',
      id: 'hello',
      token,
      ...(options.device !== undefined && { device: options.device }),
      ...(core.session && { resume: resumeOf(core.session) }),
    }
    socket.onopen = () => isOurs() && socket.send(JSON.stringify(hello))
    socket.onmessage = ({ data }: { data: unknown }) => isOurs() && hear(core, String(data))
    socket.onclose = ({ code, reason }: { code: number; reason: unknown }) =>
      isOurs() && lose(core, code, String(reason))
    socket.onerror = () => undefined
    listen(core)
  } catch (error) {
    lose(core, lost, (error as Error).message)
  }
}

const resumeOf = ({ id, seq }: NonNullable<Core['session']>) => ({ sessionId: id, seq })

/** Starts waiting for the next word of the server anew. */
function listen(core: Core): void {
  const { quietMs, openMs } = core.options.silence ?? { quietMs: 25_000, openMs: 10_000 }
  clearTimeout(core.watch)
  const giveUp = () => abandon(core, 'the server is silent')
  core.watch = setTimeout(
    () => {
      if (!core.isReady) return giveUp()
      core.watch = setTimeout(giveUp, openMs)
      core.socket?.send(JSON.stringify({ type: 'ping' }))
    },
    core.isReady ? quietMs : openMs,
  )
}

/** Does not wait for a dead socket's close. */
function abandon(core: Core, reason: string): void {
  const { socket } = core
  lose(core, lost, reason)
  socket?.close()
}

function hear(core: Core, text: string): void {
  const frame = JSON.parse(text) as ServerFrame
  if (frame.type === 'welcome') return open(core, frame)
  const { session } = core
  if (core.wasWelcome && session !== undefined) {
    if (frame.seq <= session.seq) return
    session.seq = frame.seq
  }
  if (frame.type === 'goodbye') {
    core.retryAfterMs = frame.retryAfterMs
    if (!frame.resume) core.session = undefined
  }
  hand(core, frame)
  if (frame.type === 'error' && frame.ref === 'hello') {
    if (frame.code === 'bad_frame') return end(core, closeCodes.badFrame, frame.code)
    core.retryAfterMs = frame.retryAfterMs ?? 0
    return abandon(core, frame.code)
  }
  if (core.missing > 0 && --core.missing === 0) proceed(core)
  else listen(core)
}

function open(core: Core, welcome: FrameOf<'welcome'>): void {
  const isNew = core.session?.id !== welcome.sessionId
  if (isNew) core.around.clear()
  core.session = { id: welcome.sessionId, seq: welcome.seq }
  core.wasWelcome = true
  core.failures = 0
  core.missing = welcome.resumed?.frames ?? 0
  core.options.onState?.({ status: 'open', isNew, welcome })
  hand(core, welcome)
  if (core.missing === 0) proceed(core)
}

function hand(core: Core, frame: ServerFrame): void {
  core.around.apply(frame)
  core.answers.take(frame)
  core.options.onFrame?.(frame)
}

/** What has no answer is asked again: a fix is a fix, and a claim answers the same win twice. */
function proceed(core: Core): void {
  core.isReady = true
  listen(core)
  for (const text of core.answers.unanswered()) core.socket?.send(text)
}

function lose(core: Core, code: number, reason: string): void {
  clearTimeout(core.watch)
  core.socket = undefined
  core.isReady = false
  if (core.isClosed) return
  const {
    attempts = Infinity,
    backoff = { firstMs: 500, mostMs: 30_000 },
    random = Math.random,
  } = core.options
  // A token that has served may have expired: it is asked for once more.
  const mayRenew =
    code === closeCodes.unauthorized && core.wasWelcome && typeof core.options.token === 'function'
  core.wasWelcome = false
  if (finalCodes.includes(code) && !mayRenew) return end(core, code, reason)
  core.failures++
  if (core.failures > attempts) return end(core, code, reason)
  const jitterMs = random() * Math.min(backoff.mostMs, backoff.firstMs * 2 ** (core.failures - 1))
  const retryInMs = Math.round(core.retryAfterMs + jitterMs)
  core.retryAfterMs = 0
  core.options.onState?.({ status: 'waiting', retryInMs, code })
  core.retry = setTimeout(() => void connect(core), retryInMs)
}

function end(core: Core, code: number, reason: string): void {
  if (core.isClosed) return
  core.isClosed = true
  clearTimeout(core.watch)
  clearTimeout(core.retry)
  core.answers.fail(new PlayClosed(code, reason))
  core.socket?.close(1000)
  core.options.onState?.({ status: 'closed', code, reason })
}
