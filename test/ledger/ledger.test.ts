/** The ledger against people in a hurry, people who retry, and people with a database console. */
import fc from 'fast-check'
import t from 'tap'
import { v5 as uuidV5 } from 'uuid'
import { createId, nameId } from '#platform/id.ts'
import { type Row, sqlState, type Tx } from '#platform/postgres.ts'
import { accountId, accountNamespace, escrowOf, externalAccount, walletOf } from '../../src/ledger/account.ts'
import {
  isInsufficientFunds,
  postTransfers,
  reconcileRecord,
  walletRecord,
} from '../../src/ledger/postgres.ts'
import { checkTitles, countDifferences, reconcileLedger } from '../../src/ledger/reconcile.ts'
import type { Transfer } from '../../src/ledger/transfer.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { addMerchant, addPlayer } from '../helpers/people.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t, { connections: 16 })
const { database, ownerDatabase, clock } = world
const { send } = await createAccountApp(t, world, {
  currencies: new Map([
    ['CNY', 2],
    ['JPY', 0],
  ]),
})

let statements = 0
const ask = (text: string, params: unknown[] = [], where: Tx = database) =>
  where.query<Row>({ name: `ask-${statements++}`, text }, params)

const balanceOf = async (ownerId: string, currency = 'CNY') =>
  (await walletRecord.listBalances(database, ownerId)).find(one => one.currency === currency)?.amountMinor

/** Test money between any two accounts: the kind that asks for nothing else. */
const transfer = (
  move: Pick<Transfer, 'debit' | 'credit' | 'amountMinor'> & Partial<Transfer>,
): Transfer => ({
  id: createId(world),
  kind: 'test_money',
  currency: 'CNY',
  createdAtMs: clock.nowMs(),
  ...move,
})

const post = (transfers: readonly Transfer[]) => database.transact(tx => postTransfers(tx, transfers))

t.test('the id of an account is published arithmetic', async t => {
  t.equal(accountId(walletOf('a', 'CNY')), 'e23f2347-a860-5721-a14b-61ff15517558')
  t.equal(accountId(externalAccount('CNY')), uuidV5('external::CNY', accountNamespace))
  for (const name of ['', 'escrow', ...Array.from({ length: 200 }, (_, i) => `${'工é🧧'.repeat(i)}${i}`)])
    t.equal(nameId(name, accountNamespace), uuidV5(name, accountNamespace))
})

t.test('a transfer moves what it says, and nothing below zero', async t => {
  const [ada, bob] = [await addPlayer(world, { walletMinor: 100n }), await addPlayer(world)]
  const pay = (amountMinor: bigint) =>
    post([transfer({ debit: walletOf(ada.id, 'CNY'), credit: walletOf(bob.id, 'CNY'), amountMinor })])
  await pay(70n)
  t.same([await balanceOf(ada.id), await balanceOf(bob.id)], [30n, 70n])
  const error: unknown = await pay(31n).catch((error: unknown) => error)
  t.ok(isInsufficientFunds(error))
  t.same([await balanceOf(ada.id), await balanceOf(bob.id)], [30n, 70n])
  await pay(30n)
  t.same([await balanceOf(ada.id), await balanceOf(bob.id)], [0n, 100n])
  await assertBooks(t, world)
})

