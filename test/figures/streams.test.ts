/**
 * Figures as they change: one stream with a reader who is quick, slow or gone; one reading a tick for all who look on;
 * keys that are revoked; and two whole servers, of which one pays and the other tells.
 */
import { request } from 'node:http'
import { connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { limits } from '#protocol/limits.ts'
import { exportClaims, type Figures, streamFigures } from '#protocol/rest/figures.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { answer, createBinder } from '#platform/http.ts'
import { createLogger } from '#platform/logger.ts'
import { createApp } from '../../src/app.ts'
import type { Tallies } from '../../src/figures/ports.ts'
import type { FiguresChannel } from '../../src/figures/redis.ts'
import { createStream, type Stream } from '../../src/figures/stream.ts'
import { createStreams } from '../../src/figures/streams.ts'
import type { Reading } from '../../src/figures/view.ts'
import { createFiguresWatch } from '../../src/figures/watch.ts'
import type { Caller } from '../../src/players/caller.ts'
import { createManualClock, settle } from '../realtime/manual-clock.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { followNames } from '../merchants/shops.ts'

const log = createLogger('silent')
const theirs = { campaignId: 'c', merchantId: 'm' }
const zeroId = '00000000-0000-0000-0000-000000000000'
const tallies: Tallies = {
  ...{
    merchantId: 'm',
    state: 'live',
    currency: 'CNY',
    toPlace: 0,
    placed: 0,
    waiting: 0,
    live: 0,
    empty: 0,
  },
  ...{ expired: 0, closed: 0, frozen: 0, found: 0, shares: 0, claimedShares: 0, fundedMinor: 0n },
  ...{ availableMinor: 0n, inDropsMinor: 0n, inEnvelopesMinor: 0n, claimedMinor: 0n, returnedMinor: 0n },
  ...{ revealed: 0, waitsMs: undefined },
}
const readingOf = (no: number, claimedShares = no, atMs = no): Reading => ({
  ...{ no, campaignId: 'c', atMs, tallies: { ...tallies, claimedShares } },
})
const claimedIn = (piece: unknown): number | undefined => {
  const data = /^data: (.*)$/m.exec(String(piece))?.[1]
  return data === undefined ? undefined : (JSON.parse(data) as Figures).shares?.claimed
}
const idIn = (piece: unknown) => /^id: (\w{16})$/m.exec(String(piece))?.[1]
const pace = { heartbeatMs: 5_000, slowReaderMs: 10_000 }

function openStream(lastEventId?: string) {
  const clock = createManualClock()
  let overs = 0
  const stream = createStream({
    ...{ first: readingOf(1), lastEventId, clock, pace },
    onOver: () => void overs++,
  })
  const reader = stream[Symbol.asyncIterator]()
  return { clock, stream, reader, overs: () => overs }
}

const world = await createWorld(t)

t.test('a reader gets the newest figures, each once, and signs of life', async t => {
  const { clock, stream, reader } = openStream()
  const first = (await reader.next()).value
  t.match(first, /^retry: 2000\n\nid: \w{16}\nevent: figures\ndata: \{"campaignId":"c"/)
  const next = reader.next()
  stream.show(readingOf(2))
  t.equal(claimedIn((await next).value), 2)
  stream.show(readingOf(3))
  stream.show(readingOf(4))
  t.equal(claimedIn((await reader.next()).value), 4, 'not what was overtaken')
  stream.show(readingOf(3, 99))
  stream.show(readingOf(5, 4, 5_000))
  const heartbeat = reader.next()
  await clock.pass(4_999)
  const raced = await Promise.race([heartbeat, settle()])
  t.equal(raced, undefined, 'neither an older reading nor the same figures')
  await clock.pass(1)
  t.equal((await heartbeat).value, ': still here\n\n')
})

t.test('who comes back with the last event is not told it again', async t => {
  const id = idIn((await openStream().reader.next()).value)
  const { stream, reader } = openStream(id)
  t.equal((await reader.next()).value, 'retry: 2000\n\n')
  stream.show(readingOf(2))
  t.equal(claimedIn((await reader.next()).value), 2)
  t.equal(claimedIn((await openStream('0123456789abcdef').reader.next()).value), 1)
})

t.test('who does not read is cut off, who reads is not, and whoever leaves is forgotten', async t => {
  const slow = openStream()
  await slow.reader.next()
  await slow.clock.pass(60_000)
  t.notOk(slow.stream.signal?.aborted, 'nothing to read is no reason')
  slow.stream.show(readingOf(2))
  await slow.clock.pass(6_000)
  slow.stream.show(readingOf(3))
  await slow.clock.pass(3_999)
  t.notOk(slow.stream.signal?.aborted)
  await slow.clock.pass(1)
  t.ok(slow.stream.signal?.aborted, 'a newer event gives no more time')
  t.equal(slow.overs(), 1)
  t.same(await slow.reader.next(), { done: true, value: undefined })

  const quick = openStream()
  for (let no = 2; no < 20; no++) {
    await quick.reader.next()
    quick.stream.show(readingOf(no))
    await quick.clock.pass(9_000)
  }
  t.notOk(quick.stream.signal?.aborted)
  await quick.reader.next()
  const waiting = quick.reader.next()
  await quick.reader.return?.()
  t.same(await waiting, { done: true, value: undefined })
  t.equal(quick.overs(), 1)
  t.equal(quick.clock.timersLeft(), 0)
})

t.test('a goodbye is read, or the client is cut off a second later', async t => {
  const reading = openStream()
  await reading.reader.next()
  const last = reading.reader.next()
  reading.stream.end('key_revoked')
  t.equal((await last).value, 'event: goodbye\ndata: {"reason":"key_revoked"}\n\n')
  t.same(await reading.reader.next(), { done: true, value: undefined })
  t.equal(reading.overs(), 1)
  const deaf = openStream()
  deaf.stream.end('server_stops')
  deaf.stream.show(readingOf(7))
  await deaf.clock.pass(1_000)
  t.ok(deaf.stream.signal?.aborted)
  t.equal(deaf.overs(), 1)
})

function openWatch(read = async (): Promise<Reading | undefined> => readingOf(1)) {
  const clock = createManualClock()
  const followed = new Set<string>()
  let handlers: Parameters<FiguresChannel['listen']>[0] = { onChanged: () => {}, onRestored: () => {} }
  const reads: number[] = []
  const watch = createFiguresWatch({
    ...{ clock, log, pace: { tickMs: 1_000, rereadMs: 5_000 } },
    read: () => {
      reads.push(clock.nowMs())
      return read()
    },
    channel: {
      follow: id => void followed.add(id),
      unfollow: id => void followed.delete(id),
      listen: given => void (handlers = given),
    },
  })
  const gaps = () => reads.slice(1).map((atMs, i) => atMs - (reads[i] ?? 0))
  return {
    clock,
    watch,
    reads,
    gaps,
    followed,
    changed: () => handlers.onChanged('c'),
    restored: () => handlers.onRestored(),
  }
}

t.test('one reading a tick, however many look on and however much happens', async t => {
  const { clock, watch, reads, gaps, followed, changed, restored } = openWatch()
  let looks = 0
  const ends = Array.from({ length: 100 }, () => watch.watch(theirs, () => void looks++))
  t.same([...followed], ['c'])
  await clock.pass(1_000)
  t.equal(reads.length, 1)
  t.equal(looks, 100)
  for (let i = 0; i < 100; i++) {
    changed()
    await clock.pass(100)
  }
  t.ok(
    gaps().every(gap => gap >= 1_000),
    String(gaps()),
  )
  t.ok(reads.length >= 9 && reads.length <= 11, `${reads.length} readings in ten seconds of it`)
  await clock.pass(1_000)
  const quiet = reads.length
  await clock.pass(30_000)
  t.equal(reads.length - quiet, 6, 'one in five seconds when nothing is heard of')
  restored()
  await settle()
  t.equal(reads.length - quiet, 7, 'after Redis was away at once')
  ends.forEach(end => end())
  t.same([...followed], [])
  await clock.pass(1_000)
  t.equal(clock.timersLeft(), 0)
  t.equal(reads.length - quiet, 7)
})

t.test('a reading that takes long, or fails, is not the next one at once', async t => {
  let isBroken = false
  const slow = openWatch(async () => {
    if (isBroken) throw new Error('down')
    await slow.clock.sleep(400)
    return readingOf(1)
  })
  slow.watch.watch(theirs, () => {})
  for (let i = 0; i < 200; i++) {
    slow.changed()
    await slow.clock.pass(100)
  }
  t.ok(
    slow.gaps().every(gap => gap >= 4_400),
    String(slow.gaps()),
  )
  t.ok(slow.reads.length >= 4)
  isBroken = true
  await slow.clock.pass(20_000)
  const before = slow.reads.length
  await slow.clock.pass(20_000)
  t.equal(slow.reads.length - before, 4, 'it is tried again every five seconds')
})

function openStreams(listLiveKeys: (ids: readonly string[]) => Promise<readonly string[]>) {
  const { clock, watch, followed } = openWatch()
  const read = async (campaignId: string) => (campaignId === 'c' ? readingOf(1) : undefined)
  const streams = createStreams({
    ...{ read, watch, listLiveKeys, clock, pace: { ...pace, checkKeysMs: 1_500 } },
    most: { perKey: 3, perServer: 5 },
  })
  const open = async (keyId: string, campaignId = 'c') => {
    const opened = await streams.open({ ...theirs, keyId, campaignId, lastEventId: undefined })
    return opened.status === 'open' ? opened.stream : opened.code
  }
  return { clock, streams, open, followed }
}
const mustOpen = (stream: Stream | string): Stream => {
  if (typeof stream === 'string') throw new Error(stream)
  return stream
}

t.test('a stream ends with its key, within five seconds, and when nobody can tell', async t => {
  let live = ['a', 'b']
  let asked: readonly string[] = []
  const { clock, open, followed } = openStreams(async ids => {
    asked = ids
    return live
  })
  const [a, b] = [mustOpen(await open('a')), mustOpen(await open('b'))]
  mustOpen(await open('a'))
  const readers = [a, b].map(stream => stream[Symbol.asyncIterator]())
  for (const reader of readers) await reader.next()
  await clock.pass(1_500)
  t.same(asked, ['a', 'b'], 'each key once')
  live = ['b']
  const [last, other] = readers.map(reader => reader.next())
  await clock.pass(1_500)
  t.match((await last)?.value, /key_revoked/)
  t.equal(await Promise.race([other, settle()]), undefined, 'not the stream of another key')
  await clock.pass(1_000)
  t.same([...followed], ['c'])

  const silent = openStreams(() => new Promise(() => {}))
  const stream = mustOpen(await silent.open('a'))
  const reader = stream[Symbol.asyncIterator]()
  await reader.next()
  const goodbye = reader.next()
  await silent.clock.pass(3_500)
  t.match((await goodbye).value, /unavailable/)
  t.same([...silent.followed], [])
})

t.test('streams are counted by key and by server, and a place is free when its stream is over', async t => {
  const { open, streams } = openStreams(async ids => ids)
  const [first] = [mustOpen(await open('a')), mustOpen(await open('a')), mustOpen(await open('a'))]
  t.equal(await open('a'), 'too_many_requests')
  t.equal(await open('b', 'none'), 'not_found')
  mustOpen(await open('b'))
  mustOpen(await open('b'))
  t.equal(await open('c'), 'too_many_requests')
  await first?.[Symbol.asyncIterator]().return?.()
  mustOpen(await open('c'))
  t.equal(await open('d', 'none'), 'too_many_requests')
  streams.close()
  t.equal(await open('d'), 'unavailable')
})

t.test('over a socket: who reads nothing is cut off, and the stream hears of it', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const bind = createBinder<Caller>(app, {
    ...{ sandbox: true, stalledMs: 200 },
    authenticate: () => ({ kind: 'merchant', id: 'm', keyId: 'k', scopes: ['read'] }),
  })
  const cut = new AbortController()
  const over: string[] = []
  let pieces = 0
  const endless = (name: string, piece: string) => ({
    [Symbol.asyncIterator]: () => ({
      async next() {
        await settle()
        // By then the answer has begun.
        if (name === 'cut' && ++pieces === 10) cut.abort()
        return { done: false as const, value: piece }
      },
      async return() {
        over.push(name)
        return { done: true as const, value: undefined }
      },
    }),
  })
  bind(exportClaims, async () => answer(200, endless('stalled', 'x'.repeat(64 * 1_024))))
  bind(streamFigures, async () => answer(200, { ...endless('cut', 'data: x\n\n'), signal: cut.signal }))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  /** Sends the request and reads nothing of the answer. */
  const knock = (path: string) =>
    new Promise<void>(resolve => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.write(`GET ${path.replace('{id}', zeroId)} HTTP/1.1\r\nHost: x\r\n\r\n`)
      // Asked for once more a while later: a socket that is not read does not tell that it was closed.
      const timer = setInterval(() => over.length > 0 && socket.resume(), 20)
      t.teardown(() => clearInterval(timer))
    })
  await knock(exportClaims.path)
  t.same(over, ['stalled'])
  over.length = 0
  await knock(streamFigures.path)
  t.same(over, ['cut'])
})

