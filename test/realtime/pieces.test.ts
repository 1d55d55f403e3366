/** The parts of a socket's life that need no socket: flood, slow reader, heartbeat, tick, frames, the client's view. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Surroundings } from '../../src/hints/around.ts'
import type { Band } from '../../src/hints/band.ts'
import { createConnection, type Wire } from '../../src/realtime/connection.ts'
import { createFloodGuard } from '../../src/realtime/flood.ts'
import { parseFrame } from '../../src/realtime/frames.ts'
import { startHeartbeat } from '../../src/realtime/heartbeat.ts'
import { createTicker } from '../../src/realtime/ticker.ts'
import { frameTexts, jsonOf, shareText } from '../../src/realtime/text-frames.ts'
import { createTrail } from '../../src/realtime/trail.ts'
import { createView, type Manner } from '../../src/realtime/view.ts'
import { createWheel } from '../../src/realtime/wheel.ts'
import { envelopeAt, square } from '../hints/index-stage.ts'
import { createManualClock } from './manual-clock.ts'
import { readTexts } from './server-frames.ts'

t.test('flood: 20 at once, 10 a second, one warning, then closed', async t => {
  const clock = createManualClock()
  const guard = createFloodGuard(clock)
  const admit = (times: number) => Array.from({ length: times }, () => guard.admit(1).status)
  t.ok(admit(20).every(status => status === 'admitted'))
  t.same(admit(20), ['warned', ...Array.from({ length: 19 }, () => 'dropped')])
  t.same(admit(1), ['flooding'])
  await clock.pass(1_000)
  t.same(admit(11).slice(9), ['admitted', 'flooding'], 'a second of quiet forgives nothing')
  await clock.pass(10_000)
  t.same(admit(21).slice(19), ['admitted', 'warned'], 'but a full bucket does')
  const scaled = createFloodGuard(clock)
  const verdicts = Array.from({ length: 2_400 }, () => scaled.admit(120).status)
  t.ok(
    verdicts.every(status => status === 'admitted'),
    'sandbox time multiplies the budget',
  )
})

const PING_BYTES = 2

const fakeWire = () => {
  const sent: string[] = []
  /** How many frames went out at a time. */
  const pieces: number[] = []
  const closed: number[] = []
  const wire: Wire & { buffered: number; written: number; isStuck: boolean } = {
    buffered: 0,
    written: 0,
    isStuck: false,
    write(piece) {
      const texts = readTexts(piece)
      sent.push(...texts)
      pieces.push(texts.length)
      write(piece.length)
    },
    ping() {
      sent.push('ping')
      write(PING_BYTES)
    },
    pong(payload) {
      sent.push(`pong ${payload.toString()}`)
      write(PING_BYTES)
    },
    close: code => void closed.push(code),
    terminate: () => void closed.push(0),
    writtenBytes: () => wire.written,
    bufferedBytes: () => wire.buffered,
  }
  const write = (bytes: number) => {
    wire.written += bytes
    if (wire.isStuck) wire.buffered += bytes
  }
  return { wire, sent, pieces, closed }
}

t.test('connection: pings are answered, and who does not read the answers is closed', async t => {
  const clock = createManualClock()
  const { wire, sent, closed } = fakeWire()
  const connection = createConnection(wire, clock)
  connection.answerPing(Buffer.from('a'))
  t.same(sent, ['pong a'])
  wire.isStuck = true
  connection.answerPing(Buffer.from('b'))
  await clock.pass(limits.socket.slowReaderMs)
  t.same(closed, [closeCodes.tooSlow])
  connection.answerPing(Buffer.from('c'))
  t.same(sent, ['pong a', 'pong b'])
})

t.test('connection: frames are numbered, and a reader who is too slow is closed', async t => {
  const clock = createManualClock()
  const { wire, sent, closed } = fakeWire()
  const connection = createConnection(wire, clock)
  connection.send({ type: 'pong', serverTime: 'now' })
  connection.sendText('{"type":"pong"}')
  t.same(
    sent.map(text => JSON.parse(text)),
    [
      { seq: 1, type: 'pong', serverTime: 'now' },
      { seq: 2, type: 'pong' },
    ],
  )
  await clock.pass(20_000)
  t.same(closed, [], 'what the kernel takes is read')
  wire.isStuck = true
  connection.sendText(`{"type":"pong","text":"${'x'.repeat(limits.socket.coalesceBytes)}"}`)
  t.equal(connection.isCongested(), true)
  await clock.pass(9_000)
  connection.sendText('{"type":"pong"}')
  connection.ping()
  // The kernel has taken the first piece now, and is behind with the second and the ping.
  wire.buffered = frameTexts(4, ['{"type":"pong"}']).length + PING_BYTES
  t.equal(connection.isCongested(), false)
  await clock.pass(9_000)
  t.same(closed, [], 'slow, but reading')
  await clock.pass(1_000)
  t.same(closed, [4408], 'ten seconds unread')
  connection.sendText('{"type":"pong"}')
  t.equal(sent.length, 5, 'nothing more is sent')
  await clock.pass(2_000)
  t.same(closed, [4408, 0], 'who does not answer the close is cut off')
  t.equal(clock.timersLeft(), 0)
})

