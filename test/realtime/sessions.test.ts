/**
 * Many sockets on bad networks: what a client knows in the end is what the server knows, the dead are let go, and a ban
 * is a ban. The sizes are for every run; the large ones are set from outside.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { limits } from '#protocol/limits.ts'
import { createPlayClient, type PlayState, type SocketLike } from '#protocol/client.ts'
import { type Clock, systemClock } from '#platform/clock.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import { eventually } from '../acceptance/eventually.ts'
import { openClient } from './client.ts'
import { createPlayStage } from './play-stage.ts'
import { startProxy } from './proxy.ts'

const cuts = Number(process.env.CUTS ?? 500)
const dead = Number(process.env.HALF_OPEN ?? 50)
const bans = Number(process.env.BANS ?? 50)

const stage = await createPlayStage(t)
const backoff = { firstMs: 1, mostMs: 20 }
const amount = { amountMinor: '1', currency: 'CNY' }
const square: Point = { lat: 31.2304, lng: 121.4737 }
let places = 0
const newPlace = (): Point => travelFrom(square, { bearingDeg: 90, distanceM: 30_000 * ++places })

/** The reference client, standing at a place, and everything it is told. */
async function play(url: string, playerId: string, place: Point) {
  const states: PlayState[] = []
  const paid: string[] = []
  const client = createPlayClient({
    ...{ url, token: playerId, WebSocket, backoff, answerMs: 60_000 },
    onState: state => void states.push(state),
    onFrame: frame => void (frame.type === 'wallet.changed' && paid.push(frame.envelopeId ?? '')),
  })
  t.teardown(client.close)
  await client.position({ ...place, accuracyM: 8 })
  const openings = () => states.filter(state => state.status === 'open')
  return { client, playerId, states, paid, openings }
}

const pay = (playerId: string, envelopeId: string) =>
  stage.announcer.toPlayer(playerId, { type: 'wallet.changed', kind: 'refund', amount, envelopeId })

t.test(`${cuts} cuts at random bytes: in the end the clients know what the server knows`, async t => {
  const server = await stage.startServer()
  const proxy = await startProxy(t, server.url)
  const place = newPlace()
  const players = await Promise.all(
    Array.from({ length: 8 }, async () => play(proxy.url, await stage.signUp(120), place)),
  )
  proxy.cutWithin(6_000)
  proxy.cutAll()
  const live: LiveEnvelope[] = []
  const paid: string[] = []
  while (proxy.cuts() < cuts) {
    const envelope = await stage.plant(travelFrom(place, { bearingDeg: paid.length * 37, distanceM: 80 }))
    stage.announcer.envelopeOpened(envelope)
    live.push(envelope)
    const [oldest] = live
    if (live.length > 10 && oldest !== undefined) {
      live.shift()
      await stage.endInRecord(oldest.id, 'closed')
      stage.announcer.envelopeEnded({ ...oldest, reason: 'closed' })
    }
    paid.push(envelope.id)
    for (const { playerId } of players) pay(playerId, envelope.id)
    for (const { client } of players) client.request({ type: 'ping' }).catch(() => undefined)
    await sleep(5)
  }
  proxy.cutWithin(undefined)
  proxy.cutAll()
  const bandsOf = (hints: Iterable<{ envelopeId: string; band: string }>) =>
    [...hints].map(({ envelopeId, band }) => `${envelopeId} ${band}`).sort()
  const cell10 = coarsen(locateCell(place), 10)
  for (const { client, playerId, paid: heard, openings } of players) {
    const known = () => bandsOf(client.hints.values())
    const seen = () =>
      bandsOf(server.around.hintsAround({ id: playerId, claimedIds: new Set() }, cell10)?.hints ?? [])
    const isEqual = () => known().join() === seen().join() && seen().length === live.length
    await eventually('the client knows what the server knows', () => isEqual() || undefined, {
      explain: () => `${known().join()} is not ${seen().join()}`,
    })
    await eventually('every payment', () => heard.length >= paid.length || undefined)
    t.same(heard, paid, 'each payment was told once, in order')
    const again = openings().slice(1)
    t.ok(again.length > 0 && !again.some(({ isNew }) => isNew), 'the session went on each time')
  }
  for (const { client } of players) client.close()
  await server.close()
})