// Whole servers

const { clock, random, redisPrefix } = world
const operatorKey = `hbo_${'o'.repeat(40)}`
const config = requireReady(
  loadConfig({
    ...{ MODE: 'sandbox', LOG_LEVEL: 'silent', OPERATOR_KEY: operatorKey },
    ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    ...{ JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40) },
  }),
)

async function start(t: Test) {
  const app = await createApp({ config, clock, random, log, redisPrefix })
  followNames(t)
  let isClosed = false
  const close = async () => {
    if (!isClosed) await app.close()
    isClosed = true
  }
  t.teardown(close)
  const url = await app.http.listen({ port: 0, host: '127.0.0.1' })
  return { app, url, close }
}
type Server = Awaited<ReturnType<typeof start>>

let keys = 0
async function send(
  { app }: Server,
  credential: string,
  [method, url]: ['GET' | 'POST' | 'DELETE', string],
  payload?: object,
) {
  const reply = await app.http.inject({
    ...{ method, url },
    headers: {
      ...(credential !== '' && { authorization: `Bearer ${credential}` }),
      ...(method === 'POST' &&
        !['/v1/players', '/v1/api-keys'].includes(url) && { 'idempotency-key': `k${++keys}` }),
    },
    ...(payload && { payload }),
  })
  return { status: reply.statusCode, body: reply.json<Record<string, unknown>>() }
}

