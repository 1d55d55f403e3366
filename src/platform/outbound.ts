/**
 * Requests to URLs that somebody else chose. The name is looked up once, every address that it has must be public, and
 * the connection is made to exactly these: a name that answers differently a moment later gains nothing. No redirect
 * is followed, no connection is kept, and of the answer no more is read than is shown.
 */
import { Resolver } from 'node:dns/promises'
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { hostOf, isPublicAddress, judgeUrl } from './public-address.ts'

export type Outbound = { url: string; headers: Readonly<Record<string, string>>; body: string }

/** `timeout`: no answer in time. `redirect`: the answer sends us elsewhere, which nobody follows. */
export type OutboundFault = 'address' | 'unresolved' | 'timeout' | 'connection' | 'redirect'

export type OutboundAnswer = {
  tookMs: number
  /** Absent where nothing was answered. */
  status?: number
  fault?: OutboundFault
  /** The beginning of the body. */
  text?: string
  retryAfterMs?: number
}

/** Never throws: whatever happens to a request is its answer. */
export type Post = (outbound: Outbound, signal?: AbortSignal) => Promise<OutboundAnswer>

/** The addresses of a name; throws where it has none. */
export type Resolve = (name: string) => Promise<string[]>

export type OutboundOptions = {
  isSandbox: boolean
  timeoutMs: number
  /** Characters of an answer that are kept. */
  textChars: number
  resolve?: Resolve
}

class Refused extends Error {
  override name = 'Refused'
  readonly fault: OutboundFault
  constructor(fault: OutboundFault) {
    super(fault)
    this.fault = fault
  }
}

export function createPost({ resolve = resolveName, ...options }: OutboundOptions): Post {
  const { isSandbox, timeoutMs, textChars } = options

  async function findAddresses(url: URL): Promise<string[]> {
    const host = hostOf(url)
    const addresses =
      isIP(host) !== 0
        ? [host]
        : await resolve(host).catch(() => {
            throw new Refused('unresolved')
          })
    if (addresses.length === 0) throw new Refused('unresolved')
    const areFine = addresses.every(address => isPublicAddress(address, { allowsLoopback: isSandbox }))
    if (!areFine) throw new Refused('address')
    return addresses
  }

  async function send({ url: text, headers, body }: Outbound, signal: AbortSignal): Promise<Answered> {
    const verdict = judgeUrl(text, { isSandbox })
    if (verdict.status === 'refused') throw new Refused('address')
    const addresses = await beforeAbort(findAddresses(verdict.url), signal)
    const answer = await call(verdict.url, { headers, body, signal, lookup: pinTo(addresses) })
    const status = answer.statusCode ?? 0
    const shown = await readBeginning(answer, textChars)
    return {
      ...{ status, text: shown },
      ...(status >= 300 && status < 400 && { fault: 'redirect' as const }),
      ...readRetryAfter(answer.headers),
    }
  }

  return async (outbound, stop) => {
    const startMs = performance.now()
    const { signal, isLate, clear } = createDeadline(timeoutMs, stop)
    const answer = await send(outbound, signal).catch((error: unknown) => ({
      fault:
        error instanceof Refused ? error.fault : isLate() ? ('timeout' as const) : ('connection' as const),
    }))
    clear()
    return { ...answer, tookMs: Math.round(performance.now() - startMs) }
  }
}

type Answered = Omit<OutboundAnswer, 'tookMs'>

/** Aborts when time is up, or when `stop` does; nothing of it stays behind. */
function createDeadline(timeoutMs: number, stop: AbortSignal | undefined) {
  const controller = new AbortController()
  let isLate = false
  const abort = () => controller.abort()
  const timer = setTimeout(() => {
    isLate = true
    abort()
  }, timeoutMs)
  if (stop?.aborted) abort()
  stop?.addEventListener('abort', abort)
  const clear = () => {
    clearTimeout(timer)
    stop?.removeEventListener('abort', abort)
  }
  return { signal: controller.signal, isLate: () => isLate, clear }
}

function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, fail) => {
    const stop = () => fail(new Error('too late'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  return Promise.race([work, aborted])
}

/** Node asks this instead of the resolver, for one address or for all. */
const pinTo =
  (addresses: readonly string[]): LookupFunction =>
  (_name, options, callback) => {
    const all = addresses.map(address => ({ address, family: isIP(address) }))
    const [first] = all
    if (options.all) callback(null, all)
    else callback(null, first?.address ?? '', first?.family)
  }

type CallOptions = Pick<Outbound, 'headers' | 'body'> & { signal: AbortSignal; lookup: LookupFunction }

function call(url: URL, { headers, body, signal, lookup }: CallOptions): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((done, fail) => {
    // A connection of its own: none that was made for another name is used again.
    const sent = request(url, { method: 'POST', headers, signal, lookup, agent: false })
    sent.on('response', done)
    sent.on('error', fail)
    // Who answers 101 wants to talk about something else: the connection is closed, and nothing but this says so.
    sent.on('close', () => fail(new Error('closed without an answer')))
    sent.end(body)
  })
}

/** What was answered counts as soon as the status is there; a body that is slow or endless is left where it is. */
async function readBeginning(answer: IncomingMessage, chars: number): Promise<string> {
  const wanted = chars * 4
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, wanted - length))
      length += chunk.length
      if (length >= wanted) break
    }
  } catch {
    // Cut off, or too slow: what has come is shown.
  } finally {
    answer.destroy()
  }
  // Text that a log and PostgreSQL can hold.
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\p{Cc}+/gu, ' ')
  return Array.from(text).slice(0, chars).join('')
}

/** Seconds, or a date, which is held against the date of the answer: what their clock says is only known to them. */
function readRetryAfter({ 'retry-after': asked = '', date = '' }: IncomingHttpHeaders): {
  retryAfterMs?: number
} {
  const waitMs = /^\d{1,15}$/.test(asked) ? Number(asked) * 1_000 : Date.parse(asked) - Date.parse(date)
  return waitMs >= 0 ? { retryAfterMs: waitMs } : {}
}

/** Asks the name servers itself: the system's look-up has no time limit, and a thread of few waits in it. */
const resolver = new Resolver({ timeout: 2_000, tries: 2 })

async function resolveName(name: string): Promise<string[]> {
  // RFC 6761, 6.3: localhost is never asked for.
  if (/^(.+\.)?localhost$/.test(name)) return ['127.0.0.1', '::1']
  const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  return found.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
}
