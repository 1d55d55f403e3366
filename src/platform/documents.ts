/**
 * What a client's programmer reads, served by the game itself: the two documents as they are checked in, Swagger UI
 * over the first, and a page for every error, to which each problem's `type` leads. Works without the internet.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorCodes, errors } from '#protocol/errors.ts'
import { refuse } from './problem.ts'
import { sendRefusal } from './http.ts'
import { pagePolicy, renderIndex, renderProblem } from './problem-page.ts'

/** Swagger UI is its own files and nothing else; it sets styles from script, which `style-src` counts as inline. */
const swaggerPolicy = [
  "default-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "object-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
].join('; ')

/** Adds /openapi.json, /asyncapi.json, /docs, /problems and /problems/<code>. Needs no other plugin. */
export async function registerDocuments(app: FastifyInstance): Promise<void> {
  const openapi = readDocument('openapi.json')
  app.get('/openapi.json', (request, reply) => sendDocument(request, reply, openapi))
  const asyncapi = readDocument('asyncapi.json')
  app.get('/asyncapi.json', (request, reply) => sendDocument(request, reply, asyncapi))

  app.get('/problems', (request, reply) =>
    prefersJson(request) ? sendJson(reply, errorCodes.map(describeError)) : sendPage(reply, renderIndex()),
  )
  app.get<{ Params: { code: string } }>('/problems/:code', (request, reply) => {
    const code = errorCodes.find(known => known === request.params.code)
    if (code === undefined) return sendRefusal(reply, refuse('not_found'), false)
    return prefersJson(request) ? sendJson(reply, describeError(code)) : sendPage(reply, renderProblem(code))
  })

  await app.register(swagger, { mode: 'static', specification: { document: JSON.parse(openapi.text) } })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: swaggerPolicy,
    uiConfig: { validatorUrl: null, deepLinking: true },
    theme: { title: 'hexbao' },
  })
}

type Document = { text: string; etag: string }

/** Reads a checked-in document of the protocol; a missing one stops the start. */
function readDocument(file: string): Document {
  const text = readFileSync(new URL(`../../protocol/${file}`, import.meta.url), 'utf8')
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` }
}

function sendDocument(request: FastifyRequest, reply: FastifyReply, { text, etag }: Document): FastifyReply {
  reply.headers({ etag, 'cache-control': 'no-cache' })
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type('application/json; charset=utf-8').send(text)
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2): a proxy may have weakened our tag when it compressed. */
const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined && header.split(',').some(tag => ['*', etag, `W/${etag}`].includes(tag.trim()))

/** A browser asks for HTML first; everyone who names JSON and not HTML is a program. */
function prefersJson({ headers: { accept = '' } }: FastifyRequest): boolean {
  return /\bapplication\/(problem\+)?json\b/.test(accept) && !accept.includes('text/html')
}

const describeError = (code: ErrorCode) => ({ type: `/problems/${code}`, code, ...errors[code] })

const sendJson = (reply: FastifyReply, body: unknown): FastifyReply =>
  reply.header('vary', 'accept').type('application/json; charset=utf-8').send(JSON.stringify(body))

const sendPage = (reply: FastifyReply, html: string): FastifyReply =>
  reply
    .headers({ vary: 'accept', 'content-security-policy': pagePolicy })
    .type('text/html; charset=utf-8')
    .send(html)