t.test('connection: 256 KiB unread close at once', async t => {
  const clock = createManualClock()
  const { wire, closed } = fakeWire()
  const connection = createConnection(wire, clock)
  wire.isStuck = true
  wire.buffered = limits.socket.slowReaderBytes
  connection.sendText('{"type":"pong"}')
  t.same(closed, [4408])
  connection.ended()
  t.equal(clock.timersLeft(), 0)
})

t.test('connection: what is held leaves as one piece, at the latest before the socket is closed', async t => {
  const { wire, sent, pieces, closed } = fakeWire()
  const connection = createConnection(wire, createManualClock())
  const say = (times: number) => {
    for (let i = 0; i < times; i++) connection.sendText('{"type":"pong"}')
  }
  say(2)
  connection.hold()
  connection.release()
  t.same(pieces, [1, 1], 'nothing held is no piece')
  connection.hold()
  say(2)
  connection.hold()
  say(1)
  t.equal(sent.length, 2)
  connection.release()
  connection.release()
  t.same(pieces, [1, 1, 3])
  connection.hold()
  say(1)
  const { length: bytes } = frameTexts(6, ['{"type":"pong"}'])
  t.same([connection.pack(), connection.pack()], [bytes, bytes], 'packed once')
  t.equal(sent.length, 5)
  say(1)
  connection.close(4409, 'another took its place')
  t.same(pieces, [1, 1, 3, 2])
  t.same(closed, [4409])
  say(1)
  connection.release()
  t.same(
    sent.map(text => (JSON.parse(text) as { seq: number }).seq),
    [1, 2, 3, 4, 5, 6, 7],
  )
  connection.ended()
})

t.test('text frames: a client of ws reads each of any length, and nothing between them', async t => {
  const numbers = '{"seq":1,"":""}'.length
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000].map(size => Math.max(0, size - numbers))
  const values = [
    ...sizes.map(size => 'x'.repeat(size)),
    '红包 🧧 \u0000',
    'é'.repeat(63),
    '红'.repeat(21_845),
  ]
  const texts = values.map(value => JSON.stringify({ '': value }))
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  /** What a client hears of these bytes and of a frame of ws behind them. */
  const read = async (bytes: Buffer) => {
    const heard: string[] = []
    server.once('connection', (socket, request) => {
      request.socket.write(bytes)
      socket.send('end')
      socket.close()
    })
    const client = new WebSocket(`ws://127.0.0.1:${port}`)
    client.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? 'binary' : data.toString()))
    await once(client, 'close')
    t.equal(heard.pop(), 'end')
    return heard
  }
  const numbered = (from: number) => values.map((value, i) => JSON.stringify({ seq: from + i, '': value }))
  const shared = texts.map(shareText)
  for (const from of [1, 8, 95, 9_999, Number.MAX_SAFE_INTEGER - texts.length]) {
    t.same(await read(frameTexts(from, texts)), numbered(from))
    t.same(await read(frameTexts(from, shared)), numbered(from), 'the same bytes for others')
  }
  for (const [i, text] of texts.entries()) t.same(await read(frameTexts(1 + i, [text])), [numbered(1)[i]])
  t.equal(frameTexts(1, []).length, 0)
})

t.test('heartbeat: the dead are gone within 64 s, the living stay', async t => {
  const clock = createManualClock()
  const random = { bytes: (size: number) => Buffer.alloc(size), fraction: () => 1 }
  const events: string[] = []
  const peer = { ping: () => events.push('ping'), terminate: () => events.push('terminate') }
  const heartbeat = startHeartbeat(peer, { wheel: createWheel(clock), random })
  for (let i = 0; i < 10; i++) {
    await clock.pass(24_000)
    heartbeat.pong()
  }
  t.same(
    events,
    Array.from({ length: 10 }, () => 'ping'),
  )
  await clock.pass(64_000)
  t.same(events.slice(10), ['ping', 'ping', 'terminate'])
  t.equal(clock.timersLeft(), 0)
  const another = startHeartbeat(peer, { wheel: createWheel(clock), random })
  another.stop()
  t.equal(clock.timersLeft(), 0)
})

