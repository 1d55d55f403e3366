/** Statements: exact, in pages, safe for spreadsheets, and the same for ever. */
import fc from 'fast-check'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { createId } from '#platform/id.ts'
import { Unavailable } from '#platform/problem.ts'
import { escrowOf, externalAccount, walletOf } from '../../src/ledger/account.ts'
import { neutralise, toCsvLine, toDecimal } from '../../src/ledger/csv.ts'
import { createFreshPost, latestMs } from '../../src/ledger/post-fresh.ts'
import { postTransfers, statementRecord, walletRecord } from '../../src/ledger/postgres.ts'
import { openStatement, type StatementRecord } from '../../src/ledger/statement.ts'
import type { Transfer } from '../../src/ledger/transfer.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { addPlayer } from '../helpers/people.ts'
import { createWorld } from '../helpers/world.ts'

const currencies = new Map([
  ['CNY', 2],
  ['JPY', 0],
])
const world = await createWorld(t)
const { database, clock } = world
const { send } = await createAccountApp(t, world, { currencies })

/** Reads RFC 4180, as a stranger would. */
function readCsv(text: string): Record<string, string>[] {
  t.ok(text.endsWith('\r\n'), 'every line ends')
  const fields = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)]
  const lines: string[][] = [[]]
  for (const [, quoted, plain = '', end] of fields) {
    lines.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\r\n') lines.push([])
  }
  const [head = [], ...rows] = lines.slice(0, -1)
  return rows.map(row => Object.fromEntries(head.map((name, i) => [name, row[i] ?? ''])))
}

const iso = (ms: number) => new Date(ms).toISOString()
const settledMs = limits.statement.settledMs

async function signUp() {
  const { body } = await send({ method: 'POST', url: '/v1/players', body: {} })
  return { id: (body.player as { id: string }).id, credential: String(body.token) }
}

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

const get = (credential: string, query: object, path = '/v1/wallet/statement') =>
  send({ url: `${path}?${new URLSearchParams({ currency: 'CNY', ...query }).toString()}`, credential })

t.test('CSV and decimals', async t => {
  t.equal(toCsvLine(['a', 'b,c', 'd"e', 'f\r\ng', '']), 'a,"b,c","d""e","f\r\ng",\r\n')
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1'])
    t.equal(neutralise(text), `'${text}`)
  for (const text of ['a=1', '1+1', '', '红包', "'="]) t.equal(neutralise(text), text)
  const table: [bigint, number, string][] = [
    [0n, 2, '0.00'],
    [5n, 2, '0.05'],
    [-5n, 2, '-0.05'],
    [12345n, 2, '123.45'],
    [12345n, 0, '12345'],
    [-7n, 0, '-7'],
    [9_999_999_999_999n, 4, '999999999.9999'],
  ]
  for (const [minor, decimals, text] of table) t.equal(toDecimal(minor, decimals), text)
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 18n), 10n ** 18n), fc.integer({ min: 0, max: 4 }), (minor, decimals) => {
      const text = toDecimal(minor, decimals)
      const [, places = ''] = text.split('.')
      return places.length === decimals && BigInt(text.replace('.', '')) === minor
    }),
  )
})

t.test('opening + credits - debits = closing = what the ledger held, in every period', async t => {
  const ada = await signUp()
  const bob = await addPlayer(world)
  const wallet = walletOf(ada.id, 'CNY')
  const startMs = clock.nowMs()
  const held: { atMs: number; minor: bigint }[] = []
  for (let i = 0; i < 60; i++) {
    clock.advance(i % 4 === 0 ? 0 : 1_000)
    const other = walletOf(bob.id, 'CNY')
    const isOut = i % 3 !== 2
    const sides = isOut ? { debit: wallet, credit: other } : { debit: other, credit: wallet }
    await post([transfer({ ...sides, amountMinor: BigInt(isOut ? i + 1 : 1) })])
    const [balance] = await walletRecord.listBalances(database, ada.id)
    held.push({ atMs: clock.nowMs(), minor: balance?.amountMinor ?? 0n })
  }
  clock.advance(settledMs + 60_000)
  const heldBefore = (ms: number) => held.findLast(({ atMs }) => atMs < ms)?.minor
  await fc.assert(
    fc.asyncProperty(fc.nat(60), fc.nat(60), async (a, b) => {
      const fromMs = startMs + Math.min(a, b) * 1_000
      const toMs = startMs + (Math.max(a, b) + 1) * 1_000
      const { status, text } = await get(ada.credential, { from: iso(fromMs), to: iso(toMs) })
      const rows = readCsv(text)
      const [opening, closing] = [rows.at(0), rows.at(-1)]
      const inside = rows.slice(1, -1)
      const sum = (name: string) => inside.reduce((total, row) => total + BigInt(row[name] || '0'), 0n)
      t.equal(status, 200)
      t.match([opening?.line, closing?.line], ['opening', 'closing'])
      t.equal(BigInt(opening?.balanceMinor ?? ''), heldBefore(fromMs) ?? BigInt(opening?.balanceMinor ?? ''))
      t.equal(BigInt(closing?.balanceMinor ?? ''), heldBefore(toMs))
      t.same(
        [closing?.debitMinor, closing?.creditMinor],
        [String(sum('debitMinor')), String(sum('creditMinor'))],
      )
      const expected = BigInt(opening?.balanceMinor ?? '') + sum('creditMinor') - sum('debitMinor')
      t.equal(BigInt(closing?.balanceMinor ?? ''), expected)
      const times = inside.map(({ at = '' }) => Date.parse(at))
      t.ok(times.every(atMs => atMs >= fromMs && atMs < toMs))
      t.same(
        times,
        times.toSorted((x, y) => x - y),
      )
    }),
    { numRuns: 40 },
  )
})

