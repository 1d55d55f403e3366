/** A hub over a wire, a clock and ports that the test holds: what time, faults and slow readers do to a session. */
import fc from 'fast-check'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { Unavailable, refuse } from '#platform/problem.ts'
import { systemRandom } from '#platform/random.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import { createAround } from '../../src/hints/around.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import type { Connection } from '../../src/realtime/connection.ts'
import { createFarewell } from '../../src/realtime/farewell.ts'
import { createLiveRequests } from '../../src/requests/live-requests.ts'
import { createNearby } from '../../src/requests/nearby.ts'
import { createHub } from '../../src/realtime/hub.ts'
import type { Authenticate } from '../../src/realtime/vigil.ts'
import { createParking } from '../../src/realtime/parking.ts'
import type { Duty } from '../../src/realtime/answering.ts'
import type { Session } from '../../src/realtime/session.ts'
import { createIndexStage, envelopeAt, square } from '../hints/index-stage.ts'
import { createManualClock, settle } from './manual-clock.ts'
import { readTexts } from './server-frames.ts'

/** A million with FUZZED_FRAMES=1000000. */
const fuzzedFrames = Number(process.env.FUZZED_FRAMES ?? 10_000)

const player: PlayerCaller = { kind: 'player', id: 'walker', timeScale: 1 }
const fix = { lat: square.lat, lng: square.lng, accuracyM: 8 }

const silent = { follow: async () => undefined, unfollow: () => undefined }

/** An index of service requests in a world where nobody needs anything, on a clock of its own. */
function openNoRequests() {
  const live = createLiveRequests({
    ...{ loadRequests: async () => [], feed: silent, clock: createManualClock() },
    log: { warn: () => undefined },
  })
  return { live, nearby: createNearby(live) }
}

const duties = {
  find: async (): Promise<Duty> => ({ isOnDuty: false }),
  set: async () => ({ status: 'set' }) as const,
}

const noChats = { send: async () => refuse('not_found'), read: async () => refuse('not_found') }

function createHubStage({ findDuty = duties.find } = {}) {
  const stage = createIndexStage()
  const { clock, index, gate: recordGate } = stage
  const faults: unknown[] = []
  const left: string[] = []
  /** What other servers say. */
  const channels = {
    toPlayer: (_playerId: string, _frame: object): void => undefined,
    sessionLeft: (_playerId: string, _sessionId: string): void => undefined,
    banned: (_playerId: string): void => undefined,
  }
  const followed = new Set<string>()
  const around = createAround({ index, selectHints: createHintSelector('h'.repeat(32)) })
  const gate = { authenticate: (async () => player) as Authenticate }
  const hub = createHub({
    clock,
    random: { ...systemRandom, fraction: () => 0.5 },
    log: { error: (...fault: unknown[]) => void faults.push(fault) },
    ...{ isSandbox: false, around, index },
    authenticate: (...asked) => gate.authenticate(...asked),
    ...{ requests: openNoRequests(), duties: { ...duties, find: findDuty } },
    channels: {
      ...{ ...silent, requests: silent },
      followPlayer: async id => void followed.add(id),
      unfollowPlayer: id => void followed.delete(id),
      listen: handlers => {
        channels.toPlayer = (id, frame) => handlers.onPlayer(id, JSON.stringify(frame))
        channels.sessionLeft = handlers.onSessionLeft
        channels.banned = handlers.onBanned
      },
    },
    notices: { sessionLeft: (_playerId, sessionId) => void left.push(sessionId) },
    forgetTokens: () => undefined,
    positions: {
      move: async (_player, { lat, lng }) => ({ status: 'accepted', cell: locateCell({ lat, lng }) }),
      lastCell: async () => undefined,
    },
    claims: {
      claim: async () => refuse('out_of_reach', { figures: { distanceM: 63 } }),
      reveal: async () => refuse('out_of_reach', { figures: { distanceM: 63 } }),
      claimedIds: async () => [],
    },
    chats: noChats,
  })

  function connect(token?: string) {
    const frames: ServerFrame[] = []
    const wire = { buffered: 0, code: undefined as number | undefined, pinged: [] as string[] }
    const visitor = hub.connect(
      {
        write: piece => void frames.push(...readTexts(piece).map(text => JSON.parse(text) as ServerFrame)),
        ping: payload => void wire.pinged.push(payload),
        pong: () => undefined,
        close: code => (wire.code ??= code),
        terminate: () => visitor.end(1006),
        writtenBytes: () => wire.buffered,
        bufferedBytes: () => wire.buffered,
      },
      { token },
    )
    const say = async (frame: object) => {
      await visitor.hear(JSON.stringify(frame))
      await settle()
    }
    return { frames, wire, visitor, say, types: () => frames.map(({ type }) => type) }
  }

  return { ...stage, recordGate, around, hub, faults, left, channels, followed, gate, connect }
}

