/** Campaigns from the draft to the last refund: planning, moving, dropping, claiming, ending; the books after each. */
import t from 'tap'
import type { CampaignPlan } from '#protocol/rest/campaigns.ts'
import { transitions } from '../../src/campaigns/state.ts'
import { isInWindow, judgeSchedule } from '../../src/campaigns/schedule.ts'
import { createCampaigns } from '../../src/campaigns/campaigns.ts'
import { winLimits } from '../../src/campaigns/postgres.ts'
import type { Reservation } from '../../src/claims/reservation.ts'
import { createSettle } from '../../src/claims/settle.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { eventually } from '../acceptance/eventually.ts'
import { assertBooks } from '../helpers/books.ts'
import { outcomeOf } from '../claims/stage.ts'
import { createCampaignStage, must, reasonOf } from './stage.ts'

const stage = await createCampaignStage(t)
const { world, clock, campaigns, create, launch, drop, launchNew, fill, open, settleAll, run } = stage
const { ask, balanceOf, createMerchant, dropOf, campaignOf, createCrowd, claim } = stage

t.afterEach(async () => assertBooks(t, world))

const envelopesOf = (dropId: string) =>
  ask<{ id: string; state: string; lng: number; lat: number }>(
    `select id, state, st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
     where drop_id = $1 order by id`,
    [dropId],
  )

/** A campaign whose drop of envelopes is open. */
async function openNew(plan: Partial<CampaignPlan> = {}, order: Parameters<typeof drop>[2] = {}) {
  const { merchant, id } = await launchNew(plan)
  const { body } = must(await drop(merchant, id, order))
  await fill()
  await open()
  return { merchant, id, dropId: body.id, envelopes: await envelopesOf(body.id) }
}

/** By the operator; those near are told. */
async function moveOne(verb: 'freeze' | 'unfreeze', envelopeId: string) {
  const order = { envelopeId, reason: 'a test' }
  const moved = await world.database.transact(tx => stage.envelopes[verb](tx, order))
  if (moved.status === 'ok') moved.announce()
  return moved
}

t.test('the states are one table, in the code and in PostgreSQL', async t => {
  const rows = await ask<{ from_state: string; to_state: string }>('select * from campaign_transitions')
  const inCode = Object.entries(transitions).flatMap(([from, tos]) => tos.map(to => `${from} ${to}`))
  t.same(rows.map(row => `${row.from_state} ${row.to_state}`).sort(), inCode.sort())
  const states = Object.keys(transitions)
  const { id } = await launchNew()
  for (const from of states) {
    for (const to of states.filter(state => state !== from)) {
      const text = `update campaigns set state = $2, ended_at = case when $2 = 'ended' then now() end where id = $1`
      const moving = world.ownerDatabase.transact(async tx => {
        const run = (text: string, params: unknown[]) => tx.query({ name: '', text }, params)
        await run('alter table campaigns disable trigger campaigns_guard', [])
        await run(text, [id, from])
        await run('alter table campaigns enable trigger campaigns_guard', [])
        await run(text, [id, to])
        throw new Error('allowed')
      })
      const expected = inCode.includes(`${from} ${to}`) ? /allowed/ : /is not a transition/
      await t.rejects(moving, expected, `${from} -> ${to}`)
    }
  }
})

