/** What a server believes of whoever connects, and what it tells browsers: the peer's address, origins, headers. */
import t, { type Test } from 'tap'
import { createHttpServer } from '#platform/http-server.ts'
import { createBinder } from '#platform/http.ts'
import { createLimiter } from '#platform/limiter.ts'
import { createLogger } from '#platform/logger.ts'
import type { Overload } from '#platform/overload.ts'
import { answer } from '#platform/http.ts'
import { systemRandom } from '#platform/random.ts'
import { refuse } from '#platform/problem.ts'
import { getLiveness } from '#protocol/rest/health.ts'
import { getMe } from '#protocol/rest/players.ts'
import { limits } from '#protocol/limits.ts'
import { createTestClock } from '../helpers/test-clock.ts'

const never: Overload = {
  ...{ isShedding: false, admit: () => true, stop: () => {} },
  figures: () => ({ share: 1, shed: 0, load: { loopDelayMs: 0, heapPercent: 0, waiting: 0 } }),
}

async function serve(
  t: Test,
  { trustedProxies = [], origins = [] }: { trustedProxies?: string[]; origins?: string[] },
) {
  const ports = { log: createLogger('silent'), anyOrigin: false, overload: never, random: systemRandom }
  const http = await createHttpServer({ isSandbox: false, trustedProxies, origins }, ports)
  t.teardown(() => http.close())
  http.get('/address', async ({ ip, host, protocol }) => ({ ip, host, protocol }))
  http.get('/fault', async () => {
    throw new Error('a bug')
  })
  const bind = createBinder<{ kind: 'player'; id: string }>(http, {
    sandbox: false,
    authenticate: () => refuse('unauthorized'),
    admit: createLimiter({ clock: createTestClock(), sandbox: false }),
  })
  bind(getMe, async () => refuse('unauthorized'))
  bind(getLiveness, async () => answer(200, { status: 'alive' as const }))
  return http
}

const forged = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
}

t.test('X-Forwarded-For counts from a proxy that is named, and from nobody else', async t => {
  const table: [string[], string, Record<string, string>, string][] = [
    [[], '127.0.0.1', forged, '127.0.0.1'],
    [['10.0.0.1'], '198.51.100.7', forged, '198.51.100.7'],
    [['10.0.0.1'], '10.0.0.1', forged, '203.0.113.9'],
    [['10.0.0.0/24'], '10.0.0.9', forged, '203.0.113.9'],
    [['10.0.0.0/24'], '10.0.1.9', forged, '10.0.1.9'],
    [['loopback'], '127.0.0.1', forged, '203.0.113.9'],
    // What the client wrote itself stands before what the proxy added.
    [['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.1.1.1, 203.0.113.9' }, '203.0.113.9'],
    [['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' }, '203.0.113.9'],
    [
      ['10.0.0.1'],
      '198.51.100.7',
      { forwarded: 'for=203.0.113.9', 'x-real-ip': '203.0.113.9' },
      '198.51.100.7',
    ],
  ]
  for (const [trustedProxies, remoteAddress, headers, ip] of table) {
    const http = await serve(t, { trustedProxies })
    const reply = await http.inject({
      url: '/address',
      remoteAddress,
      headers: { host: 'game.example', ...headers },
    })
    t.match(reply.json(), { ip }, `${trustedProxies.join()} ${remoteAddress} ${JSON.stringify(headers)}`)
    if (ip === remoteAddress) t.match(reply.json(), { host: 'game.example', protocol: 'http' })
  }
})

t.test('a forged address has no budget of its own', async t => {
  const http = await serve(t, { trustedProxies: ['10.0.0.1'] })
  const ask = (remoteAddress: string, forwarded: string) =>
    http.inject({ url: '/v1/me', remoteAddress, headers: { 'x-forwarded-for': forwarded } })
  const most = limits.http.perAddressPerMinute
  const statuses = new Map<number, number>()
  for (let i = 0; i < most + 10; i++) {
    const { statusCode } = await ask('198.51.100.7', `203.0.113.${i % 250}`)
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
  }
  t.same(Object.fromEntries(statuses), { 401: most, 429: 10 })
  const refused = await ask('198.51.100.7', '203.0.113.251')
  t.match(refused.json(), { code: 'too_many_requests', retryAfterMs: 50 })
  t.match(refused.headers, {
    ...{ 'content-type': /^application\/problem\+json/, 'retry-after': '1' },
    ...{ 'ratelimit-policy': '"address";q=1200;w=60', ratelimit: '"address";r=0;t=60' },
  })
  t.equal((await ask('10.0.0.1', '203.0.113.9')).statusCode, 401, 'who comes through the proxy has one')
})

t.test('every kind of answer has the headers of helmet', async t => {
  const http = await serve(t, {})
  const kinds = [
    [200, { url: '/livez' }],
    [401, { url: '/v1/me' }],
    [404, { url: '/none' }],
    [404, { method: 'POST', url: '/livez' }],
    [400, { url: '/%E0%A4%A' }],
    [400, { url: '/v1/me?x=1', headers: { authorization: 'Bearer x' } }],
    [500, { url: '/fault' }],
  ] as const
  for (const [status, request] of kinds) {
    const reply = await http.inject(request)
    if (status !== 400) t.equal(reply.statusCode, status, request.url)
    t.match(
      reply.headers,
      {
        ...{ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' },
        ...{ 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' },
      },
      `${request.url} ${reply.statusCode}`,
    )
    t.notOk('x-powered-by' in reply.headers || 'server' in reply.headers)
  }
})

t.test('browsers of listed origins may call, and no others', async t => {
  const [ours, other] = ['https://play.example', 'https://shop.example']
  const http = await serve(t, { origins: [ours, other] })
  const ask = (origin: string, method: 'GET' | 'OPTIONS' = 'GET') =>
    http.inject({
      ...{ method, url: '/livez' },
      headers: { origin, ...(method === 'OPTIONS' && { 'access-control-request-method': 'GET' }) },
    })
  for (const origin of [ours, other]) {
    for (const method of ['GET', 'OPTIONS'] as const) {
      const { headers, statusCode } = await ask(origin, method)
      t.equal(headers['access-control-allow-origin'], origin, `${method} ${origin}`)
      t.match(headers.vary, /Origin/i, 'no cache hands it to another')
      t.equal(statusCode, method === 'GET' ? 200 : 204)
      t.match(
        headers['access-control-expose-headers'],
        /\betag\b.*\bretry-after\b/,
        'pages can go on with it',
      )
      const allowed = String(headers['access-control-allow-methods']).split(/, ?/)
      if (method === 'OPTIONS') t.same(allowed.toSorted(), ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST'])
    }
  }
  const strangers = [
    ...[
      'https://evil.example',
      'http://play.example',
      'https://play.example:8443',
      'https://play.example.evil.example',
    ],
    ...['https://xplay.example', 'https://PLAY.example', 'https://play.example/', 'null', '*', ''],
  ]
  for (const origin of strangers) {
    for (const method of ['GET', 'OPTIONS'] as const) {
      const { headers } = await ask(origin, method)
      t.equal(headers['access-control-allow-origin'], undefined, `${method} ${origin}`)
      t.equal(headers['access-control-expose-headers'], undefined)
      t.equal(headers['access-control-allow-credentials'], undefined, 'and no cookies for anybody')
    }
  }
  const closed = await serve(t, {})
  const reply = await closed.inject({ url: '/livez', headers: { origin: ours } })
  t.equal(reply.headers['access-control-allow-origin'], undefined, 'none are listed')
})
