/**
 * The one kind of body that the API reads: JSON in UTF-8 (RFC 8259), and where an operation says so, CSV as a stream.
 * Everything else is refused by its type before it is read, text that is not UTF-8 rather than repaired, and names that
 * could reach a prototype wherever they stand.
 */
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify'

/** As Fastify writes a parsed Content-Type: without further parameters, or with the only character set there is. */
const jsonType = /^application\/json(?:; charset="utf-8")?$/i

declare module 'fastify' {
  interface FastifyContextConfig {
    keepsBody?: boolean
    /** Instead of JSON. */
    consumes?: string
  }
}

const csvType = /^text\/csv(?:; ?charset="?utf-8"?)?$/i

const keptBodies = new WeakMap<FastifyRequest, Uint8Array>()

/** The bytes of a body whose signature counts, as they came; routes ask for it by `config: { keepsBody: true }`. */
export const rawBodyOf = (request: FastifyRequest): Uint8Array | undefined => keptBodies.get(request)

/** Replaces Fastify's own parsers, which take any character set for UTF-8. */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(jsonType, { parseAs: 'buffer' }, (request, bytes, done) => {
    if (request.routeOptions.config.consumes !== undefined) return done(refuseType(request))
    if (request.routeOptions.config.keepsBody) keptBodies.set(request, bytes)
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      return done(new SyntaxError('the body is not UTF-8'))
    }
    return parseJson(request, text, done)
  })
  // Not parsed here: whoever binds the operation reads it as it comes.
  app.addContentTypeParser(csvType, (request, stream, done) =>
    request.routeOptions.config.consumes === 'text/csv' ? done(null, stream) : done(refuseType(request)),
  )
}

const refuseType = ({ headers }: FastifyRequest): Error =>
  new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(headers['content-type'])

/** A body as it comes; more than so many bytes are refused as too large when they arrive. */
export async function* readBounded(
  stream: AsyncIterable<Uint8Array>,
  mostBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
    yield chunk
  }
}