t.test('a draft is changed by whoever saw its newest version, and launched once', async t => {
  const merchant = await createMerchant()
  const before = await balanceOf(merchant.id)
  const { body } = must(await create(merchant, { clue: { text: 'Under the clock' } }, 'same'))
  t.match(body, { state: 'draft', version: 1, isOpen: false, available: { amountMinor: '0' } })
  t.same(
    must(await create(merchant, { clue: { text: 'Under the clock' } }, 'same')).body,
    body,
    'a retry is the same',
  )
  const edit = (version: number, changes: Partial<CampaignPlan>) =>
    campaigns.edit({ caller: merchant, id: body.id, version, body: changes })
  t.match(must(await edit(1, { name: 'Lanterns' })).body, {
    ...{ name: 'Lanterns', version: 2, clue: { text: 'Under the clock' } },
  })
  t.equal(reasonOf(await edit(1, { name: 'Dragons' })), 'edited_meanwhile')
  t.equal(reasonOf(await edit(0, { name: 'Dragons' })), 'edited_meanwhile')
  const two = await Promise.all([edit(2, { name: 'Left' }), edit(2, { name: 'Right' })])
  t.same(two.map(reasonOf).sort(), ['200', 'edited_meanwhile'])
  const stranger = await createMerchant()
  t.equal(reasonOf(await launch(stranger, body.id)), 'not_found')
  const launched = must(await launch(merchant, body.id, 'launch'))
  t.match(launched.body, { state: 'live', isOpen: true, available: { amountMinor: '100000' } })
  t.same(must(await launch(merchant, body.id, 'launch')).body, launched.body)
  t.equal(reasonOf(await launch(merchant, body.id)), 'campaign_state live')
  t.equal(reasonOf(await edit(3, { name: 'Late' })), 'campaign_state live')
  t.equal(await balanceOf(merchant.id), before - 100_000n)
  t.equal(await balanceOf(body.id), 100_000n)
  const poor = must(await create(merchant, { budget: { amountMinor: '99999999', currency: 'CNY' } }))
  t.equal(reasonOf(await launch(merchant, poor.body.id)), 'insufficient_funds')
  t.equal((await campaignOf(poor.body.id))?.state, 'draft')
})

t.test('plans that break a rule', async t => {
  const merchant = await createMerchant()
  const at = (days: number) => new Date(clock.nowMs() + days * 86_400_000).toISOString()
  const endsAt = at(5)
  const ring = (corners: [number, number][]) => ({ type: 'Polygon' as const, coordinates: [corners] })
  const [a, b, c, d] = [
    [121, 31],
    [121.001, 31],
    [121.001, 31.001],
    [121, 31.001],
  ] as [number, number][]
  const cases: [string, Partial<CampaignPlan>][] = [
    ['area_open', { area: ring([a, b, c, d] as never) }],
    ['area_clockwise', { area: ring([a, d, c, b, a] as never) }],
    ['area_crossing', { area: ring([a, c, b, d, a] as never) }],
    ['area_crossing', { area: ring([a, b, a, b, a] as never) }],
    [
      'area_too_large',
      {
        area: ring([
          [121, 31],
          [121.1, 31],
          [121.1, 31.1],
          [121, 31.1],
          [121, 31],
        ]),
      },
    ],
    [
      'area_antimeridian',
      {
        area: ring([
          [179.9, 10],
          [-179.9, 10],
          [-179.9, 10.1],
          [179.9, 10.1],
          [179.9, 10],
        ]),
      },
    ],
    [
      'area_polar',
      {
        area: ring([
          [10, 89],
          [10.1, 89],
          [10.1, 89.1],
          [10, 89.1],
          [10, 89],
        ]),
      },
    ],
    ['area_vertices', { area: ring([...Array.from({ length: 200 }, () => a), a] as never) }],
    ['schedule_past', { schedule: { endsAt: at(-1) } }],
    ['schedule_empty', { schedule: { startsAt: at(6), endsAt } }],
    ['schedule_too_far', { schedule: { startsAt: at(91), endsAt: at(92) } }],
    ['schedule_too_long', { schedule: { endsAt: at(31) } }],
    ['zone_unknown', { schedule: { endsAt, timeZone: 'Asia/Atlantis' } }],
    ['window_empty', { schedule: { endsAt, windows: [{ days: [1], from: '10:00', to: '10:00' }] } }],
    ['currency_unknown', { budget: { amountMinor: '1', currency: 'XXX' } }],
    ['text_refused', { name: 'x\u202ey' }],
  ]
  for (const [reason, changes] of cases)
    t.equal(reasonOf(await create(merchant, changes)), `campaign_refused ${reason}`)
  t.equal(reasonOf(await create(merchant)), '201')
  const strict = await createCampaignStage(t, { isSandbox: false })
  const shop = await strict.createMerchant()
  t.equal(reasonOf(await strict.create(shop)), '201', 'inside of the verified area')
  const farAway = ring([a, b, c, d, a] as never)
  t.equal(reasonOf(await strict.create(shop, { area: farAway })), 'campaign_refused area_outside')
  const { body: draft } = must(await strict.create(shop))
  await merchantRecord.storeArea(strict.world.database, shop.id, undefined)
  t.equal(
    reasonOf(await strict.launch(shop, draft.id)),
    'campaign_refused area_outside',
    'nor is it launched then',
  )
})

