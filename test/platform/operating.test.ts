/** What an operator sees of a server, and what the server does when it is asked for more than it can do. */
import { type AddressInfo, connect } from 'node:net'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createHttpServer } from '#platform/http-server.ts'
import { createLogger } from '#platform/logger.ts'
import { createRegistry, observeRequests } from '#platform/metrics.ts'
import { adaptShare, createOverload, judgeLoad, type Load, type Overload } from '#platform/overload.ts'
import { systemRandom } from '#platform/random.ts'
import { limits } from '#protocol/limits.ts'
import { createApp } from '../../src/app.ts'
import { createBooksWatch } from '../../src/ledger/books-watch.ts'
import { type CheckName, checkTitles } from '../../src/ledger/reconcile.ts'
import { eventually } from '../acceptance/eventually.ts'
import { createTestClock } from '../helpers/test-clock.ts'
import { createWorld } from '../helpers/world.ts'

const { overload: bounds } = limits
const calm: Load = { loopDelayMs: 12, heapPercent: 20, waiting: 0 }
const loads = fc.record({
  loopDelayMs: fc.double({ min: 0, max: 2_000, noNaN: true }),
  heapPercent: fc.double({ min: 0, max: 100, noNaN: true }),
  waiting: fc.nat(5_000),
})
/** No figures at all, which no comparison takes for some. */
const none = { oversold: -1, doublePaid: -1, unbalanced: -1, countedAtMs: -1 }
const never: Overload = {
  isShedding: false,
  admit: () => true,
  figures: () => ({ share: 1, shed: 0, load: calm }),
  stop: () => {},
}

t.test('how much is let in', async t => {
  const table: [Partial<Load>, string][] = [
    [{}, 'calm'],
    [{ loopDelayMs: bounds.loopDelayMs.calm }, 'calm'],
    [{ loopDelayMs: bounds.loopDelayMs.calm + 1 }, 'busy'],
    [{ loopDelayMs: bounds.loopDelayMs.most + 1 }, 'overloaded'],
    [{ heapPercent: bounds.heapPercent.most + 1 }, 'overloaded'],
    [{ waiting: bounds.waiting.most + 1 }, 'overloaded'],
    [{ waiting: bounds.waiting.most }, 'busy'],
  ]
  for (const [load, verdict] of table) t.equal(judgeLoad({ ...calm, ...load }), verdict, JSON.stringify(load))
  fc.assert(
    fc.property(fc.double({ min: bounds.leastShare, max: 1, noNaN: true }), loads, (share, load) => {
      const next = adaptShare(share, load)
      const verdict = judgeLoad(load)
      if (next < bounds.leastShare || next > 1) return false
      if (verdict === 'overloaded') return next < share || share === bounds.leastShare
      return verdict === 'busy' ? next === share : next > share || share === 1
    }),
  )
})

t.test('a server that is overloaded lets in a part, evenly, and all again afterwards', async t => {
  const due: (() => void)[] = []
  const clock = {
    ...createTestClock(),
    after: (_ms: number, look: () => void) => {
      due.push(look)
      return () => {}
    },
  }
  let waiting = bounds.waiting.most + 1
  const overload = createOverload({ clock, waiting: () => waiting })
  t.teardown(overload.stop)
  t.notOk(overload.isShedding, 'before the first look')
  due.shift()?.()
  t.ok(overload.isShedding)
  const admitted = Array.from({ length: 100 }, overload.admit)
  t.equal(admitted.filter(Boolean).length, 50)
  t.notOk(
    admitted.some((isIn, i) => isIn === admitted[i + 1]),
    'every second one',
  )
  t.equal(overload.figures().shed, 50)
  waiting = 0
  for (let looks = 0; looks < 4; looks++) due.shift()?.()
  t.notOk(overload.isShedding, 'half a share comes back in four calm looks')
})