t.test('what the schema refuses', async t => {
  const ada = await addPlayer(world, { walletMinor: 1_000n })
  const wallet = walletOf(ada.id, 'CNY')
  const outside = externalAccount('CNY')
  const envelopeId = createId(world)
  const table: [string, Partial<Transfer>][] = [
    ['nothing', { amountMinor: 0n }],
    ['a negative amount', { amountMinor: -5n }],
    ['more than the cap', { debit: outside, credit: wallet, amountMinor: 10n ** 13n }],
    ['to itself', { credit: wallet }],
    ['another currency than the accounts', { currency: 'JPY' }],
    ['a deposit without a reference', { kind: 'deposit' }],
    ['a reference on something else', { reference: 'x' }],
    ['an escrow without an envelope', { kind: 'escrow' }],
    ['an envelope on something else', { envelopeId }],
  ]
  for (const [name, flaw] of table) {
    const posted = post([transfer({ debit: wallet, credit: outside, amountMinor: 5n, ...flaw })])
    t.match(sqlState(await posted.catch((error: unknown) => error)), /^23/, name)
  }
  const escrow = { debit: wallet, credit: escrowOf(envelopeId, 'CNY'), envelopeId, amountMinor: 5n }
  await post([transfer({ ...escrow, kind: 'escrow' })])
  for (const kind of ['escrow', 'refund'] as const) {
    const twice = [transfer({ ...escrow, kind }), transfer({ ...escrow, kind })]
    await t.rejects(post(twice), { code: '23505' }, `a second ${kind}`)
  }
  const again = transfer({ debit: outside, credit: wallet, amountMinor: 5n })
  await post([again])
  await t.rejects(post([again]), { code: '23505' }, 'the same id again')
  t.equal(await balanceOf(ada.id), 1_000n)
})

t.test('a transfer has two accounts of its currency, a share its envelope', async t => {
  const { id } = await addPlayer(world, { walletMinor: 1_000n })
  const [there, yen] = [walletOf(id, 'CNY'), walletOf(id, 'JPY')].map(accountId)
  const outside = accountId(externalAccount('CNY'))
  const insert = (...moves: [debit: unknown, credit: unknown, currency: string][]) =>
    ask(
      `insert into transfers (id, kind, debit_account, credit_account, currency, amount, reference, created_at)
       select gen_random_uuid(), 'test_money', debit, credit, currency, 5, null, now()
       from unnest($1::uuid[], $2::uuid[], $3::text[]) as moves (debit, credit, currency)`,
      [0, 1, 2].map(column => moves.map(move => move[column])),
    )
  const stray = createId(world)
  const refused = { code: '23503' }
  await t.rejects(insert([outside, stray, 'CNY']), refused, 'of an account that is not there')
  await t.rejects(insert([stray, there, 'CNY']), refused)
  await t.rejects(insert([outside, there, 'CNY'], [outside, there, 'JPY']), refused, 'of another currency')
  await t.rejects(insert([outside, yen, 'JPY']), refused)
  await insert([outside, there, 'CNY'], [outside, there, 'CNY'])
  t.equal(await balanceOf(id), 1_010n)
  const share = ask('insert into envelope_shares (envelope_id, share_no, amount) values ($1, 1, 5)', [stray])
  await t.rejects(share, refused)
})

/** Adds envelopes of 10 in three shares, and their shares by so many statements. */
async function hide(
  ids: readonly string[],
  shares: readonly (readonly [id: string | undefined, no: number, amount: number])[][],
  {
    where = database,
    state = 'live',
    of = [null, null],
  }: { where?: typeof database; state?: string; of?: (string | null)[] } = {},
) {
  await where.transact(async tx => {
    await ask(
      `insert into envelopes (id, hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count,
         split, seed, commitment, audience, state, opens_at, expires_at, created_at, campaign_id, drop_id)
       select id, 'merchant', gen_random_uuid(), 'POINT(121 31)', 0, 60, 'CNY', 10, 3, 'equal', sha256('s'),
         sha256('c'), 'anyone', $2, now(), now() + interval '1 day', now(), $3, $4 from unnest($1::uuid[]) as id`,
      [ids, state, ...of],
      tx,
    )
    for (const rows of shares) await addShares(rows, tx)
  })
}

const addShares = (
  rows: readonly (readonly [id: string | undefined, no: number, amount: number])[],
  tx: Tx,
) =>
  ask(
    `insert into envelope_shares (envelope_id, share_no, amount)
     select * from unnest($1::uuid[], $2::int[], $3::bigint[])`,
    [0, 1, 2].map(column => rows.map(row => row[column])),
    tx,
  )

