/**
 * The one kind of body that the API reads: JSON in UTF-8 (RFC 8259). Everything else is refused by its type before it
 * is read, text that is not UTF-8 rather than repaired, and names that could reach a prototype wherever they stand.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** As Fastify writes a parsed Content-Type: without further parameters, or with the only character set there is. */
const jsonType = /^application\/json(?:; charset="utf-8")?$/i

declare module 'fastify' {
  interface FastifyContextConfig {
    keepsBody?: boolean
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
  app.addContentTypeParser<Buffer>(jsonType, { parseAs: 'buffer' }, (request, bytes, done) => {
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