/** A client of server-sent events that counts nothing and forgets nothing. */
async function listen(
  t: Test,
  { url }: Server,
  path: string,
  credential: string,
  headers: Record<string, string> = {},
) {
  let text = ''
  let isOver = false
  const asked = request(`${url}${path}`, { headers: { authorization: `Bearer ${credential}`, ...headers } })
  t.teardown(() => void asked.destroy())
  asked.on('error', () => (isOver = true))
  const response = await new Promise<import('node:http').IncomingMessage>(resolve => {
    asked.on('response', resolve)
    asked.end()
  })
  response.setEncoding('utf8')
  response.on('data', (piece: string) => (text += piece))
  response.on('close', () => (isOver = true))
  const until = async (is: () => boolean) => {
    while (!is() && !isOver) await clock.sleep(5)
    return is()
  }
  const figures = () =>
    [...text.matchAll(/^event: figures\ndata: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as Figures)
  return {
    ...{ response, figures, close: () => asked.destroy() },
    text: () => text,
    hasTold: (claimed: number) => until(() => figures().at(-1)?.shares.claimed === claimed),
    says: (words: string) => until(() => text.includes(words)),
    over: () => until(() => isOver),
  }
}

async function openCampaign(server: Server) {
  const made = await send(server, operatorKey, ['POST', '/v1/operator/merchants'], { name: 'Mall' })
  const secret = String(made.body.secret)
  const point = [121.4737, 31.2304] as const
  const ring = [
    [121.4717, 31.2287],
    [121.4757, 31.2287],
    [121.4757, 31.2321],
    [121.4717, 31.2321],
    [121.4717, 31.2287],
  ]
  const planned = await send(server, secret, ['POST', '/v1/campaigns'], {
    ...{ name: 'New Year', area: { type: 'Polygon', coordinates: [ring] } },
    budget: { amountMinor: '1000', currency: 'CNY' },
    schedule: { endsAt: new Date(clock.nowMs() + 86_400_000).toISOString() },
  })
  const path = `/v1/campaigns/${String(planned.body.id)}`
  await send(server, secret, ['POST', `${path}/launch`])
  await send(server, secret, ['POST', `${path}/drop`], {
    strategy: { type: 'points', points: { type: 'MultiPoint', coordinates: [point] } },
    ...{ amountMinor: '1000', shares: 10, split: 'equal' },
  })
  return { secret, path, keyId: (made.body.apiKey as { id: string }).id }
}

/** Resolves when something was said on a channel. */
async function overhear(t: Test, channel: string) {
  const ears = world.redis.duplicate({ enableOfflineQueue: true })
  t.teardown(() => ears.disconnect())
  const heard = new Promise<void>(resolve => ears.on('message', () => resolve()))
  await ears.subscribe(`${redisPrefix}${channel}`)
  return () => heard
}

async function win(server: Server, path: string, secret: string, isRevealed = false) {
  const { body } = await send(server, '', ['POST', '/v1/players'], {})
  const listed = await send(server, secret, ['GET', `${path}/envelopes`])
  const [envelope] = listed.body.items as { id: string }[]
  const fix = { lat: 31.2304, lng: 121.4737, accuracyM: 8 }
  const url = `/v1/envelopes/${envelope?.id}`
  if (isRevealed) await send(server, String(body.token), ['POST', `${url}/reveal`], { fix })
  return (await send(server, String(body.token), ['POST', `${url}/claims`], { fix })).body.status
}

t.test('what one server pays, the streams of another tell; a key that is revoked ends its own', async t => {
  const [one, other] = [await start(t), await start(t)]
  one.app.jobs.start()
  t.teardown(() => one.app.jobs.stop())
  const { secret, path, keyId } = await openCampaign(one)
  const stream = `${path}/figures/stream`
  const dashboard = await listen(t, other, stream, secret)
  t.equal(dashboard.response.statusCode, 200)
  t.match(dashboard.response.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  })
  t.ok(await dashboard.hasTold(0))
  const until = async (is: (figures: Figures | undefined) => boolean) => {
    while (!is(dashboard.figures().at(-1))) await clock.sleep(10)
  }
  await until(figures => figures?.envelopes.live === 1)
  const second = await listen(t, other, stream, secret)
  t.equal(await win(one, path, secret, true), 'claimed')
  for (const stream of [dashboard, second]) t.ok(await stream.hasTold(1))
  await until(figures => figures?.funnel.revealed === 1)
  t.same(dashboard.figures().at(-1)?.money.claimed, { amountMinor: '100', currency: 'CNY' })
  const read = await send(other, secret, ['GET', `${path}/figures`])
  const { asOf: _, ...now } = read.body as unknown as Figures
  t.match(dashboard.figures().at(-1), now, 'as whoever asks is told')

  const id =
    /id: (\w+)\nevent: figures\ndata: [^\n]*\n\n$/.exec(
      second.text().replaceAll(': still here\n\n', ''),
    )?.[1] ?? ''
  const third = await listen(t, one, stream, secret, { 'last-event-id': id })
  t.ok(await third.says('retry: 2000\n\n'))
  const heard = await overhear(t, `figures:${path.split('/').at(-1)}`)
  t.equal(await win(one, path, secret), 'claimed')
  await heard()
  t.ok(await third.hasTold(2), 'announced, and told')
  t.equal(third.figures().length, 1, 'what it had, of another server, it was not told again')

  const fourth = await listen(t, other, stream, secret)
  const tooMany = await listen(t, other, stream, secret)
  t.equal(tooMany.response.statusCode, 429)
  fourth.close()
  const fresh = await send(one, secret, ['POST', '/v1/api-keys'], { scopes: ['read'] })
  const reader = await listen(t, other, stream, String(fresh.body.secret))
  t.equal((await send(one, secret, ['DELETE', `/v1/api-keys/${keyId}`])).status, 200)
  for (const ended of [dashboard, second, third]) {
    t.ok(await ended.over())
    t.match(ended.text(), /event: goodbye\ndata: \{"reason":"key_revoked"\}\n\n$/)
  }
  t.ok(await reader.hasTold(2), 'the other key goes on')
  await other.close()
  t.ok(await reader.over())
  t.match(reader.text(), /event: goodbye\ndata: \{"reason":"server_stops"\}\n\n$/)
  t.equal(limits.figures.streamsPerKey, 3)
  await assertBooks(t, world)
})
