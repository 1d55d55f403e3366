/**
 * Figures against the ledger: after every step of a campaign, while claims race, at the ends of all kinds; then what they
 * are made into: series, heat map, exports.
 */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { CampaignPlan } from '#protocol/rest/campaigns.ts'
import { figureOperations, Figures, getFigures } from '#protocol/rest/figures.ts'
import { createBinder } from '#platform/http.ts'
import { createLogger } from '#platform/logger.ts'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { campaignRecord } from '../../src/campaigns/postgres.ts'
import { createFigures } from '../../src/figures/figures.ts'
import { drawHeatMap, lastWindowEnd } from '../../src/figures/heat-map.ts'
import { figuresRecord } from '../../src/figures/postgres.ts'
import type { ExportedClaim, Finders } from '../../src/figures/ports.ts'
import { shareTurns } from '../../src/figures/read.ts'
import type { FiguresChannel } from '../../src/figures/redis.ts'
import { createRevealCounter } from '../../src/figures/reveals.ts'
import { registerFiguresRoutes } from '../../src/figures/routes.ts'
import { foldQuarters } from '../../src/figures/series.ts'
import { viewFigures } from '../../src/figures/view.ts'
import { type Cell, coarsen, locateCell } from '../../src/geo/cell.ts'
import type { Caller, MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { createCampaignStage, must } from '../campaigns/stage.ts'
import { createManualClock } from '../realtime/manual-clock.ts'
import { outcomeOf } from '../claims/stage.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'

const stage = await createCampaignStage(t)
const { world, clock, campaigns, ask, launchNew, drop, fill, open, settleAll, run, createCrowd, claim } =
  stage
const { database } = world

const announced: string[] = []
const channel: FiguresChannel = {
  announce: campaignId => void announced.push(campaignId),
  ...{ follow: () => {}, unfollow: () => {}, listen: () => {} },
}
const figures = createFigures({
  ...{ database, record: figuresRecord, channel, clock, log: createLogger('silent') },
  ...{ listLiveKeys: async ids => ids, hmacSecret: 'h'.repeat(40) },
})
stage.counting.onSettled = ({ envelopes }) => figures.changed(envelopes.flatMap(e => e.campaignId ?? []))
stage.counting.onRevealed = figures.revealed

const { app, authenticator, send } = await createAccountApp(t, world)
const bind = createBinder<Caller>(app, { sandbox: true, authenticate: authenticator.authenticate })
registerFiguresRoutes(bind, {
  ...{ figures, database, record: figuresRecord, findCampaign: campaignRecord.find },
})

t.afterEach(async () => assertBooks(t, world))

const ajv = new Ajv({ strictTuples: false })
addFormats.default(ajv)

async function read(id: string): Promise<Figures> {
  const reading = await figures.read(id)
  if (reading === undefined) throw new Error('no such campaign')
  const view = viewFigures(reading)
  if (!ajv.validate(Figures, view)) throw new Error(ajv.errorsText())
  return view
}

const sumOf = ({ money: m }: Figures) =>
  [m.available, m.inDrops, m.inEnvelopes, m.claimed, m.returned].reduce(
    (sum, x) => sum + BigInt(x.amountMinor),
    0n,
  )

/** The same, counted from transfers, claims and rows one by one. */
async function count(id: string) {
  const [row] = await ask<Record<string, string | number | null>>(
    `with mine as (select * from envelopes where campaign_id = $1 and drop_id is not null),
      won as (select c.*, e.opens_at from claims c join mine e on e.id = c.envelope_id),
      paid as (select t.* from transfers t where t.kind = 'claim' and t.envelope_id in (select id from mine))
    select (select count(*)::int from mine) as placed, (select count(*)::int from won) as claimed,
      (select count(distinct envelope_id)::int from won) as found,
      (select coalesce(sum(amount), 0)::text from paid) as won,
      (select count(*)::int from mine where state = 'funded') as waiting,
      (select count(*)::int from mine where state = 'live') as live,
      (select count(*)::int from mine where state = 'empty') as empty,
      (select count(*)::int from mine where state = 'expired') as expired,
      (select count(*)::int from mine where state = 'closed') as closed,
      (select count(*)::int from mine where state = 'frozen') as frozen,
      (select count(*)::int from envelope_shares s join mine e on e.id = s.envelope_id) as shares,
      (select coalesce(sum(case when credit_account in (select id from accounts where owner_id = $1) then amount
        else 0 end), 0)::text from transfers where kind = 'campaign_funding') as funded,
      (select coalesce(sum(amount), 0)::text from transfers where kind = 'campaign_refund'
        and debit_account in (select id from accounts where owner_id = $1)) as returned,
      (select min(first)::text from (select min(extract(epoch from claimed_at - opens_at) * 1000)::bigint as first
        from won group by envelope_id) f) as shortest`,
    [id],
  )
  return row ?? {}
}

/** Figures are what the ledger says, and add up. */
async function check(t: Test, id: string, step: string): Promise<Figures> {
  const [told, is] = [await read(id), await count(id)]
  const { envelopes: e, money, shares, funnel, timeToFirstClaim } = told
  t.same(
    {
      ...{ placed: e.placed, waiting: e.waiting, live: e.live, empty: e.empty, expired: e.expired },
      ...{
        closed: e.closed,
        frozen: e.frozen,
        found: e.found,
        shares: shares.placed,
        claimed: shares.claimed,
      },
      ...{ won: money.claimed.amountMinor, funded: money.funded.amountMinor },
      ...{ returned: money.returned.amountMinor, shortest: timeToFirstClaim?.shortestMs?.toString() ?? null },
    },
    is,
    `${step}: as the ledger has it`,
  )
  t.equal(sumOf(told), BigInt(money.funded.amountMinor), `${step}: it adds up`)
  t.equal(
    e.waiting + e.live + e.empty + e.expired + e.closed + e.frozen,
    e.placed,
    `${step}: each in one state`,
  )
  t.equal(funnel.claimed, shares.claimed)
  return told
}

type Spot = { id: string; lng: number; lat: number; drop_id: string }
const spotsOf = (campaignId: string) =>
  ask<Spot>(
    `select id, drop_id, st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
     where campaign_id = $1 and drop_id is not null order by created_at desc, id desc`,
    [campaignId],
  )

async function openNew(plan: Partial<CampaignPlan> = {}, order: Parameters<typeof drop>[2] = {}) {
  const { merchant, id } = await launchNew(plan)
  must(await drop(merchant, id, order))
  await fill()
  await open()
  return { merchant, id, spots: await spotsOf(id) }
}

const win = async (player: PlayerCaller, spot: Spot) => outcomeOf(await claim(player, spot.id, { at: spot }))
/** Wins without the walk there: the next free share. */
async function plantWin(spot: Spot, player: PlayerCaller, atMs = clock.nowMs()) {
  const nowMs = clock.nowMs()
  clock.set(atMs)
  const [row] = await ask<{ n: number }>('select claimed_shares + 1 as n from envelopes where id = $1', [
    spot.id,
  ])
  await stage.settle(spot.id, { playerId: player.id, shareNo: row?.n ?? 1 })
  clock.set(nowMs)
}

t.test('figures are the ledger after every step of a campaign', async t => {
  const merchant = await stage.createMerchant()
  const { body } = must(await stage.create(merchant))
  const id = body.id
  t.equal((await check(t, id, 'a draft')).money.funded.amountMinor, '0')
  must(await stage.launch(merchant, id))
  t.match(await check(t, id, 'launched'), { state: 'live', money: { available: { amountMinor: '100000' } } })
  must(
    await drop(merchant, id, {
      strategy: { type: 'uniform', envelopes: 520 },
      amountMinor: '100',
      shares: 2,
    }),
  )
  t.match(await check(t, id, 'ordered'), {
    envelopes: { toPlace: 520 },
    money: { inDrops: { amountMinor: '52000' } },
  })
  await campaigns.jobs.find(({ name }) => name === 'fill-drops')?.run(0)
  const half = await check(t, id, 'half filled')
  t.ok(half.envelopes.toPlace > 0 && half.envelopes.placed > 0 && half.envelopes.live === 0)
  await fill()
  t.match(await check(t, id, 'filled'), { envelopes: { toPlace: 0, waiting: 520 } })
  await open()
  await check(t, id, 'open')
  const [first, second, third] = await spotsOf(id)
  if (!first || !second || !third) throw new Error('no envelopes')
  const [a, b, c] = await createCrowd(3)
  if (!a || !b || !c) throw new Error('no players')
  announced.length = 0
  clock.advance(90_000)
  t.equal(await win(a, first), 'claimed')
  t.same(announced, [id], 'whoever watches hears of it')
  t.match(await check(t, id, 'a claim'), {
    ...{ shares: { claimed: 1 }, envelopes: { found: 1 } },
    timeToFirstClaim: { shortestMs: 90_000, medianMs: 90_000 },
  })
  t.equal(await win(a, first), 'claimed')
  t.match(await check(t, id, 'the same claim again'), { shares: { claimed: 1 } })
  clock.advance(30_000)
  t.equal(await win(b, first), 'claimed')
  t.match(await check(t, id, 'an empty one'), {
    ...{ envelopes: { empty: 1, found: 1 }, timeToFirstClaim: { shortestMs: 90_000 } },
  })
  t.equal(await win(c, second), 'claimed')
  t.match((await check(t, id, 'another one')).timeToFirstClaim, {
    ...{ shortestMs: 90_000, medianMs: 90_000, p90Ms: 120_000 },
  })
  must(await campaigns.move({ caller: merchant, id, to: 'paused' }))
  t.match(await check(t, id, 'paused'), { state: 'paused' })
  must(await campaigns.move({ caller: merchant, id, to: 'live' }))
  await ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [third.id])
  t.match(await check(t, id, 'one frozen'), { envelopes: { frozen: 1 } })
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  await check(t, id, 'ended')
  await run('settle-campaigns')
  t.match(await check(t, id, 'closed but for the frozen one'), {
    ...{ envelopes: { frozen: 1, closed: 518, empty: 1 }, money: { inEnvelopes: { amountMinor: '100' } } },
  })
  await ask("update envelopes set state = 'live', epoch = epoch + 1 where id = $1", [third.id])
  await settleAll()
  t.match(await check(t, id, 'settled'), {
    money: {
      returned: { amountMinor: '99850' },
      claimed: { amountMinor: '150' },
      inEnvelopes: { amountMinor: '0' },
    },
  })
})