t.test('windows by the clock on the wall, over midnight and summer time', async t => {
  const judged = judgeSchedule(
    {
      endsAt: '2026-04-10T00:00:00Z',
      timeZone: 'Europe/Berlin',
      windows: [
        { days: [6], from: '22:00', to: '03:30' },
        { days: [1], from: '09:00', to: '24:00' },
      ],
    },
    Date.parse('2026-03-20T00:00:00Z'),
  )
  if (judged.status === 'refused') throw new Error('refused')
  const cases: [string, boolean][] = [
    ['2026-03-28T20:59:00Z', false],
    ['2026-03-28T21:00:00Z', true],
    // At 2:00 the clocks go to 3:00.
    ['2026-03-29T00:59:00Z', true],
    ['2026-03-29T01:29:00Z', true],
    ['2026-03-29T01:30:00Z', false],
    ['2026-03-30T06:59:00Z', false],
    ['2026-03-30T07:00:00Z', true],
    ['2026-03-30T21:59:00Z', true],
    ['2026-03-30T22:00:00Z', false],
  ]
  for (const [at, isOpen] of cases) t.equal(isInWindow(judged.schedule, Date.parse(at)), isOpen, at)
})

t.test(
  'a drop: cost first, envelopes unseen while it fills, then live, each claimed from its own escrow',
  async t => {
    stage.announcedByEnvelopes.length = 0
    const { merchant, id } = await launchNew({ greeting: 'Hello', brand: 'Plaza' })
    const order = { strategy: { type: 'uniform' as const, envelopes: 1_203 }, amountMinor: '50', shares: 5 }
    const { body } = must(await drop(merchant, id, order, 'drop'))
    t.match(body, { state: 'filling', envelopes: 1_203, placed: 0, cost: { amountMinor: '60150' } })
    t.same(must(await drop(merchant, id, order, 'drop')).body, body, 'a retry is the same drop')
    t.equal(reasonOf(await drop(merchant, id, { ...order, shares: 4 }, 'drop')), 'idempotency_mismatch')
    t.equal(await balanceOf(id), 39_850n)
    t.equal(await balanceOf(body.id), 60_150n)
    const job = campaigns.jobs.find(({ name }) => name === 'fill-drops')
    await job?.run(0)
    t.match(await dropOf(body.id), { state: 'filling', placed: 500 })
    await assertBooks(t, world)
    const [early] = await envelopesOf(body.id)
    t.match(await moveOne('freeze', early!.id), { state: 'frozen' })
    t.match(await moveOne('unfreeze', early!.id), { state: 'funded', changed: true }, 'it waits for its drop')
    await open()
    for (const { run } of stage.envelopes.jobs) await run(0)
    t.same(
      [...new Set((await envelopesOf(body.id)).map(({ state }) => state))],
      ['funded'],
      'nobody sees a part',
    )
    await fill()
    // One that the operator freezes and lets go while the drop opens is behind those that opened meanwhile.
    const [held] = await envelopesOf(body.id)
    const move = (verb: 'freeze' | 'unfreeze') => moveOne(verb, held!.id)
    await move('freeze')
    await campaigns.jobs.find(({ name }) => name === 'open-drops')?.run(0)
    t.match(await dropOf(body.id), { state: 'live', isOpened: false })
    const states = (await envelopesOf(body.id)).map(({ state }) => state)
    t.same(states.slice(1), [...Array<string>(500).fill('live'), ...Array<string>(702).fill('funded')])
    t.match(await move('unfreeze'), { state: 'funded' })
    await open()
    t.match(await dropOf(body.id), { state: 'live', placed: 1_203, isOpened: true })
    const envelopes = await envelopesOf(body.id)
    t.equal(envelopes.length, 1_203)
    t.ok(envelopes.every(({ state }) => state === 'live'))
    const cells = [...new Set(envelopes.map(place => coarsen(locateCell(place), 7)))].sort()
    const told = stage.announcedByEnvelopes.filter(event => (event as { event: string }).event === 'changed')
    t.match(told, [{ cells7: cells }], 'those near are told once, by cell')
    t.equal(told.length, stage.announcedByEnvelopes.length, 'and of nothing before')
    await move('freeze')
    t.match(await move('unfreeze'), { state: 'live' }, 'it goes on as its drop does')
    t.equal(await balanceOf(body.id), 0n)
    const [player] = await createCrowd(1)
    const [first] = envelopes
    t.equal(outcomeOf(await claim(player!, first!.id, { at: first! })), 'claimed')
    t.equal(reasonOf(await drop(merchant, id, order)), 'insufficient_funds')
  },
)

