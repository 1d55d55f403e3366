/** The binder and its faults: what reaches a handler, and what an outsider learns when something is wrong. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { Type } from 'typebox'
import { operation } from '#protocol/operation.ts'
import { Problem } from '#protocol/problem.ts'
import { Shape, Timestamp } from '#protocol/scalars.ts'
import { handleFaults } from '#platform/faults.ts'
import { answer, createBinder } from '#platform/http.ts'
import { createLimiter } from '#platform/limiter.ts'
import { CommitUnknown } from '#platform/postgres.ts'
import { refuse, Unavailable } from '#platform/problem.ts'
import { inNameOf, requestUnderWay } from '#platform/tenant.ts'
import { eventually } from '../acceptance/eventually.ts'
import { createTestClock } from '../helpers/test-clock.ts'

const common = { tag: 'test', summary: 'test', errors: [] } as const

const echo = operation({
  ...common,
  id: 'echo',
  method: 'POST',
  path: '/v1/things/{id}/echo',
  callers: ['player', 'operator'],
  params: Shape({ id: Type.String({ pattern: '^[a-z]+$' }) }),
  query: Shape({ limit: Type.Optional(Type.String({ pattern: '^[0-9]+$' })) }),
  body: Shape({
    n: Type.Integer(),
    at: Type.Optional(Timestamp),
    list: Type.Optional(Type.Array(Type.Null())),
  }),
  answers: { 200: Shape({ seen: Type.String() }) },
})
const keyed = operation({
  ...common,
  id: 'once',
  method: 'POST',
  path: '/v1/once',
  callers: [],
  idempotencyKey: 'required',
  answers: { 201: Shape({ key: Type.String() }) },
})
const fail = operation({
  ...common,
  id: 'fail',
  method: 'GET',
  path: '/v1/fail',
  callers: [],
  query: Shape({ how: Type.String() }),
  answers: { 200: Shape({}) },
})
const signed = operation({
  ...common,
  id: 'signed',
  method: 'POST',
  path: '/v1/signed',
  callers: [],
  signed: true,
  body: Shape({ n: Type.Integer() }),
  answers: { 200: Shape({ seen: Type.String() }) },
})
const sandboxOnly = operation({
  ...common,
  id: 'toy',
  method: 'GET',
  path: '/v1/toy',
  callers: [],
  sandboxOnly: true,
  answers: { 200: Shape({}) },
})
const download = operation({
  ...common,
  id: 'download',
  method: 'GET',
  path: '/v1/download/{id}',
  callers: ['player'],
  params: Shape({ id: Type.String() }),
  produces: 'text/csv',
  answers: { 200: Type.String() },
})

const failures: Record<string, () => Error> = {
  bug: () => new TypeError('secret detail of /srv/game'),
  down: () => new Unavailable('Redis: gone', { retryAfterMs: 1_500 }),
  cut: () => new CommitUnknown('cut'),
  database: () => Object.assign(new Error('relation "x"'), { code: '42P01' }),
  unstorable: () => Object.assign(new Error('invalid byte sequence for encoding'), { code: '22021' }),
  connection: () => Object.assign(new Error('connect 10.0.0.7'), { code: 'ECONNREFUSED' }),
}

type TestCaller = { kind: 'player'; id: string }

function createTestApp({ sandbox }: { sandbox: boolean }): FastifyInstance {
  const app = Fastify({
    bodyLimit: 1_024,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  handleFaults(app, { sandbox })
  app.removeContentTypeParser('text/plain')
  const bind = createBinder<TestCaller>(app, {
    sandbox,
    authenticate: authorization =>
      authorization === undefined ? refuse('unauthorized') : { kind: 'player', id: authorization },
    admit: createLimiter({ clock: createTestClock(), sandbox }),
  })
  bind(echo, async ({ params, query, body, caller }) =>
    answer(200, { seen: JSON.stringify({ params, query, body, caller }) }),
  )
  bind(keyed, async ({ idempotencyKey }) => answer(201, { key: idempotencyKey }))
  bind(fail, async ({ query }) => {
    const failure = failures[query.how]
    if (failure !== undefined) throw failure()
    return refuse('position_refused', { reason: 'speed', retryAfterMs: 2_400, figures: { speedKmh: 31 } })
  })
  bind(sandboxOnly, async () => answer(200, {}))
  return app
}

const app = createTestApp({ sandbox: true })
const production = createTestApp({ sandbox: false })
t.teardown(() => Promise.all([app.close(), production.close()]))

const post = (payload: unknown, headers: Record<string, string> = {}, url = '/v1/things/abc/echo') =>
  app.inject({
    ...{ method: 'POST', url },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    headers: { authorization: 'ada', 'content-type': 'application/json', ...headers },
  })

t.test('a handler gets what the schema says', async t => {
  const reply = await post({ n: 1 }, {}, '/v1/things/abc/echo?limit=5')
  t.equal(reply.statusCode, 200)
  t.same(JSON.parse(reply.json().seen), {
    params: { id: 'abc' },
    query: { limit: '5' },
    body: { n: 1 },
    caller: { kind: 'player', id: 'ada' },
  })
})

t.test('nothing is coerced, dropped or filled in', async t => {
  const table: [unknown, string][] = [
    [{ n: '1' }, '/body/n'],
    [{ n: 1.5 }, '/body/n'],
    [{ n: true }, '/body/n'],
    [{ n: null }, '/body/n'],
    [{}, '/body/n'],
    [{ n: 1, m: 2 }, '/body/m'],
    [{ n: 1, at: 'yesterday' }, '/body/at'],
    [{ n: 1, list: [0] }, '/body/list/0'],
    [[{ n: 1 }], '/body'],
    ['7', '/body'],
    ['null', '/body'],
  ]
  for (const [body, pointer] of table) {
    const reply = await post(body)
    t.match(reply.json(), { status: 400, code: 'bad_request', errors: [{ pointer }] }, JSON.stringify(body))
  }
  for (const [url, pointer] of [
    ['/v1/things/ABC/echo', '/params/id'],
    ['/v1/things/abc/echo?limit=x', '/querystring/limit'],
    ['/v1/things/abc/echo?limit=1&limit=2', '/querystring/limit'],
    ['/v1/things/abc/echo?page=2', '/querystring/page'],
  ] as const) {
    t.match((await post({ n: 1 }, {}, url)).json(), { code: 'bad_request', errors: [{ pointer }] }, url)
  }
})

t.test('only JSON, and only honest JSON', async t => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=a',
    'text/json',
  ]
  for (const type of [
    ...types,
    'application/json2',
    'application/jsonp',
    'application/problem+json',
    'json',
  ]) {
    t.equal((await post({ n: 1 }, { 'content-type': type })).statusCode, 415, type)
  }
  for (const body of [
    '',
    '{',
    '{"n":1}}',
    '{"n":1,"__proto__":{"x":1}}',
    '{"n":1,"constructor":{"prototype":{}}}',
    '\u0000',
  ]) {
    t.match((await post(body)).json(), { code: 'bad_request' }, JSON.stringify(body))
  }
  t.match((await post({ n: 1, pad: 'x'.repeat(2_000) })).json(), { status: 413, code: 'payload_too_large' })
})

t.test('problems say what a client needs and nothing else', async t => {
  const table = [
    ['bug', { status: 500, code: 'internal' }],
    ['database', { status: 500, code: 'internal' }],
    ['unstorable', { status: 400, code: 'bad_request' }],
    ['down', { status: 503, code: 'unavailable', retryAfterMs: 1_500 }],
    ['cut', { status: 503, code: 'unavailable' }],
    ['connection', { status: 503, code: 'unavailable' }],
  ] as const
  for (const [how, expected] of table) {
    const reply = await app.inject(`/v1/fail?how=${how}`)
    const problem = reply.json<Problem>()
    t.match(problem, { ...expected, type: `/problems/${expected.code}` }, how)
    t.notMatch(reply.body, /secret|srv|relation|10\.0\.0\.7|Redis|at /)
    t.match(reply.headers['content-type'], /^application\/problem\+json/)
    t.same(
      Object.keys(problem).filter(name => !(name in Problem.properties)),
      [],
    )
  }
  const refused = await app.inject('/v1/fail?how=walk')
  t.match(refused.json(), { status: 422, reason: 'speed', retryAfterMs: 2_400, figures: { speedKmh: 31 } })
  t.equal(refused.headers['retry-after'], '3')
  t.equal(
    (await production.inject('/v1/fail?how=walk')).json().figures,
    undefined,
    'figures are for the sandbox',
  )
})

t.test('what is not there', async t => {
  const missing: [string, FastifyInstance, 'GET' | 'POST'][] = [
    ['/v1/nowhere', app, 'GET'],
    ['/v1/once', app, 'GET'],
    ['/v1/toy', production, 'GET'],
    ['/v1/things//echo', app, 'POST'],
  ]
  for (const [url, from, method] of missing) {
    const problem = (
      await from.inject({ url, method, headers: { authorization: 'a' }, payload: { n: 1 } })
    ).json()
    t.ok([400, 404].includes(problem.status), url)
  }
  t.equal((await app.inject('/v1/toy')).statusCode, 200)
  t.match((await app.inject({ url: '/v1/things/abc/echo', method: 'POST', payload: { n: 1 } })).json(), {
    status: 401,
  })
})

t.test('an Idempotency-Key is there and printable', async t => {
  const send = (key?: string) =>
    app.inject({
      method: 'POST',
      url: '/v1/once',
      ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    })
  t.same((await send('a-1/~')).json(), { key: 'a-1/~' })
  for (const key of [undefined, '', 'with space', 'é', 'x'.repeat(256)]) {
    t.match((await send(key)).json(), { status: 400, code: 'idempotency_key_missing' }, key ?? 'none')
  }
  t.equal((await send('x'.repeat(255))).statusCode, 201)
})

t.test('a budget that is used up', async t => {
  const send = (authorization: string) =>
    post({ n: 1 }, { authorization }).then(reply => ({ status: reply.statusCode, reply }))
  const replies = await Promise.all(Array.from({ length: 605 }, () => send('eve')))
  t.equal(replies.filter(({ status }) => status === 200).length, 600)
  const refused = replies.find(({ status }) => status === 429)?.reply
  t.match(refused?.json(), { code: 'too_many_requests', retryAfterMs: 100 })
  t.match(refused?.headers, {
    'retry-after': '1',
    'ratelimit-policy': '"default";q=600;w=60',
    ratelimit: '"default";r=0;t=60',
  })
})

t.test('whoever is refused is not served, however late the refusal leaves', async t => {
  const app = Fastify()
  app.addHook('onSend', (_request, _reply, payload, done) => void setImmediate(() => done(null, payload)))
  const bind = createBinder<TestCaller>(app, {
    sandbox: true,
    authenticate: async () => refuse('unauthorized'),
  })
  let served = 0
  const serve = async () => {
    served++
    return answer(200, { seen: '' })
  }
  bind(echo, serve)
  bind(signed, serve)
  const post = { method: 'POST' as const, payload: { n: 1 } }
  t.match(await app.inject({ ...post, url: '/v1/things/abc/echo' }), { statusCode: 401 })
  t.match(await app.inject({ ...post, url: '/v1/signed' }), { statusCode: 404 })
  t.equal(served, 0)
})

t.test('answers of one turn leave together, and so many at most wait for each other', async t => {
  const app = Fastify()
  const sent: number[] = []
  let ready = 0
  app.addHook('onSend', (_request, _reply, payload, done) => {
    sent.push(ready)
    done(null, payload)
  })
  const bind = createBinder<TestCaller>(app, {
    sandbox: true,
    authenticate: () => ({ kind: 'player', id: 'p' }),
  })
  bind(echo, async ({ body }) => {
    ready++
    return answer(200, { seen: String(body.n) })
  })
  const ask = async (n: number) =>
    (await app.inject({ method: 'POST', url: '/v1/things/abc/echo', payload: { n } })).json<{
      seen: string
    }>().seen
  const few = [1, 2, 3]
  t.same(await Promise.all(few.map(ask)), ['1', '2', '3'])
  t.same(sent, [3, 3, 3], 'none leaves before all are ready')
  const many = Array.from({ length: 100 }, (_, n) => n)
  t.same(await Promise.all(many.map(ask)), many.map(String))
  t.equal(sent.length, 103, 'none is kept')
})

t.test('a handler acts in the name of its caller, and so does a stream long after it', async t => {
  const app = Fastify()
  const bind = createBinder<TestCaller>(app, {
    sandbox: true,
    authenticate: authorization => ({ kind: 'player', id: String(authorization) }),
    actAs: ({ id }, { operation, params }, run) =>
      inNameOf({ tenantId: `${id} ${operation.id} ${(params as { id: string }).id}` }, run),
  })
  const names: (string | undefined)[] = []
  const note = () => names.push(requestUnderWay()?.tenantId)
  let isOver = false
  // More than a socket takes at once, so that the client's reading is what asks for the next piece.
  async function* write() {
    try {
      for (let piece = 0; piece < 8; piece++) {
        note()
        yield 'x'.repeat(1024 * 1024)
        note()
      }
    } finally {
      note()
      isOver = true
    }
  }
  bind(download, async () => {
    note()
    return { status: 200 as const, body: write() }
  })
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = (id: string) => request(`${url}/v1/download/${id}`, { headers: { authorization: 'ada' } }).end()
  let bytes = 0
  const [whole] = (await once(ask('all'), 'response')) as [IncomingMessage]
  for await (const piece of whole) bytes += (piece as Buffer).length
  t.equal(bytes, 8 * 1024 * 1024)
  t.equal(names.length, 18)
  t.same(new Set(names), new Set(['ada download all']))
  names.length = 0
  isOver = false
  const [part] = (await once(ask('some'), 'response')) as [IncomingMessage]
  part.destroy()
  await eventually('the stream is let go', () => isOver || undefined)
  t.same(new Set(names), new Set(['ada download some']), 'also where the client goes away')
  t.equal(requestUnderWay(), undefined)
})