t.test('wheel: what is due in one step shares a timer, which goes with the last of it', async t => {
  const clock = createManualClock(1_000)
  const wheel = createWheel(clock)
  const rung: string[] = []
  const make = (name: string) => ({ due: () => void rung.push(`${name}@${clock.nowMs()}`) })
  const [a, b, c, d] = [make('a'), make('b'), make('c'), make('d')]
  wheel.put(a, 901)
  const slot = wheel.put(b, 950)
  wheel.put(c, 1_000)
  t.equal(clock.timersLeft(), 1)
  slot.take(b)
  await clock.pass(999)
  t.same(rung, [])
  await clock.pass(1)
  t.same(rung, ['a@2000', 'c@2000'], 'up to a step late, never early')
  t.equal(clock.timersLeft(), 0)
  const taken = wheel.put(d, 100)
  taken.take(d)
  taken.take(d)
  slot.take(a)
  t.equal(clock.timersLeft(), 0)
  const both = wheel.put({ due: () => both.take(d) }, 200)
  wheel.put(d, 200)
  await clock.pass(1_000)
  t.equal(rung.length, 2, 'what another one takes back in the same step does not come')
})

t.test('trail: the latest frames, until a pong says that they came', async t => {
  const trail = createTrail()
  for (const json of ['a', 'b', 'c']) trail.number(json)
  t.equal(trail.lastSeq(), 3)
  t.same(trail.since(1), ['b', 'c'])
  for (const seq of [NaN, 4, 1e9]) trail.forget(seq)
  t.same(trail.since(0), ['a', 'b', 'c'], 'a number of no frame says nothing')
  trail.forget(2)
  t.same(trail.since(2), ['c'])
  t.equal(trail.since(1), undefined)
  trail.forget(1)
  t.same(trail.since(2), ['c'], 'an older pong takes nothing back')
  trail.forget(3)
  t.same([trail.since(3), trail.since(2), trail.since(4)], [[], undefined, undefined])
  t.equal(trail.number('d'), 4)
  t.same(trail.since(3), ['d'])
  const { resumeFrames, resumeChars } = limits.socket
  for (let i = 0; i < resumeFrames; i++) trail.number('x')
  t.equal(trail.since(trail.lastSeq() - resumeFrames)?.length, resumeFrames)
  t.equal(trail.since(3), undefined)
  trail.forget(trail.lastSeq() - 1)
  trail.number('y'.repeat(resumeChars - 1))
  t.equal(trail.since(trail.lastSeq() - 2)?.length, 2, 'what was forgotten leaves its room')
  trail.number('z')
  t.equal(trail.since(trail.lastSeq() - 3), undefined)
})

t.test('ticker: the dirty speak together, on a fixed grid, once', async t => {
  const clock = createManualClock(1_000)
  const ticker = createTicker(clock)
  const spoken: string[] = []
  let bytes = 1
  const make = (name: string, tickMs: number, again = 0) => {
    let left = again
    const note = (what: string) => void spoken.push(`${name}${what}@${clock.nowMs()}`)
    const tick = () => (note(''), left-- > 0)
    return { tickMs, tick, pack: () => bytes, send: () => note(' sends') }
  }
  const [a, b, fast, gone] = [make('a', 250), make('b', 250, 1), make('fast', 5), make('gone', 250)]
  await clock.pass(30)
  ticker.mark(a)
  await clock.pass(100)
  for (const session of [a, b, fast, gone]) ticker.mark(session)
  ticker.forget(gone)
  await clock.pass(1_000)
  t.same(spoken, [
    ...['fast@1135', 'fast sends@1135', 'a@1250', 'b@1250', 'a sends@1250', 'b sends@1250'],
    ...['b@1500', 'b sends@1500'],
  ])
  t.equal(clock.timersLeft(), 0, 'nobody has anything to say: no timer')
  spoken.length = 0
  bytes = 4 * 1_024 * 1_024
  const some = ['c', 'd', 'e'].map(name => make(name, 250))
  for (const session of some) ticker.mark(session)
  await clock.pass(250)
  const at = `@${clock.nowMs() - (clock.nowMs() % 250)}`
  const order = ['c', 'd', 'c sends', 'd sends', 'e', 'e sends'].map(what => `${what}${at}`)
  t.same(spoken, order, '8 MiB leave before more is said')
  ticker.mark(a)
  ticker.close()
  t.equal(clock.timersLeft(), 0)
})