t.test('an envelope that is let go while its drop is called open opens with it', async t => {
  const { merchant, id } = await launchNew()
  const { body } = must(await drop(merchant, id))
  await fill()
  const [held] = await envelopesOf(body.id)
  await moveOne('freeze', held!.id)
  const { dropped } = stage.ports
  let letGo: Promise<void> | undefined
  const isWaitedForOrOpened = async () =>
    (await ask('select 1 from pg_locks where not granted')).length > 0 ||
    (await dropOf(body.id))?.isOpened ||
    undefined
  // Behind the look at what is to open, which leaves out the frozen one; it commits when the drop would be written.
  const listCellsOfDrop: typeof dropped.record.listCellsOfDrop = async (tx, dropId) => {
    await new Promise<void>(resolve => {
      letGo ??= world.database.transact(async tx => {
        await stage.envelopes.unfreeze(tx, { envelopeId: held!.id, reason: 'a test' })
        resolve()
        await eventually('the drop waits', isWaitedForOrOpened)
      })
      letGo.then(resolve, resolve)
    })
    return dropped.record.listCellsOfDrop(tx, dropId)
  }
  const record = { ...dropped.record, listCellsOfDrop }
  const { jobs } = createCampaigns({ ...stage.ports, dropped: { ...dropped, record } })
  const job = jobs.find(({ name }) => name === 'open-drops')
  await job?.run(0)
  await job?.run(0)
  await letGo
  await open()
  t.match(await dropOf(body.id), { isOpened: true })
  t.ok((await envelopesOf(body.id)).every(({ state }) => state === 'live'))
})

t.test(
  'a server that dies in the middle of a batch: another goes on, and nothing is there twice',
  async t => {
    const { merchant, id } = await launchNew()
    const order = { strategy: { type: 'uniform' as const, envelopes: 1_600 }, amountMinor: '50' }
    const { body } = must(await drop(merchant, id, order))
    const job = campaigns.jobs.find(({ name }) => name === 'fill-drops')
    await job?.run(0)
    // Two servers at once, as if the lock of the job were lost: the drop's row decides.
    await Promise.all([job?.run(0), job?.run(0), job?.run(0)])
    await fill()
    t.match(await dropOf(body.id), { state: 'live', placed: 1_600 })
    t.equal((await envelopesOf(body.id)).length, 1_600)
  },
)

