/** Payouts against people in a hurry, providers that fail, repeat and contradict themselves, and forged callbacks. */
import t from 'tap'
import { v5 as uuidV5 } from 'uuid'
import { limits } from '#protocol/limits.ts'
import { createId } from '#platform/id.ts'
import type { Row, Tx } from '#platform/postgres.ts'
import { signMessage } from '#platform/signature.ts'
import { retry } from '../../src/payouts/hand-over.ts'
import { payoutRecord } from '../../src/payouts/postgres.ts'
import { isEnded, type PayoutState, transitions } from '../../src/payouts/state.ts'
import { countDifferences, reconcileLedger } from '../../src/ledger/reconcile.ts'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { callbackSecret, createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createPayoutStage } from './stage.ts'

const stage = await createPayoutStage(t)
const { world, send, signUp, ask, decide, report, reportOf, handOver, orders, balanceOf, told } = stage
const { database, ownerDatabase, clock } = world

let statements = 0
const run = (text: string, params: unknown[] = [], where: Tx = database) =>
  where.query<Row>({ name: `run-${statements++}`, text }, params)

const wallet = limits.sandbox.playerTestMinor
const stateOf = async (id: string) => (await payoutRecord.find(database, id))?.state
const transfersOf = async (id: string) =>
  (await run('select id, kind from transfers where payout_id = $1 order by kind', [id])).map(
    ({ kind }) => kind,
  )
const idOf = ({ body }: { body: Record<string, unknown> }) => String(body.id)

t.test('money leaves the wallet at once, and the operator says how it ended', async t => {
  const ada = await signUp()
  const destination = 'Bank of Shanghai 6212 8888 0000 0044'
  const asked = await ask(ada.credential, '2500', { body: { destination } })
  t.match(asked, { status: 201, body: { status: 'reserved', amount: { amountMinor: '2500' }, destination } })
  t.equal(await balanceOf(ada.id), wallet - 2_500n)
  clock.advance(1)
  const [id, other] = [idOf(asked), idOf(await ask(ada.credential, '700'))]
  await assertBooks(t, world)
  clock.advance(1)

  t.match(await decide(id, { outcome: 'paid', reference: 'bank 77' }), {
    status: 200,
    body: { status: 'paid', reference: 'bank 77', owner: { playerId: ada.id }, endedAt: String },
  })
  t.match(await decide(other, { outcome: 'failed', reason: 'no such account' }), {
    status: 200,
    body: { status: 'failed', reason: 'no such account' },
  })
  t.equal(await balanceOf(ada.id), wallet - 2_500n)
  t.same(await transfersOf(id), ['payout', 'payout_paid'])
  t.same(await transfersOf(other), ['payout', 'payout_returned'])
  const [row] = await run("select id from transfers where payout_id = $1 and kind = 'payout_paid'", [id])
  t.equal(row?.id, uuidV5('payout_paid', id), 'named after the payout')
  t.match(
    told.filter(({ playerId }) => playerId === ada.id).map(({ frame }) => frame),
    [
      { type: 'wallet.changed', kind: 'payout_paid', payoutId: id },
      { type: 'wallet.changed', kind: 'payout_returned', payoutId: other },
    ],
  )
  const { body } = await send({ url: '/v1/wallet/transfers', credential: ada.credential })
  t.match(body.items, [
    { kind: 'payout_returned', direction: 'in', payoutId: other },
    { kind: 'payout', direction: 'out' },
    { kind: 'payout', direction: 'out' },
    { kind: 'test_money' },
  ])
  await assertBooks(t, world)
})