t.test('figures at expiry, and of nothing but the drops of the campaign', async t => {
  const endsAt = new Date(clock.nowMs() + 3_600_000).toISOString()
  const { merchant, id, spots } = await openNew({ schedule: { endsAt } })
  const [player] = await createCrowd(1)
  if (!player || !spots[0]) throw new Error('nobody')
  await win(player, spots[0])
  await stage.hideWell(merchant, { campaignId: id, shares: 2, total: { amountMinor: '10', currency: 'CNY' } })
  t.equal((await check(t, id, 'one hidden by hand')).envelopes.placed, spots.length)
  clock.advance(3_600_001)
  for (const job of stage.envelopes.jobs) await job.run(0)
  const over = await check(t, id, 'expired')
  t.equal(over.envelopes.expired + over.envelopes.closed, spots.length)
  await settleAll()
  await check(t, id, 'settled')
})

t.test('figures add up in every reading while claims race with each other and with the end', async t => {
  const { merchant, id, spots } = await openNew(
    {},
    { strategy: { type: 'uniform', envelopes: 12 }, shares: 10 },
  )
  const crowd = await createCrowd(40)
  let isOver = false
  const readings: Figures[] = []
  const watching = (async () => {
    while (!isOver) readings.push(await read(id))
  })()
  const outcomes = await Promise.all(
    crowd.flatMap((player, i) => {
      const spot = spots[i % spots.length]
      return spot === undefined ? [] : [win(player, spot)]
    }),
  )
  const racing = crowd.map((player, i) => {
    const spot = spots[(i + 1) % spots.length]
    clock.advance(600_000)
    return spot === undefined ? '' : win(player, spot)
  })
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  await run('settle-campaigns')
  await Promise.all(racing)
  await settleAll()
  isOver = true
  await watching
  t.equal(outcomes.filter(outcome => outcome === 'claimed').length, 40)
  t.ok(readings.length > 2)
  for (const told of readings) {
    if (sumOf(told) !== BigInt(told.money.funded.amountMinor)) t.fail(JSON.stringify(told.money))
    if (BigInt(told.money.claimed.amountMinor) !== BigInt(told.shares.claimed) * 10n)
      t.fail('shares and money')
  }
  t.ok(readings.every((told, i) => told.shares.claimed >= (readings[i - 1]?.shares.claimed ?? 0)))
  await check(t, id, 'after it all')
})