t.test('a drop that cannot be made is undone: closed unseen, the cost returns', async t => {
  const { merchant, id } = await launchNew()
  const { body } = must(await drop(merchant, id, { strategy: { type: 'uniform', envelopes: 700 } }))
  const job = campaigns.jobs.find(({ name }) => name === 'fill-drops')
  await job?.run(0)
  await ask(
    `alter table envelopes add constraint planted check (drop_id <> '${body.id}' or state = 'closed') not valid`,
  )
  await fill()
  await ask('alter table envelopes drop constraint planted')
  t.match(await dropOf(body.id), { state: 'undone', placed: 500, fault: /could not be recorded/ })
  t.same([...new Set((await envelopesOf(body.id)).map(({ state }) => state))], ['closed'])
  t.equal(await balanceOf(id), 100_000n)
  t.equal(stage.logged.length, 1)
})

t.test('pause stops every claim with one row, resume lets them go on', async t => {
  const { merchant, id, envelopes } = await openNew()
  const [player] = await createCrowd(1)
  const [first] = envelopes
  t.match(must(await campaigns.move({ caller: merchant, id, to: 'paused' })).body, {
    state: 'paused',
    isOpen: false,
  })
  // This server does not know yet; the settlement reads the row.
  t.equal(outcomeOf(await claim(player!, first!.id, { at: first! })), 'frozen')
  t.match(must(await campaigns.move({ caller: merchant, id, to: 'paused' })).body, { state: 'paused' })
  t.match(must(await campaigns.move({ caller: merchant, id, to: 'live' })).body, {
    state: 'live',
    isOpen: true,
  })
  t.equal(outcomeOf(await claim(player!, first!.id, { at: first! })), 'claimed')
  const stranger = await createMerchant()
  t.equal(reasonOf(await campaigns.move({ caller: stranger, id, to: 'ended' })), 'not_found')
})

t.test('a player wins as often as the campaign lets them, whatever runs at once', async t => {
  const { envelopes } = await openNew({ winsPerPlayer: 3 })
  const [player, other] = await createCrowd(2)
  const settle = createSettle({ ...stage.settlePorts, winLimits })
  const reservationOf = (envelopeId: string, playerId: string, shareNo = 1): Reservation => ({
    ...{ envelopeId, playerId, shareNo, epoch: 2, entryId: '1-1' },
  })
  const batches = [0, 1, 2, 3, 4].map(batch => envelopes.slice(2 * batch, 2 * batch + 2))
  const outcomes = await Promise.all(
    batches.map(batch => settle(batch.map(envelope => reservationOf(envelope.id, player!.id)))),
  )
  const statuses = outcomes.flat().map(({ status }) => status)
  t.equal(statuses.filter(status => status === 'settled').length, 3)
  t.equal(statuses.filter(status => status === 'over_limit').length, 7)
  const again = outcomes.flat().findIndex(({ status }) => status === 'settled')
  const [repeated] = await settle([reservationOf(envelopes[again]!.id, player!.id)])
  t.equal(repeated?.status, 'duplicate', 'a win of before stays one')
  t.equal(outcomeOf(await claim(player!, envelopes[12]!.id, { at: envelopes[12]! })), 'player_limit')
  t.same(await stage.keysOf(envelopes[12]!.id), [], 'and nothing is reserved for it')
  const look = (envelope: (typeof envelopes)[number]) => stage.reveal(player!, envelope.id, { at: envelope })
  t.equal(outcomeOf(await look(envelopes[12]!)), 'player_limit', 'a reveal says no more')
  clock.advance(600_000)
  t.equal(outcomeOf(await look(envelopes[again]!)), 'revealed', 'and shows again what was won')
  clock.advance(600_000)
  t.equal(
    outcomeOf(await claim(other!, envelopes[12]!.id, { at: envelopes[12]! })),
    'claimed',
    'others still win',
  )
})

