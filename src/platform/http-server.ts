/** The HTTP server before it has any route: what it accepts at all, and how it refuses the rest. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import cors from '@fastify/cors'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import helmet from 'helmet'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { operations } from '#protocol/rest/operations.ts'
import type { Config } from './config.ts'
import { describeEarlyFaults, handleFaults, refuseLate } from './faults.ts'
import { sendRefusal } from './http.ts'
import { acceptJsonOnly } from './json-body.ts'
import type { Overload } from './overload.ts'
import { refuse } from './problem.ts'
import type { Random } from './random.ts'
import { looksForLateEveryMs, type SlowBodies, watchBodies } from './slow-bodies.ts'

type ServerPorts = { log: Logger; anyOrigin: boolean; overload: Overload; random: Random }

export async function createHttpServer(
  { isSandbox, trustedProxies, origins }: Pick<Config, 'isSandbox' | 'trustedProxies' | 'origins'>,
  { log, anyOrigin, overload, random }: ServerPorts,
): Promise<FastifyInstance> {
  const headers = listSecurityHeaders()
  const isAllowed = (origin: string) => origin !== '' && (anyOrigin || origins.includes(origin))
  const http = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger, bindings, options) =>
      new RequestLogger(logger, bindings, options) as unknown as FastifyBaseLogger,
    genReqId: createRequestIds(random),
    bodyLimit: limits.http.bodyBytes,
    requestTimeout: limits.http.requestTimeoutMs,
    http: { connectionsCheckingInterval: looksForLateEveryMs },
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    return503OnClosing: false,
    ...describeEarlyFaults({ sandbox: isSandbox, headers }),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  handleFaults(http, { sandbox: isSandbox })
  const bodies = watchBodies(http, socket => refuseLate(socket, headers))
  receive(http, { sandbox: isSandbox, headers, isAllowed, overload, bodies })
  acceptJsonOnly(http)
  await http.register(scope => answerPreflights(scope, anyOrigin ? true : [...origins]))
  return http
}

/** Of the operations; the plugin's own list leaves out those that change and delete. */
const methods = [...new Set(['GET', 'HEAD', ...operations.map(({ method }) => method)])]

/** What pages may read besides the few headers that are always theirs (Fetch standard, CORS-safelisted). */
const exposedHeaders = 'etag, ratelimit, ratelimit-policy, request-id, retry-after, server-timing'

/**
 * The plugin answers preflights and nothing else: it weighs its options anew for each request, which costs a small
 * answer 10 % of its time, to say the two headers that `receive` says.
 */
async function answerPreflights(scope: FastifyInstance, origin: true | string[]): Promise<void> {
  // Strictness would answer an OPTIONS request that is no preflight in words of the plugin's own.
  await scope.register(cors, { origin, methods, strictPreflight: false })
}

/** Told with every answer, and written with every line that is logged about the request. */
const requestIdHeader = 'request-id'

/** A name of this process and a number: no other server's, and cheaper than a random one each. */
function createRequestIds(random: Random): () => string {
  const server = Buffer.from(random.bytes(6)).toString('base64url')
  let requests = 0
  return () => `${server}-${(++requests).toString(36)}`
}

/**
 * What helmet says, which is the same for every answer here: asked once, instead of a dozen functions a request. Where
 * there is TLS in front, its proxy says so; the pages have a content policy each.
 */
function listSecurityHeaders(): Record<string, string> {
  const answer = new ServerResponse(new IncomingMessage(new Socket()))
  const speak = helmet({ contentSecurityPolicy: false, strictTransportSecurity: false })
  speak(answer.req, answer, () => undefined)
  const said = Object.entries(answer.getHeaders()).map(([name, value]) => [name, String(value)])
  // Which origins may read an answer differs (Fetch standard, CORS protocol and HTTP caches).
  return { ...Object.fromEntries(said), vary: 'Origin' }
}

type Receiving = {
  sandbox: boolean
  headers: Record<string, string>
  /** Whether pages of an origin may read what is answered. */
  isAllowed: (origin: string) => boolean
  overload: Overload
  bodies: SlowBodies
}

/**
 * Whoever comes while the server closes is refused as everywhere else, where Fastify would answer in words of its own;
 * and in overload, before anything is known of a request but its route. A socket that opens is such a request.
 */
function receive(http: FastifyInstance, { sandbox, headers, isAllowed, overload, bodies }: Receiving): void {
  let isClosing = false
  http.addHook('preClose', async () => {
    isClosing = true
  })
  http.addHook('onRequest', (request, reply, next) => {
    bodies.began(request)
    reply.headers(headers).header(requestIdHeader, request.id)
    const { origin } = request.headers
    if (origin !== undefined && isAllowed(origin))
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': exposedHeaders,
      })
    if (isClosing) return sendRefusal(reply, refuse('unavailable', { retryAfterMs: 1_000 }), sandbox)
    if (overload.isShedding && request.routeOptions.config.neverShed !== true && !overload.admit()) {
      const { retryAfterMs } = limits.overload
      return sendRefusal(reply, refuse('unavailable', { retryAfterMs }), sandbox)
    }
    next()
  })
}

/** The server's logger, and what `child` takes. */
type Naming = [FastifyBaseLogger, ...Parameters<FastifyBaseLogger['child']>]

/**
 * The logger of a request names the request. Few requests say anything, and a child of pino costs as much as a small
 * answer, so it is made when something is said.
 */
class RequestLogger {
  readonly #naming: Naming
  #named: FastifyBaseLogger | undefined

  constructor(...naming: Naming) {
    this.#naming = naming
  }

  get #log(): FastifyBaseLogger {
    const [log, ...how] = this.#naming
    return (this.#named ??= log.child(...how))
  }

  get level(): string {
    return this.#naming[0].level
  }

  child(...args: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.#log.child(...args)
  }

  fatal(...said: [object, string?]): void {
    this.#log.fatal(...said)
  }

  error(...said: [object, string?]): void {
    this.#log.error(...said)
  }

  warn(...said: [object, string?]): void {
    this.#log.warn(...said)
  }

  info(...said: [object, string?]): void {
    this.#log.info(...said)
  }

  debug(...said: [object, string?]): void {
    this.#log.debug(...said)
  }

  trace(...said: [object, string?]): void {
    this.#log.trace(...said)
  }

  silent(): void {}
}
