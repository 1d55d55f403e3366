/** The documents say what the protocol says, in valid OpenAPI and AsyncAPI, with examples that are true. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t from 'tap'
import type { TSchema } from 'typebox'
import { errorCodes, errors } from '#protocol/errors.ts'
import { Problem } from '#protocol/problem.ts'
import { examples } from '#protocol/examples/operations.ts'
import { clientExamples, serverExamples } from '#protocol/examples/frames.ts'
import { errorFrameOf, problemExamples } from '#protocol/examples/problems.ts'
import { tags } from '#protocol/documents/introduction.ts'
import { createPrinter, type Json, type JsonObject } from '#protocol/documents/schema.ts'
import { documents, listStaleDocuments } from '#protocol/generate.ts'
import { operations } from '#protocol/rest/operations.ts'
import { clientFrames } from '#protocol/ws/client.ts'
import { exchanges, pushedFrames } from '#protocol/ws/exchanges.ts'
import { ErrorFrame, serverFrames } from '#protocol/ws/server.ts'
import { commitSplit } from '../../src/envelopes/commitment.ts'
import { splitLucky } from '../../src/envelopes/split.ts'
import { split } from '#protocol/examples/story.ts'

const read = (file: string): JsonObject =>
  JSON.parse(readFileSync(new URL(`../../protocol/${file}`, import.meta.url), 'utf8')) as JsonObject
const openapi = read('openapi.json')
const asyncapi = read('asyncapi.json')

/** The server's own reading: strict, draft 7, no coercion. */
const ajv = new Ajv({ allErrors: true, strictTuples: false })
addFormats.default(ajv)
const complaints = (schema: TSchema, value: unknown): string =>
  ajv.validate(schema, value) ? '' : ajv.errorsText()

const at = (value: Json | undefined, ...path: string[]): Json | undefined =>
  path.reduce<Json | undefined>((part, key) => (part as JsonObject | undefined)?.[key], value)
const objectAt = (value: Json | undefined, ...path: string[]): JsonObject =>
  (at(value, ...path) ?? {}) as JsonObject
const resolve = (document: JsonObject, ref: string): Json | undefined =>
  at(
    document,
    ...ref
      .replace(/^#\//, '')
      .split('/')
      .map(key => key.replace(/~1/g, '/').replace(/~0/g, '~')),
  )

function* walk(value: Json): Generator<JsonObject> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item)
  else if (value !== null && typeof value === 'object') {
    yield value
    for (const part of Object.values(value)) yield* walk(part)
  }
}
const refsOf = (document: Json): string[] =>
  [...walk(document)].flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []))

const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort()

t.test('every operation has an example, which its own schemas accept', async t => {
  t.same(sorted(examples.keys()), sorted(operations.map(operation => operation.id)))
  for (const operation of operations) {
    const example = examples.get(operation.id)
    t.equal(example?.operation, operation)
    for (const part of ['params', 'query', 'body'] as const) {
      const [schema, value] = [operation[part], example?.[part]]
      if (schema === undefined) t.equal(value, undefined, `${operation.id} has no ${part}`)
      else t.equal(complaints(schema, value ?? {}), '', `${operation.id} ${part}`)
    }
    t.same(Object.keys(example?.files ?? {}), operation.consumes ?? [], `${operation.id}: every type of file`)
    t.same(
      Object.keys(example?.answers ?? {}),
      Object.keys(operation.answers),
      `${operation.id}: every answer`,
    )
    for (const [status, schema] of Object.entries(operation.answers)) {
      t.equal(complaints(schema, example?.answers[Number(status)]), '', `${operation.id} ${status}`)
    }
  }
})

t.test('an example that breaks its schema is caught', async t => {
  const hide = operations.find(operation => operation.id === 'hideEnvelope')
  const body = examples.get('hideEnvelope')?.body as JsonObject
  t.not(hide?.body && complaints(hide.body, { ...body, shares: 0 }), '')
  t.not(hide?.body && complaints(hide.body, { ...body, amount: 1 }), '', 'unknown fields too')
})