t.test('who may see a payout', async t => {
  const [ada, bob] = [await signUp(), await signUp()]
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    ids.push(idOf(await ask(ada.credential, '100')))
    clock.advance(1)
  }
  const own = async (url: string, credential = ada.credential) => (await send({ url, credential })).body
  t.match(await own(`/v1/payouts/${ids[0]}`), { id: ids[0], status: 'reserved' })
  t.equal((await send({ url: `/v1/payouts/${ids[0]}`, credential: bob.credential })).status, 404)
  t.match(await own('/v1/payouts', bob.credential), { numberReturned: 0 })
  const first = await own('/v1/payouts?limit=2')
  t.match(first.items, [{ id: ids[2] }, { id: ids[1] }])
  t.match(await own((first.links as { next: string }).next), { items: [{ id: ids[0] }] })

  const listed = new Set<string>()
  for (let url: string | undefined = '/v1/operator/payouts?status=reserved&limit=2'; url !== undefined; ) {
    const page = await own(url, operatorKey)
    for (const item of page.items as { id: string; status: string }[]) {
      t.equal(item.status, 'reserved')
      listed.add(item.id)
    }
    url = (page.links as { next?: string }).next
  }
  for (const id of ids) t.ok(listed.has(id))
  t.equal((await send({ url: '/v1/operator/payouts', credential: ada.credential })).status, 403)
})

t.test('what is refused, in this order, and changes nothing', async t => {
  const ada = await signUp()
  const { minMinor, maxMinor } = limits.payout
  const other = (amount: object, more: object = {}) => ({
    amount: { amountMinor: '500', currency: 'CNY', ...amount },
    ...more,
  })
  const table: [string, object, object][] = [
    [
      'currency',
      other({ currency: 'XAU', amountMinor: '1' }),
      { status: 422, body: { reason: 'currency_unknown' } },
    ],
    ['small', other({ amountMinor: String(minMinor - 1n) }), { status: 422, body: { reason: 'too_small' } }],
    ['large', other({ amountMinor: String(maxMinor + 1n) }), { status: 422, body: { reason: 'too_large' } }],
    [
      'text',
      other({}, { destination: 'a\u202eb' }),
      { status: 400, body: { errors: [{ pointer: '/body/destination' }] } },
    ],
    [
      'more than there is',
      other({ amountMinor: String(wallet + 1n) }),
      { status: 409, body: { code: 'insufficient_funds' } },
    ],
  ]
  for (const [name, body, expected] of table)
    t.match(await ask(ada.credential, '1', { body }), expected, name)
  const child = await send({ method: 'POST', url: '/v1/players', body: { minor: true } })
  t.match(
    await ask(String(child.body.token), '500'),
    { status: 403, body: { code: 'minors_mode', reason: 'cash' } },
    'under age',
  )
  const key = 'kept-not'
  t.equal((await ask(ada.credential, String(wallet + 1n), { key })).status, 409)
  t.equal((await ask(ada.credential, String(wallet), { key })).status, 201, 'a refusal is not kept')
  t.equal(await balanceOf(ada.id), 0n)
  t.equal((await ask(ada.credential, '100')).status, 409, 'reserved money is not there any more')
  t.equal((await ask(operatorKey, '100')).status, 403)
  await assertBooks(t, world)
})

t.test('a merchant needs a key for finance', async t => {
  const made = await send({
    ...{ method: 'POST', url: '/v1/operator/merchants', credential: operatorKey, key: 'shop' },
    body: { name: 'Lotus' },
  })
  const secret = String(made.body.secret)
  t.match(await ask(secret, '300'), { status: 201 })
  const rotate = { method: 'POST' as const, url: '/v1/api-keys', credential: secret }
  const { body } = await send({ ...rotate, body: { scopes: ['read', 'campaigns'] } })
  t.match(await ask(String(body.secret), '300'), { status: 403, body: { code: 'forbidden' } })
  t.match(await send({ ...rotate, key: 'k', body: { scopes: ['read'] } }), {
    status: 400,
    body: { errors: [{ pointer: '/headers/idempotency-key' }] },
  })
})

t.test('twenty at once for the same last money: as many as there is money for', async t => {
  const ada = await signUp()
  const part = wallet / 5n
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(ada.credential, String(part))))
  t.equal(answers.filter(({ status }) => status === 201).length, 5)
  t.equal(answers.filter(({ body }) => body.code === 'insufficient_funds').length, 15)
  t.equal(await balanceOf(ada.id), 0n)
  await assertBooks(t, world)
})

