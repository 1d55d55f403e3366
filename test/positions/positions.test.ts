/** Players and their devices over real Redis: who is judged by what, and how many hint cells a day has. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createLogger } from '#platform/logger.ts'
import { systemClock } from '#platform/clock.ts'
import { systemRandom } from '#platform/random.ts'
import { createScriptRunner } from '#platform/redis.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { countCell, createSpotter, isKnown, judgeCells, unusedCells } from '../../src/positions/cells.ts'
import { judgeEntry } from '../../src/positions/entry.ts'
import type { Walker } from '../../src/positions/judging.ts'
import { createPositions } from '../../src/positions/positions.ts'
import { unusedQuotas } from '../../src/positions/quotas.ts'
import { createStandingStore, standingKey } from '../../src/positions/redis.ts'
import type { Owner, Standing } from '../../src/positions/standing.ts'
import { judgeStep } from '../../src/positions/step.ts'
import { emptyTrack } from '../../src/positions/track.ts'
import { createStrikes } from '../../src/strikes/give.ts'
import { strikeRecord } from '../../src/strikes/postgres.ts'
import { createWorld } from '../helpers/world.ts'
import { createRolls, rollNormal } from './traces.ts'

const HOME: Point = { lat: 31.2466, lng: 121.4849 }
const east = (distanceM: number, from = HOME): Point => travelFrom(from, { bearingDeg: 90, distanceM })
const hmacSecret = 'h'.repeat(40)
const spotsAt = createSpotter(hmacSecret, systemClock)

const world = await createWorld(t)
const { clock, redis, redisPrefix: prefix, database, random } = world
const createStore = (runner = createScriptRunner(redis)) =>
  createStandingStore({ redis, runner, prefix, random: systemRandom, clock: systemClock })
const createServer = (store = createStore()) =>
  createPositions({
    store,
    countClaimsSince: async asked => asked.map(() => 0),
    ...createStrikes({ strikes: strikeRecord, database, clock, random }),
    ...{ clock, hmacSecret, log: createLogger('silent') },
  })
const positions = createServer()

const walker = (deviceId?: string): Walker => ({
  id: randomUUID(),
  timeScale: 1,
  ...(deviceId !== undefined && { deviceId }),
})
const fixAt = (point: Point, accuracyM = 8) => ({ ...point, accuracyM })
const placeAt = (point: Point) => ({
  cell12: locateCell(point),
  claimRadiusM: 60,
  isOpenToPlayer: true,
  permit: 'taken' as const,
})
const after = (seconds: number) => clock.advance(seconds * 1_000)

/** Where a sweeper is who restarts the track in a new cell with three fixes, again and again. */
async function sweep(player: Walker, cells: number, firstM: number, on = positions) {
  for (let i = 0; i < cells; i++) {
    for (let n = 0; n < 3; n++) {
      after(0.1)
      await on.move(player, fixAt(east(firstM + 5_000 * i)))
    }
  }
}

t.test(
  'a sweep from everywhere ends after 200 hint cells an hour, on every account of the phone',
  async t => {
    const [ada, bob] = [walker('swept'), walker('swept')]
    await sweep(ada, 199, 0)
    t.match(await positions.viewpoint(ada), { status: 'open' })
    await sweep(ada, 3, 2_000_000)
    const paused = await positions.viewpoint(ada)
    t.match(paused, { status: 'paused', reason: 'cells' })
    assert(paused.status === 'paused' && paused.retryAfterMs !== undefined)
    t.ok(paused.retryAfterMs > 3_400_000 && paused.retryAfterMs <= 3_600_000, `${paused.retryAfterMs} ms`)
    t.equal(await positions.lastCell(ada.id), undefined, 'nothing that gives hints knows where they are')

    const here = east(2_010_000)
    t.match(await createServer().move(bob, fixAt(here)), { status: 'accepted', paused: 'cells' })
    t.match(await positions.viewpoint(bob), { status: 'paused', reason: 'cells' })
    after(3_600)
    t.match(await positions.move(ada, fixAt(here)), { status: 'accepted' })
    t.match(await positions.viewpoint(ada), { status: 'open' }, 'in the next hour they go on')
  },
)