t.test('frames: what is one, what is none, and that no name is inherited', async t => {
  const fix = '"fix":{"lat":31.2,"lng":121.4,"accuracyM":8}'
  const uuid = '018f0000-0000-7000-8000-000000000000'
  for (const text of [
    '{"type":"hello"}',
    '{"type":"hello","id":"1","token":"x"}',
    `{"type":"position",${fix}}`,
    `{"type":"claim","envelopeId":"${uuid}",${fix},"passphrase":"open"}`,
    '{"type":"ping","id":"p"}',
  ]) {
    t.equal(parseFrame(text).status, 'frame', text)
  }
  for (const text of ['', '{', 'hello', '{"type":"ping"}}', 'NaN', "{'type':'ping'}"]) {
    t.equal(parseFrame(text).status, 'not_json', text)
  }
  for (const text of [
    'null',
    '1',
    '[]',
    '"ping"',
    '{}',
    '{"type":null}',
    '{"type":"__proto__"}',
    '{"type":"constructor"}',
    '{"type":"toString"}',
    '{"type":["ping"]}',
    '{"type":"ping","x":1}',
    '{"type":"ping","__proto__":{"isAdmin":true}}',
    '{"type":"ping","constructor":{"prototype":{}}}',
    `{"type":"position","__proto__":{},${fix}}`,
    '{"type":"position","fix":{"lat":31.2,"lng":121.4,"accuracyM":8,"__proto__":{"x":1}}}',
    '{"type":"position","fix":{"lat":31.2,"lng":121.4,"accuracyM":8,"constructor":1}}',
    '{"type":"position","fix":{"__proto__":{"lat":31.2,"lng":121.4,"accuracyM":8}}}',
    '{"type":"position","__proto__":{"fix":{"lat":31.2,"lng":121.4,"accuracyM":8}}}',
    '{"type":"position","fix":{"lat":"31.2","lng":121.4,"accuracyM":8}}',
    '{"type":"position","fix":{"lat":1e999,"lng":121.4,"accuracyM":8}}',
    '{"type":"position","fix":{"lat":91,"lng":121.4,"accuracyM":8}}',
    '{"type":"position","fix":{"lat":31.2,"lng":121.4,"accuracyM":8,"at":"yesterday"}}',
    `{"type":"claim","envelopeId":"${uuid.toUpperCase()}",${fix}}`,
  ]) {
    const parsed = parseFrame(text)
    t.equal(parsed.status, 'bad_frame', text)
    t.ok(parsed.status === 'bad_frame' && parsed.errors.length > 0)
    t.notMatch(JSON.stringify(parsed), /31\.2|121\.4/, 'a refusal repeats nothing of a position')
  }
  t.match(parseFrame('{"type":"dance","id":"7"}'), { ref: '7', errors: [{ pointer: '/type' }] })
  t.equal(({} as { isAdmin?: boolean }).isAdmin, undefined)
})

/** What `inOrder` does to hints that come in order. */
const manner: Manner = { inOrder: hints => hints, reasonOf: () => 'empty' }

t.test('view: first a snapshot, then what changed, zones once', async t => {
  const [a, b] = [envelopeAt(square, { greeting: 'Hi', clue: 'Look up' }), envelopeAt(square)]
  const view = createView()
  const hint = (envelope: typeof a, band: Band) => ({ envelopeId: envelope.id, band, envelope })
  const update = (hints: Surroundings['hints'], within1Km: '0' | '1+' = '0') =>
    view
      .update(hints, { within1Km, within2Km: '1+' }, manner)
      .frames.map(text => JSON.parse(jsonOf(text)) as Record<string, unknown>)

  const [snapshot, warmth] = update([hint(a, 'warm')])
  t.match(snapshot, { type: 'snapshot', hints: [{ envelopeId: a.id, clue: { text: 'Look up' }, zone: {} }] })
  t.same(warmth, { type: 'warmth', within1Km: '0', within2Km: '1+' })
  t.same(update([hint(a, 'warm')]), [])
  const [closer, fresh, ...none] = update([hint(a, 'hot'), hint(b, 'hot')])
  t.match(closer, { type: 'hint', envelopeId: a.id, band: 'hot', greeting: 'Hi', cell: a.cell10 })
  t.notOk('zone' in (closer ?? {}), 'the zone of that cell is known')
  t.match(fresh, { type: 'hint', envelopeId: b.id })
  t.same(none, [])
  t.same(update([hint(b, 'hot')], '1+'), [
    { type: 'gone', envelopeId: a.id, reason: 'empty' },
    { type: 'warmth', within1Km: '1+', within2Km: '1+' },
  ])
})