t.test('who does not say hello in time is closed, and leaves nothing behind', async t => {
  const stage = createHubStage()
  const { wire, visitor } = stage.connect()
  await stage.clock.pass(limits.socket.helloWithinMs - 1)
  t.equal(wire.code, undefined)
  await stage.clock.pass(1)
  t.equal(wire.code, 4401)
  visitor.end(1000)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('a fault of ours at hello is no end: hello may be said again', async t => {
  const stage = createHubStage()
  stage.gate.authenticate = async () => {
    throw new Unavailable('the record is down', { retryAfterMs: 700 })
  }
  const client = stage.connect()
  await client.say({ type: 'hello', id: 'a', token: 'x' })
  t.match(client.frames, [{ type: 'error', ref: 'a', code: 'unavailable', retryAfterMs: 700 }])
  t.equal(stage.faults.length, 1)
  stage.gate.authenticate = async () => player
  await client.say({ type: 'hello', id: 'b', token: 'x' })
  t.match(client.frames[1], { type: 'welcome', ref: 'b' })
  t.same([...stage.followed], ['walker'])
  await stage.clock.pass(limits.socket.helloWithinMs)
  t.equal(client.wire.code, undefined)
  client.visitor.end(1000)
  await settle()
  t.equal(stage.followed.size, 0)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('the device of hello: who may not use it hears why', async t => {
  const stage = createHubStage()
  stage.gate.authenticate = async (_token, device) =>
    device === 'mine' ? player : refuse('device_refused', { reason: 'too_many' })
  const device = '3f2b8c1e-6f0a-4d52-9a43-0c9f5c0e7b11'
  const stranger = stage.connect()
  await stranger.say({ type: 'hello', id: 'a', token: 'x', device: 'mine' })
  t.match(stranger.frames, [{ type: 'error', code: 'bad_frame', errors: [{ pointer: '/device' }] }])
  await stranger.say({ type: 'hello', id: 'b', token: 'x', device })
  t.match(stranger.frames[1], { type: 'error', ref: 'b', code: 'device_refused', reason: 'too_many' })
  t.equal(stranger.wire.code, 4401)
  stage.gate.authenticate = async (_token, named) => (named === device ? player : refuse('unauthorized'))
  const client = stage.connect()
  await client.say({ type: 'hello', token: 'x', device })
  t.match(client.frames, [{ type: 'welcome' }])
  for (const { visitor } of [stranger, client]) visitor.end(1000)
  await settle()
  stage.index.close()
})

t.test('what is sent before the token is verified waits for it, in order', async t => {
  const stage = createHubStage()
  const client = stage.connect('x')
  const heard = ['a', 'b'].map(id => client.visitor.hear(JSON.stringify({ type: 'ping', id })))
  for (const answered of heard) await answered
  t.match(client.frames, [{ type: 'welcome' }, { ref: 'a' }, { ref: 'b' }])
  client.visitor.end(1000)
  stage.index.close()
})

t.test('a token is verified again every two minutes', async t => {
  const stage = createHubStage()
  const client = stage.connect('x')
  await settle()
  const live = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await stage.clock.pass(10_000)
      client.visitor.pong('')
    }
  }
  stage.gate.authenticate = async () => {
    throw new Error('who knows')
  }
  await live(120_000)
  t.equal(client.wire.code, undefined, 'a fault is no verdict')
  stage.gate.authenticate = async () => refuse('unauthorized')
  await live(110_000)
  t.equal(client.wire.code, undefined)
  await live(10_000)
  t.equal(client.wire.code, 4401)
  client.visitor.end(1000)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test(
  'answers to a position leave on the tick, claims at once and without figures in production',
  async t => {
    const stage = createHubStage()
    const client = stage.connect('x')
    await settle()
    await stage.clock.pass(10)
    await client.say({ type: 'position', id: 'p', fix })
    t.same(client.types(), ['welcome'])
    await client.say({ type: 'claim', id: 'c', envelopeId: '018f0000-0000-7000-8000-000000000000', fix })
    t.strictSame(client.frames[1], { seq: 2, type: 'error', ref: 'c', code: 'out_of_reach' })
    await stage.clock.pass(239)
    t.equal(client.frames.length, 2)
    await stage.clock.pass(1)
    t.same(client.types().slice(2), ['position.ack', 'snapshot', 'warmth'])
    client.visitor.end(1000)
    stage.index.close()
  },
)

t.test('an acknowledgement waits for hints that are being loaded, but not for ever', async t => {
  const stage = createHubStage()
  let answer = () => {}
  const client = stage.connect('x')
  await settle()
  stage.recordGate.beforeAnswer = () => new Promise(resolve => (answer = resolve))
  await client.say({ type: 'position', id: 'p', fix })
  await stage.clock.pass(1_900)
  t.same(client.types(), ['welcome'])
  await stage.clock.pass(350)
  t.same(client.types(), ['welcome', 'position.ack'])
  answer()
  await settle()
  await stage.clock.pass(250)
  t.same(client.types().slice(2), ['snapshot', 'warmth'])
  client.visitor.end(1000)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test(
  'while a client does not read, hints wait and the newest state replaces what was not sent',
  async t => {
    const stage = createHubStage()
    const client = stage.connect('x')
    await settle()
    await client.say({ type: 'position', fix })
    await stage.clock.pass(250)
    const [brief, lasting] = [envelopeAt(square), envelopeAt(square)]
    client.wire.buffered = limits.socket.coalesceBytes + 1
    await client.say({ type: 'ping' })
    stage.index.apply(stage.open(brief))
    stage.index.apply(stage.open(lasting))
    await stage.clock.pass(1_000)
    t.equal(client.frames.length, 5, 'only what is answered at once')
    stage.index.apply(stage.end(brief))
    client.wire.buffered = 0
    await stage.clock.pass(250)
    t.match(client.frames.slice(5), [{ type: 'hint', envelopeId: lasting.id }, { type: 'warmth' }])
    client.visitor.end(1000)
    stage.index.close()
  },
)

t.test('shutdown: everyone is told when to come back, and whoever comes meanwhile too', async t => {
  const stage = createHubStage()
  const [open, silent] = [stage.connect('x'), stage.connect()]
  await settle()
  const closing = stage.hub.close()
  t.match(open.frames.at(-1), { type: 'goodbye', reason: 'shutdown', retryAfterMs: 3_000 })
  t.match(silent.frames.at(-1), { type: 'goodbye' })
  t.same([open.wire.code, silent.wire.code], [1012, 1012])
  const late = stage.connect()
  t.equal(late.wire.code, 1012)
  open.visitor.end(1000)
  // The others never answer the close: they are cut off.
  await stage.clock.pass(2_000)
  await closing
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

const paid = { type: 'wallet.changed', kind: 'claim', amount: { amountMinor: '1', currency: 'CNY' } } as const
const envelopeId = '018f0000-0000-7000-8000-000000000000'

/** A session whose client stood somewhere and then lost its socket. */
async function loseSocket(stage: ReturnType<typeof createHubStage>) {
  const first = stage.connect('x')
  await settle()
  await first.say({ type: 'position', fix })
  await stage.clock.pass(250)
  const welcome = first.frames.find(frame => frame.type === 'welcome')
  const sessionId = welcome?.sessionId ?? ''
  const lastSeq = first.frames.at(-1)?.seq ?? 0
  first.visitor.end(1006)
  await settle()
  return { sessionId, lastSeq }
}

const hello = (sessionId: string, seq: number) => ({
  ...{ type: 'hello', id: 'h', token: 'x' },
  resume: { sessionId, seq },
})

t.test('what happens while a session opens is told behind its welcome', async t => {
  const stage = createHubStage({
    async findDuty() {
      t.ok(stage.followed.has('walker'), 'changes are heard before the record is read')
      stage.channels.toPlayer('walker', { type: 'watching', serviceRequests: false })
      for (let i = 0; i < 257; i++) stage.channels.toPlayer('walker', { ...paid, envelopeId })
      return { isOnDuty: true, category: 'pets' }
    },
  })
  const client = stage.connect()
  await client.say({ type: 'hello', token: 'x' })
  t.same(client.types().slice(0, 3), ['welcome', 'watching', 'wallet.changed'])
  t.match(client.frames[1], { serviceRequests: true, category: 'pets' })
  t.equal(client.frames.length, 2 + 256, 'the latest, as for one who resumes')
  stage.channels.toPlayer('walker', { type: 'watching', serviceRequests: false })
  t.match(client.frames.at(-1), { type: 'watching', serviceRequests: false })
  await client.say({ type: 'hello' })
  t.equal(client.types().at(-1), 'welcome', 'greeted again as things are now')
})

t.test('a record that fails while a session opens leaves nothing behind', async t => {
  const stage = createHubStage({
    async findDuty() {
      throw new Unavailable('the record is down', { retryAfterMs: 700 })
    },
  })
  const client = stage.connect()
  await client.say({ type: 'hello', token: 'x' })
  t.match(client.frames, [{ type: 'error', code: 'unavailable' }])
  t.same([...stage.followed], [])
  t.match(stage.hub.count(), { players: 0 })
})

t.test('a sixth session that cannot open takes nobody’s place', async t => {
  let isDown = false
  const stage = createHubStage({
    async findDuty() {
      if (isDown) throw new Unavailable('the record is down', { retryAfterMs: 700 })
      return { isOnDuty: false }
    },
  })
  const clients = Array.from({ length: limits.socket.perPlayer + 1 }, () => stage.connect())
  const last = clients.pop()
  for (const { say } of clients) await say({ type: 'hello', token: 'x' })
  isDown = true
  await last?.say({ type: 'hello', token: 'x' })
  t.same(last?.types(), ['error'])
  t.notOk(clients.some(({ types }) => types().includes('goodbye')))
  isDown = false
  await last?.say({ type: 'hello', token: 'x' })
  t.equal(last?.types()[1], 'welcome')
  t.same(
    clients.map(({ types }) => types().includes('goodbye')),
    clients.map((_, i) => i === 0),
    'the oldest makes room',
  )
})

t.test('who comes back within a minute is sent exactly what they missed, and then the newest', async t => {
  const stage = createHubStage()
  const { sessionId, lastSeq } = await loseSocket(stage)
  for (let i = 0; i < 3; i++) stage.channels.toPlayer('walker', { ...paid, envelopeId })
  const [brief, lasting] = [envelopeAt(square), envelopeAt(square)]
  stage.index.apply(stage.open(brief))
  stage.index.apply(stage.open(lasting))
  stage.index.apply(stage.end(brief))
  await stage.clock.pass(59_000)
  const again = stage.connect()
  await again.say(hello(sessionId, lastSeq - 1))
  t.match(again.frames[0], { seq: lastSeq - 1, type: 'welcome', ref: 'h', sessionId, resumed: { frames: 4 } })
  t.same(again.types().slice(1), ['warmth', 'wallet.changed', 'wallet.changed', 'wallet.changed'])
  await stage.clock.pass(250)
  t.match(again.frames.slice(5), [{ type: 'hint', envelopeId: lasting.id }, { type: 'warmth' }])
  t.same(
    again.frames.slice(1).map(({ seq }) => seq),
    again.frames.slice(1).map((_, i) => lastSeq + i),
    'the numbers go on',
  )
  again.visitor.end(1000)
  await settle()
  t.equal(stage.followed.size, 0, 'who leaves on purpose is not waited for')
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('what a client is known to have by its pong is not kept for it', async t => {
  for (const isAnswered of [true, false]) {
    const stage = createHubStage()
    const first = stage.connect('x')
    await first.say({ type: 'ping', id: 'a' })
    await stage.clock.pass(limits.socket.pingEveryMs)
    await first.say({ type: 'ping', id: 'b' })
    t.same(first.wire.pinged, ['2'])
    if (isAnswered) first.visitor.pong('2')
    const again = stage.connect()
    await again.say(hello((first.frames[0] as { sessionId?: string }).sessionId ?? '', 1))
    t.same((again.frames[0] as { resumed?: object }).resumed, isAnswered ? undefined : { frames: 2 })
    stage.index.close()
  }
})

t.test('a session whose old socket is not known to be dead goes on over the new one', async t => {
  const stage = createHubStage()
  const old = stage.connect('x')
  await settle()
  const { sessionId } = old.frames[0] as Extract<ServerFrame, { type: 'welcome' }>
  const fresh = stage.connect()
  await fresh.say(hello(sessionId, 1))
  t.match(fresh.frames, [{ type: 'welcome', resumed: { frames: 0 } }])
  t.equal(old.wire.code, 4409)
  old.visitor.end(1006)
  await settle()
  stage.channels.toPlayer('walker', { ...paid, envelopeId })
  t.same(fresh.types(), ['welcome', 'wallet.changed'])
  t.equal(old.frames.length, 1)
  fresh.visitor.end(1000)
  await stage.clock.pass(250)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('otherwise there is a new session with one snapshot', async t => {
  const cases: [string, (stage: ReturnType<typeof createHubStage>) => Promise<void>, number?][] = [
    ['too late', stage => stage.clock.pass(60_000)],
    [
      'too much',
      async ({ channels }) => {
        for (let i = 0; i < 257; i++) channels.toPlayer('walker', { ...paid, envelopeId })
      },
    ],
    ['from the future', async () => undefined, 1_000],
    [
      'another player',
      async stage => void (stage.gate.authenticate = async () => ({ ...player, id: 'thief' })),
    ],
    [
      'another device',
      async stage => void (stage.gate.authenticate = async () => ({ ...player, deviceId: 'another' })),
    ],
  ]
  for (const [why, happen, seq] of cases) {
    const stage = createHubStage()
    const { sessionId, lastSeq } = await loseSocket(stage)
    await happen(stage)
    const again = stage.connect()
    await again.say(hello(sessionId, seq ?? lastSeq))
    t.match(again.frames, [{ type: 'welcome', seq: 1 }], why)
    t.notOk('resumed' in (again.frames[0] ?? {}), why)
    await again.say({ type: 'position', fix })
    await stage.clock.pass(250)
    t.same(again.types().slice(1, 3), ['position.ack', 'snapshot'], why)
    again.visitor.end(1000)
    await stage.hub.close()
    stage.index.close()
    t.equal(stage.clock.timersLeft(), 0, why)
  }
})

t.test('a session that is open elsewhere now, or whose player is banned, is gone', async t => {
  const stage = createHubStage()
  const { sessionId, lastSeq } = await loseSocket(stage)
  stage.channels.sessionLeft('walker', sessionId)
  const again = stage.connect()
  await again.say(hello(sessionId, lastSeq))
  t.notOk('resumed' in (again.frames[0] ?? {}))
  t.same(stage.left, [sessionId], 'it is looked for on the other servers')

  stage.gate.authenticate = async () => refuse('banned')
  stage.channels.banned('walker')
  t.match(again.frames.at(-1), { type: 'goodbye', reason: 'banned', resume: false })
  t.equal(again.wire.code, 4403)
  again.visitor.end(4403)
  const banned = stage.connect('x')
  await settle()
  t.equal(banned.wire.code, 4403)
  banned.visitor.end(4403)
  await settle()
  t.equal(stage.followed.size, 0)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('a ban that comes while the session opens closes it all the same', async t => {
  const stage = createHubStage()
  let asked = 0
  stage.gate.authenticate = async () => (++asked === 1 ? player : refuse('banned'))
  const client = stage.connect('x')
  await settle()
  t.equal(client.wire.code, 4403)
  client.visitor.end(4403)
  await settle()
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('a server holds so many sessions without a socket, and five of a player', async t => {
  const stage = createHubStage()
  const ids: string[] = []
  for (let i = 0; i < 6; i++) ids.push((await loseSocket(stage)).sessionId)
  const [first, second] = ids
  const again = stage.connect()
  await again.say(hello(second ?? '', 1))
  t.ok('resumed' in (again.frames[0] ?? {}), 'the second of six waits')
  const other = stage.connect()
  await other.say(hello(first ?? '', 1))
  t.notOk('resumed' in (other.frames[0] ?? {}), 'the first made room')
  for (const client of [again, other]) client.visitor.end(1000)
  await stage.hub.close()

  const clock = createManualClock()
  const expired: unknown[] = []
  const parking = createParking(clock, session => expired.push(session))
  const sessions = Array.from({ length: limits.socket.resumableSessions + 1 }, () => ({}) as Session)
  sessions.forEach(parking.park)
  t.ok(expired.length === 1 && expired[0] === sessions[0], 'the one that waited longest made room')
  parking.close()
  t.equal(clock.timersLeft(), 0)
  stage.index.close()
})

t.test('many sockets are closed in waves, and come back spread wider', async t => {
  const stage = createHubStage()
  const clients = Array.from({ length: 450 }, () => stage.connect())
  const closing = stage.hub.close()
  const closed = () => clients.filter(({ wire }) => wire.code === 1012).length
  const seen = [closed()]
  for (let i = 0; i < 4; i++) {
    await stage.clock.pass(200)
    seen.push(closed())
  }
  t.same(seen, [100, 200, 300, 400, 450])
  for (const { visitor } of clients) visitor.end(1012)
  await closing
  const farewell = createFarewell({ clock: stage.clock, random: { ...systemRandom } })
  const waits: number[] = []
  for (let i = 0; i < 5_000; i++) {
    const connection = {
      send: (frame: { retryAfterMs: number }) => void waits.push(frame.retryAfterMs),
      close: () => undefined,
    }
    farewell.connected(connection as unknown as Connection)
  }
  void farewell.close()
  await stage.clock.pass(20_000)
  const seconds = new Map<number, number>()
  for (const ms of waits) seconds.set(Math.floor(ms / 1_000), (seconds.get(Math.floor(ms / 1_000)) ?? 0) + 1)
  t.equal(waits.length, 5_000)
  t.ok(Math.max(...seconds.values()) <= 250, 'in no second do more than 5 % come back')
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('500 envelopes with the longest texts on one plaza: 50 hints, 16 KiB a tick', async t => {
  const stage = createHubStage()
  const { perSnapshot, bytesPerTick, tickMs } = limits.hint
  const { brandChars, greetingChars, clueChars } = limits.envelope
  for (let i = 0; i < 500; i++) {
    const place = travelFrom(square, { bearingDeg: i, distanceM: i / 5 })
    const texts = {
      brand: '店'.repeat(brandChars),
      greeting: '福'.repeat(greetingChars),
      clue: '"'.repeat(clueChars),
    }
    stage.open(envelopeAt(place, { kind: 'merchant', ...texts }))
  }
  const { visitor, frames, say } = stage.connect()
  await say({ type: 'hello', token: 'x' })
  await say({ type: 'position', id: 'p', fix })
  const known = new Map<string, string>()
  const read = () => {
    const told = frames.splice(0).filter(({ type }) => ['snapshot', 'hint', 'gone'].includes(type))
    const bytes = told.reduce((sum, frame) => sum + Buffer.byteLength(JSON.stringify(frame)), 0)
    t.ok(bytes <= bytesPerTick, `${bytes} bytes at a tick`)
    for (const frame of told) {
      const hints = frame.type === 'snapshot' ? frame.hints : frame.type === 'hint' ? [frame] : []
      for (const { envelopeId, band, clue } of hints) {
        t.equal(clue?.text.length, clueChars, 'each whole')
        known.set(envelopeId, band)
      }
    }
  }
  for (let ticks = 0; known.size < perSnapshot && ticks < 20; ticks++) {
    await stage.clock.pass(tickMs)
    read()
  }
  const cell10 = envelopeAt(square).cell10
  const seen = stage.around.hintsAround({ id: player.id, claimedIds: new Set() }, cell10)?.hints ?? []
  t.same(known, new Map(seen.map(({ envelopeId, band }) => [envelopeId, band])))
  t.equal(known.size, perSnapshot)
  await stage.clock.pass(10 * tickMs)
  t.notOk(
    frames.some(({ type }) => type === 'hint'),
    'all is told',
  )
  visitor.end(1000)
  await settle()
  stage.index.close()
})

t.test('whatever a client sends, nothing is thrown and every answer is a frame', async () => {
  const word = fc.constantFrom('hello', 'reveal', 'position', 'claim', 'ping', '__proto__', 'x')
  const frame = fc.record(
    { type: word, id: fc.anything(), token: fc.anything(), fix: fc.anything(), envelopeId: fc.anything() },
    { requiredKeys: [] },
  )
  const text = fc.oneof(
    frame.map(value => JSON.stringify(value)),
    fc.json(),
    fc.string(),
    fc.constant(undefined),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 30 }), async texts => {
      const stage = createHubStage()
      const client = stage.connect()
      for (const one of texts) await client.visitor.hear(one)
      client.visitor.end(1000)
      await settle()
      stage.index.close()
      return stage.faults.length === 0 && stage.clock.timersLeft() === 0
    }),
    { numRuns: 150 },
  )
})

t.test('frames with a few characters changed, by the thousand: nothing is thrown', async t => {
  const templates = [
    JSON.stringify({ ...hello(envelopeId, 1), token: 'x' }),
    JSON.stringify({
      type: 'position',
      id: 'p',
      fix: { ...fix, at: '2026-03-01T08:00:00.000Z', crs: 'gcj02' },
    }),
    JSON.stringify({ type: 'claim', id: 'c', envelopeId, fix, passphrase: 'open sesame' }),
    '{"type":"ping","id":"k"}',
  ]
  const alphabet = [
    '',
    '"',
    '{',
    '}',
    '[',
    ',',
    ':',
    '\\',
    '0',
    '9e999',
    '-',
    'null',
    '\u0000',
    '\ud800',
    '𠜎',
    '__proto__',
  ]
  let state = 20_261_125
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const mutate = (text: string): string => {
    const at = next(text.length)
    const end = at + next(4)
    return text.slice(0, at) + (alphabet[next(alphabet.length)] ?? '') + text.slice(end)
  }
  const stage = createHubStage()
  let client = stage.connect('x')
  const answered = new Map<string, number>()
  for (let i = 0; i < fuzzedFrames; i++) {
    let text = templates[next(templates.length)] ?? ''
    for (let changes = next(4); changes > 0; changes--) text = mutate(text)
    const { length } = client.frames
    await client.visitor.hear(text)
    await stage.clock.pass(100)
    if (i % 50 === 0) client.visitor.pong('')
    for (const { type } of client.frames.slice(length)) answered.set(type, (answered.get(type) ?? 0) + 1)
    client.frames.length = 0
    if (client.wire.code === undefined) continue
    client.visitor.end(client.wire.code)
    client = stage.connect('x')
  }
  t.same(stage.faults, [], `with seed 20261125: ${JSON.stringify([...answered])}`)
  for (const type of ['error', 'pong', 'position.ack', 'welcome'])
    t.ok(answered.get(type), `${type} among the answers`)
  client.visitor.end(1000)
  await stage.clock.pass(60_250)
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})
