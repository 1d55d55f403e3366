import t from 'tap'
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { limits } from '#protocol/limits.ts'
import { refuse } from '#platform/problem.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { createManualClock } from './manual-clock.ts'
import { openClient } from './client.ts'
import { createPlayStage, type PlayServer } from './play-stage.ts'
import { startProxy } from './proxy.ts'

const square: Point = { lat: 31.2304, lng: 121.4737 }
const goEast = (distanceM: number, from = square): Point => travelFrom(from, { bearingDeg: 90, distanceM })

const stage = await createPlayStage(t)
const server = await stage.startServer()
const fix = { lat: square.lat, lng: square.lng, accuracyM: 8 }
let places = 0
/** Far from all other tests of this file. */
const newPlace = (): Point => goEast(30_000 * ++places)

t.test('hello, welcome, snapshot and warmth', async t => {
  const place = newPlace()
  const near = await stage.plant(goEast(100, place), { greeting: 'Happy new year', clue: 'Under the tree' })
  await stage.plant(goEast(1_500, place))
  const playerId = await stage.signUp()
  const client = openClient(t, server, { playerId })
  const welcome = await client.frame('welcome')
  t.match(welcome, {
    ref: 'hello',
    playerId,
    limits: { tickMs: 250, payloadBytes: 4_096, framesPerSecond: 10 },
  })
  t.equal(client.socket.protocol, 'hexbao.v1')
  const told = await client.stand(place)
  t.same(
    told.map(({ type }) => type),
    ['position.ack', 'snapshot', 'warmth'],
  )
  t.match(told[0], { accepted: true })
  t.match(told[1], {
    hints: [
      {
        envelopeId: near.id,
        band: 'hot',
        greeting: 'Happy new year',
        clue: { text: 'Under the tree' },
        zone: {},
      },
    ],
  })
  t.match(told[2], { within1Km: '1+', within2Km: '1+' })

  const second = openClient(t, server, { playerId })
  t.match(await second.frame('snapshot'), { hints: [{ envelopeId: near.id }] }, 'the last fix is known')
})

t.test('an open socket does not hold on to its handshake', async t => {
  const other = await stage.startServer()
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const handshakes: WeakRef<object>[] = []
  other.app.server.on('upgrade', asked => void handshakes.push(new WeakRef(asked)))
  for (let i = 0; i < 3; i++) {
    await openClient(t, other, { playerId: await stage.signUp() }).frame('welcome')
  }
  for (let i = 0; i < 50 && handshakes.some(held => held.deref() !== undefined); i++) {
    await sleep(20)
    collectGarbage()
  }
  t.same(
    handshakes.map(held => held.deref() === undefined),
    [true, true, true],
  )
})

t.test('a new envelope comes by itself, a missed one with the re-read, an ended one goes', async t => {
  const place = newPlace()
  const indexClock = createManualClock()
  const own = await stage.startServer({ indexClock })
  const client = openClient(t, own, { playerId: await stage.signUp() })
  await client.frame('welcome')
  await client.stand(place)
  const fresh = await stage.plant(goEast(50, place))
  stage.announcer.envelopeOpened(fresh)
  t.match(await client.frame('hint', ({ envelopeId }) => envelopeId === fresh.id), { zone: {} })

  const missed = await stage.plant(goEast(60, place))
  await sleep(300)
  t.notOk(client.texts.some(text => text.includes(missed.id)))
  await indexClock.pass(15_000)
  await client.frame('hint', ({ envelopeId }) => envelopeId === missed.id)

  await stage.endInRecord(fresh.id, 'closed')
  stage.announcer.envelopeEnded({ ...fresh, reason: 'closed' })
  t.match(await client.frame('gone'), { envelopeId: fresh.id, reason: 'closed' })
  await stage.endInRecord(missed.id, 'expired')
  await indexClock.pass(15_000)
  t.match(await client.frame('gone', ({ envelopeId }) => envelopeId === missed.id), { reason: 'expired' })
  await own.close()
})