t.test('closing returns all that nobody won, and an end by schedule does the same', async t => {
  const { merchant, id, dropId, envelopes } = await openNew()
  const before = await balanceOf(merchant.id)
  const [player, other] = await createCrowd(2)
  t.equal(outcomeOf(await claim(player!, envelopes[0]!.id, { at: envelopes[0]! })), 'claimed')
  const late = must(await drop(merchant, id, { strategy: { type: 'uniform', envelopes: 600 } }))
  await campaigns.jobs.find(({ name }) => name === 'fill-drops')?.run(0)
  t.match(must(await campaigns.move({ caller: merchant, id, to: 'ended' })).body, {
    state: 'ended',
    isOpen: false,
  })
  t.equal(outcomeOf(await claim(other!, envelopes[1]!.id, { at: envelopes[1]! })), 'frozen')
  await settleAll()
  t.match(await dropOf(late.body.id), { state: 'undone', fault: 'the campaign ended' })
  t.ok((await campaignOf(id))?.settledAtMs)
  t.same([await balanceOf(id), await balanceOf(dropId)], [0n, 0n])
  t.equal(await balanceOf(merchant.id), before + 100_000n - 50n)
  t.equal(reasonOf(await campaigns.move({ caller: merchant, id, to: 'live' })), 'campaign_state ended')
  t.equal(reasonOf(await drop(merchant, id)), 'campaign_state ended')

  const next = await openNew()
  clock.advance(8 * 86_400_000)
  await settleAll()
  t.match(await campaignOf(next.id), { state: 'ended' })
  t.equal(await balanceOf(next.merchant.id), 99_999_999n)
})

t.test('closing goes on behind what it closed, and comes back for what was held', async t => {
  const strategy = { type: 'uniform' as const, envelopes: 1_100 }
  const { merchant, id, envelopes } = await openNew({}, { strategy, amountMinor: '50' })
  const { dropped } = stage.ports
  const behind: (string | undefined)[] = []
  const lockOfCampaign: typeof dropped.record.lockOfCampaign = (tx, which) => {
    if (which.campaignId === id) behind.push(which.after?.id)
    return dropped.record.lockOfCampaign(tx, which)
  }
  const record = { ...dropped.record, lockOfCampaign }
  const { jobs } = createCampaigns({ ...stage.ports, dropped: { ...dropped, record } })
  const settle = async () => {
    const job = jobs.find(({ name }) => name === 'settle-campaigns')
    while ((await job?.run(0))?.more);
  }
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  const ids = envelopes.map(envelope => envelope.id)
  await world.ownerDatabase.transact(async tx => {
    await tx.query({ name: '', text: 'select from envelopes where id = $1 for update' }, [ids[0]])
    await settle()
  })
  t.same(behind, [undefined, ids[500], ids[1_000], ids[1_099], undefined])
  t.equal((await campaignOf(id))?.settledAtMs, null)
  await settle()
  t.ok((await campaignOf(id))?.settledAtMs)
})

t.test(
  'what is held does not keep others waiting, and nothing is hidden under a campaign that ended',
  async t => {
    const held: string[] = []
    for (let i = 0; i < 21; i++) {
      const { merchant, id } = await launchNew()
      const { id: envelopeId } = await stage.hideWell(merchant, { campaignId: id })
      await ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [envelopeId])
      must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
      held.push(envelopeId)
    }
    const last = await launchNew()
    must(await campaigns.move({ caller: last.merchant, id: last.id, to: 'ended' }))
    await run('settle-campaigns')
    await run('settle-campaigns')
    t.ok((await campaignOf(last.id))?.settledAtMs, 'although 21 wait for the operator')
    t.equal(await balanceOf(last.merchant.id), 99_999_999n)
    const hidden = await stage.hide(last.merchant, { campaignId: last.id })
    t.equal(reasonOf(hidden), 'envelope_refused campaign_ended')
    await ask("update envelopes set state = 'live', epoch = epoch + 1 where id = any($1)", [held])
    for (let i = 0; i < 4; i++) await run('settle-campaigns')
    t.same(await ask("select id from campaigns where state = 'ended' and settled_at is null"), [])
  },
)