t.test('a visible envelope has all its shares, and they add up to its total, whoever adds them', async t => {
  const three = (id: string | undefined, amounts: readonly number[] = [3, 3, 4]) =>
    amounts.map((amount, i) => [id, i + 1, amount] as const)
  const added: string[] = []
  const campaignId = createId(world)
  await ask('insert into campaigns (id, merchant_id, created_at) values ($1, $2, now())', [
    campaignId,
    (await addMerchant(world)).id,
  ])
  for (const where of [database, ownerDatabase]) {
    const [good, bad] = [createId(world), createId(world)]
    added.push(good, bad)
    const refused = { code: '23514' }
    await hide([good], [three(good)], { where })
    const broken: Parameters<typeof hide>[] = [
      [[bad], []],
      [[createId(world), bad], [three(bad)]],
      [[bad], [three(bad, [3, 3, 3])]],
      [[bad], [three(bad, [3, 3, 5])]],
      [[bad], [three(bad, [3, 7])]],
      [[bad], [three(bad, [3, 7]).map(([id, no, amount]) => [id, 2 * no - 1, amount] as const)]],
      [[bad], [three(bad, [3, 3, 3, 1])]],
      [[bad], [three(bad).slice(0, 2), three(bad).slice(2)]],
      [[bad], [three(bad).map(([id, no, amount]) => [id, no + 1, amount] as const)]],
      [[bad, good.replace(/^./, 'f')], [[...three(bad), ...three(good.replace(/^./, 'f'), [1, 1, 1])]]],
    ]
    for (const [ids, shares] of broken)
      await t.rejects(hide(ids, shares, { where }), refused, JSON.stringify(shares))
    await t.rejects(hide([], [three(bad)], { where }), { code: '23503' }, 'of none')
    await t.rejects(addShares([[good, 4, 1]], where), refused, 'one more')
    await t.rejects(addShares(three(good), where), { code: '23505' }, 'the same again')
    await t.rejects(
      ask(`insert into envelope_shares values ($1, 4, null, $2)`, [good, bad], where),
      refused,
      'a coupon besides',
    )
    for (const of of [
      [createId(world), null],
      [campaignId, createId(world)],
    ])
      await t.rejects(hide([bad], [three(bad)], { where, of }), { code: '23503' }, 'of a campaign or drop')

    await hide([bad], [], { where, state: 'draft' })
    const fund = () => ask("update envelopes set state = 'live', epoch = 2 where id = $1", [bad], where)
    await t.rejects(fund(), refused, 'a draft may be without, until it is funded')
    await addShares(three(bad), where)
    await fund()
    t.same(
      await ask(
        'select count(*)::int as shares, sum(amount)::int as total from envelope_shares where envelope_id = any ($1)',
        [[good, bad]],
      ),
      [{ shares: 6, total: 20 }],
    )
  }
  t.same(
    await ask('select * from unproven_envelopes', [], ownerDatabase),
    [],
    'nothing waits behind a commit',
  )
  await t.rejects(ask('delete from unproven_envelopes'), { code: '42501' })

  // Their money, which the books would miss.
  const { id } = await addPlayer(world, { walletMinor: 40n })
  const debit = walletOf(id, 'CNY')
  await post(
    added.map(envelopeId =>
      transfer({
        kind: 'escrow',
        debit,
        credit: escrowOf(envelopeId, 'CNY'),
        amountMinor: 10n,
        envelopeId,
      }),
    ),
  )
})

