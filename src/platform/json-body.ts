/**
 * The one kind of body that the API reads: JSON in UTF-8 (RFC 8259). Everything else is refused by its type before it
 * is read, text that is not UTF-8 rather than repaired, and names that could reach a prototype wherever they stand.
 * Files of the types that an operation names are not read here but handed on; it takes nothing else.
 */
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { UploadType } from '#protocol/operation.ts'

/** As Fastify writes a parsed Content-Type: without further parameters, or with the only character set there is. */
const jsonType = /^application\/json(?:; charset="utf-8")?$/i

const fileType = /^(?:text\/csv|application\/geo\+json)(?:; charset="utf-8")?$/i

/** Without parameters. */
export const typeOf = ({ headers }: FastifyRequest): string =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

declare module 'fastify' {
  interface FastifyContextConfig {
    keepsBody?: boolean
    /** Answered in overload as well. */
    neverShed?: boolean
    /** A budget of its own for each caller: what it is called, and requests a minute. */
    budget?: { name: string; perMinute: number }
    /** The types of files that the route takes instead of JSON. */
    consumes?: readonly UploadType[]
  }
}

const keptBodies = new WeakMap<FastifyRequest, Uint8Array>()

/** The bytes of a body whose signature counts, as they came; routes ask for it by `config: { keepsBody: true }`. */
export const rawBodyOf = (request: FastifyRequest): Uint8Array | undefined => keptBodies.get(request)

/** Replaces Fastify's own parsers, which take any character set for UTF-8. */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(fileType, (request, payload, done) => {
    const type = typeOf(request)
    if (request.routeOptions.config.consumes?.some(one => one === type)) return done(null, payload)
    return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(type))
  })
  app.addContentTypeParser<Buffer>(jsonType, { parseAs: 'buffer' }, (request, bytes, done) => {
    const { consumes } = request.routeOptions.config
    if (consumes !== undefined) return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(typeOf(request)))
    if (request.routeOptions.config.keepsBody) keptBodies.set(request, bytes)
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      return done(new SyntaxError('the body is not UTF-8'))
    }
    return parseJson(request, text, done)
  })
}