t.test('paid against failed, at once: one of them, once', async t => {
  const ada = await signUp()
  for (let round = 0; round < 10; round++) {
    const id = idOf(await ask(ada.credential, '100'))
    const [paid, failed] = [reportOf(id, 'payout.paid'), reportOf(id, 'payout.failed', { reason: 'no' })]
    const answers = await Promise.all([
      ...[report(paid), report(failed), report(paid), report(failed)],
      ...[decide(id, { outcome: 'paid' }), decide(id, { outcome: 'failed', reason: 'no' })],
    ])
    const state = await stateOf(id)
    t.ok(state === 'paid' || state === 'failed')
    for (const { status, body } of answers) {
      if (status === 200) t.equal(body.status, state)
      else t.match({ status, body }, { status: 409, body: { code: 'payout_ended', reason: state } })
    }
    t.equal(answers.filter(({ status }) => status === 200).length, 3)
    t.equal((await transfersOf(id)).length, 2)
  }
  t.equal(told.filter(({ playerId }) => playerId === ada.id).length, 10, 'each end is told once')
  await assertBooks(t, world)
})

t.test('callbacks', async t => {
  const ada = await signUp()
  const id = idOf(await ask(ada.credential, '900'))
  const body = reportOf(id, 'payout.paid', { reference: 'psp-1' })
  const nowS = Math.floor(clock.nowMs() / 1_000)
  const signedAt = (timestampS: string, secret = callbackSecret) => ({
    'webhook-id': 'm',
    'webhook-timestamp': timestampS,
    'webhook-signature': signMessage(secret, { id: 'm', timestampS, body }),
  })
  const good = signedAt(String(nowS))
  const signature = good['webhook-signature']
  const forged: [string, Record<string, string | undefined>, string?][] = [
    ['no id', { ...good, 'webhook-id': undefined }],
    ['no timestamp', { ...good, 'webhook-timestamp': undefined }],
    ['no signature', { ...good, 'webhook-signature': undefined }],
    ['another id', { ...good, 'webhook-id': 'n' }],
    ['another second', { ...good, 'webhook-timestamp': String(nowS - 1) }],
    ['301 s ago', signedAt(String(nowS - 301))],
    ['301 s ahead', signedAt(String(nowS + 301))],
    ['no number', signedAt('now')],
    ['a fraction', signedAt(`${nowS}.0`)],
    ['another secret', signedAt(String(nowS), 'x'.repeat(32))],
    ['another scheme', { ...good, 'webhook-signature': signature.replace('v1,', 'v2,') }],
    ['cut short', { ...good, 'webhook-signature': signature.slice(0, -1) }],
    ['glued together', { ...good, 'webhook-signature': `${signature},${signature}` }],
    ['another body', good, body.replace('psp-1', 'psp-2')],
    ['the same JSON in other bytes', good, `${body} `],
    ['a body that is no report', good, '{}'],
  ]
  for (const [name, headers, text = body] of forged) {
    t.match(await report(text, headers), { status: 401, body: { code: 'unauthorized' } }, name)
  }
  t.equal(await stateOf(id), 'reserved')

  const rotated = { ...good, 'webhook-signature': `v1a,AAAA v1,AAAA ${signature}` }
  t.match(await report(body, rotated), { status: 200, body: { id, status: 'paid', reference: 'psp-1' } })
  for (const headers of [good, rotated, signedAt(String(nowS - 299))]) {
    t.match(await report(body, headers), { status: 200, body: { status: 'paid' } }, 'again')
  }
  t.match(await report(reportOf(id, 'payout.failed', { reason: 'oh' })), {
    status: 409,
    body: { code: 'payout_ended', reason: 'paid' },
  })
  t.same(await transfersOf(id), ['payout', 'payout_paid'])

  const table: [string, string, object][] = [
    ['unknown', reportOf(createId(world), 'payout.paid'), { status: 404, body: { code: 'not_found' } }],
    ['of another kind', reportOf(id, 'payout.lost'), { status: 400 }],
    [
      'failed, and nobody says why',
      reportOf(id, 'payout.failed'),
      { status: 400, body: { errors: [{ pointer: '/body/data/reason' }] } },
    ],
    ['paid with a reason', reportOf(id, 'payout.paid', { reason: 'x' }), { status: 400 }],
    [
      'a reason of 201 characters',
      reportOf(id, 'payout.failed', { reason: 'x'.repeat(201) }),
      { status: 400 },
    ],
    ['an unknown field', reportOf(id, 'payout.paid', { amount: 5 }), { status: 400 }],
  ]
  for (const [name, text, expected] of table) t.match(await report(text), expected, name)
  const deaf = await createAccountApp(t, world, { takesCallbacks: false })
  const sent = { method: 'POST' as const, url: '/v1/payouts/callback', headers: good, body }
  t.match(await deaf.send(sent), { status: 404, body: { code: 'not_found' } }, 'without a secret')
  await assertBooks(t, world)
})

