/**
 * Binds handlers to the operations of the protocol. A handler receives validated, typed input and answers with one of
 * the operation's statuses or a refusal; it never sees Fastify, a path or a header.
 */
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { deviceHeader } from '#protocol/device.ts'
import type { CallerKind, Operation } from '#protocol/operation.ts'
import { limits } from '#protocol/limits.ts'
import type { Awaitable } from './awaitable.ts'
import { createTurnEnd } from './batch.ts'
import { rawBodyOf, typeOf } from './json-body.ts'
import { isRefusal, type Refusal, refuse, toProblem } from './problem.ts'
import { type Act, sendStream, type Streamed } from './streamed.ts'
import { formatWaits, type Waits } from './waits.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who called, once that is known; of the kind that the binder's `authenticate` answers. */
    caller: object | undefined
  }
}

type In<S> = S extends TSchema ? Static<S> : undefined

/** What a handler receives. `C` is the caller narrowed to the kinds that the operation allows. */
export type Call<O extends Operation, C> = {
  params: In<O['params']>
  query: In<O['query']>
  body: In<O['body']>
  caller: C extends { kind: infer K } ? (K extends O['callers'][number] ? C : never) : never
  /** Only where the operation requires the header. */
  idempotencyKey: O extends { idempotencyKey: 'required' } ? string : undefined
  /** The version that the request means to change, where the operation asks for one; 0 is none of ours. */
  ifMatch: number
  /** The last event that the client has, where it asks for events. */
  lastEventId: string | undefined
  requestId: string
  /** Where the handler may note what it waited for; the sandbox's clients are told. */
  waits: Waits | undefined
  /** Where the operation takes files. */
  file: O extends { consumes: readonly (infer T)[] } ? SentFile<T> : undefined
}

/** A body that is read by who asked for it. */
type SentFile<T> = { type: T; pieces: AsyncIterable<Uint8Array> }

export type Answer<O extends Operation> =
  | (O extends { produces: string } ? { status: 200; body: Streamed } : JsonAnswer<O>)
  | Refusal

type JsonAnswer<O extends Operation> = {
  [S in keyof O['answers'] & number]: { status: S; body: In<O['answers'][S]> }
}[keyof O['answers'] & number]

/** An answer with its status as a literal, which an object in a handler would lose. */
export const answer = <const S extends number, B>(status: S, body: B): { status: S; body: B } => ({
  status,
  body,
})

export type Bind<C> = <const O extends Operation>(
  operation: O,
  handle: (call: Call<O, C>) => Promise<Answer<O>>,
) => void

export type BinderPorts<C extends { kind: CallerKind }> = {
  sandbox: boolean
  /** The caller behind the Authorization header, on the device that the client names, or a refusal. */
  authenticate: (
    authorization: string | undefined,
    operation: Operation,
    device: string | undefined,
  ) => Awaitable<C | Refusal>
  /** Judges the signature of an operation that is signed, before its body is; without it, none counts. */
  verifySignature?: (headers: FastifyRequest['headers'], body: Uint8Array) => Refusal | undefined
  /** Runs what a handler does in the name of its caller. */
  actAs?: <T>(caller: C, request: { operation: Operation; params: unknown }, run: () => T) => T
  /** Takes one request from the address's budget, without a caller, or from the caller's; see the limiter. */
  admit?: (request: FastifyRequest, reply: FastifyReply, caller: C | undefined) => Refusal | undefined
  /** Shorter in tests. */
  stalledMs?: number
}

/**
 * Answers that are ready in the same turn of the event loop leave together, so many at most. A write that wakes a
 * sleeping receiver on the same machine (a proxy, a load generator) costs several times one that finds it awake, and
 * whoever is woken by the first is still awake for the next.
 */
const answersAtOnce = 64

async function checkSignature(
  { verifySignature, sandbox }: Pick<BinderPorts<never>, 'verifySignature' | 'sandbox'>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const body = rawBodyOf(request) ?? new Uint8Array()
  const stop = verifySignature
    ? verifySignature(request.headers, body)
    : refuse('not_found', { detail: 'No secret for signatures is configured here.' })
  if (stop !== undefined) await sendRefusal(reply, stop, sandbox)
}

/**
 * Before the body is read: is the address in its budget, who calls, and is the caller in theirs. Most callers are
 * known already, and then nothing is waited for.
 */
function receive<C extends { kind: CallerKind }>(
  ports: BinderPorts<C>,
  operation: Operation,
  { request, reply, next }: { request: FastifyRequest; reply: FastifyReply; next: (fault?: Error) => void },
): void {
  const goOn = (stop: Refusal | undefined): void =>
    stop === undefined ? next() : void sendRefusal(reply, stop, ports.sandbox)
  const meet = (caller: C | Refusal): Refusal | undefined => {
    if (isRefused(caller)) return caller
    request.caller = caller
    return ports.admit?.(request, reply, caller)
  }
  const stop = ports.admit?.(request, reply, undefined)
  if (stop !== undefined || operation.callers.length === 0) return goOn(stop)
  const { authorization } = request.headers
  const caller = ports.authenticate(authorization, operation, headerOf(request, deviceHeader))
  if (caller instanceof Promise) caller.then(meet).then(goOn, next)
  else goOn(meet(caller))
}