t.test('bands change on the way, zones are told once, and what is left behind is out of range', async t => {
  const place = newPlace()
  const hidden = await stage.plant(place)
  const client = openClient(t, server, { playerId: await stage.signUp(60) })
  await client.frame('welcome')
  const bands: string[] = []
  for (let distanceM = 700; distanceM >= -700; distanceM -= 50) {
    for (const frame of await client.stand(goEast(distanceM, place))) {
      if (frame.type === 'hint') bands.push(frame.band)
      if (frame.type === 'gone') bands.push(frame.reason)
    }
  }
  t.same(bands, ['cool', 'warm', 'hot', 'here', 'hot', 'warm', 'cool', 'out_of_range'])
  const zones = client.texts.filter(text => text.includes(hidden.id) && text.includes('zone'))
  t.equal(zones.length, 1)
})

t.test('claims: answered at once, as on REST, and what is won is gone', async t => {
  const place = newPlace()
  const [won, pending] = [await stage.plant(place), await stage.plant(place)]
  const playerId = await stage.signUp()
  const client = openClient(t, server, { playerId })
  await client.frame('welcome')
  await client.stand(place)
  const [amount, claimedAt] = [{ amountMinor: '100', currency: 'CNY' }, '2026-03-01T08:00:00.000Z']
  const bodyOf = (envelopeId: string) => ({
    claimId: won.id,
    envelopeId,
    status: 'claimed' as const,
    amount,
    claimedAt,
  })
  stage.rules.claim = async (player, { envelopeId, passphrase }) => {
    t.equal(player.id, playerId)
    if (passphrase === 'boom') throw new Error('a fault')
    if (passphrase !== undefined) {
      const figures = { distanceM: 63, reachM: 60 }
      return refuse('position_refused', { reason: 'cooldown', retryAfterMs: 1_500.4, figures, detail: 'no' })
    }
    if (envelopeId === won.id) return { status: 200, body: bodyOf(won.id) }
    return { status: 202, body: { claimId: won.id, envelopeId, status: 'pending' } }
  }
  client.send({ type: 'claim', id: 'a', envelopeId: won.id, fix, passphrase: 'nope' })
  t.match(await client.frame('error'), {
    ref: 'a',
    code: 'position_refused',
    reason: 'cooldown',
    retryAfterMs: 1_501,
    figures: { distanceM: 63 },
  })
  client.send({ type: 'claim', id: 'b', envelopeId: won.id, fix, passphrase: 'boom' })
  t.match(await client.frame('error', ({ ref }) => ref === 'b'), { code: 'internal' })
  client.send({ type: 'claim', id: 'c', envelopeId: won.id, fix })
  t.match(await client.frame('claim.result'), { ref: 'c', result: bodyOf(won.id) })
  t.match(await client.frame('gone'), { envelopeId: won.id, reason: 'claimed' })
  client.send({ type: 'claim', id: 'd', envelopeId: pending.id, fix })
  t.match(await client.frame('claim.result', ({ ref }) => ref === 'd'), { result: { status: 'pending' } })
  stage.announcer.toPlayer(playerId, { type: 'claim.settled', ...bodyOf(pending.id) })
  t.match(await client.frame('claim.settled'), { envelopeId: pending.id })
  t.match(await client.frame('gone', ({ envelopeId }) => envelopeId === pending.id), { reason: 'claimed' })

  stage.claimed.set(playerId, [won.id, pending.id])
  const again = openClient(t, server, { playerId })
  const { hints } = await again.frame('snapshot')
  t.same(hints, [], 'a new session knows what was won before')
})