t.test('600 cells a day, and a new day after that; claims go on', async t => {
  const pace = (hours: number) => ({ nowMs: 1e12 + hours * 3_600_000, timeScale: 1 })
  let cells = unusedCells
  let open = 0
  for (let i = 0; i < 1_000; i++) {
    const counted = countCell(cells, spotsAt('me', coarsen(locateCell(east(500 * i)), 10)), pace(i / 150))
    if (counted.status === 'open') open++
    cells = counted.cells
  }
  t.ok(open >= 600 && open < 640, `hints in ${open} of 1,000 cells`)
  const standing = { track: emptyTrack, quotas: unusedQuotas, cells }
  const fix = { cell: locateCell(HOME), accuracyM: 8 }
  const request = { envelopeId: 'e', fix, place: placeAt(HOME), spots: spotsAt('me', locateCell(HOME)) }
  const { answer } = judgeEntry(standing, request, pace(7))
  t.match(answer, { verdict: { status: 'entered' }, paused: 'cells' })
  t.match(judgeCells(cells, pace(8)), { status: 'exhausted', retryAfterMs: 16 * 3_600_000 })
  t.match(countCell(cells, spotsAt('me', locateCell(HOME)), pace(24)), {
    status: 'open',
    cells: { day: { count: 1 } },
  })
})

/** What Redis has of an account or a device. */
const storedOf = async (kind: Owner['kind'], id: string): Promise<Standing> => {
  const standing = await createStore().read({ kind, id })
  assert(standing !== undefined, 'nothing is stored')
  return standing
}

t.test('a claim is no way around the limit of cells', async t => {
  const player = walker()
  for (const metres of [0, 150, 300]) {
    after(600)
    await positions.enter(player, 'e', fixAt(east(metres)), undefined)
  }
  const standing = await storedOf('account', player.id)
  t.equal(standing.cells?.day?.count, 3, 'its fixes count')
})

t.test('a normal day of play meets no limit of cells: on foot, by bicycle, by car', async t => {
  const days = [
    { name: '9 hours on foot, the receiver 25 m off', hours: 9, mps: 1.4, sigmaM: 12 },
    { name: '3 hours of cycling as fast as hints are given', hours: 3, mps: 4.2, sigmaM: 5 },
    { name: '6 hours in a car', hours: 6, mps: 15, sigmaM: 5 },
  ]
  for (const { name, hours, mps, sigmaM } of days) {
    const roll = createRolls(hours)
    let standing: Standing = { track: emptyTrack, quotas: unusedQuotas }
    let [eastM, northM, paused, refused] = [0, 0, 0, 0]
    for (let s = 0; s < hours * 3_600; s += 5) {
      ;[eastM, northM] = [eastM, northM].map(m => 0.9 * m + 0.44 * sigmaM * rollNormal(roll)) as [
        number,
        number,
      ]
      const place = travelFrom(east(mps * s + eastM), { bearingDeg: 0, distanceM: northM })
      const fix = { cell: locateCell(place), accuracyM: 10 }
      const spots = spotsAt('me', coarsen(fix.cell, 10))
      const { standing: next, answer } = judgeStep(
        standing,
        { fix, spots },
        { nowMs: 1e12 + s * 1_000, timeScale: 1 },
      )
      standing = next
      if (answer.status === 'ignored') refused++
      else if (answer.paused === 'cells') paused++
    }
    t.same(
      { paused, refused },
      { paused: 0, refused: 0 },
      `${name}: ${standing.cells?.day?.count ?? 0} new cells`,
    )
  }
})

t.test('the filter takes no known cell for a new one, and few new ones for known', async t => {
  const pace = (hours: number) => ({ nowMs: 1e12 + hours * 3_600_000, timeScale: 1 })
  let cells = unusedCells
  let fresh = 0
  const cellAt = (i: number) => spotsAt('me', coarsen(locateCell(east(500 * i)), 10))
  for (let i = 0; i < 590; i++) {
    const before = cells.day?.count ?? 0
    cells = countCell(cells, cellAt(i), pace(i / 150)).cells
    if ((cells.day?.count ?? 0) > before) fresh++
  }
  t.ok(fresh > 575 && fresh <= 590, `${fresh} of 590 counted`)
  const again = Array.from({ length: 590 }).reduce<typeof cells>(
    (c, _, i) => countCell(c, cellAt(i), pace(4.5)).cells,
    cells,
  )
  t.equal(again.day?.count, cells.day?.count)
  t.same(judgeCells(again, pace(4.5)), { status: 'allowed' })
  t.ok(JSON.stringify(cells).length < 900)
  t.notSame(
    spotsAt('me', locateCell(HOME)),
    spotsAt('you', locateCell(HOME)),
    'no two filters can be compared',
  )
})

