/** What a handler throws becomes one documented refusal; a fault of ours is logged once, without positions. */
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendRefusal } from './http.ts'
import { type Refusal, refuse, toProblem, Unavailable } from './problem.ts'
import { isDatabaseDown, isUnstorableText } from './postgres.ts'
import { isRedisDown } from './redis.ts'

export function handleFaults(app: FastifyInstance, { sandbox }: { sandbox: boolean }): void {
  app.setNotFoundHandler((_request, reply) => sendRefusal(reply, refuse('not_found'), sandbox))
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = refusalOf(error)
    // Whoever hung up in the middle of a file is no fault of ours.
    const isOurs = refusal.code === 'internal' || refusal.code === 'unavailable'
    if (isOurs && !request.raw.readableAborted) {
      request.log.error({ err: error, code: refusal.code }, 'request failed')
    }
    return sendRefusal(reply, refusal, sandbox)
  })
}

/** Options of Fastify: what it would answer in its own words before there is a route, or a request at all. */
export const describeEarlyFaults = ({ sandbox, headers }: { sandbox: boolean; headers: Headers }) => ({
  frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void => {
    sendRefusal(reply.headers(headers), refusalOf(error), sandbox)
  },
  clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket): void =>
    refuseNoise(error, socket, headers),
})

/** What is sent with every answer, this early too. */
type Headers = Readonly<Record<string, string>>

/** Bytes that are no HTTP, headers without end, requests that never finish: there is a socket and nothing else. */
function refuseNoise(error: NodeJS.ErrnoException, socket: Socket, headers: Headers): void {
  if (error.code === 'ECONNRESET') return
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return refuseLate(socket, headers)
  hangUp(socket, headers, 'This is not a request in HTTP.')
}

/** Hangs up on who has not sent all of a request in its time. */
export const refuseLate = (socket: Socket, headers: Headers): void =>
  hangUp(socket, headers, 'The request did not arrive in time.')

function hangUp(socket: Socket, headers: Headers, detail: string): void {
  if (socket.destroyed) return
  const problem = toProblem(refuse('bad_request', { detail }), false)
  const body = JSON.stringify(problem)
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroy()
}

/** The refusal that a thrown error amounts to. */
export function refusalOf(error: FastifyError | Error): Refusal {
  if (error instanceof Unavailable) return refuse('unavailable', { retryAfterMs: error.retryAfterMs })
  if (isDatabaseDown(error) || isRedisDown(error)) return refuse('unavailable', { retryAfterMs: 1_000 })
  if (isUnstorableText(error))
    return refuse('bad_request', { detail: 'A text holds U+0000 or half a character, which cannot be kept.' })
  if ('validation' in error && error.validation !== undefined)
    return refuse('bad_request', { errors: pointers(error) })
  switch ('code' in error ? error.code : undefined) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('payload_too_large')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('unsupported_media_type')
    case 'FST_ERR_MAX_PARAM_LENGTH':
      // Nothing that we name is that long.
      return refuse('not_found')
    case 'FST_ERR_BAD_URL':
      return refuse('bad_request', { detail: 'The address is not one that can be decoded.' })
    default:
  }
  const { statusCode } = error as FastifyError
  if (error instanceof SyntaxError || (statusCode !== undefined && statusCode >= 400 && statusCode < 500)) {
    return refuse('bad_request', { detail: 'The body is not acceptable JSON.' })
  }
  return refuse('internal')
}

function pointers(error: FastifyError): { pointer: string; message: string }[] {
  const where = error.validationContext ?? 'body'
  return (error.validation ?? []).map(({ instancePath, params, message }) => {
    const extra = params.additionalProperty ?? params.missingProperty
    const leaf = typeof extra === 'string' ? `/${extra}` : ''
    return { pointer: `/${where}${instancePath}${leaf}`, message: message ?? 'is not valid' }
  })
}