t.test('what a fix is worth: ignored, paused, and in order', async t => {
  const place = newPlace()
  const hidden = await stage.plant(place)
  const client = openClient(t, server, { playerId: await stage.signUp(60) })
  await client.frame('welcome')
  const usual = stage.rules.move
  t.teardown(() => (stage.rules.move = usual))
  stage.rules.move = () => ({ status: 'ignored', reason: 'jump' })
  t.match(await client.stand(place), [{ type: 'position.ack', accepted: false, reason: 'jump' }])
  stage.rules.move = (player, point) =>
    ({ ...usual(player, point), paused: 'speed' }) as ReturnType<typeof usual>
  t.match(await client.stand(place), [{ type: 'position.ack', accepted: true, paused: 'speed' }])
  await sleep(100)
  t.notOk(
    client.texts.some(text => text.includes(hidden.id)),
    'hints pause',
  )
  stage.rules.move = usual
  t.match(await client.stand(place), [{ type: 'position.ack' }, { type: 'snapshot' }, { type: 'warmth' }])
})

t.test('two servers: what is announced on one reaches the sockets of the other', async t => {
  const place = newPlace()
  const other = await stage.startServer()
  const playerId = await stage.signUp()
  const clients = [openClient(t, server, { playerId }), openClient(t, other, { playerId })]
  for (const client of clients) {
    await client.frame('welcome')
    await client.stand(place)
  }
  const fresh = await stage.plant(place)
  stage.announcer.envelopeOpened(fresh)
  const amount = { amountMinor: '100', currency: 'CNY' }
  stage.announcer.toPlayer(playerId, { type: 'wallet.changed', kind: 'refund', amount, envelopeId: fresh.id })
  for (const client of clients) {
    await client.frame('hint', ({ envelopeId }) => envelopeId === fresh.id)
    t.match(await client.frame('wallet.changed'), { kind: 'refund', amount })
  }
  await other.close()
  t.equal(await clients[1]?.closed(), 1012)
  t.match(clients[1]?.frames.at(-1), { type: 'goodbye', reason: 'shutdown' })
})

t.test('after the connection to Redis broke, what was missed is read and what comes is heard', async t => {
  const place = newPlace()
  const own = await stage.startServer({ indexClock: createManualClock() })
  const client = openClient(t, own, { playerId: await stage.signUp() })
  await client.frame('welcome')
  await client.stand(place)
  own.subscriber.disconnect()
  const missed = await stage.plant(place)
  await own.subscriber.connect()
  await client.frame('hint', ({ envelopeId }) => envelopeId === missed.id)
  const fresh = await stage.plant(place)
  stage.announcer.envelopeOpened(fresh)
  await client.frame('hint', ({ envelopeId }) => envelopeId === fresh.id)
  await own.close()
})

t.test('a connection to Redis that dies without a word is found out', async t => {
  const place = newPlace()
  const redisUrl = new URL(stage.world.redisUrl)
  const proxy = await startProxy(t, redisUrl.href)
  redisUrl.port = new URL(proxy.url).port
  const announcements = { url: redisUrl.href, pulseMs: 200 }
  const own = await stage.startServer({ indexClock: createManualClock(), announcements })
  const client = openClient(t, own, { playerId: await stage.signUp() })
  await client.frame('welcome')
  await client.stand(place)
  const missed = await stage.plant(place)
  proxy.freeze()
  await client.frame('hint', ({ envelopeId }) => envelopeId === missed.id)
  const fresh = await stage.plant(place)
  stage.announcer.envelopeOpened(fresh)
  await client.frame('hint', ({ envelopeId }) => envelopeId === fresh.id)
  await own.close()
})