t.test('who asks while a reading is under way gets the next one', async t => {
  const begun: (() => void)[] = []
  const read = shareTurns(async (_: string) => {
    const no = begun.length + 1
    await new Promise<void>(resolve => begun.push(resolve))
    return no
  })
  const first = read('a')
  const later = [read('a'), read('a')]
  t.equal(begun.length, 1)
  const other = read('b')
  begun[0]?.()
  t.equal(await first, 1)
  await clock.sleep(1)
  begun[1]?.()
  begun[2]?.()
  t.equal(await other, 2)
  t.same(await Promise.all(later), [3, 3], 'both share one that began after they asked')
  const afterwards = read('a')
  begun[3]?.()
  t.equal(await afterwards, 4)
})

t.test('reveals are counted off their way, a pair once, and none is lost to a fault', async t => {
  const { id, spots } = await openNew()
  const [a, b] = await createCrowd(2)
  if (!a || !b || !spots[0]) throw new Error('nobody')
  for (const player of [a, a, b])
    t.equal(outcomeOf(await stage.reveal(player, spots[0].id, { at: spots[0] })), 'revealed')
  clock.advance(600_000)
  t.equal(outcomeOf(await stage.reveal(b, spots[0].id, { at: { lat: 31.24, lng: 121.48 } })), 'out_of_reach')
  await figures.drain()
  t.match((await read(id)).funnel, { revealed: 2, claimed: 0 })
  t.notOk('redeemed' in (await read(id)).funnel, 'cash is not redeemed')

  const manual = createManualClock()
  const stored: number[] = []
  let isDown = true
  const counter = createRevealCounter({
    async add(counts) {
      if (isDown) throw new Error('down')
      stored.push(...counts.map(({ reveals }) => reveals))
    },
    ...{ clock: manual, log: createLogger('silent') },
  })
  for (let i = 0; i < 3; i++) counter.note({ envelopeId: 'e', playerId: `p${i}`, campaignId: id })
  counter.note({ envelopeId: 'e', playerId: 'p0', campaignId: id })
  counter.note({ envelopeId: 'e', playerId: 'p9', campaignId: undefined })
  await counter.flush()
  isDown = false
  counter.note({ envelopeId: 'f', playerId: 'p0', campaignId: id })
  await counter.flush()
  t.same(stored, [4])
  for (let i = 0; i < 7_000; i++) counter.note({ envelopeId: 'g', playerId: `p${i}`, campaignId: `c${i}` })
  await counter.flush()
  t.equal(stored.length, 5_001, 'campaigns that wait to be counted are bounded')
})