t.test('what the operator decides twice', async t => {
  const ada = await signUp()
  const [id, other] = [idOf(await ask(ada.credential, '100')), idOf(await ask(ada.credential, '100'))]
  const first = await decide(id, { outcome: 'paid' }, 'decision')
  t.same((await decide(id, { outcome: 'paid' }, 'decision')).body, first.body)
  t.match(await decide(other, { outcome: 'paid' }, 'decision'), { status: 422 }, 'the key of another payout')
  t.match(await decide(id, { outcome: 'failed', reason: 'x' }, 'decision'), { status: 422 })
  t.match(await decide(id, { outcome: 'paid' }), { status: 200 }, 'a new key, the same outcome')
  t.match(await decide(id, { outcome: 'failed', reason: 'x' }), { status: 409, body: { reason: 'paid' } })
  t.match(await decide(id, { outcome: 'failed' }), { status: 400 }, 'not why')
  t.match(await decide(createId(world), { outcome: 'paid' }), { status: 404 })
  t.equal(await stateOf(other), 'reserved')
})

t.test('a provider', async t => {
  // What earlier tests left is not of interest here.
  await handOver(async () => ({ status: 'by_hand' }))
  while ((await handOver(async () => ({ status: 'by_hand' }))).more);
  let ada = await signUp()

  await t.test('accepts, and reports later', async t => {
    const id = idOf(await ask(ada.credential, '100', { body: { destination: 'there' } }))
    orders.length = 0
    await handOver(async () => ({ status: 'accepted', reference: 'psp-9' }))
    const owner = { kind: 'player', id: ada.id }
    const order = { idempotencyKey: id, owner, amountMinor: 100n, currency: 'CNY', destination: 'there' }
    t.same(orders, [order])
    await handOver(async () => ({ status: 'accepted' }))
    t.equal(orders.length, 1, 'once is enough')
    t.match(await payoutRecord.find(database, id), { state: 'submitted', reference: 'psp-9', tries: 1 })
    t.match(await report(reportOf(id, 'payout.paid')), { status: 200, body: { reference: 'psp-9' } })
  })

  await t.test('rejects: the money comes back', async t => {
    const before = await balanceOf(ada.id)
    const id = idOf(await ask(ada.credential, '100'))
    await handOver(async () => ({ status: 'rejected', reason: 'no such account' }))
    t.match(await payoutRecord.find(database, id), { state: 'failed', reason: 'no such account' })
    t.equal(await balanceOf(ada.id), before)
    t.match(told.at(-1), { playerId: ada.id, frame: { kind: 'payout_returned', payoutId: id } })
  })

  await t.test('fails: it is asked again, ever later, and in the end the operator decides', async t => {
    const id = idOf(await ask(ada.credential, '100'))
    orders.length = 0
    const fail = async () => Promise.reject(new Error('503'))
    const waits: number[] = []
    for (let sinceMs = 0; waits.length < retry.tries && sinceMs < 86_400_000; sinceMs += 15_000) {
      await handOver(fail)
      if (orders.length > waits.length) waits.push(sinceMs)
      clock.advance(15_000)
    }
    t.same(waits.slice(0, 5), [0, 15_000, 45_000, 105_000, 225_000])
    t.equal(waits.length, retry.tries)
    const longest = Math.max(...waits.slice(1).map((at, i) => at - (waits[i] ?? 0)))
    t.equal(longest, retry.longestDelayMs)
    t.ok(orders.every(({ idempotencyKey }) => idempotencyKey === id))
    clock.advance(30 * 86_400_000)
    await handOver(fail)
    t.equal(orders.length, retry.tries, 'and never again')
    t.match(await payoutRecord.find(database, id), { state: 'reserved', tries: retry.tries })
    t.match(await decide(id, { outcome: 'failed', reason: 'provider down' }), { status: 200 })
    // The token has expired meanwhile.
    ada = await signUp()
  })

  await t.test('a server that dies after the provider took it: the next try has the same key', async t => {
    const id = idOf(await ask(ada.credential, '100'))
    orders.length = 0
    const due = { nowMs: clock.nowMs(), limit: 10 }
    // As far as the dead server came: it has counted a try, and perhaps called.
    t.match(await payoutRecord.beginTries(database, due), [{ id, tries: 1 }])
    await handOver(async () => ({ status: 'accepted' }))
    t.equal(orders.length, 0, 'not at once')
    clock.advance(retry.firstDelayMs)
    const { state } = (await handOver(async () => ({ status: 'accepted' })), { state: await stateOf(id) })
    t.match(orders, [{ idempotencyKey: id }])
    t.equal(state, 'submitted')
  })

  await t.test('a callback that is faster than the answer', async t => {
    const id = idOf(await ask(ada.credential, '100'))
    await handOver(async () => {
      t.equal((await report(reportOf(id, 'payout.paid'))).status, 200)
      return { status: 'accepted', reference: 'late' }
    })
    t.match(await payoutRecord.find(database, id), { state: 'paid' })
    const rejected = idOf(await ask(ada.credential, '100'))
    await handOver(async () => {
      await report(reportOf(rejected, 'payout.paid'))
      return { status: 'rejected', reason: 'contradicts itself' }
    })
    t.equal(await stateOf(rejected), 'paid', 'what was said first holds')
  })

  await t.test('two servers at once hand each payout over once', async t => {
    const ids = await Promise.all(
      Array.from({ length: 12 }, async () => idOf(await ask(ada.credential, '100'))),
    )
    orders.length = 0
    const accept = async () => ({ status: 'accepted' as const })
    await Promise.all([handOver(accept), handOver(accept), handOver(accept)])
    t.same(orders.map(order => order.idempotencyKey).sort(), ids.sort())
  })
  await assertBooks(t, world)
})