t.test('whoever is not let in hears at once when to come again', async t => {
  let isShedding = true
  const overload = {
    ...never,
    get isShedding() {
      return isShedding
    },
    admit: () => false,
  }
  const config = { isSandbox: false, trustedProxies: [], origins: [] }
  const log = createLogger('silent')
  const http = await createHttpServer(config, { log, anyOrigin: false, overload, random: systemRandom })
  t.teardown(() => http.close())
  http.get('/game', async () => ({}))
  http.get('/needed', { config: { neverShed: true } }, async () => ({}))
  const refused = await http.inject('/game')
  t.equal(refused.statusCode, 503)
  t.equal(refused.headers['retry-after'], String(bounds.retryAfterMs / 1_000))
  t.match(refused.json(), { code: 'unavailable' })
  t.equal(refused.headers['x-content-type-options'], 'nosniff')
  t.equal((await http.inject('/needed')).statusCode, 200, 'what watches the server and saves money goes on')
  isShedding = false
  t.equal((await http.inject('/game')).statusCode, 200)
})

t.test('OPTIONS is answered alike, preflight or not', async t => {
  const config = { isSandbox: true, trustedProxies: [], origins: [] }
  const ports = { log: createLogger('silent'), anyOrigin: true, overload: never, random: systemRandom }
  const http = await createHttpServer(config, ports)
  t.teardown(() => http.close())
  const ask = (headers: Record<string, string>) => http.inject({ method: 'OPTIONS', url: '/game', headers })
  const preflight = { origin: 'https://a.example', 'access-control-request-method': 'POST' }
  t.match(await ask(preflight), {
    statusCode: 204,
    headers: { 'access-control-allow-origin': preflight.origin },
  })
  t.match(await ask({}), { statusCode: 204, body: '' })
})

t.test('an answer names the request as the log does, and the log hides what is secret', async t => {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const config = { isSandbox: false, trustedProxies: [], origins: [] }
  const ports = { log: createLogger('info', stream), anyOrigin: false, overload: never, random: systemRandom }
  const http = await createHttpServer(config, ports)
  t.teardown(() => http.close())
  http.get('/fault', async () => {
    throw Object.assign(new Error('a fault'), { token: 'tok-123', fix: { lat: 31.2345 } })
  })
  const headers = { authorization: 'Bearer secret-456' }
  const [first, second] = [await http.inject({ url: '/fault', headers }), await http.inject('/fault')]
  t.not(first.headers['request-id'], second.headers['request-id'])
  t.equal(first.statusCode, 500)
  const entry = JSON.parse(lines[0] ?? '{}') as { reqId: string }
  t.equal(entry.reqId, first.headers['request-id'])
  t.equal(lines.length, 2, 'once each')
  t.notMatch(lines.join(''), /tok-123|secret-456|31\.2345/)
})

t.test('what is refused before it is a request has the same headers', async t => {
  const config = { isSandbox: false, trustedProxies: [], origins: [] }
  const log = createLogger('silent')
  const http = await createHttpServer(config, {
    log,
    anyOrigin: false,
    overload: never,
    random: systemRandom,
  })
  t.teardown(() => http.close())
  const refused = await http.inject('/%E0%A4%A')
  t.equal(refused.statusCode, 400)
  t.equal(refused.headers['x-content-type-options'], 'nosniff')
  await http.listen({ port: 0, host: '127.0.0.1' })
  const { port } = http.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write('NOISE\r\n\r\n')
  const said = (await socket.setEncoding('utf8').toArray()).join('')
  t.match(said, /^HTTP\/1\.1 400 /)
  t.match(said, /^x-content-type-options: nosniff\r$/m)
})