t.test('a player moves to another process: a new session, a snapshot, and the old one ends', async t => {
  const [one, other] = [await stage.startServer(), await stage.startServer()]
  const place = newPlace()
  const near = await stage.plant(place)
  const playerId = await stage.signUp(120)
  const old = openClient(t, one, { playerId })
  const { sessionId } = await old.frame('welcome')
  await old.stand(place)
  const moved = openClient(t, other)
  moved.socket.on('open', () =>
    moved.send({ type: 'hello', id: 'h', token: playerId, resume: { sessionId, seq: 3 } }),
  )
  const welcome = await moved.frame('welcome')
  t.notOk('resumed' in welcome)
  t.not(welcome.sessionId, sessionId)
  t.match(await moved.frame('snapshot'), { hints: [{ envelopeId: near.id }] })
  t.equal(await old.closed(), 4409, 'the socket that is not known to be dead')
  t.match(old.frames.at(-1), { type: 'goodbye', reason: 'replaced', resume: false })
  moved.send({ type: 'ping', id: 'p' })
  await moved.frame('pong')
  await Promise.all([one.close(), other.close()])
})

t.test('a deploy: the client comes back by itself, and what it asked meanwhile is answered', async t => {
  // It tells everyone to come back as soon as may be.
  const first = await stage.startServer({ random: { ...stage.world.random, fraction: () => 0 } })
  const { port } = new URL(first.url)
  const place = newPlace()
  const near = await stage.plant(place)
  const player = await play(first.url, await stage.signUp(120), place)
  await first.close()
  const asked = player.client.request({ type: 'ping' })
  const second = await stage.startServer({ port: Number(port) })
  t.match(await asked, { type: 'pong' })
  t.match(
    player.states.map(({ status }) => status).filter((status, i, all) => status !== all[i - 1]),
    ['open', 'waiting', 'open'],
  )
  t.equal(player.openings().at(-1)?.isNew, true)
  await eventually('the snapshot', () => player.client.hints.has(near.id) || undefined)
  player.client.close()
  await t.rejects(player.client.request({ type: 'ping' }), { name: 'PlayClosed' })
  await second.close()
})