t.test('the database knows the same transitions and refuses every other', async t => {
  const ada = await signUp()
  const rows = await run("select from_state || ' ' || to_state as pair from payout_transitions")
  const states = Object.keys(transitions) as PayoutState[]
  const allowed = new Set(states.flatMap(from => transitions[from].map(to => `${from} ${to}`)))
  t.same(new Set(rows.map(({ pair }) => pair)), allowed)
  t.same(states.filter(isEnded), ['paid', 'failed'])
  for (const from of states) {
    for (const to of states.filter(to => to !== from)) {
      const id = idOf(await ask(ada.credential, '100'))
      if (from === 'submitted') await payoutRecord.noteSubmitted(database, { id, reference: undefined })
      if (from === 'paid') await decide(id, { outcome: 'paid' })
      if (from === 'failed') await decide(id, { outcome: 'failed', reason: 'x' })
      const ends = to === 'paid' || to === 'failed'
      const change = run(
        `update payouts set state = $2, next_try_at = null, ended_at = case when $3 then created_at end,
           reason = case when $2 = 'failed' then 'x' end where id = $1`,
        [id, to, ends],
        ownerDatabase,
      )
      const isMoneyless = allowed.has(`${from} ${to}`) && ends
      if (allowed.has(`${from} ${to}`) && !ends) await t.resolves(change, `${from} -> ${to}`)
      else {
        const message = isMoneyless ? /with the transfers/ : /is not a transition/
        await t.rejects(change, { code: '23514', message }, `${from} -> ${to}`)
      }
    }
  }
})