t.test('a schedule starts a campaign, and its windows stop and start it', async t => {
  const day = 86_400_000
  const monday = Math.ceil((clock.nowMs() - 4 * day) / (7 * day)) * 7 * day + 4 * day
  const startsAt = new Date(monday).toISOString()
  const endsAt = new Date(monday + 2 * day).toISOString()
  const windows = [{ days: [1, 2], from: '10:00', to: '12:00' }]
  const { merchant, id } = await launchNew({ schedule: { startsAt, endsAt, windows } })
  t.match(await campaignOf(id), { state: 'scheduled', isStopped: true })
  t.equal(reasonOf(await campaigns.move({ caller: merchant, id, to: 'live' })), 'campaign_state scheduled')
  must(await drop(merchant, id))
  await fill()
  await open()
  t.equal((await ask(`select id from envelopes where campaign_id = $1 and state = 'live'`, [id])).length, 0)
  const standing = async (hour: number) => {
    clock.advance(monday + hour * 3_600_000 - clock.nowMs())
    await run('turn-campaigns')
    const campaign = await campaignOf(id)
    return `${campaign?.state} ${campaign?.isStopped ? 'stopped' : 'open'}`
  }
  t.equal(await standing(0), 'live stopped')
  await open()
  t.equal((await ask(`select id from envelopes where campaign_id = $1 and state = 'live'`, [id])).length, 20)
  t.equal(await standing(10), 'live open')
  t.equal(await standing(12), 'live stopped')
  t.equal(await standing(34), 'live open')
  t.equal(await standing(48), 'ended stopped')
  await settleAll()
  t.equal(await balanceOf(merchant.id), 99_999_999n)
})

t.test('a top-up adds to the budget, once for each key, and all of it comes home', async t => {
  const { merchant, id } = await launchNew()
  const before = await balanceOf(merchant.id)
  const topUp = (amountMinor: string, idempotencyKey = stage.key(), caller = merchant) =>
    campaigns.topUp({ caller, id, body: { amountMinor }, idempotencyKey })
  t.equal(reasonOf(await drop(merchant, id, { amountMinor: '7000' })), 'insufficient_funds')
  const { body } = must(await topUp('50000', 'once'))
  t.match(body, { version: 2, budget: { amountMinor: '150000' }, available: { amountMinor: '150000' } })
  t.same(must(await topUp('50000', 'once')).body, body, 'a retry is the same')
  t.equal(await balanceOf(merchant.id), before - 50_000n)
  t.equal(reasonOf(await topUp('50001', 'once')), 'idempotency_mismatch')
  t.equal(reasonOf(await topUp('1', stage.key(), await createMerchant())), 'not_found')
  t.equal(reasonOf(await topUp('9999999999999')), 'campaign_refused budget_too_large')
  t.equal(reasonOf(await topUp('999999999')), 'insufficient_funds')
  t.match(await campaignOf(id), { version: 2, budgetMinor: 150_000n }, 'what is refused adds nothing')
  t.equal(reasonOf(await drop(merchant, id, { amountMinor: '7000' })), '202')
  await fill()
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  t.equal(reasonOf(await topUp('1')), 'campaign_state ended')
  await settleAll()
  t.equal(await balanceOf(merchant.id), before + 100_000n, 'the budget and what was added')
  const draft = must(await create(merchant)).body
  const early = { caller: merchant, id: draft.id, body: { amountMinor: '1' }, idempotencyKey: stage.key() }
  t.equal(reasonOf(await campaigns.topUp(early)), 'campaign_state draft')
})