t.test('the filter is the shorter of two writings of the same bits', async t => {
  const pace = { nowMs: 1e12, timeScale: 1 }
  const bits = new Set<number>()
  let cells = unusedCells
  for (let i = 0; i < 200; i++) {
    const spots = spotsAt('me', coarsen(locateCell(east(500 * i)), 10))
    cells = countCell(cells, spots, pace).cells
    for (const spot of spots) bits.add(spot)
    const filter = cells.known ?? ''
    const found = Array.from({ length: 4_096 }, (_, bit) => bit).filter(bit => isKnown(filter, [bit]))
    t.same(new Set(found), bits, `${i + 1} cells`)
    t.equal(filter.length, Math.min(2 * bits.size, 684))
    t.match(filter, /^[A-Za-z0-9+/]+=?$/, 'stands between colons in Redis')
  }
})

t.test('two accounts on one phone are at one place, and share its cells and its tries', async t => {
  const [ada, bob, eve] = [walker('phone'), walker('phone'), walker()]
  await positions.move(ada, fixAt(HOME))
  after(2)
  await positions.move(ada, fixAt(HOME))
  after(2)
  t.same(
    await positions.move(bob, fixAt(east(80_000))),
    { status: 'ignored', reason: 'jump' },
    'the phone is here',
  )
  t.equal(await positions.lastCell(bob.id), undefined, 'and an account never stands where its phone does not')
  t.match(await positions.move(bob, fixAt(HOME)), { status: 'accepted' })
  t.match(
    await positions.move(eve, fixAt(east(80_000))),
    { status: 'accepted' },
    'who has no phone is nobody else',
  )

  await positions.reward(ada, locateCell(HOME))
  after(200)
  const there = east(5_000)
  for (let i = 0; i < 10; i++) {
    t.match(await positions.enter(i % 2 ? ada : bob, 'one', fixAt(HOME), undefined), { code: 'out_of_reach' })
    after(1)
  }
  t.match(
    await positions.enter(ada, 'one', fixAt(HOME), undefined),
    { code: 'too_many_tries' },
    'ten an envelope',
  )
  t.match(await positions.enter(bob, 'one', fixAt(HOME), placeAt(HOME)), { code: 'too_many_tries' })
  t.match(await positions.enter(bob, 'two', fixAt(HOME), placeAt(HOME)), { status: 'entered' })
  await positions.reward(bob, locateCell(HOME))
  after(240)
  await positions.move(walker('phone'), fixAt(there))
  after(40)
  const third = walker('phone')
  t.match(await positions.enter(third, 'three', fixAt(there), placeAt(there)), { status: 'entered' })
  await positions.reward(third, locateCell(there))
  after(5)
  await positions.move(ada, fixAt(there))
  t.match(await positions.enter(ada, 'four', fixAt(there), placeAt(there)), { status: 'entered' })
})

t.test('a phone waits for the cool-down of whoever was rewarded on it', async t => {
  const [ada, bob] = [walker('waiting'), walker('waiting')]
  await positions.move(ada, fixAt(HOME))
  await positions.reward(ada, locateCell(HOME))
  after(70)
  const there = east(2_500)
  await positions.move(bob, fixAt(there))
  const early = await positions.enter(bob, 'e', fixAt(there), placeAt(there))
  t.match(early, { code: 'position_refused' })
  after(300)
  t.match(await positions.enter(bob, 'e', fixAt(there), placeAt(there)), { status: 'entered' })
})

t.test('150 failed tries a day are those of a phone, however many accounts', async t => {
  let evaluated = 0
  for (let i = 0; i < 200; i++) {
    const verdict = await positions.enter(walker('farm'), `e${i}`, fixAt(HOME), undefined)
    if ('code' in verdict && verdict.code === 'out_of_reach') evaluated++
  }
  t.equal(evaluated, 150)
})

t.test('one account on two phones is judged by both', async t => {
  const ada = walker('first')
  await positions.move(ada, fixAt(HOME))
  await positions.move(ada, fixAt(HOME))
  const onSecond = { ...ada, deviceId: 'second' }
  t.same(await positions.move(onSecond, fixAt(east(80_000))), { status: 'ignored', reason: 'jump' })
  t.match(await positions.move(onSecond, fixAt(HOME)), { status: 'ignored' }, 'the second phone was there')
  t.match(await positions.move({ ...ada, deviceId: 'third' }, fixAt(HOME)), { status: 'accepted' })
})