t.test('nobody rewrites money', async t => {
  const changes = [
    'update transfers set amount = amount + 1',
    'delete from transfers',
    'truncate transfers',
    'update claims set amount = 1',
    'delete from claims',
    'update envelope_shares set amount = 1',
    'delete from accounts',
    'update accounts set id = gen_random_uuid()',
    "update accounts set currency = 'JPY'",
    'truncate envelopes cascade',
    'delete from envelopes',
    'update envelopes set id = gen_random_uuid()',
    'update envelopes set drop_id = null',
    'delete from campaigns',
    'delete from drops',
    'delete from coupons',
  ]
  for (const change of changes) {
    await t.rejects(ask(change), { code: '42501' }, `the server: ${change}`)
    await t.rejects(ask(change, [], ownerDatabase), { code: '42501' }, `the owner: ${change}`)
  }
  for (const change of [
    'update accounts set credits = credits + 1',
    `insert into accounts (id, kind, owner_id, currency, credits)
     values (gen_random_uuid(), 'wallet', gen_random_uuid(), 'CNY', 5)`,
    'alter table transfers disable trigger transfers_append_only',
    "select set_config('session_replication_role', 'replica', false)",
    'create table mine (n int)',
  ]) {
    await t.rejects(ask(change), { code: '42501' }, `the server: ${change}`)
  }
})

t.test('batches that share accounts in opposite order neither deadlock nor lose a cent', async t => {
  const people = await Promise.all(
    Array.from({ length: 6 }, () => addPlayer(world, { walletMinor: 100_000n })),
  )
  const ids = people.map(({ id }) => id)
  const batch = (round: number) =>
    ids.flatMap((from, i) => {
      const to = ids[(i + 1 + (round % (ids.length - 1))) % ids.length] ?? from
      const move = {
        debit: walletOf(from, 'CNY'),
        credit: walletOf(to, 'CNY'),
        amountMinor: BigInt(1 + round),
      }
      return [transfer(move)]
    })
  const rounds = Array.from({ length: 60 }, (_, round) => (round % 2 ? batch(round) : batch(round).reverse()))
  await Promise.all(rounds.map(transfers => post(transfers)))
  const balances = await Promise.all(ids.map(id => balanceOf(id)))
  t.same(
    balances,
    ids.map(() => 100_000n),
  )
  await assertBooks(t, world)
})

t.test('any amount survives the way through PostgreSQL', async t => {
  const ada = await addPlayer(world)
  let expected = 0n
  await fc.assert(
    fc.asyncProperty(fc.bigInt(1n, 10n ** 13n - 1n), async amountMinor => {
      const credit = walletOf(ada.id, 'CNY')
      await post([transfer({ debit: externalAccount('CNY'), credit, amountMinor })])
      expected += amountMinor
      return (await balanceOf(ada.id)) === expected
    }),
    { numRuns: 50 },
  )
  const credential = (await send({ method: 'POST', url: '/v1/players', body: {} })).body.token
  t.type(credential, 'string')
})

let keys = 0
const book = (body: object, key = `d${keys++}`) =>
  send({ method: 'POST', url: '/v1/operator/deposits', credential: operatorKey, key, body })
const order = (playerId: string, reference: string, amountMinor = '500', currency = 'CNY') => ({
  owner: { playerId },
  amount: { amountMinor, currency },
  reference,
})