t.test('view: a crowd is told the same difference, each in an order and for a reason of its own', async t => {
  const [a, b, c, d] = [envelopeAt(square), envelopeAt(square), envelopeAt(square), envelopeAt(square)]
  const hint = (envelope: typeof a) => ({ envelopeId: envelope.id, band: 'here' as Band, envelope })
  const [before, after] = [
    [hint(a), hint(b)],
    [hint(c), hint(d)],
  ]
  const warmth = { within1Km: '1+', within2Km: '1+' } as const
  const forwards: Manner = { inOrder: hints => hints, reasonOf: () => 'empty' }
  const backwards: Manner = { inOrder: hints => hints.toReversed(), reasonOf: () => 'claimed' }
  const tell = (order: Manner) => {
    const view = createView()
    const frames = [before, after, after].flatMap(hints => view.update(hints, warmth, order).frames)
    return frames
      .map(text => JSON.parse(jsonOf(text)) as { type: string; envelopeId?: string; reason?: string })
      .map(({ type, envelopeId = '', reason = '' }) => `${type} ${envelopeId}${reason}`.trim())
  }
  t.same(tell(forwards), [
    ...['snapshot', 'warmth', `gone ${a.id}empty`, `gone ${b.id}empty`, `hint ${c.id}`, `hint ${d.id}`],
  ])
  t.same(tell(backwards), [
    ...['snapshot', 'warmth', `gone ${b.id}claimed`, `gone ${a.id}claimed`, `hint ${d.id}`, `hint ${c.id}`],
  ])
})

t.test(
  'view: what a tick does not carry waits, nearest first, and is neither lost nor told twice',
  async t => {
    const view = createView()
    const long = { greeting: '福'.repeat(120), clue: '树'.repeat(280), brand: '茶'.repeat(60) }
    const hints = Array.from({ length: 50 }, (_, i) => {
      const envelope = envelopeAt(travelFrom(square, { bearingDeg: 90, distanceM: 10 * i }), long)
      return { envelopeId: envelope.id, band: 'cool' as Band, envelope }
    })
    const warmth = { within1Km: '10+', within2Km: '10+' } as const
    const told: string[] = []
    let updates = 0
    for (let isComplete = false; !isComplete; updates++) {
      const update = view.update(hints, warmth, manner)
      const texts = update.frames.map(jsonOf).filter(json => !json.startsWith('{"type":"warmth"'))
      const bytes = texts.reduce(
        (sum, json) => sum + Buffer.byteLength(`{"seq":9007199254740991,${json.slice(1)}`),
        0,
      )
      t.ok(bytes <= limits.hint.bytesPerTick, `${bytes} bytes`)
      const isSnapshot = texts[0]?.startsWith('{"type":"snapshot"') === true
      t.equal(isSnapshot, updates === 0, 'one snapshot')
      type Frame = { hints?: { envelopeId: string }[]; envelopeId: string }
      const frames = texts.map(json => JSON.parse(json) as Frame)
      for (const frame of frames) for (const { envelopeId } of frame.hints ?? [frame]) told.push(envelopeId)
      isComplete = update.isComplete
    }
    t.same(
      told,
      hints.map(({ envelopeId }) => envelopeId),
    )
    t.equal(updates, 5)

    const closer = hints.map(hint => ({ ...hint, band: 'hot' as Band }))
    const first = view.update(closer, warmth, manner)
    t.notOk(first.isComplete)
    const [left, right] = [closer.slice(0, 25), hints.slice(25)]
    const back = view.update([...left, ...right], warmth, manner).frames
    t.notOk(
      back.some(text => right.some(({ envelopeId }) => jsonOf(text).includes(envelopeId))),
      'a change that was taken back unsent',
    )
    const gone = view.update([], warmth, manner)
    t.equal(gone.frames.length, 50)
    t.ok(gone.isComplete)
  },
)