t.test('more rows than a page, each once, in the order of time', async t => {
  const [ada, bob] = [await signUp(), await addPlayer(world)]
  const fromMs = clock.nowMs()
  const batch = Array.from({ length: 1_203 }, (_, i) =>
    transfer({
      ...{ debit: walletOf(ada.id, 'CNY'), credit: walletOf(bob.id, 'CNY'), amountMinor: 1n },
      // Many in one millisecond, over the borders of pages.
      createdAtMs: fromMs + Math.floor(i / 400),
    }),
  )
  await post(batch)
  clock.advance(settledMs + 10)
  const { text, headers } = await get(ada.credential, { from: iso(fromMs), to: iso(fromMs + 5) })
  t.match(headers, { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': 'attachment' })
  const rows = readCsv(text).slice(1, -1)
  t.equal(rows.length, 1_204, 'the test money, too')
  t.equal(new Set(rows.map(({ transferId }) => transferId)).size, 1_204)
  t.equal(rows.at(-1)?.balance, readCsv(text).at(-1)?.balance)

  const pages: number[] = []
  const record: StatementRecord = {
    ...statementRecord,
    list: async (tx, id, page) => {
      const found = await statementRecord.list(tx, id, page)
      pages.push(found.length)
      return found
    },
  }
  const ports = { record, tx: database, currencies, clock }
  const period = { fromMs, toMs: fromMs + 5, mayBeUnopened: false }
  const opened = await openStatement(ports, walletOf(ada.id, 'CNY'), period)
  if (opened.status !== 'opened') throw new Error(opened.code)
  const lines = opened.lines[Symbol.asyncIterator]()
  await lines.next()
  await lines.next()
  t.same(pages, [500], 'a page is read when somebody reads on')
  while (!(await lines.next()).done);
  t.same(pages, [500, 500, 204])
})

t.test('a statement that does not tie is cut off before its end', async t => {
  const ada = await signUp()
  const fromMs = clock.nowMs()
  clock.advance(settledMs + 10)
  const record: StatementRecord = {
    ...statementRecord,
    bound: async (tx, id, period) => {
      const ends = await statementRecord.bound(tx, id, period)
      return ends && { ...ends, closing: ends.closing + 1n }
    },
  }
  const ports = { record, tx: database, currencies, clock }
  const period = { fromMs, toMs: fromMs + 5, mayBeUnopened: false }
  const opened = await openStatement(ports, walletOf(ada.id, 'CNY'), period)
  if (opened.status !== 'opened') throw new Error(opened.code)
  let text = ''
  await t.rejects(async () => {
    for await (const piece of opened.lines) text += piece
  }, /what the account held/)
  t.notMatch(text, 'closing')
})

t.test('a period in the past never changes', async t => {
  const ada = await signUp()
  const wallet = walletOf(ada.id, 'CNY')
  const fromMs = clock.nowMs() - 1_000
  const takenAtMs = clock.nowMs()
  // As early as a statement may be asked for the moment of the transfer, and as late as a transfer may be posted.
  const early = { from: iso(fromMs), to: iso(takenAtMs + 1) }
  const post = createFreshPost(postTransfers, clock)
  const late = () =>
    post(database, [
      transfer({ debit: externalAccount('CNY'), credit: wallet, amountMinor: 5n, createdAtMs: takenAtMs }),
    ])
  clock.advance(latestMs)
  await late()
  t.match(await get(ada.credential, early), { status: 422, body: { reason: 'period_not_over' } })
  clock.advance(1)
  await t.rejects(late(), Unavailable, 'half a minute is too late')
  t.match(await get(ada.credential, early), { status: 422, body: { reason: 'period_not_over' } })
  clock.advance(settledMs - latestMs)
  const before = await get(ada.credential, early)
  t.equal(before.status, 200)
  await t.rejects(late(), Unavailable)
  await post(database, [transfer({ debit: externalAccount('CNY'), credit: wallet, amountMinor: 7n })])
  t.equal((await get(ada.credential, early)).text, before.text)
  t.ok(settledMs - latestMs >= 30_000, 'what PostgreSQL needs to commit or to give up')
})

t.test("the operator exports any account, and others' texts are no formulas", async t => {
  const ada = await addPlayer(world, { walletMinor: 100n })
  const fromMs = clock.nowMs()
  const references = ['=HYPERLINK("http://evil.example","x")', '+1', '-1', '@x', 'bank, "7"']
  for (const [i, reference] of references.entries()) {
    const body = { owner: { playerId: ada.id }, amount: { amountMinor: '10', currency: 'CNY' }, reference }
    const sent = { method: 'POST' as const, url: '/v1/operator/deposits', credential: operatorKey }
    t.equal((await send({ ...sent, key: `csv-${i}`, body })).status, 201)
    clock.advance(1)
  }
  const envelopeId = createId(world)
  const escrow = { debit: walletOf(ada.id, 'CNY'), credit: escrowOf(envelopeId, 'CNY'), envelopeId }
  await post([transfer({ ...escrow, kind: 'escrow', amountMinor: 30n })])
  clock.advance(settledMs + 1)
  const period = { from: iso(fromMs), to: iso(clock.nowMs() - settledMs) }
  const read = async (account: object) => {
    const { status, text } = await get(operatorKey, { ...account, ...period }, '/v1/operator/statements')
    t.equal(status, 200)
    return readCsv(text)
  }
  const wallet = await read({ playerId: ada.id })
  t.same(
    wallet.filter(({ kind }) => kind === 'deposit').map(({ reference }) => reference),
    [...references.slice(0, 4).map(text => `'${text}`), references[4]],
  )
  t.match(wallet.at(-1), { balanceMinor: '120', balance: '1.20', debit: '0.30', credit: '1.50' })
  t.match(await read({ envelopeId }), [
    {},
    { kind: 'escrow', envelopeId, credit: '0.30' },
    { balance: '0.30' },
  ])
  const outside = await read({ external: 'all' })
  t.match(outside.at(-1), { balance: /^-\d+\.\d\d$/ })

  const table: [object, object][] = [
    [{}, { status: 422, body: { reason: 'account_unclear' } }],
    [
      { playerId: ada.id, merchantId: ada.id },
      { status: 422, body: { reason: 'account_unclear' } },
    ],
    [{ playerId: createId(world) }, { status: 404, body: { code: 'not_found' } }],
    [{ playerId: 'x' }, { status: 400 }],
    [{ external: 'some' }, { status: 400 }],
  ]
  for (const [account, expected] of table) {
    t.match(await get(operatorKey, { ...account, ...period }, '/v1/operator/statements'), expected)
  }
  const player = await signUp()
  const denied = await get(player.credential, { playerId: ada.id, ...period }, '/v1/operator/statements')
  t.equal(denied.status, 403)
})

t.test('what is refused', async t => {
  const { credential } = await signUp()
  const nowMs = clock.nowMs()
  const dayMs = 86_400_000
  const span = (fromMs: number, toMs: number) => ({ from: iso(fromMs), to: iso(toMs) })
  const over = span(nowMs - dayMs, nowMs - settledMs)
  const table: [string, object, object][] = [
    ['currency', { ...over, currency: 'XAU' }, { status: 422, body: { reason: 'currency_unknown' } }],
    ['nothing', span(nowMs - dayMs, nowMs - dayMs), { status: 422, body: { reason: 'period_empty' } }],
    ['backwards', span(nowMs - settledMs, nowMs - dayMs), { status: 422, body: { reason: 'period_empty' } }],
    [
      '367 days',
      span(nowMs - 400 * dayMs, nowMs - 33 * dayMs),
      { status: 422, body: { reason: 'period_too_long' } },
    ],
    [
      'a minute ago',
      span(nowMs - dayMs, nowMs - settledMs + 1),
      { status: 422, body: { reason: 'period_not_over' } },
    ],
    [
      'no time',
      { ...over, from: 'yesterday' },
      { status: 400, body: { errors: [{ pointer: '/querystring/from' }] } },
    ],
    ['a leap second', { ...over, to: '2016-12-31T23:59:60Z' }, { status: 400 }],
    ['no end', { from: over.from }, { status: 400 }],
    ['something else', { ...over, format: 'pdf' }, { status: 400 }],
  ]
  for (const [name, query, expected] of table) t.match(await get(credential, query), expected, name)
  const full = await get(credential, span(nowMs - 366 * dayMs - settledMs, nowMs - settledMs))
  t.equal(full.status, 200, '366 days')
  const yen = readCsv((await get(credential, { ...over, currency: 'JPY' })).text)
  t.match(
    yen,
    [
      { line: 'opening', balance: '0' },
      { line: 'closing', balance: '0' },
    ],
    'nothing ever moved',
  )
  await assertBooks(t, world)
})
