/** A hub over a wire, a clock and ports that the test holds: what time, faults and slow readers do to a session. */
import fc from 'fast-check'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { Unavailable, refuse } from '#platform/problem.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { createAround } from '../../src/hints/around.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { createHub } from '../../src/realtime/hub.ts'
import type { Authenticate } from '../../src/realtime/reception.ts'
import { createIndexStage, envelopeAt, square } from '../hints/index-stage.ts'
import { settle } from './manual-clock.ts'

const player: PlayerCaller = { kind: 'player', id: 'walker', timeScale: 1 }
const fix = { lat: square.lat, lng: square.lng, accuracyM: 8 }

function createHubStage() {
  const stage = createIndexStage()
  const { clock, index, gate: recordGate } = stage
  const faults: unknown[] = []
  const followed = new Set<string>()
  const gate = { authenticate: (async () => player) as Authenticate }
  const hub = createHub({
    clock,
    random: { bytes: size => Buffer.alloc(size, 7), fraction: () => 0.5 },
    log: { error: (...fault: unknown[]) => void faults.push(fault) },
    isSandbox: false,
    around: createAround({ index, selectHints: createHintSelector('h'.repeat(32)) }),
    index,
    channels: {
      follow: async () => undefined,
      unfollow: () => undefined,
      followPlayer: async id => void followed.add(id),
      unfollowPlayer: id => void followed.delete(id),
      listen: () => undefined,
    },
    positions: {
      move: async (_player, { lat, lng }) => ({ status: 'accepted', cell: locateCell({ lat, lng }) }),
      lastCell: async () => undefined,
    },
    claims: {
      claim: async () => refuse('out_of_reach', { figures: { distanceM: 63 } }),
      claimedIds: async () => [],
    },
  })

  function connect(token?: string) {
    const frames: ServerFrame[] = []
    const wire = { buffered: 0, code: undefined as number | undefined }
    const visitor = hub.connect(
      {
        send(text, onFlushed) {
          frames.push(JSON.parse(text) as ServerFrame)
          if (wire.buffered === 0) onFlushed()
        },
        ping: () => undefined,
        close: code => (wire.code ??= code),
        terminate: () => visitor.end(),
        bufferedBytes: () => wire.buffered,
      },
      { token, authenticate: (...asked) => gate.authenticate(...asked) },
    )
    const say = async (frame: object) => {
      await visitor.hear(JSON.stringify(frame))
      await settle()
    }
    return { frames, wire, visitor, say, types: () => frames.map(({ type }) => type) }
  }

  return { ...stage, recordGate, hub, faults, followed, gate, connect }
}

t.test('who does not say hello in time is closed, and leaves nothing behind', async t => {
  const stage = createHubStage()
  const { wire, visitor } = stage.connect()
  await stage.clock.pass(limits.socket.helloWithinMs - 1)
  t.equal(wire.code, undefined)
  await stage.clock.pass(1)
  t.equal(wire.code, 4401)
  visitor.end()
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
  client.visitor.end()
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
  for (const { visitor } of [stranger, client]) visitor.end()
  await settle()
  stage.index.close()
})

t.test('what is sent before the token is verified waits for it, in order', async t => {
  const stage = createHubStage()
  const client = stage.connect('x')
  const heard = ['a', 'b'].map(id => client.visitor.hear(JSON.stringify({ type: 'ping', id })))
  await Promise.all(heard)
  t.match(client.frames, [{ type: 'welcome' }, { ref: 'a' }, { ref: 'b' }])
  client.visitor.end()
  stage.index.close()
})

t.test('a token is verified again every five minutes', async t => {
  const stage = createHubStage()
  const client = stage.connect('x')
  await settle()
  const live = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await stage.clock.pass(10_000)
      client.visitor.pong()
    }
  }
  stage.gate.authenticate = async () => {
    throw new Error('who knows')
  }
  await live(300_000)
  t.equal(client.wire.code, undefined, 'a fault is no verdict')
  stage.gate.authenticate = async () => refuse('unauthorized')
  await live(290_000)
  t.equal(client.wire.code, undefined)
  await live(10_000)
  t.equal(client.wire.code, 4401)
  client.visitor.end()
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
    client.visitor.end()
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
  client.visitor.end()
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
    stage.index.apply(stage.open(brief))
    stage.index.apply(stage.open(lasting))
    await stage.clock.pass(1_000)
    t.equal(client.frames.length, 4)
    stage.index.apply(stage.end(brief))
    client.wire.buffered = 0
    await stage.clock.pass(250)
    t.match(client.frames.slice(4), [{ type: 'hint', envelopeId: lasting.id }, { type: 'warmth' }])
    client.visitor.end()
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
  open.visitor.end()
  // The others never answer the close: they are cut off.
  await stage.clock.pass(2_000)
  await closing
  stage.index.close()
  t.equal(stage.clock.timersLeft(), 0)
})

t.test('whatever a client sends, nothing is thrown and every answer is a frame', async () => {
  const word = fc.constantFrom('hello', 'position', 'claim', 'ping', '__proto__', 'x')
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
      client.visitor.end()
      await settle()
      stage.index.close()
      return stage.faults.length === 0 && stage.clock.timersLeft() === 0
    }),
    { numRuns: 200 },
  )
})
