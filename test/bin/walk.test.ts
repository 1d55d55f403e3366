/** `npm run walk`: what an honest player tries, how claims end, and a walk against the whole server. */
import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { WebSocketServer } from 'ws'
import type { HintItem } from '#protocol/ws/server.ts'
import { signUpPlayer } from '#protocol/rest/players.ts'
import { checkLedger, checkWallet, readPurse } from '../../src/bin/play/books.ts'
import { createClaimant } from '../../src/bin/play/claimant.ts'
import { type Fix, readBuiltInWalk, readFixes } from '../../src/bin/play/fixes.ts'
import { builtInPlaces } from '../../src/bin/play/places.ts'
import { createRestClient, demand, type RestClient } from '../../src/bin/play/rest-client.ts'
import { createSearch } from '../../src/bin/play/search.ts'
import { seedPlaces } from '../../src/bin/play/seed-places.ts'
import { openPlaySocket, type PlaySocket } from '../../src/bin/play/play-socket.ts'
import { takeWalk } from '../../src/bin/play/take-walk.ts'
import type { WalkEvent } from '../../src/bin/play/walk-event.ts'
import { createWalker, type TryOutcome } from '../../src/bin/play/walker.ts'
import { centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { bandOf } from '../../src/hints/band.ts'
import { measureReach } from '../../src/positions/presence.ts'
import { assertBooks } from '../helpers/books.ts'
import { startPlayServer } from './play-server.ts'
import { runTool } from './run-tool.ts'

const { url, world, merchantKey } = await startPlayServer(t)

t.test('a walk is read from CSV', async t => {
  const text =
    '\ufefflat,at,lng,ele\r\n1.5,2026-05-01T09:00:00Z,2,9\r\n\r\n-1,2026-05-01T09:00:08.5+00:00,180,9\r\n'
  t.same(readFixes(text), [
    { lat: 1.5, lng: 2, atMs: Date.UTC(2026, 4, 1, 9) },
    { lat: -1, lng: -180, atMs: Date.UTC(2026, 4, 1, 9, 0, 8, 500) },
  ])
  const cases: [string, RegExp][] = [
    ['', /^the first line has to be at,lat,lng$/],
    ['at,lat,lng\n', /^there is no fix in the walk$/],
    ['at,lat,lng\n2026-05-01,1,2', /^line 2: 2026-05-01 is not a time like /],
    ['at,lat,lng\n2026-05-01T09:00:00Z,1', /^line 2: 1, are not two numbers$/],
    ['at,lat,lng\n2026-05-01T09:00:00Z,0x1,2', /^line 2: 0x1,2 are not two numbers$/],
    ['at,lat,lng\n\n2026-05-01T09:00:00Z,91,2', /^line 3: 91,2 is not on Earth$/],
    [
      'at,lat,lng\n2026-05-01T09:00:01Z,1,2\n2026-05-01T09:00:00Z,1,2',
      /^line 3: is older than the line before$/,
    ],
  ]
  for (const [csv, message] of cases) t.throws(() => readFixes(csv), { name: 'UsageFault', message })
})

t.test('the built-in walk goes past every built-in place, on foot', async t => {
  const fixes = readBuiltInWalk()
  for (const place of builtInPlaces) {
    t.ok(Math.min(...fixes.map(fix => measureM(fix, place))) < 25, place.name)
  }
  const speeds = fixes.slice(1).map((fix, i) => {
    const before = fixes[i] ?? fix
    return measureM(before, fix) / ((fix.atMs - before.atMs) / 1_000)
  })
  t.ok(Math.max(...speeds) < 2.5)
})

const square = { lat: 31.2304, lng: 121.4737 }
const place = (bearingDeg: number, distanceM: number) => travelFrom(square, { bearingDeg, distanceM })
const fixAt = (point: Point, atS: number): Fix => ({ ...point, atMs: atS * 1_000 })

/** A straight way past `square`, `asideM` to its right, in steps of `stepM`. */
function goPast({ bearingDeg, asideM, stepM }: { bearingDeg: number; asideM: number; stepM: number }): Fix[] {
  const middle = place(bearingDeg + 90, asideM)
  const count = Math.ceil(400 / stepM)
  return Array.from({ length: 2 * count + 1 }, (_, i) => {
    return fixAt(travelFrom(middle, { bearingDeg, distanceM: (i - count) * stepM }), (i * stepM) / 1.4)
  })
}

const hintOf = (point: Point, band: HintItem['band']): HintItem => ({
  ...{ envelopeId: 'e', band, kind: 'merchant', audience: 'anyone' },
  cell: coarsen(locateCell(point), 10),
})

type Played = { tries: Fix[]; isWon: boolean }

/** The walker against the server's own rules of hints and reach, for one envelope at `square`. */
function play(fixes: readonly Fix[], radiusM: number): Played {
  const walker = createWalker({ accuracyM: 8 })
  const envelopeCell = locateCell(square)
  const tries: Fix[] = []
  let isWon = false
  for (const fix of fixes) {
    const fixCell = locateCell(fix)
    const band = bandOf(coarsen(fixCell, 10), coarsen(envelopeCell, 10))
    if (band === undefined) walker.forget('e')
    else {
      walker.hear(hintOf(square, band))
      walker.learnRadius('e', radiusM)
    }
    walker.stand(fix, { isAccepted: true, isPaused: false })
    for (const id of walker.chooseTries()) {
      tries.push(fix)
      isWon = measureReach({ fixCell, envelopeCell, radiusM }).isWithin
      walker.conclude(id, { status: isWon ? 'done' : 'out_of_reach' })
    }
  }
  return { tries, isWon }
}

t.test('whoever walks past an envelope wins it, in few tries that are 20 m apart', async () => {
  const walks = fc.record({
    bearingDeg: fc.integer({ min: 0, max: 359 }),
    asideM: fc.integer({ min: -20, max: 20 }),
    stepM: fc.integer({ min: 4, max: 20 }),
  })
  fc.assert(
    fc.property(walks, fc.constantFrom(60, 80, 120), (walk, radiusM) => {
      const { tries, isWon } = play(goPast(walk), radiusM)
      const isSpaced = tries.every((fix, i) => measureM(tries[i - 1] ?? square, fix) >= 20 || i === 0)
      return isWon && tries.length <= 11 && isSpaced
    }),
  )
})

t.test('no wandering spends more than ten failed tries in an hour', async () => {
  const legs = fc.array(fc.tuple(fc.integer({ min: 0, max: 359 }), fc.integer({ min: 5, max: 40 })), {
    minLength: 50,
    maxLength: 200,
  })
  fc.assert(
    fc.property(legs, turns => {
      const walker = createWalker({ accuracyM: 8 })
      walker.hear(hintOf(square, 'here'))
      let at: Point = square
      const triedAtMs: number[] = []
      turns.forEach(([bearingDeg, distanceM], i) => {
        at = travelFrom(at, { bearingDeg, distanceM })
        walker.stand(fixAt(at, i * 60), { isAccepted: true, isPaused: false })
        for (const id of walker.chooseTries()) {
          triedAtMs.push(i * 60_000)
          walker.conclude(id, { status: 'out_of_reach' })
        }
      })
      return triedAtMs.every((ms, i) => i < 10 || ms - (triedAtMs[i - 10] ?? 0) >= 3_600_000)
    }),
  )
})

t.test('whoever walks up and down in one place does not try there again', async t => {
  const ends = [place(90, 0), place(90, 30)]
  const pacing = Array.from({ length: 40 }, (_, i) => fixAt(ends[i % 2] ?? square, i * 20))
  const walker = createWalker({ accuracyM: 8 })
  walker.hear(hintOf(square, 'here'))
  let tries = 0
  for (const fix of pacing) {
    walker.stand(fix, { isAccepted: true, isPaused: false })
    for (const id of walker.chooseTries()) {
      tries++
      walker.conclude(id, { status: 'out_of_reach' })
    }
  }
  t.ok(tries >= 1 && tries <= 2, `${tries} tries`)
})

t.test('a try crosses off what was within reach of it, until nothing is left', async t => {
  const cell10 = coarsen(locateCell(square), 10)
  const search = createSearch(cell10)
  t.equal(search.left(), 1)
  const here = locateCell(centreOf(cell10))
  const gain = search.gainAt(here)
  t.ok(gain > 0.5 && gain < 1, 'from the middle, most of a cell is within 60 m')
  search.crossOff(here)
  t.equal(search.gainAt(here), 0)
  t.ok(Math.abs(search.left() - (1 - gain)) < 1e-9)
  search.setRadius(120)
  t.equal(search.left(), 1)
  search.crossOff(here)
  t.equal(search.left(), 0, 'from the middle, all of a cell is within 120 m')
})

t.test('when a player may try at all', async t => {
  const start = (hint: Partial<HintItem> = {}, accuracyM = 8) => {
    const walker = createWalker({ accuracyM })
    walker.hear({ ...hintOf(square, 'here'), ...hint })
    const stand = (atS: number, { isAccepted = true, isPaused = false } = {}) => {
      walker.stand(fixAt(square, atS), { isAccepted, isPaused })
      return walker.chooseTries()
    }
    const conclude = (outcome: TryOutcome) => walker.conclude('e', outcome)
    return { walker, stand, conclude }
  }

  t.same(start().stand(0), ['e'])
  t.same(start({ band: 'hot' }).stand(0), ['e'])
  t.same(start({ band: 'warm' }).stand(0), [], 'not from afar')
  t.same(start({ audience: 'passphrase' }).stand(0), [], 'not without the word')
  t.same(start({}, 61).stand(0), [], 'not with a fix that is coarser than the radius')
  t.same(start().stand(0, { isAccepted: false }), [], 'not where a fix did not count')

  const won = start()
  won.stand(0)
  won.conclude({ status: 'done' })
  t.same(won.stand(1), [])

  const waiting = start()
  waiting.stand(0)
  waiting.conclude({ status: 'position_refused', waitMs: 30_000 })
  t.same(waiting.stand(29), [], 'not before the cool-down is over')
  t.same(waiting.stand(30), ['e'])

  const riding = start()
  t.same(riding.stand(0, { isPaused: true }), ['e'], 'once while too fast, to be told so')
  riding.conclude({ status: 'position_refused', waitMs: 0 })
  t.same(riding.stand(2, { isPaused: true }), [])
  t.same(riding.stand(4), ['e'], 'on foot again')

  const gone = start()
  gone.walker.keepOnly(new Set())
  t.same(gone.stand(0), [])
})

const claimId = '0190b7a0-0000-5000-8000-000000000001'
const envelopeId = '0190b7a0-0000-7000-8000-000000000002'
const amount = { amountMinor: '120', currency: 'CNY' }
const win = { claimId, envelopeId, status: 'claimed' as const, amount, claimedAt: '2026-05-01T09:00:00.000Z' }
const fix = { ...square, accuracyM: 8 }

/** A claimant whose server answers what is listed, one after the other; nobody remembers places. */
function startClaimant(answers: object[]) {
  const told: WalkEvent[] = []
  const outcomes: TryOutcome[] = []
  const request = (async () => ({ seq: 1, ...answers.shift() })) as unknown as PlaySocket['request']
  const client = { call: async () => ({ status: 'refused' }) } as unknown as RestClient
  const conclude = (_id: string, outcome: TryOutcome) => void outcomes.push(outcome)
  const claimant = createClaimant({ request, client, speed: 60, tell: event => told.push(event), conclude })
  return { claimant, told, outcomes, answers }
}
const seen = {
  type: 'reveal.result',
  result: { envelopeId, status: 'revealed', anchor: { ...square, altitudeMode: 'ground' }, ticket: 't' },
}
const refusal = (code: string, more: object = {}) => ({ type: 'error', code, ...more })

t.test('a claim is asked for again while the answer may change', async t => {
  const { claimant, told, outcomes } = startClaimant([
    refusal('unavailable', { retryAfterMs: 1 }),
    seen,
    refusal('try_again', { retryAfterMs: 1 }),
    refusal('unavailable', { retryAfterMs: 1 }),
    { type: 'claim.result', result: win },
  ])
  await claimant.tryFor(envelopeId, fix)
  t.same(outcomes, [{ status: 'done' }])
  t.match(told, [{ type: 'won', win: { claimId, amount } }])
  t.equal(claimant.wins().length, 1)
})

t.test('a pending claim is won once, however often that is said', async t => {
  const pending = { type: 'claim.result', result: { claimId, envelopeId, status: 'pending' } }
  const { claimant, told } = startClaimant([seen, pending])
  await claimant.tryFor(envelopeId, fix)
  claimant.settle(win)
  claimant.settle(win)
  t.equal(await claimant.finish(fix, { withinMs: 1_000 }), 0)
  t.same(
    told.map(({ type }) => type),
    ['pending', 'won'],
  )

  const asked = startClaimant([seen, pending, seen, pending, { type: 'reveal.result', result: win }])
  await asked.claimant.tryFor(envelopeId, fix)
  t.equal(await asked.claimant.finish(fix, { withinMs: 10_000 }), 0, 'asks until there is an answer')
  t.equal(asked.claimant.wins().length, 1)

  const silent = startClaimant([seen, pending])
  await silent.claimant.tryFor(envelopeId, fix)
  t.equal(await silent.claimant.finish(fix, { withinMs: 0 }), 1, 'and says what has none')
})

t.test('what a refusal means for the next try', async t => {
  const cases: [object, TryOutcome][] = [
    [refusal('out_of_reach'), { status: 'out_of_reach' }],
    [refusal('ended', { reason: 'empty' }), { status: 'done' }],
    [refusal('own_envelope'), { status: 'done' }],
    [refusal('position_refused', { reason: 'speed' }), { status: 'position_refused', waitMs: 0 }],
    [
      refusal('position_refused', { reason: 'cooldown', retryAfterMs: 100 }),
      { status: 'position_refused', waitMs: 6_000 },
    ],
    [refusal('too_many_tries', { retryAfterMs: 1_000 }), { status: 'later', waitMs: 60_000 }],
    [refusal('frozen'), { status: 'later', waitMs: 60_000 }],
  ]
  for (const [answer, outcome] of cases) {
    const { claimant, outcomes, told } = startClaimant([answer])
    await claimant.tryFor(envelopeId, fix)
    t.same(outcomes, [outcome])
    t.match(told, [{ type: 'refused' }])
  }
})

t.test('a socket that closes is opened again, and what had no answer is asked again', async t => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'hexbao.v1' })
  t.teardown(() => server.close())
  let sessions = 0
  server.on('connection', socket => {
    const session = ++sessions
    let seq = 0
    const send = (frame: object) => socket.send(JSON.stringify({ seq: ++seq, ...frame }))
    socket.on('message', data => {
      const { id, type } = JSON.parse((data as Buffer).toString()) as { id: string; type: string }
      if (type === 'hello')
        return send({
          ...{ type: 'welcome', sessionId: envelopeId, playerId: envelopeId, serverTime: win.claimedAt },
          limits: { payloadBytes: 1, framesPerSecond: 1, frameBurst: 1, tickMs: 1, publishRadiusM: 1 },
        })
      if (session === 3) return socket.close(4401)
      if (session === 2) return send({ type: 'pong', ref: id, serverTime: win.claimedAt })
      send({ type: 'goodbye', reason: 'shutdown', retryAfterMs: 1, resume: false })
      socket.close(1012)
    })
  })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  let reconnections = 0
  const open = () =>
    openPlaySocket({
      ...{ url: `http://127.0.0.1:${port}`, token: 'token', onFrame: () => undefined },
      backoff: { firstMs: 1, mostMs: 10 },
      onReconnected: () => void reconnections++,
    })
  const socket = await open()
  t.match(await socket.request({ type: 'ping' }), { type: 'pong' })
  t.equal(reconnections, 1)
  socket.close()
  const banned = await open()
  await t.rejects(banned.request({ type: 'ping' }), { name: 'ServerFault' }, 'unless it was closed for good')
})