t.test('a deposit', async t => {
  const ada = await addPlayer(world, { walletMinor: 100n })
  const first = await book(order(ada.id, 'bank 1'), 'once')
  t.match(first, {
    status: 201,
    body: { transferId: String, balance: { amountMinor: '600', currency: 'CNY' } },
  })
  t.same((await book(order(ada.id, 'bank 1'), 'once')).body, first.body, 'the same answer again')
  const shop = await addMerchant(world)
  const toShop = { ...order('', 'bank 2', '7', 'JPY'), owner: { merchantId: shop.id } }
  t.match(await book(toShop), { status: 201, body: { balance: { amountMinor: '7', currency: 'JPY' } } })

  const table: [string, object, object][] = [
    ['booked before', order(ada.id, 'bank 1'), { status: 422, body: { reason: 'reference_used' } }],
    ['currency', order(ada.id, 'bank 3', '5', 'USD'), { status: 422, body: { reason: 'currency_unknown' } }],
    ['player', order(createId(world), 'bank 4'), { status: 404, body: { code: 'not_found' } }],
    ['merchant as player', order(shop.id, 'bank 5'), { status: 404 }],
    ['NUL', order(ada.id, 'bank\0'), { status: 400, body: { errors: [{ pointer: '/body/reference' }] } }],
  ]
  for (const [name, body, expected] of table) t.match(await book(body), expected, name)
  t.equal(await balanceOf(ada.id), 600n)

  const raced = await Promise.all(Array.from({ length: 8 }, () => book(order(ada.id, 'bank 6'))))
  t.same(raced.map(({ status }) => status).sort(), [201, ...Array.from({ length: 7 }, () => 422)])
  t.equal(await balanceOf(ada.id), 1_100n)
  const player = String((await send({ method: 'POST', url: '/v1/players', body: {} })).body.token)
  const denied = await send({
    ...{ method: 'POST', url: '/v1/operator/deposits', key: 'k', credential: player },
    body: order(ada.id, 'mine'),
  })
  t.equal(denied.status, 403)
})

t.test('amounts that are none', async t => {
  const ada = await addPlayer(world)
  const hostile = ['0', '-1', '+1', '1.5', '1e3', '01', '', ' 1', '1 ', '0x1', '１', '10000000000000', 'NaN']
  for (const amount of [...hostile, 5, null, true, ['5'], {}, 1e21]) {
    const body = { ...order(ada.id, 'x'), amount: { amountMinor: amount, currency: 'CNY' } }
    t.match(await book(body), { status: 400, body: { code: 'bad_request' } }, JSON.stringify(amount))
  }
  t.equal(await balanceOf(ada.id), undefined)
})

t.test('every movement is listed once, newest first', async t => {
  const signUp = await send({ method: 'POST', url: '/v1/players', body: {} })
  const credential = String(signUp.body.token)
  const { id } = signUp.body.player as { id: string }
  const other = await addPlayer(world)
  for (let i = 1; i <= 11; i++) {
    if (i % 3 === 0) clock.advance(1)
    const sides = { debit: walletOf(id, 'CNY'), credit: walletOf(other.id, 'CNY') }
    await post([transfer({ ...sides, amountMinor: BigInt(i) })])
  }
  const seen: { id: string; direction: string; createdAt: string }[] = []
  for (let url: string | undefined = '/v1/wallet/transfers?limit=5'; url !== undefined; ) {
    const { status, body } = await send({ url, credential })
    t.equal(status, 200)
    seen.push(...(body.items as typeof seen))
    url = (body.links as { next?: string }).next
  }
  t.equal(seen.length, 12)
  t.equal(new Set(seen.map(one => one.id)).size, 12)
  t.same(
    seen.map(one => one.createdAt),
    seen
      .map(one => one.createdAt)
      .sort()
      .reverse(),
  )
  t.equal(seen.filter(one => one.direction === 'in').length, 1)
  for (const query of ['limit=0', 'limit=x', 'cursor=%', 'cursor=abc', 'page=2']) {
    t.equal((await send({ url: `/v1/wallet/transfers?${query}`, credential })).status, 400, query)
  }
})