t.test('labels do not grow with what clients send', async t => {
  const registry = createRegistry()
  const config = { isSandbox: true, trustedProxies: [], origins: [] }
  const log = createLogger('silent')
  const http = await createHttpServer(config, { log, anyOrigin: true, overload: never, random: systemRandom })
  t.teardown(() => http.close())
  observeRequests(http, registry)
  http.get('/things/:id', async () => ({}))
  for (let i = 0; i < 50; i++) {
    await http.inject(`/things/secret-${i}`)
    await http.inject(`/nothing/secret-${i}`)
  }
  const text = await registry.getSingleMetricAsString('hexbao_http_request_duration_seconds')
  t.notMatch(text, /secret-/)
  t.match(
    text,
    'hexbao_http_request_duration_seconds_count{method="GET",route="/things/:id",status="200"} 50',
  )
  t.match(text, 'hexbao_http_request_duration_seconds_count{method="any",route="none",status="404"} 50')
  t.equal(text.match(/_count\{/g)?.length, 2)
})

t.test('each check of the books moves one gauge, and is made rarely', async t => {
  const clock = createTestClock()
  const names = Object.keys(checkTitles) as CheckName[]
  const seen = new Set<string>()
  for (const broken of names) {
    const checks = names.map(name => ({ name, differences: name === broken ? 3 : 0, examples: [] }))
    let counts = 0
    const watch = createBooksWatch({
      reconcile: async () => (counts++, { checks, envelopes: 1, transfers: 1 }),
      ...{ clock, log: createLogger('silent') },
    })
    t.equal(watch.read(), undefined, 'nothing before the first count')
    await watch.settle()
    const { countedAtMs, ...sums } = watch.read() ?? none
    t.equal(countedAtMs, clock.nowMs())
    t.equal(counts, 1)
    const moved = Object.entries(sums).filter(([, sum]) => sum > 0)
    t.same(moved.length === 1 && moved[0]?.[1], 3, broken)
    seen.add(String(moved[0]?.[0]))
    clock.advance(300_000)
    watch.read()
    await watch.settle()
    t.equal(counts, 2)
  }
  t.same([...seen].sort(), ['doublePaid', 'oversold', 'unbalanced'])
})

t.test('/metrics of a whole server', async t => {
  const world = await createWorld(t)
  const [operatorKey, metricsKey] = [`hbo_${'o'.repeat(40)}`, 'm'.repeat(40)]
  const config = requireReady(
    loadConfig({
      ...{ MODE: 'sandbox', LOG_LEVEL: 'silent', JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
      ...{ OPERATOR_KEY: operatorKey, METRICS_KEY: metricsKey },
      ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    }),
  )
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  const look = (key?: string) =>
    app.http.inject({
      url: '/metrics',
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    })
  for (const key of [undefined, 'wrong', `${metricsKey}x`]) t.equal((await look(key)).statusCode, 401)
  t.equal((await look(operatorKey)).statusCode, 200)

  const read = async () => {
    const { body } = await look(metricsKey)
    const lines = body.split('\n').filter(line => line.startsWith('hexbao_') && !line.includes('_bucket'))
    return new Map(lines.map(line => line.split(' ') as [string, string]))
  }
  const whole = await eventually('the books are counted', async () => {
    const figures = await read()
    return [...figures.values()].includes('Nan') ? undefined : figures
  })
  for (const name of ['oversold', 'double_paid', 'unbalanced', 'dead_letters', 'unlinked_transfers']) {
    t.equal(whole.get(`hexbao_${name}`), '0', name)
  }
  for (const name of ['sockets', 'webhooks_waiting', 'outbox_lag_seconds', 'unsettled_age_seconds']) {
    t.equal(whole.get(`hexbao_${name}`), '0', name)
  }
  t.equal(whole.get('hexbao_store_up{store="postgres"}'), '1')
  t.equal(whole.get('hexbao_admitted_share'), '1')
  t.notMatch([...whole.keys()].join('\n'), /[0-9a-f]{8}-[0-9a-f]{4}/, 'no ids')
})

t.test('books that do not balance', async t => {
  const world = await createWorld(t)
  const text =
    'insert into accounts (id, kind, owner_id, currency, credits) ' +
    "values (gen_random_uuid(), 'wallet', gen_random_uuid(), 'CNY', 5)"
  await world.ownerDatabase.query({ name: 'break-books', text })
  const config = requireReady(
    loadConfig({
      ...{ MODE: 'sandbox', LOG_LEVEL: 'silent', JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
      ...{ OPERATOR_KEY: `hbo_${'o'.repeat(40)}` },
      ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    }),
  )
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  const shown = await eventually('the books are counted', async () => {
    const { body } = await app.http.inject({
      url: '/metrics',
      headers: { authorization: `Bearer ${config.operatorKey}` },
    })
    return /^hexbao_unbalanced (\d+)$/m.exec(body)?.[1]
  })
  t.equal(shown, '2', 'an account that no transfer explains, and a currency that does not add up')
})