t.test('a series adds up to the figures, by hours and by days of the campaign', async t => {
  const zone = 'Asia/Kolkata'
  const endsAt = new Date(clock.nowMs() + 6 * 86_400_000).toISOString()
  const { merchant, id, spots } = await openNew(
    { schedule: { endsAt, timeZone: zone } },
    { shares: 5, amountMinor: '500' },
  )
  const crowd = await createCrowd(12)
  const midnight = Math.ceil(clock.nowMs() / 86_400_000) * 86_400_000 - 5.5 * 3_600_000 + 86_400_000
  const [spot] = spots
  if (spot === undefined) throw new Error('nothing')
  for (const [i, player] of crowd.entries()) {
    const at = spots[i % 6]
    // Around midnight in Kolkata, which is half past an hour of UTC.
    if (at !== undefined) await plantWin(at, player, midnight + (i - 6) * 20 * 60_000)
  }
  await figuresRecord.addReveals(database, [{ campaignId: id, quarterMs: midnight, reveals: 7 }])
  await figuresRecord.addReveals(database, [{ campaignId: id, quarterMs: midnight, reveals: 1 }])
  const quarters = await figuresRecord.listQuarters(database, id, 100)
  const steps = (by: 'hour' | 'day', most = 100) => foldQuarters(quarters, { by, timeZone: zone, most })
  const day = (offset: number) => new Date(midnight + 5.5 * 3_600_000 + offset).toISOString().slice(0, 10)
  t.match(steps('day'), [
    { name: day(-1), claimed: 6, revealed: 0, amountMinor: 600n },
    { name: day(0), claimed: 6, revealed: 8, amountMinor: 600n },
  ])
  t.same(
    steps('day').map(({ name }) => name),
    [day(-1), day(0)],
  )
  t.same(
    steps('hour').map(({ claimed }) => claimed),
    [2, 3, 3, 3, 1],
  )
  t.same(
    steps('hour', 2).map(({ claimed }) => claimed),
    [3, 1],
    'the latest of too many',
  )
  t.equal(
    steps('hour').reduce((sum, { claimed }) => sum + claimed, 0),
    (await read(id)).shares.claimed,
  )
  t.equal((await read(id)).funnel.revealed, 8)
  t.ok(merchant.id)
})