t.test('reconciliation finds what a console changed', async t => {
  await assertBooks(t, world)
  const envelope = await plantEnvelope()
  await assertBooks(t, world)
  const reconcile = (options = {}) => reconcileLedger({ record: reconcileRecord, database }, options)
  t.match(await reconcile({ envelopeId: envelope.id }), { envelopes: 1, transfers: 2 })

  const plant = async (change: string, params: unknown[]) => {
    await ownerDatabase.transact(async tx => {
      await ask("select set_config('session_replication_role', 'replica', true)", [], tx)
      await ask(change, params, tx)
    })
  }
  const { id, claimId, escrow, wallet } = envelope
  const table: [string, unknown[], string[], string][] = [
    ['update transfers set amount = amount + $2 where id = $1', [claimId], ['accounts', 'claims'], '1'],
    ['update accounts set credits = credits + $2 where id = $1', [wallet], ['currencies', 'accounts'], '1'],
    [
      'update accounts set debits = debits + $2 where id = $1',
      [escrow],
      ['currencies', 'accounts', 'totals'],
      '1',
    ],
    [
      'update claims set amount = amount + $2 where id = $1',
      [claimId],
      ['totals', 'claims', 'counters', 'shares'],
      '1',
    ],
    ['update envelopes set claimed_amount = claimed_amount + $2 where id = $1', [id], ['counters'], '1'],
    ['update envelopes set total = total + $2 where id = $1', [id], ['totals', 'shares'], '1'],
    [
      'update envelope_shares set amount = amount + $2 where envelope_id = $1 and share_no = 2',
      [id],
      ['shares'],
      '1',
    ],
  ]
  for (const [change, params, expected] of table) {
    await plant(change, [...params, 1])
    const found = (await reconcile()).checks.filter(check => check.differences > 0)
    t.same(
      found.map(check => check.name),
      expected,
      change,
    )
    t.ok(found.every(check => check.examples.length > 0))
    await plant(change, [...params, -1])
    t.equal(countDifferences(await reconcile()), 0, 'and is content when it is changed back')
  }
  await plant("update envelopes set state = 'closed', ended_at = created_at where id = $1", [id])
  const [ended] = (await reconcile({ envelopeId: id })).checks.filter(check => check.differences > 0)
  t.match(ended, { name: 'ended', differences: 1, examples: [{ envelope: id, held: '600' }] })
  t.ok(Object.keys(checkTitles).includes('ended'))
  await plant("update envelopes set state = 'live', ended_at = null where id = $1", [id])
  await plant('delete from transfers where id = $1', [claimId])
  const lost = (await reconcile({ envelopeId: id })).checks.filter(check => check.differences > 0)
  t.same(
    lost.map(check => check.name),
    ['accounts', 'claims'],
  )
})

/** A live envelope of 1000 in two shares, one of them won: written as the record is, without the verbs. */
async function plantEnvelope() {
  const [ada, bob] = [await addPlayer(world, { walletMinor: 1_000n }), await addPlayer(world)]
  const [id, claimId] = [createId(world), createId(world)]
  const at = new Date(clock.nowMs())
  await ownerDatabase.transact(async tx => {
    const run = (text: string, params: unknown[]) => ask(text, params, tx)
    await run(
      `insert into envelopes (id, hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count,
         split, seed, commitment, audience, state, opens_at, expires_at, created_at, claimed_shares, claimed_amount)
       values ($1, 'player', $2, 'POINT(121 31)', 0, 60, 'CNY', 1000, 2, 'lucky', sha256('s'), sha256('c'), 'anyone',
         'live', $3::timestamptz, $3::timestamptz + interval '1 day', $3, 1, 400)`,
      [id, ada.id, at],
    )
    await run('insert into envelope_shares values ($1, 1, 400), ($1, 2, 600)', [id])
    await run("insert into claims values ($1, $2, $3, 1, 400, 'CNY', $4)", [claimId, id, bob.id, at])
    const escrow = escrowOf(id, 'CNY')
    const common = { envelopeId: id }
    await postTransfers(tx, [
      transfer({
        ...common,
        kind: 'escrow',
        debit: walletOf(ada.id, 'CNY'),
        credit: escrow,
        amountMinor: 1_000n,
      }),
    ])
    const won = { ...common, kind: 'claim' as const, debit: escrow, credit: walletOf(bob.id, 'CNY') }
    await postTransfers(tx, [transfer({ ...won, id: claimId, amountMinor: 400n })])
  })
  return { id, claimId, escrow: accountId(escrowOf(id, 'CNY')), wallet: accountId(walletOf(bob.id, 'CNY')) }
}