t.test('who may come in', async t => {
  const strict = await stage.startServer({ origins: ['https://play.example'] })
  const playerId = await stage.signUp()
  const wrong = openClient(t, server, { playerId: 'wrong' })
  t.equal(await wrong.closed(), 4401)
  const wrongAtOnce = openClient(t, server, { protocols: ['hexbao.v1', 'bearer.wrong'] })
  t.equal(await wrongAtOnce.closed(), 4401)
  const none = openClient(t, server)
  none.socket.on('open', () => none.send({ type: 'hello' }))
  t.equal(await none.closed(), 4401)

  const beside = openClient(t, strict, {
    protocols: ['hexbao.v1', `bearer.${playerId}`],
    origin: 'https://play.example',
  })
  await beside.frame('welcome')
  t.equal(beside.socket.protocol, 'hexbao.v1', 'the token is not echoed')
  beside.send({ type: 'hello', id: 'h' })
  await beside.frame('welcome', ({ ref }) => ref === 'h')
  beside.send({ type: 'hello', id: 'i', token: playerId })
  t.match(await beside.frame('error'), { ref: 'i', code: 'bad_frame' })

  const onePhoneTooMany = openClient(t, server, { playerId, device: '3f2b8c1e-6f0a-4d52-9a43-0c9f5c0e7b11' })
  t.match(await onePhoneTooMany.frame('error'), { code: 'device_refused', reason: 'too_many' })
  t.equal(await onePhoneTooMany.closed(), 4401, 'the header of the upgrade names the device')

  const early = openClient(t, server)
  early.socket.on('open', () => early.send({ type: 'ping', id: 'e' }))
  t.match(await early.frame('error'), { ref: 'e', code: 'unauthorized' })

  const badOrigins = [
    ...[
      'https://evil.example',
      'https://play.example.evil',
      'https://evil.example/https://play.example',
      'null',
    ],
    ...[
      'http://play.example',
      'https://play.example:8443',
      'https://play.example/',
      'https://Play.example',
      '',
    ],
    ...['https://play.example.', 'https://play.example, https://evil.example', 'https://evil.play.example'],
    ...[
      'https://playexample',
      'https://play.example@evil.example',
      'https://evil.example#https://play.example',
    ],
    ...['https://play.example%00.evil', 'https://plаy.example', 'file://', 'https://', 'play.example', '*'],
    ...['https://*.example', 'wss://play.example', 'https://127.0.0.1', 'https://[::1]', 'data:text/html,x'],
    ...['https://play.example\\evil', 'https:play.example', 'HTTPS://PLAY.EXAMPLE', 'https://play.example?x'],
  ].map(origin => Buffer.from(origin).toString('latin1'))
  t.ok(badOrigins.length >= 30)
  for (const origin of badOrigins) {
    t.match(await upgrade(strict, { origin }), { status: 403, body: { code: 'forbidden' } })
  }
  t.match(await upgrade(strict, { 'sec-websocket-protocol': 'hexbao.v2' }), { status: 400 })
  const plain = await strict.app.inject({
    url: '/v1/play',
    headers: { 'sec-websocket-protocol': 'hexbao.v1' },
  })
  t.equal(plain.statusCode, 400)
  const forged = [
    'x',
    'a.b.c',
    'eyJhbGciOiJub25lIn0.e30.',
    'null',
    '.',
    '\u202e',
    `${playerId} `,
    'x'.repeat(3_000),
  ]
  for (const token of forged) {
    t.equal(await openClient(t, strict, { playerId: token }).closed(), 4401, token.slice(0, 20))
  }
  await strict.close()
})

t.test('who may come in now: others are told when to come back, before the upgrade', async t => {
  const admissionClock = createManualClock()
  const busy = await stage.startServer({ admissionClock })
  const { openingBurst, openingsPerSecond } = limits.socket
  let admitted = 0
  for (let i = 0; i < openingBurst; i++) admitted += busy.admission.judge('127.0.0.1') === undefined ? 1 : 0
  t.equal(admitted, openingBurst)
  const turnedAway = await upgrade(busy, {})
  t.match(turnedAway, { status: 503, body: { code: 'unavailable', retryAfterMs: Number } })
  t.match(turnedAway.retryAfter, /^[0-6]$/)
  await admissionClock.pass(1_000)
  for (let i = 0; i < openingsPerSecond; i++) t.equal(busy.admission.judge('127.0.0.1'), undefined)
  t.match(await upgrade(busy, {}), { status: 503 })
  await busy.close()

  const narrow = await stage.startServer({ perAddress: 2 })
  const playerId = await stage.signUp()
  const [first, second] = [openClient(t, narrow, { playerId }), openClient(t, narrow, { playerId })]
  await Promise.all([first.frame('welcome'), second.frame('welcome')])
  t.match(await upgrade(narrow, {}), { status: 429, body: { code: 'too_many_requests' } })
  first.socket.close()
  await first.closed()
  const third = openClient(t, narrow, { playerId })
  await third.frame('welcome')
  await narrow.close()
})