const cells = ['89309959d73ffff', '89309959d77ffff', '89309959d47ffff'] as Cell[]
type Won = { player: number; cell: Cell; windowNo: number }

/** As the statement counts them. */
function firstsOf(claims: readonly Won[]): Finders[] {
  const firsts = new Map<string, Won & { key: Cell | undefined }>()
  for (const won of claims.toSorted((x, y) => x.windowNo - y.windowNo))
    for (const key of [won.cell, undefined])
      if (!firsts.has(`${won.player}:${key}`)) firsts.set(`${won.player}:${key}`, { ...won, key })
  const counted = new Map<string, Finders>()
  for (const { windowNo, key } of firsts.values()) {
    const name = `${windowNo}:${key}`
    counted.set(name, { windowNo, cell: key, players: (counted.get(name)?.players ?? 0) + 1 })
  }
  return [...counted.values()].toSorted((x, y) => x.windowNo - y.windowNo)
}

t.test('no heat map, and no two, tell of fewer than k people', async t => {
  const k = 5
  const claim = fc.record({
    player: fc.nat(30),
    cell: fc.constantFrom(...cells),
    windowNo: fc.integer({ min: 1, max: 12 }),
  })
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 120 }), claims => {
      let before = drawHeatMap([], { k, windowMs: 1 })
      for (let over = 1; over <= 13; over++) {
        const past = claims.filter(({ windowNo }) => windowNo < over)
        const map = drawHeatMap(firstsOf(past), { k, windowMs: 1 })
        for (const [cell, told] of map.finders) {
          const finders = new Set(past.filter(won => won.cell === cell).map(({ player }) => player)).size
          if (told % k !== 0 || told === 0 || told > finders) return false
        }
        const playersAt = (asOf: number | undefined) =>
          new Set(past.filter(({ windowNo }) => windowNo < (asOf ?? 0)).map(({ player }) => player)).size
        const isSame = before.asOfMs === map.asOfMs
        if (isSame && JSON.stringify([...before.finders]) !== JSON.stringify([...map.finders])) return false
        if (!isSame && playersAt(map.asOfMs) - playersAt(before.asOfMs) < k) return false
        before = map
      }
      return true
    }),
    { seed: 5, numRuns: 300 },
  )
  t.equal(lastWindowEnd(7_259_999, { windowMs: 3_600_000, lateMs: 60_000 }), 3_600_000)
  t.equal(lastWindowEnd(7_260_000, { windowMs: 3_600_000, lateMs: 60_000 }), 7_200_000)
})

