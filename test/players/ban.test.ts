/** A ban over two whole servers: what the operator asks of one holds on the other, with Redis and without. */
import t from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { createTestClock } from '../helpers/test-clock.ts'
import { createWorld } from '../helpers/world.ts'
import { openClient } from '../realtime/client.ts'

const world = await createWorld(t)
const operatorKey = `hbo_${'o'.repeat(40)}`
const config = requireReady(
  loadConfig({
    ...{ MODE: 'sandbox', LOG_LEVEL: 'silent', OPERATOR_KEY: operatorKey },
    ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    ...{ JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
  }),
)

async function start(redisPrefix = world.redisPrefix, clock = systemClock) {
  const app = await createApp({
    config,
    clock,
    random: systemRandom,
    redisPrefix,
    log: createLogger('silent'),
  })
  t.teardown(app.close)
  const address = await app.http.listen({ port: 0, host: '127.0.0.1' })
  const send = async (
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    credential: string,
    payload?: object,
  ) => {
    const headers = { authorization: `Bearer ${credential}` }
    const reply = await app.http.inject({ method, url, headers, ...(payload && { payload }) })
    return { status: reply.statusCode, body: reply.json<Record<string, unknown>>() }
  }
  const signUp = async () => {
    const { body } = await send('POST', '/v1/players', '', {})
    return { token: String(body.token), id: (body.player as { id: string }).id }
  }
  return { send, signUp, url: `${address.replace('http', 'ws')}/v1/play` }
}

const [one, other] = [await start(), await start()]

t.test('the sockets close, tokens are refused, and lifting the ban undoes it', async t => {
  const { token, id } = await one.signUp()
  const protocols = ['hexbao.v1', `bearer.${token}`]
  const sockets = [openClient(t, one, { protocols }), openClient(t, other, { protocols })]
  for (const client of sockets) await client.frame('welcome')
  t.match(await other.send('GET', '/v1/me', token), { status: 200 })

  const path = `/v1/operator/players/${id}/ban`
  const reason = 'forty accounts on one phone'
  t.match(await one.send('POST', path, operatorKey, { reason }), {
    status: 200,
    body: { playerId: id, ban: { reason, bannedAt: String } },
  })
  for (const client of sockets) t.equal(await client.closed(), 4403)
  for (const { send } of [one, other])
    t.match(await send('GET', '/v1/me', token), { status: 403, body: { code: 'banned' } })
  t.equal(await openClient(t, other, { protocols }).closed(), 4403)
  const again = await one.send('POST', path, operatorKey, { reason: 'and another' })
  t.match(again.body, { ban: { reason: 'and another' } })

  const lifted = await one.send('DELETE', path, operatorKey)
  t.same(lifted, { status: 200, body: { playerId: id } })
  t.match(await other.send('GET', '/v1/me', token), { status: 200 })
  await openClient(t, other, { protocols }).frame('welcome')

  const target = { playerId: id }
  t.match((await one.send('GET', '/v1/operator/actions', operatorKey)).body, {
    items: [
      { actor: 'operator', action: 'lift_ban', target },
      { action: 'ban', target, reason: 'and another' },
      { action: 'ban', target, reason },
    ],
  })
})

t.test('who may ban whom', async t => {
  const { token, id } = await one.signUp()
  const path = `/v1/operator/players/${id}/ban`
  t.match(await one.send('POST', path, token, { reason: 'envy' }), {
    status: 403,
    body: { code: 'forbidden' },
  })
  t.match(await one.send('POST', path, operatorKey, {}), { status: 400 })
  const nobody = '/v1/operator/players/018f0000-0000-7000-8000-000000000000/ban'
  t.match(await one.send('POST', nobody, operatorKey, { reason: 'x' }), { status: 404 })
  t.match(await one.send('DELETE', nobody, operatorKey), { status: 404 })
  t.match(await one.send('GET', '/v1/me', token), { status: 200 })
})

t.test('a server that hears of no ban asks the record within minutes', async t => {
  const clock = createTestClock(systemClock.nowMs())
  const deaf = await start(`${world.redisPrefix}deaf:`, clock)
  const { token, id } = await one.signUp()
  t.match(await deaf.send('GET', '/v1/me', token), { status: 200 })
  await one.send('POST', `/v1/operator/players/${id}/ban`, operatorKey, { reason: 'x' })
  t.match(await deaf.send('GET', '/v1/me', token), { status: 200 }, 'remembered')
  clock.advance(120_000)
  t.match(await deaf.send('GET', '/v1/me', token), { status: 403, body: { code: 'banned' } })
})