t.test('every frame has an example, which its schema accepts', async t => {
  for (const [type, schema] of Object.entries({ ...clientFrames, ...serverFrames })) {
    const example = { ...clientExamples, ...serverExamples }[type as 'hello' | 'welcome']
    t.equal(complaints(schema, example), '', type)
  }
  for (const code of errorCodes) {
    t.equal(complaints(Problem, problemExamples.get(code)), '', `problem ${code}`)
    t.equal(complaints(ErrorFrame, errorFrameOf(code)), '', `error frame ${code}`)
  }
})

t.test('the example of a split is true', async t => {
  const seed = Buffer.from(split.seed, 'hex')
  const amounts = splitLucky({ total: 8_800n, shares: 5, capMinor: 20_000n, seed })
  t.same(amounts.map(String), split.amountsMinor)
  t.equal(commitSplit({ seed, amounts }), split.commitment)
})

t.test('the checked-in documents are what the protocol says', async t => {
  t.same(listStaleDocuments(), [], 'run `npm run generate` and commit the documents')
})

t.test('generate --check names what is stale, generate repairs it', async t => {
  const root = new URL('../../', import.meta.url).pathname
  const copy = mkdtempSync(join(tmpdir(), 'hexbao-documents-'))
  t.teardown(() => rmSync(copy, { recursive: true }))
  cpSync(join(root, 'protocol'), join(copy, 'protocol'), { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const run = (...args: string[]) => {
    const command = [
      '--import',
      join(root, 'src/platform/typescript/register.mjs'),
      'protocol/generate.ts',
      ...args,
    ]
    return spawnSync(process.execPath, command, { cwd: copy, encoding: 'utf8' })
  }

  writeFileSync(join(copy, 'protocol/openapi.json'), '{}')
  rmSync(join(copy, 'protocol/asyncapi.json'))
  const stale = run('--check')
  t.equal(stale.status, 1)
  t.match(stale.stderr, /openapi\.json .*`npm run generate`/)
  t.match(stale.stderr, /asyncapi\.json .*`npm run generate`/)
  t.equal(run().status, 0)
  for (const [file, text] of Object.entries(documents)) {
    t.equal(readFileSync(join(copy, 'protocol', file), 'utf8'), text, file)
  }
})

t.test('references resolve, and nothing that has a name is unused', async t => {
  for (const document of [openapi, asyncapi]) {
    const refs = refsOf(document)
    t.ok(refs.length > 20)
    for (const ref of new Set(refs)) t.ok(resolve(document, ref) !== undefined, ref)
    for (const kind of ['schemas', 'responses', 'examples', 'messages', 'parameters', 'headers']) {
      for (const name of Object.keys(objectAt(document, 'components', kind))) {
        const isUsed = refs.includes(`#/components/${kind}/${name}`)
        t.ok(isUsed || unreferenced.has(name), `${kind}/${name} is used`)
      }
    }
  }
})

/** Errors that only the socket sends still have their example among the problems. */
const unreferenced = new Set(['bad_frame'])

t.test('schemas are valid in the dialect of their document', async t => {
  const strict = { strict: true, strictTypes: false, strictRequired: false, allErrors: true }
  const drafts = [
    { document: openapi, ajv: new Ajv2020(strict) },
    { document: asyncapi, ajv: new Ajv(strict) },
  ]
  for (const { document, ajv } of drafts) {
    addFormats.default(ajv)
    const schemas = objectAt(document, 'components', 'schemas')
    ajv.addVocabulary(['components'])
    for (const name of Object.keys(schemas)) {
      const schema = { components: { schemas }, $ref: `#/components/schemas/${name}` }
      t.doesNotThrow(() => ajv.compile(schema), name)
    }
  }
  const point = objectAt(openapi, 'components', 'schemas', 'GeoPoint', 'properties', 'coordinates')
  t.ok(Array.isArray(point['prefixItems']) && point['items'] === false, '2020-12 spells tuples prefixItems')
  const frame = objectAt(asyncapi, 'components', 'schemas', 'Zone')
  t.notMatch(JSON.stringify(frame), 'prefixItems', 'draft 7 does not')
})

t.test('a printed schema judges like the one that the server validates with', async t => {
  const printer = createPrinter('2020-12')
  const printed = operations.flatMap(({ body }) => (body === undefined ? [] : [printer.print(body)]))
  const judge = new Ajv2020({ strict: false })
  addFormats.default(judge)
  const bodies = operations.filter(operation => operation.body !== undefined)
  const strangers = [{}, { place: { type: 'Point', coordinates: [1, 2, 3] } }, { fix: { lat: 91 } }]
  bodies.forEach((operation, i) => {
    const validate = judge.compile({ components: { schemas: printer.components() }, ...printed[i] })
    for (const body of [examples.get(operation.id)?.body, ...strangers]) {
      const isValid = operation.body !== undefined && ajv.validate(operation.body, body)
      t.equal(validate(body), isValid, `${operation.id} ${JSON.stringify(body)}`)
    }
  })
})

t.test('OpenAPI: operations, parameters, credentials', async t => {
  t.equal(openapi['openapi'], '3.1.0')
  const described = Object.entries(objectAt(openapi, 'paths')).flatMap(([path, methods]) =>
    Object.entries(methods as JsonObject).map(([method, operation]) => ({ path, method, operation })),
  )
  t.equal(described.length, operations.length)
  t.equal(new Set(described.map(({ operation }) => at(operation, 'operationId'))).size, operations.length)
  for (const { path, method, operation } of described) {
    const source = operations.find(({ id }) => id === at(operation, 'operationId'))
    t.same([source?.path, source?.method.toLowerCase()], [path, method])
    const parameters = (at(operation, 'parameters') ?? []) as JsonObject[]
    const inPath = parameters.filter(parameter => parameter['in'] === 'path').map(({ name }) => name)
    t.same(
      inPath,
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      `${method} ${path}`,
    )
    const isKeyed = parameters.some(({ $ref }) => $ref === '#/components/parameters/IdempotencyKey')
    t.equal(isKeyed, source?.idempotencyKey === 'required', 'Idempotency-Key')
    t.equal((at(operation, 'security') as Json[]).length, source?.callers.length)
    t.ok(source && source.tag in tags, 'the tag is described')
  }
  const schemes = sorted(Object.keys(objectAt(openapi, 'components', 'securitySchemes')))
  t.same(schemes, ['merchantKey', 'operatorKey', 'playerToken'])
  const hide = objectAt(openapi, 'paths', '/v1/envelopes', 'post')
  t.same(hide['security'], [{ playerToken: [] }, { merchantKey: ['campaigns'] }])
})

t.test('AsyncAPI: every frame is received or sent, every exchange names its answers', async t => {
  t.equal(asyncapi['asyncapi'], '3.0.0')
  const messages = sorted(Object.keys(objectAt(asyncapi, 'channels', 'play', 'messages')))
  t.same(messages, sorted([...Object.keys(clientFrames), ...Object.keys(serverFrames)]))
  const described = Object.values(objectAt(asyncapi, 'operations')).flatMap(operation =>
    refsOf(operation).flatMap(ref => ref.match(/messages\/(.+)$/)?.[1] ?? []),
  )
  t.same(sorted(described), messages)
  const answered = Object.values(exchanges).flatMap(exchange => exchange.answers)
  t.same(sorted([...answered, ...pushedFrames, 'error']), sorted(Object.keys(serverFrames)))
  t.same(Object.keys(objectAt(asyncapi, 'channels', 'play', 'x-close-codes')).length, 9)
})

t.test('every error is sent by an operation or a frame, and documented', async t => {
  const sent = [...operations, ...Object.values(exchanges)].flatMap(({ errors }) => [...errors])
  t.same(sorted(sent), sorted(errorCodes))
  for (const document of [openapi, asyncapi]) {
    t.same(sorted(Object.keys(objectAt(document, 'x-errors'))), sorted(errorCodes))
  }
  for (const code of errorCodes) {
    t.ok(errors[code].help.length > 10, `${code} says what to do`)
    t.ok(errors[code].status >= 400 && errors[code].status < 600)
  }
})

t.test('limits are printed with their values, money as strings', async t => {
  for (const document of [openapi, asyncapi]) {
    const limits = objectAt(document, 'x-limits')
    t.equal(at(limits, 'money.maxMinor', 'value'), '9999999999999')
    t.equal(at(limits, 'socket.payloadBytes', 'value'), 4_096)
    t.same(at(limits, 'hint.warmthRadiiM', 'value'), [1_000, 2_000])
  }
  t.match(at(openapi, 'info', 'description'), '| `envelope.playerShares` | 300 |')
  t.match(at(asyncapi, 'info', 'description'), '| 4408 | Too much was unread')
})