/** A handshake by hand: what is answered before the upgrade. */
function upgrade(server: PlayServer, headers: Record<string, string>) {
  type Answer = { status: number | undefined; body: unknown; retryAfter: string | undefined }
  return new Promise<Answer>((resolve, reject) => {
    const handshake = request(server.url.replace('ws:', 'http:'), {
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'hexbao.v1',
        ...headers,
      },
    })
    handshake.on('response', response => {
      let text = ''
      response.on('data', chunk => (text += String(chunk)))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          body: JSON.parse(text),
          retryAfter: response.headers['retry-after'],
        }),
      )
    })
    handshake.on('upgrade', () => reject(new Error('upgraded')))
    handshake.on('error', reject)
    handshake.end()
  })
}

t.test('what may be said', async t => {
  const playerId = await stage.signUp()
  const open = async () => {
    const client = openClient(t, server, { playerId })
    await client.frame('welcome')
    return client
  }
  const big = await open()
  big.send(JSON.stringify({ type: 'ping', id: 'x'.repeat(5_000) }))
  t.equal(await big.closed(), 1009)
  const justTooBig = await open()
  justTooBig.send(`{"type":"ping"}${' '.repeat(4_097 - 15)}`)
  t.equal(await justTooBig.closed(), 1009)
  const binary = await open()
  binary.send(Buffer.from('{"type":"ping"}'))
  t.equal(await binary.closed(), 4400)
  t.match(binary.frames.at(-1), { type: 'error', code: 'bad_frame' })
  const prose = await open()
  prose.send('hello?')
  t.equal(await prose.closed(), 4400)

  const client = await open()
  client.send({ type: 'dance', id: '7' })
  t.match(await client.frame('error'), { ref: '7', code: 'bad_frame', errors: [{ pointer: '/type' }] })
  client.send({ type: 'position', id: '8', fix: { lat: 91, lng: 0, accuracyM: 1 } })
  t.match(await client.frame('error', ({ ref }) => ref === '8'), { errors: [{ pointer: '/fix/lat' }] })
  client.send({ type: 'ping', id: '9' })
  t.match(await client.frame('pong'), { ref: '9' }, 'the session lives')

  const answered = once(client.socket, 'pong')
  client.socket.ping('are you there')
  t.equal(
    String((await answered)[0]),
    'are you there',
    'a ping of the protocol is answered with what it carried',
  )
})

t.test('a flood is warned once, then closed; a sixth socket takes the place of the first', async t => {
  const flooding = openClient(t, server, { playerId: await stage.signUp() })
  await flooding.frame('welcome')
  for (let i = 0; i < 200; i++) flooding.send({ type: 'ping', id: `${i}` })
  t.equal(await flooding.closed(), 4429)
  const pongs = flooding.frames.filter(({ type }) => type === 'pong').length
  t.ok(pongs < 20, `${pongs} answered, hello was the first of 20`)
  t.equal(flooding.frames.filter(({ type }) => type === 'error').length, 1)

  const playerId = await stage.signUp()
  const clients = []
  for (let i = 0; i < 6; i++) {
    const client = openClient(t, server, { playerId })
    await client.frame('welcome')
    clients.push(client)
  }
  t.equal(await clients[0]?.closed(), 4409)
  t.match(clients[0]?.frames.at(-1), { type: 'goodbye', reason: 'replaced' })
  for (const client of clients.slice(1)) client.send({ type: 'ping' })
  for (const client of clients.slice(1)) await client.frame('pong')
})