export function createBinder<C extends { kind: CallerKind }>(
  app: FastifyInstance,
  ports: BinderPorts<C>,
): Bind<C> {
  const turnEnds = createTurnEnd(answersAtOnce)
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', undefined)

  return (operation, handle) => {
    if (operation.sandboxOnly && !ports.sandbox) return
    app.route({
      method: operation.method,
      url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
      schema: routeSchema(operation),
      onRequest: (request, reply, next) => receive(ports, operation, { request, reply, next }),
      config: routeConfig(operation),
      ...(operation.signed && { preValidation: (request, reply) => checkSignature(ports, request, reply) }),
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const idempotencyKey = readIdempotencyKey(operation, request)
        if (typeof idempotencyKey === 'object') return sendRefusal(reply, idempotencyKey, ports.sandbox)
        const stop = refuseIncomplete(operation, request)
        if (stop !== undefined) return sendRefusal(reply, stop, ports.sandbox)
        const { params, query, body } = request
        const caller = request.caller as C | undefined
        const waits: Waits | undefined = ports.sandbox ? {} : undefined
        const call = {
          params,
          query,
          body,
          caller,
          idempotencyKey,
          ifMatch: readIfMatch(request),
          lastEventId: headerOf(request, 'last-event-id'),
          requestId: request.id,
          waits,
          file: operation.consumes && { type: typeOf(request), pieces: body },
        }
        const act = actFor(ports, caller, { operation, params })
        const outcome = await act(() => handle(call as unknown as Parameters<typeof handle>[0]))
        await turnEnds()
        tellWaits(reply, waits)
        if (isRefusal(outcome)) return sendRefusal(reply, outcome, ports.sandbox)
        const { stalledMs = limits.http.stalledMs } = ports
        const answer = outcome as { status: number; body: unknown }
        return sendAnswer(reply, operation, { ...answer, act, stalledMs })
      },
    })
  }
}

const budgets: Readonly<Record<string, number>> = limits.http.perRoutePerMinute

function routeConfig(operation: Operation): FastifyContextConfig {
  const perMinute = budgets[operation.id]
  return {
    neverShed: isNeeded(operation),
    ...(perMinute !== undefined && { budget: { name: operation.id, perMinute } }),
    ...(operation.consumes && { consumes: operation.consumes }),
    ...(operation.signed && { keepsBody: true }),
  }
}

/** What a server in overload answers all the same: whoever watches it, the operator, and news of money. */
const isNeeded = ({ tag, callers, signed }: Operation): boolean =>
  tag === 'health' || signed === true || (callers.length === 1 && callers[0] === 'operator')

function tellWaits(reply: FastifyReply, waits: Waits | undefined): void {
  const timing = waits && formatWaits(waits)
  if (timing !== undefined) reply.header('server-timing', timing)
}

function sendAnswer(
  reply: FastifyReply,
  { versioned, produces }: Operation,
  { status, body, act, stalledMs }: { status: number; body: unknown; act: Act; stalledMs: number },
): FastifyReply {
  reply.code(status)
  if (versioned) reply.header('etag', etagOf(body as { version: number }))
  if (produces === undefined) return reply.send(body)
  return sendStream(reply, { type: produces, body: body as Streamed, act, stalledMs })
}

/** A header as one string: of a repeated one Node joins the values, which no reader takes for a good one. */
export const headerOf = (request: FastifyRequest, name: string): string | undefined =>
  request.headers[name.toLowerCase()]?.toString()

/** Runs what it is given in the name of whoever sent the request. */
function actFor<C extends { kind: CallerKind }>(
  { actAs }: BinderPorts<C>,
  caller: C | undefined,
  request: { operation: Operation; params: unknown },
): Act {
  return caller === undefined || actAs === undefined ? run => run() : run => actAs(caller, request, run)
}

const isRefused = (value: object): value is Refusal => 'code' in value && 'status' in value

const etagOf = ({ version }: { version: number }): string => `"${version}"`

/** A strong tag of ours (RFC 9110, 8.8.3); weak ones and lists match nothing. */
const readIfMatch = ({ headers }: FastifyRequest): number =>
  Number(/^"([1-9]\d{0,8})"$/.exec(headers['if-match'] ?? '')?.[1] ?? 0)

function refuseIncomplete(
  { ifMatch, consumes }: Operation,
  { headers, body }: FastifyRequest,
): Refusal | undefined {
  if (ifMatch === 'required' && headers['if-match'] === undefined) return refuse('if_match_missing')
  return consumes && body === undefined ? refuse('unsupported_media_type') : undefined
}

const printable = /^[\x21-\x7e]+$/

function readIdempotencyKey(operation: Operation, request: FastifyRequest): string | undefined | Refusal {
  const key = request.headers['idempotency-key']
  if (operation.idempotencyKey === 'refused' && key !== undefined) {
    const message = 'this operation keeps no answers: a second request acts a second time'
    return refuse('bad_request', { errors: [{ pointer: '/headers/idempotency-key', message }] })
  }
  if (operation.idempotencyKey !== 'required') return undefined
  const isUsable = typeof key === 'string' && key.length <= limits.idempotency.keyChars && printable.test(key)
  return isUsable ? key : refuse('idempotency_key_missing')
}

function routeSchema(operation: Operation) {
  return {
    operationId: operation.id,
    ...(operation.params === undefined ? {} : { params: operation.params }),
    querystring: operation.query ?? { type: 'object', additionalProperties: false },
    ...(operation.body === undefined || operation.consumes !== undefined ? {} : { body: operation.body }),
    ...(operation.produces === undefined ? { response: operation.answers } : {}),
  }
}

/** Sends a refusal as problem+json, with Retry-After where a wait helps. */
export function sendRefusal(reply: FastifyReply, refusal: Refusal, sandbox: boolean): FastifyReply {
  const problem = toProblem(refusal, sandbox)
  if (problem.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(problem.retryAfterMs / 1_000))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  // A string passes the serialiser untouched: the operation's answers do not describe problems.
  return reply.code(problem.status).type('application/problem+json').serializer(writeProblem).send(problem)
}

const writeProblem = (payload: unknown): string => JSON.stringify(payload)