t.test('the wallet holds what it held and what was won', async t => {
  const before = readPurse([{ amountMinor: '100', currency: 'CNY' }])
  const wins = [win, { ...win, claimId: 'other', amount: { amountMinor: '5', currency: 'JPY' } }]
  const after = readPurse([{ amountMinor: '219', currency: 'CNY' }])
  t.same(checkWallet(before, wins, after), [
    { currency: 'CNY', beforeMinor: 100n, wonMinor: 120n, afterMinor: 219n, differenceMinor: -1n },
    { currency: 'JPY', beforeMinor: 0n, wonMinor: 5n, afterMinor: 0n, differenceMinor: -5n },
  ])
})

const hide = (places: readonly { name: string; lat: number; lng: number }[], idempotencyScope: string) =>
  seedPlaces({ url, merchantKey, places, idempotencyScope, shares: 2, totalMinor: 1_000n })

t.test('past the built-in places: everything within reach is won, and the books balance', async t => {
  await hide(builtInPlaces, 'past')
  const env = { DATABASE_URL: world.databaseUrl, DATA_DIR: t.testdir({}) }
  const { code, stdout, stderr } = await runTool('walk', [`--url=${url}`, '--speed=120', '--json'], env)
  t.equal(stderr, '')
  t.equal(code, 0)
  const end = JSON.parse(stdout) as {
    isBalanced: boolean
    ledger: { status: string; checks: { differences: number }[] }
    report: {
      wins: { greeting: string }[]
      refusals: Record<string, number>
      ignored: object
      pausedFixes: number
    }
  }
  t.ok(end.isBalanced)
  t.equal(end.ledger.status, 'counted')
  t.same(
    end.report.wins.map(({ greeting }) => greeting).sort(),
    builtInPlaces.map(({ name }) => `You found ${name}!`).sort(),
  )
  t.same(Object.keys(end.report.refusals), ['out_of_reach'])
  t.same(end.report.ignored, {})
  t.match(end.report, { pausedFixes: 0 })
  await assertBooks(t, world)
})

