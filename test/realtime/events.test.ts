/**
 * Whole servers: whatever becomes of an envelope on one of them reaches the sockets of another at once, over Redis, and
 * those of one that hears nothing with the next re-read of its index.
 */
import t from 'tap'
import { type Clock, systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { reviewIdOf } from '../../src/reviews/review.ts'
import { eventually } from '../acceptance/eventually.ts'
import { createWorld } from '../helpers/world.ts'
import { type Client, openClient } from './client.ts'

const world = await createWorld(t)
const operatorKey = `hbo_${'o'.repeat(40)}`
const config = requireReady(
  loadConfig({
    ...{ MODE: 'sandbox', LOG_LEVEL: 'silent', OPERATOR_KEY: operatorKey },
    ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    ...{ JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
  }),
)

async function start(redisPrefix: string, clock: Clock) {
  const log = createLogger('silent')
  const app = await createApp({ config, clock, random: systemRandom, redisPrefix, log })
  t.teardown(app.close)
  const address = await app.http.listen({ port: 0, host: '127.0.0.1' })
  const send = async (method: 'POST' | 'DELETE', url: string, credential: string, payload?: object) => {
    const keeps = /envelopes$|freezes$/.test(url) ? { 'idempotency-key': `${systemRandom.fraction()}` } : {}
    const headers = { authorization: `Bearer ${credential}`, ...keeps }
    const reply = await app.http.inject({ method, url, headers, ...(payload && { payload }) })
    if (reply.statusCode >= 300) throw new Error(`${method} ${url}: ${reply.body}`)
    return reply.json<Record<string, unknown>>()
  }
  return { app, send, url: `${address.replace('http', 'ws')}/v1/play` }
}

const REREAD_MS = 12_000
/** Only the turns of the index come so many times as fast: nothing else waits between 11 and 12 s. */
const rereading = (pace: number): Clock => ({
  ...systemClock,
  after: (ms, task) => systemClock.after(ms > REREAD_MS - 1_000 && ms <= REREAD_MS ? ms / pace : ms, task),
})

const one = await start(world.redisPrefix, systemClock)
/** Has nothing but what it hears, and another one nothing but what it reads. */
const other = await start(world.redisPrefix, rereading(1 / 100))
const deaf = await start(`${world.redisPrefix}deaf:`, rereading(24))
one.app.jobs.start()

const square: Point = { lat: 31.2304, lng: 121.4737 }
const fixAt = ({ lat, lng }: Point) => ({ lat, lng, accuracyM: 8 })
let places = 0
/** In a hint cell of its own, within sight of the square. */
const newPlace = (): Point => travelFrom(square, { bearingDeg: 60 * ++places, distanceM: 200 })

const signUp = async (): Promise<string> => String((await one.send('POST', '/v1/players', '', {})).token)
const hider = await signUp()
const onlookers: Client[] = []
for (const { url } of [other, deaf]) {
  const client = openClient(t, { url }, { playerId: await signUp() })
  await client.frame('welcome')
  await client.stand(square)
  onlookers.push(client)
}

async function hide(more: object = {}) {
  const place = newPlace()
  const { id } = await one.send('POST', '/v1/envelopes', hider, {
    place: { type: 'Point', coordinates: [place.lng, place.lat] },
    fix: fixAt(square),
    total: { amountMinor: '100', currency: 'CNY' },
    ...{ shares: 1, split: 'equal', audience: { type: 'anyone' } },
    ...more,
  })
  return { id: String(id), place }
}

/** All onlookers are told of it once more. */
async function seeHint(id: string, times = 1): Promise<void> {
  for (const { frames } of onlookers) {
    const told = () => frames.filter(frame => frame.type === 'hint' && frame.envelopeId === id).length
    await eventually('a hint', () => told() === times || undefined)
  }
}

const seeGone = async (id: string, why: string): Promise<void> => {
  for (const { frame } of onlookers)
    await frame('gone', ({ envelopeId, reason }) => envelopeId === id && reason === why)
}

t.test('an opening and a close', async () => {
  const now = await hide()
  const later = await hide({ opensAt: new Date(Date.now() + 500).toISOString() })
  await seeHint(now.id)
  await seeHint(later.id)
  await one.send('DELETE', `/v1/envelopes/${now.id}`, hider)
  await seeGone(now.id, 'closed')
})

t.test('the last share', async () => {
  const { id, place } = await hide()
  await seeHint(id)
  await one.send('POST', `/v1/envelopes/${id}/claims`, await signUp(), { fix: fixAt(place) })
  await seeGone(id, 'empty')
})

t.test('expiry', async () => {
  const { id } = await hide()
  await seeHint(id)
  const text = `update envelopes set epoch = epoch + 1, opens_at = now() - interval '2 s', expires_at = now()
    where id = $1`
  await world.ownerDatabase.query({ name: 'expire', text }, [id])
  await seeGone(id, 'expired')
})

t.test('a freeze and its end', async () => {
  const { id } = await hide()
  await seeHint(id)
  const target = { target: { envelopeId: id }, reason: 'a complaint' }
  await one.send('POST', '/v1/operator/freezes', operatorKey, target)
  await seeGone(id, 'frozen')
  await one.send('POST', '/v1/operator/unfreezes', operatorKey, target)
  await seeHint(id, 2)
})

t.test('a text that people report away, and that a reviewer brings back', async () => {
  const { id } = await hide({ greeting: 'Look behind the lion' })
  await seeHint(id)
  const latest = async (greeting: string | undefined) => {
    for (const { frames } of onlookers)
      await eventually('the text as it is', () => {
        const hint = frames.findLast(frame => frame.type === 'hint' && frame.envelopeId === id)
        return hint?.type === 'hint' && hint.greeting === greeting ? hint : undefined
      })
  }
  await latest('Look behind the lion')
  const report = { kind: 'envelope', id, reason: 'private_place' }
  for (let i = 0; i < 3; i++) await one.send('POST', '/v1/reports', await signUp(), report)
  await latest(undefined)
  const review = reviewIdOf({ kind: 'envelope', subjectId: id })
  await one.send('POST', `/v1/operator/reviews/${review}/release`, operatorKey, { reviewer: 'wang' })
  await latest('Look behind the lion')
})