t.test('what the schema refuses', async t => {
  const ada = await signUp()
  const id = idOf(await ask(ada.credential, '100'))
  const insert = (state: string) =>
    run(
      `insert into payouts (id, owner_kind, owner_id, currency, amount, state, created_at)
       values (gen_random_uuid(), 'player', $1, 'CNY', 100, $2, now())`,
      [ada.id, state],
    )
  await t.rejects(insert('reserved'), { code: '23514' }, 'a payout without its money')
  await t.rejects(insert('submitted'), { code: '23514', message: /begins as reserved/ })
  const pay = (kind: string, payoutId: string | null) =>
    run(
      `insert into transfers (id, kind, debit_account, credit_account, currency, amount, payout_id, created_at)
       select gen_random_uuid(), $1, credit_account, debit_account, 'CNY', 100, $2, now() from transfers
       where payout_id = $3`,
      [kind, payoutId, id],
    )
  await t.rejects(pay('payout', id), { code: '23505' }, 'reserved twice')
  await t.rejects(pay('payout_paid', null), { code: '23514' }, 'of no payout')
  await t.rejects(pay('test_money', id), { code: '23514' }, 'of another kind')
  await t.rejects(pay('payout_paid', ada.id), { code: '23503' }, 'of an unknown payout')
  await t.rejects(run('update payouts set amount = 5'), { code: '42501' }, 'the server')
  await t.rejects(run('delete from payouts'), { code: '42501' }, 'the server')
  await assertBooks(t, world)
})

t.test('reconciliation finds what a console changed', async t => {
  const ada = await signUp()
  const [open, paid] = [idOf(await ask(ada.credential, '100')), idOf(await ask(ada.credential, '100'))]
  await decide(paid, { outcome: 'paid' })
  const found = async () => {
    const { checks } = await reconcileLedger({ record: reconcileRecord, database })
    return checks.filter(check => check.differences > 0).map(check => check.name)
  }
  const plant = (change: string, params: unknown[]) =>
    ownerDatabase.transact(async tx => {
      await run("select set_config('session_replication_role', 'replica', true)", [], tx)
      await run(change, params, tx)
    })
  t.same(await found(), [])
  const state =
    'update payouts set state = $2, next_try_at = null, ended_at = case when $3 then created_at end where id = $1'
  const table: [string, string, unknown[], unknown[], string[]][] = [
    ['amount', 'update payouts set amount = amount + $2 where id = $1', [open, 1], [open, -1], ['payouts']],
    ['paid without money', state, [open, 'paid', true], [open, 'reserved', false], ['payouts']],
    ['reserved after all', state, [paid, 'reserved', false], [paid, 'paid', true], ['payouts']],
    [
      'held',
      "update accounts set debits = debits + $2 where kind = 'payout' and owner_id = $1",
      [open, 1],
      [open, -1],
      ['currencies', 'accounts', 'payouts'],
    ],
  ]
  for (const [name, change, wrong, right, expected] of table) {
    await plant(change, wrong)
    t.same(await found(), expected, name)
    await plant(change, right)
    t.same(await found(), [], `${name}, and back`)
  }
  await plant('delete from payouts where id = $1', [open])
  const { checks } = await reconcileLedger({ record: reconcileRecord, database })
  t.match(
    checks.find(check => check.name === 'payouts'),
    { differences: 1, examples: [{ payout: open, state: null, held: '100' }] },
  )
  t.equal(countDifferences({ checks, envelopes: 0, transfers: 0 }), 1)
})
