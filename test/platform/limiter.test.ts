/** Budgets: the pure bucket for any schedule, and the headers and refusals that requests get. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import fc from 'fast-check'
import t from 'tap'
import { type Bucket, createLimiter, networkOf, takeToken } from '#platform/limiter.ts'
import { limits } from '#protocol/limits.ts'
import { operations } from '#protocol/rest/operations.ts'
import { createTestClock } from '../helpers/test-clock.ts'

t.test('a bucket gives its burst, then its rate', async t => {
  const rate = { ratePerS: 10, burst: 20 }
  let bucket: Bucket | undefined
  const take = (nowMs: number) => {
    const taken = takeToken(bucket, { nowMs, ...rate })
    bucket = taken.bucket
    return taken
  }
  for (let i = 0; i < 20; i++) t.equal(take(1_000).status, 'taken')
  t.match(take(1_000), { status: 'empty', retryAfterMs: 100 })
  t.match(take(1_099), { status: 'empty' })
  t.equal(take(1_100).status, 'taken')
  t.match(take(500), { status: 'empty', retryAfterMs: 100 }, 'a clock that steps back gives nothing')
  t.equal(take(600).status, 'taken', 'and nobody waits until it is right again')
})

t.test('no schedule gets more than burst + rate x time, and waiting as told always helps', async () => {
  const startMs = createTestClock().nowMs()
  const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 200, size: 'max' })
  const rates = fc.record({
    ratePerS: fc.double({ min: 0.1, max: 50, noNaN: true }),
    burst: fc.integer({ min: 1, max: 50 }),
  })
  fc.assert(
    fc.property(gaps, rates, (gaps, rate) => {
      let bucket: Bucket | undefined
      let [nowMs, taken] = [startMs, 0]
      for (const gap of gaps) {
        nowMs += gap
        const take = takeToken(bucket, { nowMs, ...rate })
        bucket = take.bucket
        if (take.status === 'taken') taken++
        else if (takeToken(bucket, { nowMs: nowMs + take.retryAfterMs, ...rate }).status === 'empty')
          return false
      }
      return taken <= rate.burst + ((nowMs - startMs) / 1_000) * rate.ratePerS + 1e-3
    }),
    { numRuns: 300 },
  )
})

/** One request as the binder admits it. */
function admitWith(options: { sandbox: boolean }) {
  const clock = createTestClock()
  const admit = createLimiter({ clock, ...options })
  return {
    clock,
    admit(ip: string, callerId?: string, budget?: { name: string; perMinute: number }) {
      const headers: Record<string, unknown> = {}
      const header = (name: string, value: unknown) => (headers[name] = value)
      const reply = { header, getHeader: (name: string) => headers[name] } as unknown as FastifyReply
      const request = { ip, routeOptions: { config: { budget } } } as unknown as FastifyRequest
      const caller = callerId === undefined ? undefined : { kind: 'player', id: callerId }
      const refusal = admit(request, reply, undefined) ?? (caller && admit(request, reply, caller))
      return { refusal, headers }
    },
  }
}

t.test('a credential has 600 requests a minute', async t => {
  const { clock, admit } = admitWith({ sandbox: true })
  t.same(admit('1.1.1.1', 'ada').headers, {
    'ratelimit-policy': '"default";q=600;w=60',
    ratelimit: '"default";r=599;t=1',
  })
  for (let i = 1; i < 600; i++) t.equal(admit(`1.1.1.${i % 250}`, 'ada').refusal, undefined)
  const { refusal, headers } = admit('1.1.1.1', 'ada')
  t.match(refusal, { code: 'too_many_requests', retryAfterMs: 100 })
  t.equal(headers.ratelimit, '"default";r=0;t=60')
  t.equal(admit('1.1.1.1', 'bob').refusal, undefined, 'others have their own')
  clock.advance(100)
  t.equal(admit('1.1.1.1', 'ada').refusal, undefined)
  t.match(admit('1.1.1.1', 'ada').refusal, { code: 'too_many_requests' })
})

t.test('an address has 1,200, outside the sandbox', async t => {
  const sandbox = admitWith({ sandbox: true })
  const production = admitWith({ sandbox: false })
  t.same(production.admit('9.9.9.9', 'ada').headers, {
    'ratelimit-policy': '"address";q=1200;w=60, "default";q=600;w=60',
    ratelimit: '"address";r=1199;t=1, "default";r=599;t=1',
  })
  for (let i = 1; i < 1_300; i++) {
    t.equal(sandbox.admit('9.9.9.9').refusal, undefined)
    t.equal(production.admit('9.9.9.9').refusal === undefined, i < 1_200)
  }
  t.match(production.admit('9.9.9.9', 'bob').refusal, { retryAfterMs: 50 }, 'even with a fresh credential')
  t.equal(production.admit('9.9.9.8').refusal, undefined)
  t.same(sandbox.admit('9.9.9.9').headers, {})
})

t.test('a route that costs much has a budget for each key, outside the sandbox', async t => {
  const { clock, admit } = admitWith({ sandbox: false })
  const budget = { name: 'previewDrop', perMinute: 60 }
  t.same(admit('1.1.1.1', 'ada', budget).headers, {
    'ratelimit-policy': '"address";q=1200;w=60, "default";q=600;w=60, "previewDrop";q=60;w=60',
    ratelimit: '"address";r=1199;t=1, "default";r=599;t=1, "previewDrop";r=59;t=1',
  })
  for (let i = 1; i < 60; i++) t.equal(admit('1.1.1.1', 'ada', budget).refusal, undefined)
  const { refusal, headers } = admit('1.1.1.1', 'ada', budget)
  t.match(refusal, { code: 'too_many_requests', retryAfterMs: 1_000 })
  t.match(headers.ratelimit, /"previewDrop";r=0;t=60$/)
  t.equal(admit('1.1.1.1', 'ada').refusal, undefined, 'on other routes she goes on')
  t.equal(admit('1.1.1.1', 'ada', { name: 'requestPayout', perMinute: 30 }).refusal, undefined)
  t.equal(admit('1.1.1.1', 'bob', budget).refusal, undefined, 'another key has its own')
  clock.advance(1_000)
  t.equal(admit('1.1.1.1', 'ada', budget).refusal, undefined)
  t.match(admit('1.1.1.1', 'ada', budget).refusal, { code: 'too_many_requests' })
  const sandbox = admitWith({ sandbox: true })
  for (let i = 0; i < 100; i++) t.equal(sandbox.admit('1.1.1.1', 'ada', budget).refusal, undefined)
  const ids = operations.map(({ id }) => id)
  for (const id of Object.keys(limits.http.perRoutePerMinute)) t.ok(ids.includes(id), `${id} is an operation`)
})

t.test('ten thousand addresses in one /64 are one', async t => {
  const { admit } = admitWith({ sandbox: false })
  let admitted = 0
  for (let i = 0; i < 10_000; i++) {
    if (admit(`2001:db8:0:7:${i.toString(16)}::1`).refusal === undefined) admitted++
  }
  t.equal(admitted, 1_200)
  const table = [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3::4:5:6:7', '1:2:3:0::/64'],
  ] as const
  for (const [address, network] of table) t.equal(networkOf(address), network, address)
})