t.test('riding past is refused, a glitch of the receiver costs nothing, walking back wins', async t => {
  const far = { lat: -33.857, lng: 151.215 }
  await hide([{ name: 'Opera', ...far }], 'ride')
  const along = (distanceM: number) => travelFrom(far, { bearingDeg: 90, distanceM })
  let atS = 0
  const later = (seconds: number, point: Point) => fixAt(point, (atS += seconds))
  const fixes = [
    ...Array.from({ length: 4 }, () => later(10, along(-330))),
    later(2, travelFrom(far, { bearingDeg: 0, distanceM: 5_000 })),
    later(10, along(-330)),
    ...Array.from({ length: 11 }, (_, i) => later(4, along(-330 + 60 * (i + 1)))),
    ...Array.from({ length: 6 }, () => later(10, along(330))),
    ...Array.from({ length: 24 }, (_, i) => later(10, along(330 - 14 * (i + 1)))),
  ]
  const { token, player } = demand(
    await createRestClient({ url }).call(signUpPlayer, { body: { timeScale: 60 } }),
    'signing up',
  )
  const events: WalkEvent[] = []
  const client = createRestClient({ url, credential: token })
  const onEvent = (event: WalkEvent) => void events.push(event)
  const report = await takeWalk({ ...{ url, token, client, fixes, onEvent }, speed: 60, accuracyM: 8 })

  const story = events.map(event => (event.type === 'refused' ? (event.reason ?? event.code) : event.type))
  const chapters = story.filter(chapter => !['hint', 'warmth', 'out_of_reach', 'gone'].includes(chapter))
  t.same(chapters, ['ignored', 'paused', 'speed', 'resumed', 'won'])
  t.match(report, { ignored: { jump: 1 }, refusals: { speed: 1 }, unsettled: 0 })
  t.match(report.wins, [{ greeting: 'You found Opera!', place: { coordinates: [far.lng, far.lat] } }])

  const purse = readPurse([{ amountMinor: '1', currency: 'CNY' }])
  const options = { databaseUrl: world.databaseUrl, dataDir: t.testdir({}) }
  const other = await checkLedger(options, { playerId: player.id, purse })
  t.match(other, { status: 'unseen', why: /not that server's/ }, 'another server is told from this one')
  const none = await checkLedger({ ...options, databaseUrl: undefined }, { playerId: player.id, purse })
  t.match(none, { status: 'unseen', why: /no database at hand/ })
})

t.test('who is wrong is told so', async t => {
  const env = { DATA_DIR: t.testdir({}) }
  const runs = await Promise.all([
    runTool('walk', ['--speed=121'], env),
    runTool('walk', [`--url=${url}`, '--token=wrong'], env),
    runTool('walk', ['--url=http://127.0.0.1:1'], env),
  ])
  t.same(
    runs.map(({ code }) => code),
    [2, 1, 1],
  )
  t.match(runs[0]?.stderr, /^--speed is a whole number from 1 to 120, not 121\n\nUsage: /)
  t.match(runs[1]?.stderr, /^the token: unauthorized/)
  t.match(runs[2]?.stderr, /^no server answers/)
})