t.test('the heat map of a campaign', async t => {
  const hour = 3_600_000
  clock.set(Math.ceil(clock.nowMs() / hour) * hour)
  const beginsMs = clock.nowMs()
  const { id, spots } = await openNew({}, { strategy: { type: 'uniform', envelopes: 60 }, shares: 20 })
  const byCell = new Map<Cell, Spot[]>()
  for (const spot of spots) {
    const cell = coarsen(locateCell(spot), 9)
    byCell.set(cell, [...(byCell.get(cell) ?? []), spot])
  }
  const [[full, fullSpots = []] = [], [few, fewSpots = []] = []] = [...byCell].toSorted(
    ([, x], [, y]) => y.length - x.length,
  )
  if (full === undefined || few === undefined) throw new Error('the plaza is in two cells')
  const crowd = await createCrowd(20)
  const wins = async (who: readonly PlayerCaller[], where: readonly Spot[], atMs: number) => {
    for (const [i, player] of who.entries()) {
      const spot = where[i % where.length]
      if (spot !== undefined) await plantWin(spot, player, atMs)
    }
  }
  const look = async (merchant: MerchantCaller | undefined = undefined) => {
    const { asOfMs, finders } = await figures.heatMap(id)
    t.notOk(merchant)
    return { asOf: asOfMs, full: finders.get(full), few: finders.get(few) }
  }
  t.same(await look(), { asOf: undefined, full: undefined, few: undefined })
  await wins(crowd.slice(0, 8), fullSpots, beginsMs + 60_000)
  await wins(crowd.slice(8, 12), fewSpots, beginsMs + 120_000)
  // One of them again and again in the sparse cell is still one.
  await wins(
    Array.from({ length: 1 }, () => crowd[8] as PlayerCaller),
    fewSpots.slice(1),
    beginsMs + 130_000,
  )
  clock.set(beginsMs + hour + 59_999)
  t.same(
    await look(),
    { asOf: undefined, full: undefined, few: undefined },
    'a window is over a minute later',
  )
  clock.set(beginsMs + hour + 60_000)
  t.same(
    await look(),
    { asOf: beginsMs + hour, full: 5, few: undefined },
    'rounded down, and fewer than five not told',
  )
  await wins(crowd.slice(12, 14), fewSpots, clock.nowMs())
  clock.advance(hour)
  t.same(await look(), { asOf: beginsMs + hour, full: 5, few: undefined }, 'two more people move nothing')
  await wins(crowd.slice(14, 17), fullSpots, clock.nowMs())
  clock.advance(hour)
  t.same(await look(), { asOf: beginsMs + 3 * hour, full: 10, few: 5 }, 'five do')
})

t.test('exports: every row once, texts that are no formula, nobody who could be known', async t => {
  const evil = { greeting: '=HYPERLINK("http://x","y")', brand: '+1, "quoted"', clue: { text: '@sum(a1)' } }
  const { merchant, id, spots } = await openNew(evil, {
    strategy: { type: 'uniform', envelopes: 520 },
    shares: 2,
  })
  const crowd = await createCrowd(6)
  for (const [i, player] of crowd.entries()) {
    const spot = spots[Math.floor(i / 2) * 255]
    if (spot !== undefined) await plantWin(spot, player)
  }
  const of = { campaignId: id, merchantId: merchant.id }
  const text = async (
    ...[what, form]: [Parameters<typeof figures.export>[0], Parameters<typeof figures.export>[1]]
  ) => {
    const begun = figures.export(what, form, of)
    if (begun.status === 'refused') throw new Error(begun.code)
    let all = ''
    for await (const piece of begun.pieces) all += piece
    return all
  }
  const rows = (await text('envelopes', 'csv')).trimEnd().split('\r\n').slice(1)
  t.same(
    rows.map(row => row.slice(0, 36)),
    spots.map(spot => spot.id),
    'newest first, over the borders of pages',
  )
  const spot = spots[0] as Spot
  const cell = coarsen(locateCell(spot), 9)
  t.ok(rows[0]?.startsWith(`${spot.id},${cell},${spot.lng},${spot.lat},empty,2,2,100,100,CNY,`))
  t.ok(rows[0]?.endsWith(`"'=HYPERLINK(""http://x"",""y"")",'@sum(a1),"'+1, ""quoted"""`))
  type Collection = {
    features: { id: string; geometry: { coordinates: unknown }; properties: Record<string, string> }[]
  }
  const map = JSON.parse(await text('envelopes', 'geojson')) as Collection
  t.same(
    map.features.map(feature => feature.id),
    spots.map(spot => spot.id),
  )
  t.match(map.features[0], { geometry: { coordinates: [spot.lng, spot.lat] }, properties: { hex_id: cell } })

  const csv = await text('claims', 'csv')
  const json = await text('claims', 'geojson')
  const claims = csv
    .trimEnd()
    .split('\r\n')
    .slice(1)
    .map(row => row.split(','))
  t.same(
    claims.map(([, envelopeId]) => envelopeId),
    [0, 0, 255, 255, 510, 510].map(i => spots[i]?.id),
  )
  t.equal(new Set(claims.map(([claimId]) => claimId)).size, 6)
  t.equal(new Set(claims.map(fields => fields[6])).size, 6, 'a pseudonym each')
  t.same(
    (JSON.parse(json) as Collection).features.map(feature => feature.id),
    claims.map(([claimId]) => claimId),
  )
  for (const told of [csv, json]) {
    t.notOk(
      crowd.some(player => told.includes(player.id)),
      'no player',
    )
    t.notOk(
      spots.some(spot => told.includes(String(spot.lng))),
      'no place',
    )
  }
  t.equal(await text('claims', 'geojson'), json, 'the same again')
  for (const limit of [1, 3, 4]) {
    const paged: string[] = []
    for (let after: ExportedClaim | undefined; ; ) {
      const page = await figuresRecord.pageClaims(database, id, { after, limit })
      paged.push(...page.map(claim => claim.id))
      if (page.length < limit) break
      after = page.at(-1)
    }
    t.same(
      paged,
      claims.map(([claimId]) => claimId),
      `each once in pages of ${limit}, which end inside of envelopes`,
    )
  }
  const empty = await launchNew()
  const nothing = figures.export('claims', 'geojson', { campaignId: empty.id, merchantId: empty.merchant.id })
  let all = ''
  if (nothing.status === 'begun') for await (const piece of nothing.pieces) all += piece
  t.same(JSON.parse(all), { type: 'FeatureCollection', features: [] })
})