t.test('an extension takes the envelopes along, in batches, whatever has been reserved', async t => {
  const { merchant, id, dropId, envelopes } = await openNew(
    {},
    { strategy: { type: 'uniform', envelopes: 510 } },
  )
  const hour = 3_600_000
  const seen = must(await campaigns.move({ caller: merchant, id, to: 'live' })).body
  const oldEndMs = Date.parse(seen.schedule.endsAt)
  const extend = (endsAtMs: number, version = 1) =>
    campaigns.extend({ caller: merchant, id, version, body: { endsAt: new Date(endsAtMs).toISOString() } })
  t.equal(reasonOf(await extend(oldEndMs)), 'campaign_refused end_not_later')
  t.equal(reasonOf(await extend(oldEndMs + 30 * 24 * hour)), 'campaign_refused schedule_too_long')
  t.equal(reasonOf(await extend(oldEndMs + hour, 2)), 'edited_meanwhile')
  const filling = must(await drop(merchant, id)).body
  const [player, late] = await createCrowd(2)
  t.equal(outcomeOf(await claim(player!, envelopes[0]!.id, { at: envelopes[0]! })), 'claimed')
  const { body } = must(await extend(oldEndMs + hour))
  t.match(body, { version: 2, schedule: { endsAt: new Date(oldEndMs + hour).toISOString() } })
  await fill()
  const job = campaigns.jobs.find(({ name }) => name === 'extend-drops')
  t.same(await job?.run(0), { more: true })
  const ends = () =>
    ask<{ drop_id: string; at: Date; count: string }>(
      `select drop_id, expires_at as at, count(*) from envelopes where campaign_id = $1 and state <> 'empty'
       group by 1, 2 order by 1, 2`,
      [id],
    )
  t.same(
    (await ends()).filter(row => row.drop_id === dropId).map(row => Number(row.count)),
    [10, 500],
    'a batch at a time',
  )
  await run('extend-drops')
  t.same(
    [...new Set((await ends()).map(({ at }) => at.getTime()))],
    [oldEndMs + hour],
    'those that were filling, too',
  )
  t.match(await dropOf(dropId), { expiresAtMs: oldEndMs + hour })
  t.same((await job?.run(0))?.more, false)
  await open()
  clock.advance(oldEndMs + hour / 2 - clock.nowMs())
  await run('turn-campaigns')
  for (const one of stage.envelopes.jobs) await one.run(0)
  t.equal(
    outcomeOf(await claim(late!, envelopes[1]!.id, { at: envelopes[1]! })),
    'claimed',
    'behind the old end',
  )
  clock.advance(oldEndMs + hour - 59_999 - clock.nowMs())
  t.equal(reasonOf(await extend(oldEndMs + 2 * hour, 2)), 'campaign_refused too_late')
  clock.advance(60_000)
  await settleAll()
  t.match(await campaignOf(id), { state: 'ended' })
  t.equal(reasonOf(await extend(oldEndMs + 9 * hour, 2)), 'campaign_state ended')
  t.ok(filling.id)
})

t.test('spacing is kept to drops that are still filling, and to what lies behind the border', async t => {
  const { merchant, id } = await launchNew()
  const strategy = (lng: number) => ({
    type: 'points' as const,
    points: { type: 'MultiPoint' as const, coordinates: [[lng, 31.23] as [number, number]] },
  })
  must(await drop(merchant, id, { strategy: strategy(121.4756) }))
  const beside = must(
    await create(merchant, {
      area: {
        type: 'Polygon',
        coordinates: [
          [
            [121.4757, 31.2287],
            [121.4767, 31.2287],
            [121.4767, 31.2321],
            [121.4757, 31.2321],
            [121.4757, 31.2287],
          ],
        ],
      },
    }),
  ).body
  must(await launch(merchant, beside.id))
  const tooNear = async () =>
    reasonOf(await drop(merchant, beside.id, { strategy: strategy(121.4758), spacingM: 50 }))
  t.equal(await tooNear(), 'drop_refused points_refused', 'while the other fills')
  await fill()
  t.equal(await tooNear(), 'drop_refused points_refused', 'and when it is there')
})