t.test('a permit that only the phone took is given back to it', async t => {
  const deviceOf = (id: string) => storedOf('device', id)
  const ada = walker('mine')
  const elsewhere = { ...ada, deviceId: 'other' }
  await positions.move(elsewhere, fixAt(east(80_000)))
  await positions.move(elsewhere, fixAt(east(80_000)))
  t.match(await positions.enter(ada, 'e', fixAt(HOME), placeAt(HOME)), {
    code: 'position_refused',
    reason: 'jump',
  })
  t.equal((await deviceOf('mine')).quotas.permitsOfDay?.count, 0)
  t.match(await positions.enter(elsewhere, 'e', fixAt(east(80_000)), placeAt(east(80_000))), {
    status: 'entered',
  })
  t.equal((await deviceOf('other')).quotas.permitsOfDay?.count, 1)
  await positions.leave(elsewhere)
  t.equal((await deviceOf('other')).quotas.permitsOfDay?.count, 0)
})

t.test('a refused claim leaves nobody a place to look around from', async t => {
  const [ada, bob] = [walker('kept'), walker('kept')]
  await positions.move(ada, fixAt(HOME))
  await positions.move(ada, fixAt(HOME))
  const far = east(80_000)
  t.match(await positions.enter(bob, 'e', fixAt(far), placeAt(far)), {
    code: 'position_refused',
    reason: 'jump',
  })
  t.same(await positions.viewpoint(bob), { status: 'unknown' }, 'where the phone is not')

  const cyclist = walker()
  await positions.move(cyclist, fixAt(HOME))
  after(10)
  const ahead = east(200)
  t.match(await positions.enter(cyclist, 'e', fixAt(ahead), placeAt(ahead)), { reason: 'speed' })
  t.same(await positions.viewpoint(cyclist), { status: 'paused', reason: 'speed' })
})

t.test('a crowd that moves at once is a few calls of Redis, and each stands where it went', async t => {
  const runner = createScriptRunner(redis)
  let calls = 0
  const on = createServer(createStore({ ...runner, runNow: (...call) => (calls++, runner.runNow(...call)) }))
  const crowd = Array.from({ length: 700 }, () => walker())
  await Promise.all(crowd.map(player => on.move(player, fixAt(HOME))))
  after(60)
  calls = 0
  const answers = await Promise.all(crowd.map((player, i) => on.move(player, fixAt(east(i % 50)))))
  t.ok(answers.every(({ status }) => status === 'accepted'))
  t.ok(calls <= 6, `${calls} calls for 700 in pieces of 128`)
  for (const [i, { id }] of crowd.entries()) {
    if (i % 70 !== 0) continue
    const { track } = await storedOf('account', id)
    t.equal(track.accepted.at(-1)?.cell, locateCell(east(i % 50)))
  }
})

t.test(
  'two servers that move the same players at once lose nothing, and keep the filter of cells',
  async t => {
    const other = createServer()
    const crowd = Array.from({ length: 40 }, () => walker())
    const far = (n: number) => fixAt(east(200 * n))
    for (let n = 0; n < 5; n++) {
      after(120)
      await Promise.all(crowd.flatMap(player => [positions.move(player, far(n)), other.move(player, far(n))]))
    }
    const cells = new Set(Array.from({ length: 5 }, (_, n) => coarsen(locateCell(east(200 * n)), 10)))
    for (const player of crowd) {
      const standing = await storedOf('account', player.id)
      t.equal(standing.cells?.day?.count, cells.size, 'each new cell once')
      const filter = standing.cells?.known ?? ''
      t.ok([...cells].every(cell => isKnown(filter, spotsAt(player.id, cell))))
    }
  },
)

t.test('a Redis that forgot its scripts is sent them again', async t => {
  const player = walker()
  await positions.move(player, fixAt(HOME))
  await redis.script('FLUSH')
  after(10)
  t.match(await positions.move(player, fixAt(east(10))), { status: 'accepted' })
})

t.test('a standing that nobody can read is a fault of its own player only', async t => {
  const crowd = Array.from({ length: 60 }, () => walker())
  await Promise.all(crowd.map(player => positions.move(player, fixAt(HOME))))
  const [broken, ...others] = crowd
  await redis.set(standingKey(prefix, { kind: 'account', id: broken?.id ?? '' }), 'other::{')
  after(10)
  const [first, ...rest] = await Promise.allSettled(
    [broken as Walker, ...others].map(player => positions.move(player, fixAt(east(5)))),
  )
  t.equal(first?.status, 'rejected')
  t.ok(rest.every(({ status }) => status === 'fulfilled'))
})