t.test('an export reads as it is read, and two of a merchant are all', async t => {
  const { merchant, id } = await openNew({}, { strategy: { type: 'uniform', envelopes: 520 }, shares: 1 })
  const pages: number[] = []
  const counting = createFigures({
    ...{ database, channel, clock, log: createLogger('silent'), hmacSecret: 'h'.repeat(40) },
    listLiveKeys: async ids => ids,
    record: {
      ...figuresRecord,
      async pageEnvelopes(tx, campaignId, page) {
        const rows = await figuresRecord.pageEnvelopes(tx, campaignId, page)
        pages.push(rows.length)
        return rows
      },
    },
  })
  const begin = () => {
    const begun = counting.export('envelopes', 'csv', { campaignId: id, merchantId: merchant.id })
    return begun.status === 'refused' ? begun.code : begun.pieces[Symbol.asyncIterator]()
  }
  const [one, two] = [begin(), begin()]
  if (typeof one === 'string' || typeof two === 'string') throw new Error('refused')
  t.equal(begin(), 'too_many_requests')
  await one.next()
  await one.next()
  t.same(pages, [500], 'no page is read ahead')
  await one.return?.()
  const three = begin()
  t.not(typeof three, 'string', 'who stops reading makes room')
  t.equal(begin(), 'too_many_requests')
  while (!(await two.next()).done);
  t.not(typeof begin(), 'string', 'and so does who has read all')
})

t.test('every route of figures × every caller', async t => {
  const post = (url: string, body: object) =>
    send({ method: 'POST', url, credential: operatorKey, key: `k-${Math.random()}`, body })
  const made = await post('/v1/operator/merchants', { name: 'Other mall' })
  const other = String(made.body.secret)
  const mine = String((await post('/v1/operator/merchants', { name: 'Mall' })).body.secret)
  const caller = await authenticator.authenticate(`Bearer ${mine}`, getFigures)
  if (!('kind' in caller) || caller.kind !== 'merchant') throw new Error('no merchant')
  const { body } = must(await stage.create(caller))
  const player = String((await send({ method: 'POST', url: '/v1/players', body: {} })).body.token)
  const finance = await send({
    method: 'POST',
    url: '/v1/api-keys',
    credential: mine,
    body: { scopes: ['finance'] },
  })
  const expected: [string | undefined, number][] = [
    [undefined, 401],
    [`${mine}x`, 401],
    [player, 403],
    [operatorKey, 403],
    [String(finance.body.secret), 403],
    [other, 404],
  ]
  for (const operation of figureOperations) {
    const url = operation.path.replace('{id}', body.id)
    for (const [credential, status] of expected) {
      const answer = await send({ url, ...(credential !== undefined && { credential }) })
      t.equal(answer.status, status, `${operation.id}: ${status}`)
    }
    if (operation.id === 'streamFigures') continue
    const answer = await send({ url, credential: mine })
    t.equal(answer.status, 200, operation.id)
    const type = 'produces' in operation ? operation.produces : 'application/json'
    t.equal(answer.headers['content-type'], `${type}; charset=utf-8`)
  }
  t.match(
    (await send({ url: `/v1/campaigns/${body.id}/figures/series?by=week`, credential: mine })).status,
    400,
  )
})