/** Lets the first two tokens in and calls each expired a moment later; the third it does not know. */
class ForgetfulSocket implements SocketLike {
  static readonly tokens: string[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null
  constructor() {
    setImmediate(() => this.onopen?.())
  }
  send(text: string): void {
    ForgetfulSocket.tokens.push((JSON.parse(text) as { token: string }).token)
    const welcome = { seq: 1, type: 'welcome', ref: 'hello', sessionId: `${ForgetfulSocket.tokens.length}` }
    if (ForgetfulSocket.tokens.length < 3) this.onmessage?.({ data: JSON.stringify(welcome) })
    this.onclose?.({ code: 4401, reason: 'no valid token' })
  }
  close(): void {
    this.onclose?.({ code: 1000, reason: '' })
  }
}

t.test('a client gives up where coming back is no use, and renews a token that has served', async t => {
  const server = await stage.startServer()
  const ends: PlayState[] = []
  createPlayClient({
    ...{ url: server.url, token: 'wrong', WebSocket, backoff },
    onState: state => void ends.push(state),
  })
  await eventually('the end', () => ends.at(-1)?.status === 'closed' || undefined)
  t.match(ends, [{ status: 'closed', code: 4401 }])

  const nobody: PlayState[] = []
  createPlayClient({
    ...{ url: 'http://127.0.0.1:9', token: 'x', WebSocket, backoff, attempts: 2 },
    onState: state => void nobody.push(state),
  })
  await eventually('the end', () => nobody.at(-1)?.status === 'closed' || undefined)
  t.same(
    nobody.map(({ status }) => status),
    ['waiting', 'waiting', 'closed'],
  )
  const refused = await play(server.url, await stage.signUp(), newPlace())
  const fix = { ...square, accuracyM: 8 }
  await t.rejects(refused.client.claim('018f0000-0000-7000-8000-000000000000', fix), {
    name: 'PlayRefusal',
    message: 'out_of_reach',
  })
  refused.client.close()

  let tokens = 0
  const renewed: PlayState[] = []
  const renewing = createPlayClient({
    ...{ url: server.url, WebSocket: ForgetfulSocket, backoff },
    token: () => `token ${++tokens}`,
    onState: state => void renewed.push(state),
  })
  await eventually('the end', () => renewed.at(-1)?.status === 'closed' || undefined)
  t.same(ForgetfulSocket.tokens, ['token 1', 'token 2', 'token 3'])
  t.match(renewed.at(-1), { code: 4401 }, 'a token that was never good is not asked for again')
  renewing.close()
  await server.close()
})

/** Time runs so many times as fast for the servers. */
const pace = Number(process.env.PACE ?? 60)
const fastClock: Clock = {
  ...systemClock,
  nowMs: () => systemClock.nowMs() * pace,
  after: (ms, task) => systemClock.after(ms / pace, task),
  sleep: ms => systemClock.sleep(ms / pace),
}

/** Only looking up tokens again, the longest wait, is fast: on a busy machine nobody is late with `hello`. */
const vigilantClock: Clock = {
  ...systemClock,
  after: (ms, task) => systemClock.after(ms > limits.socket.resumeMs ? ms / pace : ms, task),
}

for (const isCut of [false, true]) {
  const how = isCut ? 'no server hears of it' : 'every server hears of it'
  t.test(`of ${2 * bans} live players half are banned, and ${how}: their sockets close`, async t => {
    const options = isCut ? { hubClock: vigilantClock } : {}
    const servers = [await stage.startServer(options), await stage.startServer(options)]
    const people = await Promise.all(
      Array.from({ length: 2 * bans }, async (_, i) => {
        const playerId = await stage.signUp()
        const client = openClient(t, servers[i % 2] ?? { url: '' }, { playerId })
        await client.frame('welcome')
        return { playerId, client, isBanned: i < bans }
      }),
    )
    if (isCut) for (const { subscriber } of servers) subscriber.disconnect()
    const startedMs = Date.now()
    for (const { playerId, isBanned } of people) {
      if (!isBanned) continue
      stage.banned.add(playerId)
      stage.notices.playerBanned(playerId)
    }
    // Each token is looked up again every two minutes.
    const withinMs = 10_000 + (isCut ? (2 * limits.socket.verifyEveryMs) / pace : 0)
    for (const { client, isBanned } of people) {
      if (!isBanned) continue
      t.equal(await eventually('the end', client.closeCode, { withinMs }), 4403)
      if (!isCut) t.match(client.frames.at(-1), { type: 'goodbye', reason: 'banned' })
    }
    t.comment(
      `all closed after ${((Date.now() - startedMs) / 1_000).toFixed(1)} s, at ${isCut ? pace : 1} times the pace`,
    )
    for (const { client, isBanned } of people) if (!isBanned) client.send({ type: 'ping', id: 'alive' })
    for (const { client, isBanned } of people) if (!isBanned) await client.frame('pong')
    t.equal(
      await openClient(t, servers[1] ?? { url: '' }, { playerId: people[0]?.playerId ?? '' }).closed(),
      4403,
    )
    if (isCut) await Promise.all(servers.map(({ subscriber }) => subscriber.connect()))
    await Promise.all(servers.map(({ close }) => close()))
  })
}

t.test('half-open sockets are let go, and their sessions a minute later', async t => {
  const server = await stage.startServer({ hubClock: fastClock })
  const proxy = await startProxy(t, server.url)
  const clients = await Promise.all(
    Array.from({ length: dead }, async () => {
      const client = openClient(t, proxy, { playerId: await stage.signUp() })
      await client.frame('welcome')
      return client
    }),
  )
  proxy.freeze()
  const startedMs = Date.now()
  t.ok(clients.length > 0 && server.hub.count().sockets > 0)
  const isEmpty = () => server.hub.count().sockets === 0 || undefined
  await eventually('the server lets them go', isEmpty, { withinMs: 15_000 + 65_000 / pace })
  t.comment(`${clients.length} let go after ${(((Date.now() - startedMs) * pace) / 1_000).toFixed(1)} s`)
  const channels = async () => {
    const names = await stage.world.redis.pubsub('CHANNELS', `${stage.world.redisPrefix}p:*`)
    return names.length === 0 || undefined
  }
  await eventually('nobody is waited for any more', channels, { withinMs: 15_000 + 60_000 / pace })
  await server.close()
})
