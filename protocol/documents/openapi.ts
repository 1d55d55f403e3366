/** The OpenAPI document of the REST operations, made from the objects that the server validates with. */
import type { TSchema } from 'typebox'
import { type ErrorCode, errorCodes, errors } from '../errors.ts'
import { Problem } from '../problem.ts'
import { examples } from '../examples/operations.ts'
import { problemExamples } from '../examples/problems.ts'
import type { CallerKind, Operation, UploadType } from '../operation.ts'
import { operations } from '../rest/operations.ts'
import { restIntroduction, tags } from './introduction.ts'
import { listLimits } from './limits.ts'
import {
  device,
  idempotencyKey,
  ifMatch,
  lastEventId,
  replyHeaders,
  securitySchemes,
  signatureHeaders,
} from './openapi-parts.ts'
import { describeWebhooks } from './openapi-webhooks.ts'
import { createPrinter, type Json, type JsonObject, type Printer, toJson } from './schema.ts'

export function describeRest(version: string): JsonObject {
  const printer = createPrinter('2020-12')
  const paths: Record<string, JsonObject> = {}
  for (const operation of operations) {
    const path = (paths[operation.path] ??= {})
    path[operation.method.toLowerCase()] = describeOperation(operation, printer)
  }
  const responses = describeSharedRefusals(printer)
  const webhooks = describeWebhooks(printer)
  return {
    openapi: '3.1.0',
    info: {
      title: 'hexbao',
      version,
      description: restIntroduction,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that serves this document.' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    webhooks,
    components: {
      schemas: printer.components(),
      responses,
      parameters: { IdempotencyKey: idempotencyKey, Device: device },
      headers: replyHeaders,
      examples: Object.fromEntries(
        [...problemExamples].map(([code, value]) => [code, { value: toJson(value) }]),
      ),
      securitySchemes,
    },
    'x-errors': toJson(errors),
    'x-limits': listLimits(),
  }
}

function describeOperation(operation: Operation, printer: Printer): JsonObject {
  const parameters = [
    ...describeParameters('path', operation, printer),
    ...describeParameters('query', operation, printer),
    ...(operation.callers.includes('player') ? [{ $ref: '#/components/parameters/Device' }] : []),
    ...(operation.idempotencyKey === 'required' ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
    ...(operation.ifMatch === 'required' ? [ifMatch] : []),
    ...(operation.produces === 'text/event-stream' ? [lastEventId] : []),
    ...(operation.signed ? signatureHeaders : []),
  ]
  const notes = [operation.description, operation.sandboxOnly ? 'Sandbox only.' : undefined]
  const description = notes.filter(note => note !== undefined).join('\n\n')
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(description === '' ? {} : { description }),
    ...(operation.sandboxOnly ? { 'x-sandbox-only': true } : {}),
    security: operation.callers.map(caller => requireCaller(caller, operation)),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: describeBody(operation, operation.body, printer) }),
    ...(operation.consumes === undefined
      ? {}
      : { requestBody: describeFiles(operation.id, operation.consumes) }),
    responses: { ...describeAnswers(operation, printer), ...describeRefusals(operation) },
  }
}

const schemeOf: Record<CallerKind, string> = {
  player: 'playerToken',
  merchant: 'merchantKey',
  operator: 'operatorKey',
}

/** A merchant's key must have the scope; the other credentials have none. */
const requireCaller = (caller: CallerKind, { scope }: Operation): JsonObject => ({
  [schemeOf[caller]]: caller === 'merchant' && scope !== undefined ? [scope] : [],
})

function describeParameters(place: 'path' | 'query', operation: Operation, printer: Printer): JsonObject[] {
  const schema = place === 'path' ? operation.params : operation.query
  if (schema === undefined) return []
  const example = examples.get(operation.id)
  const values = place === 'path' ? example?.params : example?.query
  const required = new Set<string>(schema.required)
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.has(name),
    schema: printer.print(property),
    ...(values?.[name] === undefined ? {} : { example: toJson(values[name]) }),
  }))
}

const describeBody = (operation: Operation, body: TSchema, printer: Printer): JsonObject => ({
  required: true,
  content: {
    'application/json': {
      schema: printer.print(body),
      example: toJson(examples.get(operation.id)?.body),
    },
  },
})

const describeFiles = (id: string, types: readonly UploadType[]): JsonObject => ({
  required: true,
  content: Object.fromEntries(
    types.map(type => [
      type,
      { schema: { type: 'string' }, example: toJson(examples.get(id)?.files?.[type]) },
    ]),
  ),
})

const answerTitles: Record<number, string> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Under way: this promises an answer, not a win.',
}

function describeAnswers(operation: Operation, printer: Printer): JsonObject {
  const example = examples.get(operation.id)
  const answers = Object.entries(operation.answers).map(([status, schema]): [string, Json] => [
    status,
    {
      description: answerTitles[Number(status)] ?? 'Answered.',
      ...(operation.path.startsWith('/v1/') ? { headers: limitHeaders } : {}),
      content: {
        [operation.produces ?? 'application/json']: {
          schema: printer.print(schema),
          example: toJson(example?.answers[Number(status)]),
        },
      },
    },
  ])
  return Object.fromEntries(answers)
}

const headerRef = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` })
const limitHeaders = { 'RateLimit-Policy': headerRef('RateLimit-Policy'), RateLimit: headerRef('RateLimit') }

/** Refusals by status: one response names every code that the operation may answer with it. */
function describeRefusals(operation: Operation): JsonObject {
  const statuses = [...new Set(operation.errors.map(code => errors[code].status))]
  return Object.fromEntries(
    statuses.map(status => [
      status,
      { $ref: `#/components/responses/${refusalName(codesOf(operation, status))}` },
    ]),
  )
}

const codesOf = (operation: Operation, status: number): ErrorCode[] =>
  errorCodes.filter(code => errors[code].status === status && operation.errors.includes(code))

const refusalName = (codes: readonly ErrorCode[]): string => codes.join('.')

/** The responses that {@link describeRefusals} refers to: operations with the same codes share one. */
function describeSharedRefusals(printer: Printer): JsonObject {
  const shared = new Map<string, JsonObject>()
  for (const operation of operations) {
    for (const { status } of operation.errors.map(code => errors[code])) {
      const codes = codesOf(operation, status)
      shared.set(refusalName(codes), describeProblem(codes, printer))
    }
  }
  return Object.fromEntries(shared)
}

function describeProblem(codes: readonly ErrorCode[], printer: Printer): JsonObject {
  const headers = {
    ...(codes.some(mayWait) ? { 'Retry-After': headerRef('Retry-After') } : {}),
    ...(codes.includes('unauthorized') ? { 'WWW-Authenticate': headerRef('WWW-Authenticate') } : {}),
  }
  return {
    description: codes.map(code => `[\`${code}\`](/problems/${code}): ${errors[code].title}.`).join('\n\n'),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    content: {
      'application/problem+json': {
        schema: { allOf: [printer.print(Problem), { properties: { code: { enum: [...codes] } } }] },
        examples: Object.fromEntries(codes.map(code => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  }
}

const mayWait = (code: ErrorCode): boolean => problemExamples.get(code)?.retryAfterMs !== undefined
