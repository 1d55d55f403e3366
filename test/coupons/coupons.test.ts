/** Coupons from the upload to the till: each given to one player and redeemed once, none lost; the books after each. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { checkCharacterOf, couponAlphabet, readCouponCode } from '#protocol/coupon-code.ts'
import { limits } from '#protocol/limits.ts'
import { createClaimRecord } from '../../src/claims/postgres.ts'
import type { Claim } from '../../src/claims/record.ts'
import { createCoupons } from '../../src/coupons/coupons.ts'
import { drawCode } from '../../src/coupons/draw-code.ts'
import { transitions } from '../../src/coupons/state.ts'
import { takeEndable } from '../../src/envelopes/end.ts'
import { countRedeemed } from '../../src/coupons/postgres.ts'
import { createVault } from '../../src/coupons/vault.ts'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { outcomeOf } from '../claims/stage.ts'
import { must, reasonOf } from '../campaigns/stage.ts'
import { hmacSecret, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createCouponStage, keyOf } from './stage.ts'

const stage = await createCouponStage(t)
const { world, clock, ask, coupons, redeemed, send, makePool, upload, poolOf, csvOf, stock } = stage
const { launchCoupons, orderDrop, openCoupons, claimAt, listOwn, winMany, redeem } = stage
const { createMerchant, createCrowd, settleAll, campaigns, dropOf } = stage

t.afterEach(async () => assertBooks(t, world))

t.test('a code is checked without a network', async t => {
  const replace = (code: string, i: number, one: string) => code.slice(0, i) + one + code.slice(i + 1)
  for (let drawn = 0; drawn < 20; drawn++) {
    const code = drawCode(world.random)
    t.equal(readCouponCode(code), code)
    t.match(code, /^[2-9A-HJ-NP-Z]{12}$/)
    const wrong: string[] = []
    for (let i = 0; i < code.length; i++) {
      for (const one of couponAlphabet) if (one !== code[i]) wrong.push(replace(code, i, one))
      for (const j of [i + 1, i + 2]) {
        const swapped = replace(replace(code, i, code[j] ?? ''), j, code[i] ?? '')
        if (j < code.length && swapped !== code) wrong.push(swapped)
      }
    }
    t.same(
      wrong.filter(one => readCouponCode(one) !== undefined),
      [],
      `${wrong.length} ways to mistype ${code}`,
    )
  }
  t.equal(checkCharacterOf('K7QM3XNATB2'), '1', 'such a code is never drawn')
  t.equal(readCouponCode('K7QM3XNATB21'), undefined)
})

t.test('the vault opens what it closed, for the coupon that it closed it for', async t => {
  const { random } = world
  const [k1, k2] = [['k1', keyOf(1)] as const, ['k2', keyOf(2)] as const]
  const first = createVault({ keys: new Map([k1]), hmacSecret, random })
  const rotated = createVault({ keys: new Map([k2, k1]), hmacSecret, random })
  const codes = { code: 'K7QM3XNATB4Y', payload: 'OWN-1' }
  const sealed = first.close('a', codes)
  t.equal(sealed.keyId, 'k1')
  t.same(rotated.open('a', sealed), codes, 'an older key still opens')
  t.equal(rotated.close('a', codes).keyId, 'k2', 'the first one closes')
  t.throws(() => first.open('b', sealed), 'not as another coupon')
  t.throws(() => first.open('a', rotated.close('a', codes)), /COUPON_KEYS has no key k2/)
  t.throws(() => first.open('a', { ...sealed, sealed: Buffer.from(sealed.sealed.map(byte => byte ^ 1)) }))
  t.notSame(first.close('a', codes).sealed, sealed.sealed, 'never twice alike')
  const digest = (merchantId: string) => first.digest('code', { merchantId, text: codes.code })
  t.same(digest('m'), rotated.digest('code', { merchantId: 'm', text: codes.code }), 'found under any key')
  t.notSame(digest('m'), digest('n'))
})

t.test('the states are one table, in the code and in PostgreSQL', async t => {
  const rows = await ask<{ from_state: string; to_state: string }>('select * from coupon_transitions')
  const inCode = transitions.map(([from, to]) => `${from} ${to}`)
  t.same(rows.map(row => `${row.from_state} ${row.to_state}`).sort(), [...inCode].sort())
})

t.test('an upload is read as it comes, and what is there already is nothing new', async t => {
  const merchant = await createMerchant()
  const { id } = await makePool(merchant)
  const add = async (text: string | readonly string[]) => must(await upload(merchant, id, text)).body
  const odd = ['\ufeffco', 'de\r\n"A,', '1"\r\nB2\nB', '2\r\n\r\n"say ""hi"""\nC3,x\n', '\u202eD4\n', 'E5']
  t.same(await add(odd), {
    ...{ poolId: id, rows: 7, added: 4, duplicates: 1, refused: 2 },
    errors: [
      { row: 7, message: 'has more than one field' },
      { row: 8, message: 'has control or direction characters' },
    ],
  })
  t.match(await add('code\nE5\nF6\n'), { rows: 2, added: 1, duplicates: 1 })
  const other = await makePool(merchant)
  t.match(must(await upload(merchant, other.id, 'code\nF6\nG7')).body, { added: 1, duplicates: 1 })
  const stranger = await createMerchant()
  const strange = await makePool(stranger)
  t.match(
    must(await upload(stranger, strange.id, 'code\nE5\nF6')).body,
    { added: 2 },
    'others have their own',
  )
  t.match((await poolOf(merchant, id)).coupons, { uploaded: 5, free: 5, given: 0 })

  const many = csvOf(1_200)
  const both = await Promise.all([add(many), add(many)])
  t.equal(both[0].added + both[1].added, 1_200, 'two at once add each once')
  t.equal(both[0].duplicates + both[1].duplicates, 1_200)

  const refused: [string, string | readonly string[]][] = [
    ['coupon_file_refused header_missing', ''],
    ['coupon_file_refused header_missing', 'H8\nI9\n'],
    ['coupon_file_refused quote_open', 'code\n"H8\n'],
    ['coupon_file_refused behind_quote', 'code\n"H8"9\n'],
    ['coupon_file_refused row_too_long', `code\n${'x'.repeat(1_000)}`],
    ['coupon_file_refused too_many_rows', `code\n${'\u202e\n'.repeat(limits.coupon.uploadRows + 1)}`],
  ]
  for (const [reason, text] of refused) t.equal(reasonOf(await upload(merchant, id, text)), reason)
  async function* latin() {
    yield Buffer.from('code\nOK-1\n')
    yield Buffer.from([0xe9, 0x0a])
  }
  t.match(await coupons.upload({ caller: merchant, id, pieces: latin() }), {
    reason: 'not_utf8',
    detail: 'row 3',
  })
  async function* endless() {
    for (;;) yield Buffer.from(`code${'\n'.repeat(65_536)}`)
  }
  const large = await coupons.upload({ caller: merchant, id, pieces: endless() })
  t.equal(reasonOf(large), 'payload_too_large')
  t.equal(reasonOf(await upload(stranger, id, 'code\nX')), 'not_found')
  clock.advance(31 * 86_400_000)
  t.equal(reasonOf(await upload(merchant, id, 'code\nX')), 'pool_state expired')
})

t.test('nothing at rest can be read', async t => {
  const { merchant, poolId, won } = await winMany(2)
  const [coupon] = won
  must(await redeem(merchant, coupon?.code ?? ''))
  const tables = ['coupons', 'coupon_pools', 'coupon_redemptions', 'claims', 'idempotent_answers']
  const rows = await Promise.all(tables.map(table => ask(`select to_jsonb(t)::text as row from ${table} t`)))
  const text = JSON.stringify(rows)
  const hexOf = (plain: string) => Buffer.from(plain).toString('hex')
  for (const { code, payload } of won) {
    const plain = [code, code.replaceAll('-', ''), payload]
    for (const secret of [...plain, ...plain.map(hexOf)]) t.notMatch(text, secret)
  }
  t.match(text, poolId, 'it was looked at')
})

t.test('each coupon of a rush goes to one player, and each player gets one of an envelope', async t => {
  const { merchant, poolId, envelopes } = await openCoupons(12, { envelopes: 3, shares: 4 })
  const players = await createCrowd(30)
  const twice = [...players, ...players]
  const answers = await Promise.all(twice.map((player, i) => claimAt(player, envelopes[i % 3] as never)))
  const wins = new Map<string, string>()
  for (const answer of answers) {
    if (answer.status !== 'claimed') continue
    const { id, couponId, amountMinor, currency } = answer.claim
    t.same([amountMinor, currency], [0n, 'XXX'])
    t.ok(couponId)
    wins.set(id, couponId ?? '')
  }
  t.equal(wins.size, 12)
  t.equal(new Set(wins.values()).size, 12, 'no coupon twice')
  t.match((await poolOf(merchant, poolId)).coupons, {
    uploaded: 12,
    free: 0,
    placed: 0,
    given: 12,
    unredeemed: 12,
  })

  const seen = new Set<string>()
  for (const player of players) {
    for (const coupon of await listOwn(player)) {
      seen.add(coupon.id)
      t.equal(wins.get(coupon.claimId), coupon.id, 'as the claim said')
      t.match(coupon, { state: 'given', title: 'One pot of tea', terms: 'One a table', merchant: 'Test' })
      t.match(coupon.payload, /^OWN-\d+$/)
      t.ok(readCouponCode(coupon.code))
      t.same(must(await coupons.getOwn({ caller: player, id: coupon.id })).body, coupon)
      const other = players.find(({ id }) => id !== player.id)
      t.equal(
        reasonOf(await coupons.getOwn({ caller: other as never, id: coupon.id })),
        'not_found',
        "nobody else's",
      )
    }
  }
  t.equal(seen.size, 12)
  const ended = await ask<{ state: string }>('select state from envelopes where id = any($1)', [
    envelopes.map(e => e.id),
  ])
  t.same(
    ended.map(({ state }) => state),
    ['empty', 'empty', 'empty'],
  )
})

t.test('the record refuses what the code would never do', async t => {
  const { envelopes, players, won } = await winMany(2, { uploaded: 3 })
  const [first, second] = won
  const [envelope] = envelopes
  const [left] = await ask<{ id: string; share_no: number }>(
    "select id, share_no from coupons where envelope_id = $1 and state = 'placed'",
    [envelope?.id],
  )
  const owner = (text: string, params: unknown[]) =>
    world.ownerDatabase.transact(tx => tx.query({ name: '', text }, params))
  const claim = (couponId: string | undefined, amount: string | null, playerId: string | undefined) =>
    owner(
      `insert into claims (id, envelope_id, player_id, share_no, amount, coupon_id, currency, claimed_at)
       values (gen_random_uuid(), $1, $2, $3, $4, $5, 'XXX', now())`,
      [envelope?.id, playerId, left?.share_no, amount, couponId],
    )
  const [third] = await createCrowd(1)
  await t.rejects(claim(first?.id, null, third?.id), /claims_one_per_coupon/, 'a coupon has one claim')
  await t.rejects(claim(left?.id, null, third?.id), /claims_coupon_is_bound/, 'a claim without its coupon')
  await t.rejects(claim(undefined, null, third?.id), /claims_worth/, 'a claim of nothing')
  await t.rejects(claim(left?.id, '5', third?.id), /claims_worth/, 'a claim of both')
  const set = (text: string, id: string | undefined) =>
    owner(`update coupons set ${text} where id = $1`, [id])
  await t.rejects(set(`player_id = '${players[1]?.id}'`, first?.id), /stays with who won it/)
  await t.rejects(set("state = 'placed', player_id = null, given_at = null", second?.id), /not a transition/)
  await t.rejects(set("state = 'redeemed', redeemed_at = now()", left?.id), /not a transition/)
  const terms = `hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count, split, seed,
    commitment, audience, opens_at, expires_at, created_at, campaign_id, drop_id`
  const copied = owner(
    `with one as (
       insert into envelopes (id, state, ${terms}) select gen_random_uuid(), 'live', ${terms} from envelopes
       where id = $1 returning id, share_count)
     insert into envelope_shares (envelope_id, share_no, coupon_id)
     select id, no, gen_random_uuid() from one, generate_series(1, share_count) as no`,
    [envelope?.id],
  )
  await t.rejects(copied, /a coupon that is not there/)
  const game = (text: string) => world.database.query({ name: '', text })
  await t.rejects(game('delete from coupon_redemptions'), /permission denied/)
  await t.rejects(game('update claims set coupon_id = null'), /permission denied/)
  await t.rejects(game('delete from coupons'), /permission denied/)
})

t.test('what nobody won comes back: by close, by expiry, by an undone drop', async t => {
  const { merchant, poolId, id, envelopes } = await openCoupons(10, { envelopes: 5, shares: 2 })
  const [player] = await createCrowd(1)
  t.equal(outcomeOf(await claimAt(player as never, envelopes[0] as never)), 'claimed')
  t.match((await poolOf(merchant, poolId)).coupons, { free: 0, placed: 9, given: 1 })
  must(await stage.envelopes.close({ caller: merchant, id: envelopes[0]?.id ?? '' }))
  must(await stage.envelopes.close({ caller: merchant, id: envelopes[1]?.id ?? '' }))
  t.match((await poolOf(merchant, poolId)).coupons, { free: 3, placed: 6, given: 1 })
  t.equal(reasonOf(await coupons.voidPool({ caller: merchant, id: poolId })), 'pool_state in_play')
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  await settleAll()
  t.match((await poolOf(merchant, poolId)).coupons, { free: 9, placed: 0, given: 1 })
  t.equal((await listOwn(player as never))[0]?.state, 'given', 'what was won stays won')

  const again = await launchCoupons(4)
  t.equal(reasonOf(await orderDrop(again.merchant, again.id, 3, 2)), 'drop_refused coupons_short')
  const topUp = { caller: again.merchant, id: again.id, body: { amountMinor: '100' }, idempotencyKey: 'more' }
  t.equal(reasonOf(await campaigns.topUp(topUp)), 'campaign_refused holds_coupons', 'there is no money in it')
  const { body } = must(await orderDrop(again.merchant, again.id, 2, 2))
  t.match(body, { coupons: 4, cost: { amountMinor: '0', currency: 'XXX' } })
  t.match(
    (await poolOf(again.merchant, again.poolId)).coupons,
    { free: 0, placed: 4 },
    'taken before any is placed',
  )
  const lying = await coupons.list({ caller: again.merchant, id: again.poolId, query: { state: 'pooled' } })
  const [asked] = must(lying).body.items
  const worthless = await coupons.void({ caller: again.merchant, id: asked?.id ?? '' })
  t.equal(reasonOf(worthless), 'coupon_state placed', 'a drop has asked for all that lie in the pool')
  t.equal(
    reasonOf(await coupons.voidPool({ caller: again.merchant, id: again.poolId })),
    'pool_state in_play',
  )
  must(await campaigns.move({ caller: again.merchant, id: again.id, to: 'ended' }))
  await settleAll()
  t.equal((await dropOf(body.id))?.state, 'undone')
  t.match((await poolOf(again.merchant, again.poolId)).coupons, { free: 4, placed: 0 })

  const due = await openCoupons(3)
  clock.advance(7 * 86_400_000 + 1_000)
  await stage.envelopes.jobs.find(({ name }) => name === 'expire-envelopes')?.run(0)
  t.match((await poolOf(due.merchant, due.poolId)).coupons, { free: 3, placed: 0 }, 'when their time is over')
})

t.test('no transaction takes back more coupons than it can', async t => {
  const envelope = (shareCount: number, totalMinor = 0n) =>
    ({ shareCount, totalMinor, claimedShares: 0 }) as Parameters<typeof takeEndable>[0][number]
  const cash = envelope(10_000, 10_000n)
  const endable = (all: (typeof cash)[]) => takeEndable(all).length
  t.equal(endable(Array.from({ length: 500 }, () => cash)), 500, 'of money there may be any number')
  t.equal(endable(Array.from({ length: 500 }, () => envelope(100))), 50)
  t.equal(endable([envelope(6_000), cash]), 1, 'one at least')
  t.equal(endable([cash, envelope(4_000), cash, envelope(1_001), cash]), 3)
})

t.test('closing while they are claimed loses none and gives none twice', async t => {
  for (let round = 0; round < 3; round++) {
    const { merchant, poolId, id, envelopes } = await openCoupons(8, { envelopes: 2, shares: 4 })
    const players = await createCrowd(8)
    const claiming = players.map((player, i) => claimAt(player, envelopes[i % 2] as never))
    const closing = campaigns.move({ caller: merchant, id, to: 'ended' }).then(settleAll)
    const [answers] = await Promise.all([Promise.all(claiming), closing])
    await settleAll()
    const won = answers.filter(({ status }) => status === 'claimed').length
    t.match((await poolOf(merchant, poolId)).coupons, { uploaded: 8, free: 8 - won, placed: 0, given: won })
  }
})

t.test('a campaign names its pool, which is the merchant’s and lasts longer', async t => {
  const { merchant, poolId } = await stock(2, { days: 3 })
  const stranger = await createMerchant()
  const plan = (changes: object) => {
    const { budget: _, ...rest } = stage.planOf()
    return { ...rest, content: { type: 'coupon' as const, poolId }, ...changes }
  }
  const create = (caller: typeof merchant, changes: object = {}) =>
    campaigns.create({ caller, body: plan(changes), idempotencyKey: stage.key() })
  const short = { schedule: { endsAt: stage.at(2) } }
  t.equal(reasonOf(await create(merchant)), 'campaign_refused coupons_expire')
  t.equal(reasonOf(await create(stranger, short)), 'campaign_refused pool_unknown')
  t.equal(
    reasonOf(await create(merchant, { ...short, budget: { amountMinor: '1', currency: 'CNY' } })),
    'bad_request',
  )
  t.equal(reasonOf(await create(merchant, { ...short, content: undefined })), 'bad_request')
  const { body } = must(await create(merchant, short))
  t.match(body, { content: { type: 'coupon', poolId }, available: { amountMinor: '0', currency: 'XXX' } })
  t.notOk('budget' in body)
  const edit = (version: number, changes: object) =>
    campaigns.edit({ caller: merchant, id: body.id, version, body: changes })
  const cash = { content: { type: 'cash' }, budget: { amountMinor: '500', currency: 'CNY' } }
  t.match(must(await edit(1, cash)).body, { budget: cash.budget })
  t.match(must(await edit(2, { content: { type: 'coupon', poolId } })).body, { content: { poolId } })
  must(await stage.launch(merchant, body.id))
  const order = { strategy: { type: 'uniform' as const, envelopes: 1 }, shares: 2 }
  const preview = (changes: object) =>
    campaigns.preview({ caller: merchant, id: body.id, body: { ...order, ...changes } })
  t.match(must(await preview({})).body, { coupons: 2, cost: { amountMinor: '0' }, warnings: { length: 0 } })
  t.match(must(await preview({ shares: 3 })).body, { coupons: 3, warnings: [{ code: 'coupons_short' }] })
  for (const wrong of [
    { amountMinor: '5' },
    { split: 'equal' },
    { shares: limits.coupon.sharesPerEnvelope + 1 },
  ]) {
    t.equal(reasonOf(await preview(wrong)), 'bad_request')
  }
  must(await coupons.voidPool({ caller: merchant, id: poolId }))
  t.equal(reasonOf(await orderDrop(merchant, body.id, 1, 1)), 'drop_refused pool_void')
})

t.test('a campaign limits what one player wins of coupons, too', async t => {
  const { envelopes, merchant, poolId } = await openCoupons(2, { envelopes: 2, shares: 1, winsPerPlayer: 1 })
  const [player] = await createCrowd(1)
  t.equal(outcomeOf(await claimAt(player as never, envelopes[0] as never)), 'claimed')
  clock.advance(3_600_000)
  t.equal(outcomeOf(await claimAt(player as never, envelopes[1] as never)), 'player_limit')
  t.match((await poolOf(merchant, poolId)).coupons, { placed: 1, given: 1 })
})

t.test('a till redeems a coupon once, and hears the same when it asks again', async t => {
  const { merchant, poolId, id: campaignId, players, won } = await winMany(3)
  const [first, second] = won
  const code = first?.code ?? ''
  const answer = must(await redeem(merchant, ` ${code.toLowerCase().replaceAll('-', ' ')} `, 'till-1', 'k'))
  t.match(answer.body, {
    couponId: first?.id,
    poolId,
    title: 'One pot of tea',
    payload: first?.payload,
    till: 'till-1',
  })
  t.match(redeemed.at(-1), {
    merchantId: merchant.id,
    couponId: first?.id,
    claimId: first?.claimId,
    till: 'till-1',
  })
  const told = redeemed.length
  const at = answer.body.redeemedAt
  clock.advance(40 * 86_400_000)
  t.same(must(await redeem(merchant, code, 'till-1', 'k')).body, answer.body, 'for ever, past its expiry')
  t.match(await redeem(merchant, code, 'till-2', 'k'), { code: 'already_redeemed', at })
  t.match(await redeem(merchant, code, 'till-1', 'other'), { code: 'already_redeemed', at })
  t.equal(redeemed.length, told, 'and others hear of it once')
  t.equal(await countRedeemed(world.database, campaignId), 1, 'the figures of its campaign count it')
  t.equal(reasonOf(await redeem(merchant, second?.code ?? '')), 'coupon_state expired')
  t.match((await poolOf(merchant, poolId)).coupons, { given: 3, redeemed: 1, unredeemed: 0 })
  t.match(await listOwn(players[0] as never), [{ state: 'redeemed', redeemedAt: at }])
  t.match(await listOwn(players[1] as never), [{ state: 'expired' }])
})

t.test('fifty tills at once: one wins, and says so to each of its own', async t => {
  const { merchant, won } = await winMany(1)
  const code = won[0]?.code ?? ''
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => redeem(merchant, code, `till-${i}`, 'same')),
  )
  const right = answers.filter(({ status }) => status === 200)
  t.equal(right.length, 1)
  t.equal(answers.filter(answer => reasonOf(answer) === 'already_redeemed').length, 49)
  t.equal(redeemed.filter(({ couponId }) => couponId === won[0]?.id).length, 1)
  const till = must(right[0] as never as Awaited<ReturnType<typeof redeem>>).body.till
  const retries = await Promise.all(Array.from({ length: 10 }, () => redeem(merchant, code, till, 'same')))
  for (const retry of retries) t.same(retry, right[0])
  const [next] = (await winMany(1)).won
  const again = await Promise.all(
    Array.from({ length: 10 }, () => redeem(merchant, next?.code ?? '', till, 'x')),
  )
  t.same(new Set(again.map(reasonOf)), new Set(['not_found']), "another merchant's is not there")
})

t.test('what a till may not have', async t => {
  const { merchant, poolId, won } = await winMany(2, { uploaded: 3 })
  const [first, second] = won
  t.equal(reasonOf(await redeem(merchant, 'K7QM-3XNA-TB4W')), 'coupon_code_mistyped')
  t.equal(reasonOf(await redeem(merchant, 'K7QM-3XNA-TB4Y')), 'not_found')
  const stranger = await createMerchant()
  t.equal(reasonOf(await redeem(stranger, first?.code ?? '')), 'not_found')
  const [placed] = await ask<{ id: string; key_id: string; sealed: Buffer }>(
    "select id, key_id, sealed from coupons where pool_id = $1 and state = 'placed'",
    [poolId],
  )
  const { code } = stage.ports.vault.open(placed?.id ?? '', {
    keyId: 'k1',
    sealed: placed?.sealed ?? Buffer.alloc(0),
  })
  t.equal(reasonOf(await redeem(merchant, code)), 'not_found', 'nobody has won it')
  must(await redeem(merchant, first?.code ?? '', 'till', 'key'))
  t.equal(reasonOf(await redeem(merchant, second?.code ?? '', 'till', 'key')), 'idempotency_mismatch')

  const toVoid = (id: string | undefined, caller = merchant) => coupons.void({ caller, id: id ?? '' })
  t.equal(reasonOf(await toVoid(first?.id)), 'coupon_state redeemed')
  t.equal(reasonOf(await toVoid(placed?.id)), 'coupon_state placed')
  t.equal(reasonOf(await toVoid(second?.id, stranger)), 'not_found')
  t.match(must(await toVoid(second?.id)).body, { state: 'void' })
  t.match(must(await toVoid(second?.id)).body, { state: 'void' }, 'again is the same')
  t.equal(reasonOf(await redeem(merchant, second?.code ?? '')), 'coupon_state void')
  const list = async (state: 'given' | 'redeemed' | 'void' | 'placed') =>
    must(await coupons.list({ caller: merchant, id: poolId, query: { state } })).body.items.map(
      ({ id }) => id,
    )
  t.same([await list('given'), await list('redeemed')], [[], [first?.id]])
  t.same([await list('void'), await list('placed')], [[second?.id], [placed?.id]])
})

t.test(
  'a pool made void ends its coupons at every till; one that is free and void is not dropped',
  async t => {
    const { merchant, poolId, id, players, won } = await winMany(2, { uploaded: 4 })
    must(await redeem(merchant, won[0]?.code ?? '', 'till', 'a'))
    must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
    await settleAll()
    const all = must(await coupons.list({ caller: merchant, id: poolId, query: {} })).body.items
    const free = all.find(({ state }) => state === 'pooled')
    must(await coupons.void({ caller: merchant, id: free?.id ?? '' }))
    t.match((await poolOf(merchant, poolId)).coupons, { uploaded: 4, free: 1, placed: 0, given: 2, void: 1 })
    const racing = await Promise.all([
      redeem(merchant, won[1]?.code ?? '', 'till', 'b'),
      coupons.voidPool({ caller: merchant, id: poolId }),
    ])
    t.equal(racing[1].status, 200)
    const wasFirst = racing[0].status === 200
    t.equal(reasonOf(racing[0]), wasFirst ? '200' : 'coupon_state void')
    t.equal((await listOwn(players[1] as never))[0]?.state, wasFirst ? 'redeemed' : 'void')
    t.equal(
      must(await redeem(merchant, won[0]?.code ?? '', 'till', 'a')).status,
      200,
      'the first answer stays',
    )
    t.match(await poolOf(merchant, poolId), { state: 'void', coupons: { unredeemed: 0 } })
    t.match(
      must(await coupons.voidPool({ caller: merchant, id: poolId })).body,
      { state: 'void' },
      'again is the same',
    )
    t.equal(reasonOf(await upload(merchant, poolId, 'code\nLATE')), 'pool_state void')
  },
)

t.test('a redemption under way keeps its pool from being made void', async t => {
  const { merchant, poolId, id, won } = await winMany(1)
  must(await campaigns.move({ caller: merchant, id, to: 'ended' }))
  await settleAll()
  let release = () => {}
  const held = new Promise<void>(resolve => (release = resolve))
  const begun = new Promise<void>(resolve => {
    const slow = createCoupons({ ...stage.ports, onRedeemed: () => (resolve(), held) })
    const body = { code: won[0]?.code ?? '', till: 'till' }
    void slow
      .redeem({ caller: merchant, body, idempotencyKey: 'k' })
      .then(answer => order.push(reasonOf(answer)))
  })
  const order: string[] = []
  await begun
  const voiding = coupons
    .voidPool({ caller: merchant, id: poolId })
    .then(answer => order.push(reasonOf(answer)))
  const isWaiting = async () =>
    (await ask("select from pg_stat_activity where wait_event_type = 'Lock' and query like '%coupon_pools%'"))
      .length > 0
  while (order.length === 0 && !(await isWaiting())) await sleep(20)
  t.same(order, [], 'it waits')
  release()
  await voiding
  t.same(order, ['200', '200'])
  t.equal(reasonOf(await redeem(merchant, won[0]?.code ?? '', 'till', 'k')), '200')
})

t.test('wrong codes are limited, right ones and typing errors are not', async t => {
  const { merchant, won } = await winMany(40)
  const most = limits.coupon.wrongCodesPerMinute
  const right = await Promise.all(won.map(({ code }) => redeem(merchant, code)))
  t.same(new Set(right.map(reasonOf)), new Set(['200']), 'more tills at once than there may be errors')
  const guess = () => redeem(merchant, drawCode(world.random))
  for (let i = 0; i < most; i++) t.equal(reasonOf(await guess()), 'not_found')
  for (let i = 0; i < 5; i++)
    t.equal(reasonOf(await redeem(merchant, 'K7QM-3XNA-TB4W')), 'coupon_code_mistyped')
  t.match(await guess(), { code: 'too_many_requests', retryAfterMs: 60_000 / most })
  t.equal(
    reasonOf(await redeem(merchant, won[0]?.code ?? '')),
    'too_many_requests',
    'nothing is told any more',
  )
  t.equal(reasonOf(await redeem(await createMerchant(), 'K7QM-3XNA-TB4Y')), 'not_found', 'to others it is')
  clock.advance(60_000 / most)
  t.equal(reasonOf(await redeem(merchant, won[0]?.code ?? '')), 'already_redeemed')
  const burst = await Promise.all(Array.from({ length: most }, guess))
  t.ok(burst.every(answer => ['not_found', 'too_many_requests'].includes(reasonOf(answer))))
  clock.advance(60_000)
  const later = await Promise.all(Array.from({ length: 2 * most }, guess))
  const found = later.filter(answer => reasonOf(answer) === 'not_found').length
  clock.advance(60_000)
  t.equal(
    reasonOf(await guess()),
    found > most ? 'too_many_requests' : 'not_found',
    'what came at once is waited for',
  )
})

t.test('the second count sees what is wrong', async t => {
  const { poolId, envelopes, won } = await winMany(2, { uploaded: 4 })
  const differences = async (text: string, params: unknown[]) => {
    let found = -1
    const undone = world.ownerDatabase.transact(async tx => {
      const run = (text: string, params: unknown[] = []) => tx.query({ name: '', text }, params)
      await run('alter table coupons disable trigger user')
      await run('alter table envelopes disable trigger user')
      await run(text, params)
      found = (await reconcileRecord.check(tx, 'coupons', undefined)).differences
      throw new Error('undone')
    })
    await t.rejects(undone, /undone/)
    return found
  }
  t.equal(await differences('select 1', []), 0)
  const pool = [poolId]
  const bent: [string, unknown[]][] = [
    ['update coupon_pools set free = free + 1 where id = $1', pool],
    ['update coupon_pools set uploaded = uploaded + 1 where id = $1', pool],
    ["update envelopes set state = 'closed', ended_at = now() where id = $1", [envelopes[0]?.id]],
    ["update coupons set state = 'redeemed', redeemed_at = now() where id = $1", [won[0]?.id]],
    [
      `update coupons set state = 'pooled', envelope_id = null, share_no = null
       where pool_id = $1 and state = 'placed'`,
      pool,
    ],
    [
      `update coupons set state = 'given', given_at = now(), player_id = (select player_id from claims limit 1)
       where id = (select id from coupons where pool_id = $1 and state = 'placed' limit 1)`,
      pool,
    ],
  ]
  for (const [text, params] of bent) t.equal(await differences(text, params), 1, text)
})

t.test('money costs no statement more than before', async t => {
  const sent: string[] = []
  const record = createClaimRecord({
    database: world.database,
    postTransfers: async () => void sent.push('transfers'),
    giveCoupons: async () => void sent.push('coupons'),
  })
  const claim = { id: 'c', envelopeId: 'e', playerId: 'p', shareNo: 1, currency: 'CNY', claimedAtMs: 0 }
  const cash: Claim = { ...claim, amountMinor: 5n }
  const coupon: Claim = { ...claim, amountMinor: 0n, couponId: 'u' }
  for (const claims of [[cash, cash], [coupon], [cash, coupon]]) await record.pay(world.database, claims)
  t.same(sent, ['transfers', 'coupons', 'transfers', 'coupons'])
})

t.test('over HTTP: who may what, and what a file may be', async t => {
  const { body: made } = await send({
    ...{
      method: 'POST',
      url: '/v1/operator/merchants',
      credential: operatorKey,
      key: 'm',
      body: { name: 'Mall' },
    },
  })
  const secret = String(made.secret)
  const player = String((await send({ method: 'POST', url: '/v1/players', body: {} })).body.token)
  const plan = { name: 'Tea', title: 'Tea', expiresAt: stage.at(5) }
  const post = (url: string, body: object | string | undefined, more: object = {}) =>
    send({ method: 'POST', url, credential: secret, ...(body !== undefined && { body }), ...more })
  t.equal((await post('/v1/coupon-pools', plan)).status, 400, 'a key is asked for')
  const pool = await post('/v1/coupon-pools', plan, { key: 'p' })
  t.equal(pool.status, 201)
  t.same((await post('/v1/coupon-pools', plan, { key: 'p' })).body, pool.body)
  t.match((await post('/v1/coupon-pools', { ...plan, expiresAt: stage.at(-1) }, { key: 'q' })).body, {
    ...{ code: 'pool_refused', reason: 'expiry_past' },
  })
  const url = `/v1/coupon-pools/${String(pool.body.id)}/coupons`
  const csv = { headers: { 'content-type': 'text/csv; charset=utf-8' } }
  t.match((await post(url, 'code\nHTTP-1\nHTTP-2\n', csv)).body, { rows: 2, added: 2 })
  t.equal((await post(url, { code: 'x' })).status, 415, 'JSON is not a file')
  t.equal((await post(url, undefined)).status, 415)
  t.equal((await post(url, 'code\nx', { headers: { 'content-type': 'text/plain' } })).status, 415)
  t.equal((await post('/v1/coupons/redeem', 'code\nx', { ...csv, key: 'r' })).status, 415, 'nor a file JSON')
  const large = `code\n${'"",""\n'.repeat(limits.coupon.uploadBytes / 6)}`
  t.ok([413, 422].includes((await post(url, large, csv)).status))
  t.equal((await post(url, 'x'.repeat(100), { ...csv, credential: player })).status, 403)
  t.equal((await post(url, 'code\nx', { ...csv, credential: undefined })).status, 401)
  t.equal((await send({ url, credential: secret })).body.numberReturned, 2)
  t.match((await send({ url: `${url}?state=given`, credential: secret })).body, { items: { length: 0 } })
  t.equal((await send({ url: `${url}?state=lost`, credential: secret })).status, 400)
  t.match((await send({ url: '/v1/coupons', credential: player })).body, { items: { length: 0 } })
  t.equal((await send({ url: '/v1/coupons', credential: secret })).status, 403)
  const redeeming = { code: 'K7QM-3XNA-TB4Y', till: '1' }
  t.equal((await post('/v1/coupons/redeem', redeeming)).body.code, 'idempotency_key_missing')
  t.equal((await post('/v1/coupons/redeem', redeeming, { key: 'r' })).body.code, 'not_found')
  t.equal((await post('/v1/coupons/redeem', redeeming, { key: 'r', credential: player })).status, 403)
})
