/** Caps and freezes: what fits, what a verdict says first, and two servers that race into a cap. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createLogger } from '#platform/logger.ts'
import { connectRedis, createScriptRunner } from '#platform/redis.ts'
import { type Budget, type BudgetHolder, nameBudget } from '../../src/budgets/budget.ts'
import { fitPayouts } from '../../src/budgets/fit.ts'
import { budgetRecord } from '../../src/budgets/postgres.ts'
import { createFreezeChannel } from '../../src/budgets/redis.ts'
import { setCap } from '../../src/budgets/set-cap.ts'
import { auditGates } from '../../src/claims/audit.ts'
import { createGateReader } from '../../src/claims/redis.ts'
import type { LockedEnvelope } from '../../src/claims/record.ts'
import { judge } from '../../src/claims/settlement.ts'
import { createActionLog, listActions } from '../../src/operator/postgres.ts'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { reconcileLedger } from '../../src/ledger/reconcile.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { createClaimStage, outcomeOf } from '../claims/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { testCurrencies } from '../helpers/people.ts'

const hour = 3_600_000
const nowMs = Date.parse('2026-03-01T08:30:00.000Z')

const budget = (changes: Partial<Budget> = {}): Budget => ({
  ...{ id: 'b', holder: { kind: 'platform' }, currency: 'CNY', state: 'open', reason: undefined, sinceMs: 0 },
  ...{ totalCapMinor: undefined, hourCapMinor: undefined, countedSinceMs: 0, createdAtMs: 0 },
  ...{ usedTotalMinor: 0n, usedHourMinor: 0n, hourAtMs: undefined },
  ...changes,
})
const payouts = (amounts: readonly number[], budgetIds = ['b']) =>
  amounts.map(amount => ({ amountMinor: BigInt(amount), budgetIds }))

t.test('which payouts fit', async t => {
  const rows: [string, Budget[], number[], boolean[], string[]][] = [
    ['no cap', [budget()], [5, 5], [true, true], []],
    ['exactly full', [budget({ totalCapMinor: 10n })], [5, 5], [true, true], []],
    ['one more', [budget({ totalCapMinor: 10n })], [5, 5, 1], [true, true, false], ['cap_total']],
    [
      'a smaller one fills up',
      [budget({ totalCapMinor: 10n })],
      [8, 3, 2],
      [true, false, true],
      ['cap_total'],
    ],
    ['nothing may be paid', [budget({ totalCapMinor: 0n })], [1], [false], ['cap_total']],
    ['of the hour', [budget({ hourCapMinor: 10n })], [9, 2], [true, false], ['cap_hour']],
    ['frozen before', [budget({ state: 'frozen', totalCapMinor: 10n })], [1], [false], []],
    [
      'the hour is over',
      [budget({ hourCapMinor: 10n, usedHourMinor: 10n, hourAtMs: nowMs - hour })],
      [9],
      [true],
      [],
    ],
    [
      'the same hour',
      [budget({ hourCapMinor: 10n, usedHourMinor: 9n, hourAtMs: nowMs - hour / 2 })],
      [2],
      [false],
      ['cap_hour'],
    ],
    [
      'a clock behind: the hour does not go back',
      [budget({ hourCapMinor: 10n, usedHourMinor: 10n, hourAtMs: Math.ceil(nowMs / hour) * hour })],
      [1],
      [false],
      ['cap_hour'],
    ],
  ]
  for (const [what, budgets, amounts, fits, reasons] of rows) {
    const fitted = fitPayouts(budgets, payouts(amounts), { nowMs })
    t.same(fitted.fits, fits, what)
    t.same(
      fitted.frozen.map(({ reason }) => reason),
      reasons,
      what,
    )
  }
  const late = fitPayouts(
    [budget({ state: 'frozen', hourCapMinor: 1n, totalCapMinor: 10n })],
    payouts([8, 3, 2]),
    { nowMs, isLate: true },
  )
  t.same(late.fits, [true, false, true], 'what is late asks only the total')
  t.match(late.budgets, [{ usedTotalMinor: 10n, usedHourMinor: 0n, state: 'frozen' }])
  t.same(late.frozen, [])
})

t.test('under any caps, what is paid stays within each, and nothing that fits is refused first', async t => {
  const scene = fc.record({
    caps: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
    payouts: fc.array(
      fc.record({ amount: fc.integer({ min: 1, max: 20 }), over: fc.integer({ min: 1, max: 7 }) }),
    ),
  })
  fc.assert(
    fc.property(scene, ({ caps, payouts }) => {
      const budgets = caps.map((cap, i) => budget({ id: String(i), totalCapMinor: BigInt(cap) }))
      const over = (mask: number) => caps.flatMap((_, i) => (mask & (1 << i) ? [String(i)] : []))
      const asked = payouts.map(p => ({ amountMinor: BigInt(p.amount), budgetIds: over(p.over) }))
      const { fits, budgets: after, frozen } = fitPayouts(budgets, asked, { nowMs })
      const used = (id: string, until = asked.length) =>
        asked
          .slice(0, until)
          .filter((p, i) => fits[i] && p.budgetIds.includes(id))
          .reduce((sum, p) => sum + p.amountMinor, 0n)
      const capOf = (id: string) => BigInt(caps[Number(id)] ?? 0)
      return (
        after.every(b => b.usedTotalMinor === used(b.id) && used(b.id) <= capOf(b.id)) &&
        asked.every((p, i) => fits[i] || p.budgetIds.some(id => used(id, i) + p.amountMinor > capOf(id))) &&
        frozen.every(({ budget: { id } }) => asked.some((p, i) => !fits[i] && p.budgetIds.includes(id)))
      )
    }),
    { numRuns: 2_000 },
  )
  t.pass('2,000 scenes')
})

t.test('the order of verdicts: each row mends what the one before was refused for', async t => {
  const reservation = { envelopeId: 'e', playerId: 'p', shareNo: 1, epoch: 2, entryId: '1-0' }
  const claim = { id: 'c', envelopeId: 'e', playerId: 'p', shareNo: 9 } as never
  const envelope = { id: 'e', state: 'closed', epoch: 3 } as LockedEnvelope
  const others = new Map([['e:1', {}]])
  const [banned, nobody] = [new Set(['p']), new Set<string>()]
  const none = new Map<string, never>()
  const [stopped, running] = [new Set(['e']), new Set<string>()]
  const rows: [string, Partial<LockedEnvelope>, Parameters<typeof judge>[2]][] = [
    ['duplicate', {}, { byPlayer: new Map([['e:p', claim]]), byShare: others, banned, stopped }],
    ['ended', {}, { byPlayer: none, byShare: others, banned, stopped }],
    ['frozen', { state: 'frozen' }, { byPlayer: none, byShare: others, banned, stopped }],
    ['fenced', { state: 'live' }, { byPlayer: none, byShare: others, banned, stopped }],
    ['banned', { state: 'live', epoch: 2 }, { byPlayer: none, byShare: others, banned, stopped }],
    ['conflict', { state: 'live', epoch: 2 }, { byPlayer: none, byShare: others, banned: nobody, stopped }],
    ['frozen', { state: 'live', epoch: 2 }, { byPlayer: none, byShare: none, banned: nobody, stopped }],
    ['due', { state: 'live', epoch: 2 }, { byPlayer: none, byShare: none, banned: nobody, stopped: running }],
  ]
  for (const [status, changes, rivals] of rows) {
    t.equal(judge(reservation, { ...envelope, ...changes }, rivals).status, status)
  }
})

t.test('budgets over real servers', async t => {
  const stage = await createClaimStage(t)
  const { world, claim, hideWell, createMerchant, createCrowd, ask, server } = stage
  const { database, redis, redisPrefix: prefix, clock } = world
  const log = createLogger('silent')
  const noteAction = createActionLog(world)
  const ports = {
    ...{ record: budgetRecord, isHolder: () => Promise.resolve(true), noteAction },
    ...{ currencies: testCurrencies, clock, random: world.random },
  }
  const cap = (holder: BudgetHolder, caps: { total?: bigint; hour?: bigint }) =>
    database.transact(tx =>
      setCap(ports, tx, {
        ...{ holder, currency: 'CNY', reason: 'a test' },
        ...{ totalCapMinor: caps.total, hourCapMinor: caps.hour },
      }),
    )
  const freeze = (holder: BudgetHolder) =>
    database.transact(tx => server.budgets.freeze(tx, { holder, reason: 'a test' }))
  const unfreeze = (holder: BudgetHolder) =>
    database.transact(tx => server.budgets.unfreeze(tx, { holder, reason: 'looked at' }))
  const stateOf = async (holder: BudgetHolder, currency?: string) => {
    const query = 'select state, reason, used_total, used_hour from budgets where name = $1'
    const [row] = await ask(query, [nameBudget(holder, currency)])
    return row
  }
  const paidBy = async (hiderId: string) => {
    const query = `select coalesce(sum(claimed_amount), 0)::bigint as paid from envelopes where hider_id = $1`
    return (await ask<{ paid: bigint }>(query, [hiderId]))[0]?.paid
  }
  const actionsOf = async () =>
    (await listActions(database, { limit: 100 })).map(({ actor, action }) => `${actor} ${action}`)
  const hide = (hider: Awaited<ReturnType<typeof createMerchant>>, amountMinor: number, shares: number) =>
    hideWell(hider, { total: { amountMinor: String(amountMinor), currency: 'CNY' }, shares })
  const merchant = (ownerId: string) => ({ kind: 'merchant', ownerId }) as const
  /** Resolves when a server knows whether a merchant is frozen, or after five seconds; how long it took. */
  const knows = async (on: typeof server, hiderId: string, isFrozen: boolean) => {
    const covered = { currency: 'CNY', hiderKind: 'merchant', hiderId, campaignId: undefined } as const
    const startMs = Date.now()
    while (on.budgets.isFrozen(covered) !== isFrozen && Date.now() < startMs + 5_000) await clock.sleep(10)
    return { isSo: on.budgets.isFrozen(covered) === isFrozen, tookMs: Date.now() - startMs }
  }
  /** A server that hears the others, and is let go at the end. */
  const startServer = async (t: Test, name: string) => {
    const subscriber = connectRedis({
      ...{ url: world.redisUrl, name, subscriber: true },
      onError: error => t.comment(error.message),
    })
    const started = stage.createServer(createFreezeChannel({ redis, subscriber, prefix, log }))
    await started.budgets.start()
    t.teardown(async () => {
      started.budgets.stop()
      await subscriber.quit()
    })
    return started
  }
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, world)
    })

  scene('M17: two servers race into a cap of 1,000; what is paid fills it and never passes it', async t => {
    const [first, second] = [await startServer(t, 'first'), await startServer(t, 'second')]
    const [capped, free] = [await createMerchant(), await createMerchant()]
    await cap(merchant(capped.id), { total: 1_000n })
    clock.advance(61_000)
    const size = 2_000
    const envelopes = await Promise.all(Array.from({ length: 10 }, () => hide(capped, 7 * 200, 200)))
    const other = await hide(free, 5 * 50, 50)
    const players = await createCrowd(size)
    const startMs = Date.now()
    let frozenAtMs = 0
    const outcomes: string[] = []
    const lanes = Array.from({ length: 40 }, async (_, lane) => {
      for (let i = lane; i < size; i += 40) {
        const on = i % 2 ? first : second
        const outcome = outcomeOf(
          await claim(players[i] as PlayerCaller, envelopes[i % 10]?.id ?? '', { on }),
        )
        outcomes.push(outcome)
        if (outcome === 'frozen' && frozenAtMs === 0) frozenAtMs = Date.now()
      }
    })
    const lastMs = await Promise.all(lanes).then(() => Date.now())
    t.equal(await paidBy(capped.id), 994n, '142 shares of 7 fit under 1,000')
    t.same(await stateOf(merchant(capped.id), 'CNY'), {
      ...{ state: 'frozen', reason: 'cap_total', used_total: 994n, used_hour: 994n },
    })
    t.equal(outcomes.filter(outcome => outcome === 'claimed').length, 142)
    t.equal(outcomes.filter(outcome => outcome === 'frozen').length, size - 142)
    t.comment(`frozen ${frozenAtMs - startMs} ms after the start, ${lastMs - startMs} ms in all`)
    const late = await createCrowd(2)
    for (const on of [first, second]) {
      const reserved = (await redis.xlen(stage.outboxOf(envelopes[0]?.id ?? ''))) as number
      t.equal(outcomeOf(await claim(late[0] as PlayerCaller, envelopes[0]?.id ?? '', { on })), 'frozen')
      t.equal(
        await redis.xlen(stage.outboxOf(envelopes[0]?.id ?? '')),
        reserved,
        'stopped before it reserves',
      )
      t.equal(outcomeOf(await claim(late[1] as PlayerCaller, other.id, { on })), 'claimed', 'others are not')
    }
    t.same((await actionsOf()).slice(0, 2), ['cap freeze', 'operator set_cap'])
    for (const by of [1, -1]) {
      await ask('update budgets set used_total = used_total + $1', [by])
      const { checks } = await reconcileLedger({ record: reconcileRecord, database })
      const wrong = checks.filter(({ differences }) => differences > 0).map(({ name }) => name)
      t.same(wrong, by === 1 ? ['budgets'] : [], 'what is used is what was won, to the cent')
    }
    await Promise.all([first.drain(), second.drain()])
  })

  scene('the cap of an hour opens again only by the operator, and then for a new hour', async t => {
    const hider = await createMerchant()
    const holder = merchant(hider.id)
    await cap(holder, { hour: 20n })
    const { id } = await hide(hider, 100, 10)
    const [a, b, c] = (await createCrowd(3)) as [PlayerCaller, PlayerCaller, PlayerCaller]
    t.equal(outcomeOf(await claim(a, id)), 'claimed')
    t.equal(outcomeOf(await claim(b, id)), 'claimed')
    t.equal(outcomeOf(await claim(c, id)), 'frozen')
    t.match(await stateOf(holder, 'CNY'), { state: 'frozen', reason: 'cap_hour', used_hour: 20n })
    t.equal(outcomeOf(await claim(a, id)), 'claimed', 'a win stays a win')
    clock.advance(hour)
    t.equal(outcomeOf(await claim(c, id)), 'frozen', 'a new hour alone opens nothing')
    t.match(await unfreeze(holder), { changed: true })
    server.budgets.announce()
    await knows(server, hider.id, false)
    t.equal(outcomeOf(await claim(c, id)), 'claimed')
    t.match(await stateOf(holder, 'CNY'), { state: 'open', used_hour: 10n, used_total: 30n })
    t.equal((await actionsOf())[0], 'operator unfreeze')
  })

  scene('what was reserved waits for the end of the freeze, unjudged, and is settled then', async t => {
    const hider = await createMerchant()
    const holder = merchant(hider.id)
    const { id } = await hide(hider, 40, 4)
    const [a, b, c] = (await createCrowd(3)) as [PlayerCaller, PlayerCaller, PlayerCaller]
    t.equal(outcomeOf(await claim(a, id)), 'claimed')
    await freeze(holder)
    // This server has not heard of it yet: the share is reserved, and settlement refuses.
    t.equal(outcomeOf(await claim(b, id)), 'frozen')
    const reader = createGateReader({ runner: createScriptRunner(redis), prefix })
    const age = async () => {
      const winners = (await stage.keysOf(id)).find(key => key.includes(':w:')) as string
      const [share, entry, flag] = String(await redis.hget(winners, b.id)).split(':')
      const [ms] = (entry as string).split('-')
      await redis.hset(winners, b.id, `${share}:${Number(ms) - 11_000}-0:${flag}`)
    }
    await age()
    const audit = async () => {
      const gates = { gate: { ...server.gate, ...reader }, record: server.record }
      const { checks } = await auditGates(
        { ...gates, clock: { sleep: async () => {}, nowMs: () => clock.nowMs() } },
        { envelopeId: id },
      )
      return checks.filter(({ differences }) => differences > 0).map(({ name }) => name)
    }
    await server.settleForgotten()
    t.equal(await paidBy(hider.id), 10n, 'nothing is settled while it is frozen')
    t.same(await audit(), [], 'and nothing of it is a fault')
    await unfreeze(holder)
    t.same(await audit(), [], 'nor at once after it')
    clock.advance(121_000)
    t.same(await audit(), ['unsettled'], 'but later it would be')
    await server.settleForgotten()
    t.equal(await paidBy(hider.id), 20n)
    t.same(await audit(), [])
    t.match(await claim(b, id), { status: 'claimed' })

    await freeze(holder)
    t.equal(outcomeOf(await claim(c, id)), 'frozen')
    await stage.envelopes.close({ caller: hider, id })
    await unfreeze(holder)
    t.equal(outcomeOf(await claim(c, id)), 'ended:closed', 'the refund was faster')
  })

  scene('under a frozen budget nothing is hidden, everything ends, and others go on', async t => {
    const [hider, other] = [await createMerchant(), await createMerchant()]
    const campaignId = '0190a1b2-0000-7000-8000-00000000c001'
    const money = { total: { amountMinor: '40', currency: 'CNY' }, shares: 4 }
    const { id } = await hideWell(hider, { ...money, campaignId })
    const foreign = await stage.hide(other, { ...money, campaignId })
    t.match(foreign, { code: 'envelope_refused', reason: 'campaign_unknown' })
    await freeze({ kind: 'campaign', ownerId: campaignId })
    t.match(await stage.hide(hider, { ...money, campaignId }), { code: 'frozen' })
    t.match(await stage.hide(hider, money), { status: 201 }, 'outside of the campaign')
    const [a] = (await createCrowd(1)) as [PlayerCaller]
    t.equal(outcomeOf(await claim(a, id)), 'frozen')
    t.match(await stage.envelopes.close({ caller: hider, id }), {
      status: 200,
      body: { refund: { amountMinor: '40' } },
    })
    await freeze({ kind: 'platform' })
    t.match(await stage.hide(other, money), { code: 'frozen' })
    t.match(await freeze({ kind: 'platform' }), { changed: false })
    await unfreeze({ kind: 'platform' })
    t.match(await stage.hide(other, money), { status: 201 })
  })

  for (const isCut of [false, true]) {
    scene(
      `a freeze is known everywhere within 5 s, ${isCut ? 'with pub/sub cut' : 'by pub/sub at once'}`,
      async t => {
        const near = await startServer(t, 'near')
        const far = isCut ? stage.createServer() : await startServer(t, 'far')
        if (isCut) {
          await far.budgets.start()
          t.teardown(far.budgets.stop)
        }
        const hider = await createMerchant()
        for (const isFrozen of [true, false]) {
          await (isFrozen ? freeze(merchant(hider.id)) : unfreeze(merchant(hider.id)))
          near.budgets.announce()
          const { isSo, tookMs } = await knows(far, hider.id, isFrozen)
          t.ok(isSo)
          t.comment(`${tookMs} ms`)
          if (!isCut) t.ok(tookMs < 1_900, 'before it would have been read again')
        }
      },
    )
  }
})
