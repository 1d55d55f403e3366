/**
 * Amounts on their way: digits on the wire, bigint here, bigint in PostgreSQL, and the same digits back; and whatever
 * is no amount, turned away at the door. More amounts with `MONEY_RUNS=1000000`.
 */
import fc from 'fast-check'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { limits } from '#protocol/limits.ts'
import { Amount } from '#protocol/scalars.ts'
import { canonicalJson } from '#platform/idempotency.ts'
import { toDecimal } from '../../src/ledger/csv.ts'
import { operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createPayoutStage } from '../payouts/stage.ts'

const runs = Number(process.env.MONEY_RUNS ?? 20_000)
const { maxMinor } = limits.money
const amounts = fc.oneof(
  fc.bigInt(1n, maxMinor),
  fc.bigInt(1n, 1_000n),
  fc.constantFrom(1n, maxMinor, 2n ** 31n, 2n ** 32n + 1n, 10n ** 12n + 1n, 4_503_599_627_371n),
)
const money = Compile(Amount)

const stage = await createPayoutStage(t)

t.test(`${runs} amounts in pure code`, { timeout: 600_000 }, async t => {
  fc.assert(
    fc.property(amounts, minor => {
      const wire = JSON.parse(canonicalJson({ amountMinor: String(minor), currency: 'CNY' })) as {
        amountMinor: string
      }
      return (
        money.Check(wire) &&
        BigInt(wire.amountMinor) === minor &&
        BigInt(toDecimal(minor, 2).replace('.', '')) === minor &&
        BigInt(toDecimal(-minor, 4).replace('.', '')) === -minor
      )
    }),
    { numRuns: runs },
  )
  for (const beyond of [0n, -1n, maxMinor + 1n, 10n ** 13n, 10n ** 14n, 2n ** 63n, 2n ** 64n + 1n]) {
    t.notOk(money.Check({ amountMinor: String(beyond), currency: 'CNY' }), String(beyond))
  }
})

const { world, send, signUp, ask, decide, told } = stage
const { database, clock } = world

t.test('1,000 amounts through HTTP, PostgreSQL, HTTP, CSV and the socket', { timeout: 120_000 }, async t => {
  const { id, credential } = await signUp()
  const sent: string[] = []
  let balance = limits.sandbox.playerTestMinor
  const fromMs = clock.nowMs() + 1
  const wrong: unknown[] = []
  for (const minor of fc.sample(amounts, { numRuns: 950, seed: 20_261_125 })) {
    // 600 requests a minute are the operator's.
    clock.advance(110)
    const amountMinor = String(minor)
    sent.push(amountMinor)
    balance += minor
    const body = {
      owner: { playerId: id },
      amount: { amountMinor, currency: 'CNY' },
      reference: `amount ${sent.length}`,
    }
    const order = { method: 'POST' as const, url: '/v1/operator/deposits', credential: operatorKey }
    const answer = await send({ ...order, key: `amount-${sent.length}`, body })
    const held = (answer.body.balance as { amountMinor?: string } | undefined)?.amountMinor
    if (held !== String(balance)) wrong.push([amountMinor, answer.status, held])
  }
  t.same(wrong, [], 'each answer has the exact balance')

  const { minMinor, maxMinor: largest } = limits.payout
  for (const minor of fc.sample(fc.bigInt(minMinor, largest), { numRuns: 50, seed: 1 })) {
    const amountMinor = String(minor)
    const asked = await ask(credential, amountMinor)
    const one = await send({ url: `/v1/payouts/${String(asked.body.id)}`, credential })
    t.match(one.body, { amount: { amountMinor } })
    await decide(String(asked.body.id), { outcome: 'failed', reason: 'a test' })
    t.match(told.at(-1)?.frame, { kind: 'payout_returned', amount: { amountMinor } })
  }

  const toMs = clock.nowMs() + 1
  clock.advance(limits.statement.settledMs + 1)
  const period = { currency: 'CNY', from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
  const { text } = await send({
    url: `/v1/wallet/statement?${new URLSearchParams(period).toString()}`,
    credential,
  })
  const [names = [], ...lines] = text.split('\r\n').map(line => line.split(','))
  const read = (line: string[] | undefined, name: string) => line?.[names.indexOf(name)]
  t.same(
    lines.filter(line => read(line, 'kind') === 'deposit').map(line => read(line, 'creditMinor')),
    sent,
    'the statement has every digit',
  )
  t.equal(read(lines.at(-2), 'balanceMinor'), String(balance))
  const { body } = await send({ url: '/v1/wallet', credential })
  t.match(body, { balances: [{ amountMinor: String(balance) }] })
  await assertBooks(t, world)
})

/** What is no amount, in whatever way: numbers, near misses in text, other scripts' digits, other types. */
const hostile = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, false, [], {}, ['5'], { amountMinor: '5' }),
  fc.constantFrom(
    '0',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '01',
    '',
    ' 1',
    '1 ',
    '0x1',
    '１',
    '١',
    '1_000',
    '1,000',
    'NaN',
    '∞',
  ),
  fc.constantFrom('1\n', '1\0', '1\u200b', '\u202e1', '1n', "1'; drop table transfers; --", '10000000000000'),
  fc.bigInt(10n ** 13n, 10n ** 30n).map(String),
  fc.bigInt(-(10n ** 30n), 0n).map(String),
  fc.string({ unit: 'binary' }).filter(text => !/^[1-9][0-9]{0,12}$/.test(text)),
)

t.test(
  '1,000 hostile values in each field of money: refused, and nothing changes',
  { timeout: 120_000 },
  async t => {
    const { id, credential } = await signUp()
    const owner = { playerId: id }
    const fields = [
      (amountMinor: unknown) =>
        [
          '/v1/operator/deposits',
          operatorKey,
          { owner, amount: { amountMinor, currency: 'CNY' }, reference: 'x' },
        ] as const,
      (amountMinor: unknown) =>
        ['/v1/payouts', credential, { amount: { amountMinor, currency: 'CNY' } }] as const,
      (currency: unknown) =>
        ['/v1/payouts', credential, { amount: { amountMinor: '500', currency } }] as const,
    ]
    const fingerprint = async () =>
      database.query({
        name: 'fingerprint',
        text: `select (select count(*) from transfers) as transfers, (select count(*) from payouts) as payouts,
        (select count(*) from idempotent_answers) as answers,
        (select md5(string_agg(accounts::text, ',' order by id)) from accounts) as accounts`,
      })
    const before = await fingerprint()
    const passed: unknown[] = []
    for (const [i, field] of fields.entries()) {
      for (const value of fc.sample(hostile, { numRuns: 1_000, seed: i })) {
        // The budget of a credential is another matter.
        clock.advance(200)
        const [url, who, body] = field(value)
        const { status } = await send({ method: 'POST', url, credential: who, key: 'hostile', body })
        if (status < 400 || status > 422) passed.push([url, value, status])
      }
    }
    t.same(passed, [])
    t.same(await fingerprint(), before)
  },
)
