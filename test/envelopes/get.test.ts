import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import Fastify from 'fastify'
import t from 'tap'
import type { Envelope as EnvelopeAnswer } from '#protocol/rest/envelopes.ts'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { reportProof } from '../../src/envelopes/proof-report.ts'
import { registerEnvelopeRoutes } from '../../src/envelopes/routes.ts'
import { checkProof, type SplitProof } from '../../src/envelopes/verify.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import type { Caller, MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createStage, goEast, hideBody, pointOf, square } from './stage.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const stage = await createStage(t)
const { envelopes, clock, hideWell, createPlayer, createMerchant, settle, standing } = stage

let farM = 0
const nextPlace = () => goEast((farM += 10_000))
const hour = 3_600_000
const inMs = (ms: number) => new Date(clock.nowMs() + ms).toISOString()

type Who = PlayerCaller | MerchantCaller
const unwrap = <B>(answer: { status: number; body: B } | Refusal): B | string =>
  isRefusal(answer) ? answer.code : answer.body
const get = async (caller: Who, id: string) => unwrap(await envelopes.get({ caller, id }))
const wins = async (caller: Who, id: string, query = {}) =>
  unwrap(await envelopes.listWins({ caller, id, query }))
const verify = async (caller: Who, id: string) => unwrap(await envelopes.verify({ caller, id }))

async function look(caller: Who, id: string): Promise<EnvelopeAnswer> {
  const body = await get(caller, id)
  assert(typeof body === 'object')
  return body
}

t.test('others see neither place nor cell nor money while it is open', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  const { id } = await hideWell(hider, { place: pointOf(at), greeting: 'hi', clue: { text: 'third lamp' } })
  const stranger = await createPlayer({ at: null })
  const seen = await look(stranger, id)
  t.same(Object.keys(seen).sort(), [
    ...['audience', 'claimRadiusM', 'commitment', 'expiresAt', 'greeting', 'id', 'kind', 'opensAt'],
    ...['presence', 'shares', 'split', 'state'],
  ])
  const own = await look(hider, id)
  t.match(own, { total: { amountMinor: '1000' }, clue: { text: 'third lamp' }, own: { place: pointOf(at) } })
  const merchant = await createMerchant()
  t.equal(await get(merchant, id), 'not_found', 'a merchant sees what is theirs')
  t.equal(await get(stranger, hider.id), 'not_found')

  await envelopes.close({ caller: hider, id })
  t.match(await look(stranger, id), { state: 'closed', total: { amountMinor: '1000' }, own: undefined })
})

t.test('the clue shows inside the publish radius, by res-10 cells', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  const { id } = await hideWell(hider, { place: pointOf(at), clue: { text: 'third lamp' } })
  const player = await createPlayer({ at: null })
  const seesFrom = async (point: Point) => {
    standing.set(player.id, point)
    return (await look(player, id)).clue !== undefined
  }
  t.ok(await seesFrom(at))
  t.ok(await seesFrom(goEast(300, at)))
  t.notOk(await seesFrom(goEast(700, at)))
  // All points of one res-10 cell are one point, at the edge of the radius as well.
  const byCell = new Map<string, Set<boolean>>()
  for (let distanceM = 440; distanceM < 580; distanceM += 10) {
    for (const bearingDeg of [80, 90, 100]) {
      const point = travelFrom(at, { bearingDeg, distanceM })
      const cell = coarsen(locateCell(point), 10)
      byCell.set(cell, (byCell.get(cell) ?? new Set()).add(await seesFrom(point)))
    }
  }
  t.ok([...byCell.values()].every(answers => answers.size === 1))
  t.equal(new Set([...byCell.values()].flatMap(answers => [...answers])).size, 2, 'the edge was crossed')
})

t.test('what is not open yet, or was closed before, is nobody else’s business', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  const stranger = await createPlayer()
  const { id } = await hideWell(hider, { place: pointOf(at), opensAt: inMs(hour) })
  const cancelled = await hideWell(hider, { place: pointOf(at), opensAt: inMs(hour) })
  await envelopes.close({ caller: hider, id: cancelled.id })
  for (const hidden of [id, cancelled.id]) {
    t.equal(await get(stranger, hidden), 'not_found')
    t.equal(await wins(stranger, hidden), 'not_found')
    t.equal(await verify(stranger, hidden), 'not_found')
    t.equal((await look(hider, hidden)).commitment, undefined)
  }
  clock.advance(hour)
  await Promise.all(envelopes.jobs.map(job => job.run(0)))
  t.match(await look(stranger, id), { state: 'live', commitment: /^[0-9a-f]{64}$/ })
  t.equal(await get(stranger, cancelled.id), 'not_found')
})

t.test('an envelope for players exists for its guests and its hider only', async t => {
  const at = nextPlace()
  const [hider, guest, stranger] = [await createPlayer({ at }), await createPlayer(), await createPlayer()]
  const merchant = await createMerchant()
  const audience = { type: 'players' as const, playerIds: [guest.id] }
  const { id } = await hideWell(hider, { place: pointOf(at), audience })
  t.match(await look(guest, id), { audience: 'players' })
  t.notMatch(JSON.stringify(await look(hider, id)), guest.id, 'the list is not shown')
  for (const caller of [stranger, merchant]) t.equal(await get(caller, id), 'not_found')
  await envelopes.close({ caller: hider, id })
  for (const ask of [get, wins, verify]) {
    t.type(await ask(guest, id), 'object')
    t.equal(await ask(stranger, id), 'not_found')
    t.equal(await ask(merchant, id), 'not_found')
  }
})

t.test('winners by pseudonym, the best luck once it ended', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  const { id } = await hideWell(hider, {
    place: pointOf(at),
    shares: 4,
    split: 'lucky',
    total: { amountMinor: '5', currency: 'CNY' },
  })
  const players = await Promise.all(Array.from({ length: 4 }, () => createPlayer()))
  const stranger = await createPlayer()
  for (const [i, player] of players.entries()) {
    if (i === 2) {
      t.equal(await wins(stranger, id), 'not_found', 'others wait until it ended')
      const soFar = await wins(hider, id)
      assert(typeof soFar === 'object')
      t.equal(soFar.numberReturned, 2)
      t.ok(soFar.items.every(({ bestLuck }) => !bestLuck))
    }
    await settle(id, { playerId: player.id, shareNo: i + 1 })
    // The last two at one moment: the id orders them.
    if (i < 2) clock.advance(1_000)
  }
  const all = await wins(hider, id)
  assert(typeof all === 'object')
  t.same(await wins(stranger, id), all)
  t.equal(all.items.length, 4)
  const amounts = all.items.map(({ amount }) => Number(amount?.amountMinor))
  t.same([...amounts].sort(), [1, 1, 1, 2])
  t.same(
    all.items.map(({ bestLuck }) => bestLuck),
    amounts.map(amount => amount === 2),
  )
  t.notMatch(JSON.stringify(all), new RegExp(players.map(({ id }) => id).join('|')))

  const first = await wins(hider, id, { limit: '3' })
  assert(typeof first === 'object')
  const cursor = new URL(first.links.next ?? '', 'http://x').searchParams.get('cursor') ?? ''
  const rest = await wins(hider, id, { limit: '3', cursor })
  assert(typeof rest === 'object')
  t.same([...first.items, ...rest.items], all.items)
  t.equal(rest.links.next, undefined)
  t.equal(await wins(hider, id, { cursor: 'x' }), 'bad_request')
})

t.test('the best luck is the earliest of equals, and of lucky splits alone', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  for (const split of ['lucky', 'equal'] as const) {
    const total = { amountMinor: '3', currency: 'CNY' }
    const { id } = await hideWell(hider, { place: pointOf(at), shares: 3, split, total })
    for (const shareNo of [3, 1, 2]) {
      await settle(id, { playerId: (await createPlayer()).id, shareNo })
      clock.advance(1)
    }
    const all = await wins(hider, id)
    assert(typeof all === 'object')
    const expected = split === 'lucky' ? [true, false, false] : [false, false, false]
    t.same(
      all.items.map(({ bestLuck }) => bestLuck),
      expected,
      split,
    )
  }
})

t.test('a merchant knows a winner again, a player does not', async t => {
  const winner = await createPlayer()
  const names = async (hider: Who, place: Point) => {
    const ids = [
      await hideWell(hider, { place: pointOf(place) }),
      await hideWell(hider, { place: pointOf(place) }),
    ]
    const seen = new Set<string>()
    for (const { id } of ids) {
      await settle(id, { playerId: winner.id, shareNo: 1 })
      const list = await wins(hider, id)
      if (typeof list === 'object') seen.add(list.items[0]?.winner ?? '')
    }
    return seen.size
  }
  const at = nextPlace()
  t.equal(await names(await createMerchant(), at), 1)
  t.equal(await names(await createPlayer({ at }), at), 2)
})

t.test('one’s own, newest first, in pages', async t => {
  const at = nextPlace()
  const [hider, other] = [await createPlayer({ at }), await createPlayer({ at })]
  const ids: string[] = []
  for (let n = 0; n < 3; n++) {
    ids.unshift((await hideWell(hider, { place: pointOf(goEast(150 * n, at)) })).id)
    await hideWell(other, { place: pointOf(goEast(150 * n, at)) })
    clock.advance(1)
  }
  const read = async (query: object) => {
    const page = await envelopes.listOwn({ caller: hider, query })
    assert(!isRefusal(page))
    return page.body
  }
  const first = await read({ limit: '2' })
  t.same(
    first.items.map(({ id }) => id),
    ids.slice(0, 2),
  )
  t.ok(first.items.every(({ own }) => own !== undefined))
  const cursor = new URL(first.links.next ?? '', 'http://x').searchParams.get('cursor') ?? ''
  t.same(
    (await read({ limit: '2', cursor })).items.map(({ id }) => id),
    ids.slice(2),
  )
})

async function endedProof(
  split: 'equal' | 'lucky',
  caller?: Who,
): Promise<{ proof: SplitProof; commitment: string }> {
  const at = nextPlace()
  const hider = caller ?? (await createPlayer({ at }))
  const { id } = await hideWell(hider, { place: pointOf(at), shares: 7, split })
  const stranger = await createPlayer()
  const { commitment } = await look(stranger, id)
  assert.equal(await verify(hider, id), 'not_found', 'not even the hider, before it ended')
  await envelopes.close({ caller: hider, id })
  const proof = await verify(stranger, id)
  assert(typeof proof === 'object' && commitment !== undefined)
  return { proof, commitment }
}

t.test('a split is proved once it ended', async t => {
  for (const split of ['equal', 'lucky'] as const) {
    const { proof, commitment } = await endedProof(split)
    t.match(proof, { split, shares: 7, valid: true, commitment, total: { amountMinor: '1000' } })
    t.equal(proof.shareCapMinor, split === 'lucky' ? '20000' : undefined)
    t.equal(
      proof.amountsMinor.reduce((sum, amount) => sum + BigInt(amount), 0n),
      1_000n,
    )
  }
})

t.test('a proof that was touched is refuted', async t => {
  const { proof } = await endedProof('lucky')
  t.same(checkProof(proof), { status: 'verified' })
  const [a = '', b = '', ...others] = proof.amountsMinor
  const seed = proof.seed.startsWith('0') ? `1${proof.seed.slice(1)}` : `0${proof.seed.slice(1)}`
  const tampered: Partial<SplitProof>[] = [
    { amountsMinor: [String(BigInt(a) + 1n), String(BigInt(b) - 1n), ...others] },
    { amountsMinor: [a, ...others] },
    { amountsMinor: [...proof.amountsMinor, '1'] },
    { amountsMinor: [...proof.amountsMinor.slice(1), 'x'] },
    { seed },
    { seed: 'zz' },
    { commitment: '0'.repeat(64) },
    { total: { amountMinor: '1001', currency: 'CNY' } },
    { shares: 6 },
    { shareCapMinor: '1' },
    { split: 'equal' },
  ]
  for (const change of tampered) {
    t.equal(checkProof({ ...proof, ...change }).status, 'refuted', Object.keys(change).join())
  }
})

/** Runs the command as a user does; resolves to its exit code and output. */
function runCommand(args: string[], input = ''): Promise<{ code: number | null; output: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...asTypeScript, 'src/bin/verify-split.ts', ...args])
    let output = ''
    const collect = (chunk: Buffer) => (output += chunk.toString())
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('close', code => resolve({ code, output }))
    child.stdin.end(input)
  })
}

t.test('what is said of a proof', async t => {
  const { proof, commitment } = await endedProof('lucky')
  const say = (changes: object, noted?: string) =>
    reportProof(JSON.stringify({ ...proof, ...changes }), noted)
  const fair = say({})
  t.equal(fair.status, 'fair')
  t.match(fair.lines.join(), /7 shares, lucky, at most 20000.*Compare it with the one that was shown.*FAIR/)
  t.match(say({}, commitment.toUpperCase()), { status: 'fair', lines: [/./, /that you noted/] })
  t.match(say({}, '0'.repeat(64)), { status: 'unfair', lines: [/./, /NOT FAIR: the commitment is/] })
  t.match(say({ shares: 6, valid: true }), {
    status: 'unfair',
    lines: [/./, /share \d is \d+, which is not/],
  })
  t.match(say({ seed: 'ab' }), { status: 'unfair', lines: [/./, /no split has such a seed/] })
  t.match(say({ commitment: 'x' }), { status: 'unfair', lines: [/./, /do not hash to the commitment x/] })
  for (const foreign of ['{}', 'null', 'no json', JSON.stringify({ ...proof, shares: '7' })]) {
    t.equal(reportProof(foreign).status, 'unreadable', foreign.slice(0, 10))
  }
})

t.test('the command reads a file or standard input, and its exit code is the verdict', async t => {
  const { proof } = await endedProof('equal')
  const file = `${t.testdir({ 'proof.json': JSON.stringify(proof) })}/proof.json`
  const [fair, unfair, bare] = await Promise.all([
    runCommand([file]),
    runCommand(['-'], JSON.stringify({ ...proof, seed: '0'.repeat(64) })),
    runCommand([]),
  ])
  t.match(fair, { code: 0, output: /^FAIR/m })
  t.match(unfair, { code: 1, output: /^NOT FAIR/m })
  t.match(bare, { code: 2, output: /^Usage: npm run verify-split/ })
})

t.test('over HTTP: what the protocol promises is what is sent', async t => {
  const at = nextPlace()
  const [hider, stranger] = [await createPlayer({ at }), await createPlayer({ at })]
  const callers = new Map<string, Caller>([hider, stranger].map(caller => [`Bearer ${caller.id}`, caller]))
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  t.teardown(() => app.close())
  handleFaults(app, { sandbox: true })
  const authenticate = (credential = '') => callers.get(credential) ?? refuse('unauthorized')
  registerEnvelopeRoutes(createBinder<Caller>(app, { sandbox: true, authenticate }), { envelopes })
  const send = async (
    caller: PlayerCaller,
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
  ) => {
    const headers = { authorization: `Bearer ${caller.id}`, 'idempotency-key': 'over-http' }
    const reply = await app.inject({ method, url, headers, ...(payload && { payload }) })
    return { status: reply.statusCode, body: reply.json(), text: reply.body }
  }
  const body = hideBody({ place: pointOf(at), clue: { text: 'third lamp' } })
  const hidden = await send(hider, 'POST', '/v1/envelopes', body)
  t.equal(hidden.status, 201)
  t.equal((await send(hider, 'POST', '/v1/envelopes', body)).text, hidden.text, 'a replay is the same text')
  const url = `/v1/envelopes/${hidden.body.id}`
  t.match(await send(hider, 'GET', '/v1/me/envelopes'), { status: 200, body: { numberReturned: 1 } })
  t.match(await send(stranger, 'GET', url), { status: 200, body: { clue: { text: 'third lamp' } } })
  t.match(await send(stranger, 'GET', `${url}/verify`), { status: 404, body: { code: 'not_found' } })
  t.match(await send(stranger, 'DELETE', url), { status: 404 })
  t.match(await send(hider, 'DELETE', url), { status: 200, body: { refund: { amountMinor: '1000' } } })
  t.match(await send(stranger, 'GET', `${url}/claims`), { status: 200, body: { items: { length: 0 } } })
  t.match(await send(stranger, 'GET', `${url}/verify`), { status: 200, body: { valid: true } })
  const far = { ...body, fix: { ...square, accuracyM: 5 }, shares: 9 }
  t.match(await send(hider, 'POST', '/v1/envelopes', far), {
    status: 422,
    body: { code: 'idempotency_mismatch' },
  })
  t.match(await send(stranger, 'POST', '/v1/envelopes', far), {
    status: 422,
    body: { code: 'place_refused', reason: 'too_far', figures: { limitM: 500 } },
  })
  t.match(await send(stranger, 'POST', '/v1/envelopes', { ...body, brand: 'x' }), {
    status: 400,
    body: { errors: [{ pointer: '/body/brand' }] },
  })
})

t.test('the books are right after all of this', t => assertBooks(t, stage.world))

const ledger = async (caller: Caller, id: string, query = {}) =>
  unwrap(await envelopes.readLedger({ caller, id, query }))

async function readEntries(caller: Caller, id: string, query: { limit?: string; cursor?: string } = {}) {
  const body = await ledger(caller, id, query)
  assert(typeof body === 'object')
  return body
}

t.test('the ledger of an envelope runs from the escrow to zero', async t => {
  const at = nextPlace()
  const hider = await createPlayer({ at })
  const { id } = await hideWell(hider, { place: pointOf(at), split: 'lucky', shares: 5 })
  const minor = ({ amountMinor }: { amountMinor: string }) => Number(amountMinor)
  t.match(await ledger(hider, id), {
    state: 'live',
    sums: {
      total: { amountMinor: '1000' },
      funded: { amountMinor: '1000' },
      remaining: { amountMinor: '1000' },
    },
    items: [{ kind: 'escrow', amount: { amountMinor: '1000' }, remaining: { amountMinor: '1000' } }],
  })
  const winners = await Promise.all([createPlayer(), createPlayer(), createPlayer()])
  for (const [i, winner] of winners.entries()) await settle(id, { playerId: winner.id, shareNo: i + 2 })
  await envelopes.close({ caller: hider, id })

  const { items, sums, numberReturned, state } = await readEntries(hider, id)
  t.same([state, numberReturned], ['closed', 5])
  t.same(
    items.map(({ kind }) => kind),
    ['escrow', 'claim', 'claim', 'claim', 'refund'],
    'in this order, though all happened at the same moment',
  )
  let left = 0
  for (const { kind, amount, remaining } of items) {
    left += kind === 'escrow' ? minor(amount) : -minor(amount)
    t.equal(minor(remaining), left)
  }
  t.equal(left, 0)
  t.equal(minor(sums.funded), minor(sums.claimed) + minor(sums.refunded))
  t.same([minor(sums.total), minor(sums.funded), minor(sums.remaining)], [1000, 1000, 0])

  const claims = items.filter(({ kind }) => kind === 'claim')
  const listed = await wins(hider, id)
  assert(typeof listed === 'object')
  const whom = (list: readonly { winner?: string; amount?: { amountMinor: string } }[]) =>
    list.map(({ winner, amount }) => `${winner} ${amount?.amountMinor}`).sort()
  t.same(whom(claims), whom(listed.items), 'the same names as in the list of claims')
  const { amountsMinor } = (await verify(hider, id)) as SplitProof
  for (const { shareNo, amount } of claims) t.equal(amount.amountMinor, amountsMinor[(shareNo ?? 0) - 1])
  const text = JSON.stringify(await ledger(hider, id))
  for (const { id: playerId } of [...winners, hider]) t.notMatch(text, playerId, 'nobody is named')
  t.notMatch(text, /coordinates|cell|place/, 'and no place')

  const paged: unknown[] = []
  for (let query: { limit: string; cursor?: string } | undefined = { limit: '2' }; query !== undefined; ) {
    const page = await readEntries(hider, id, query)
    t.same(page.sums, sums, 'sums are of the whole envelope')
    paged.push(...page.items)
    const cursor: string | undefined = /cursor=(.+)/.exec(page.links.next ?? '')?.[1]
    query = cursor === undefined ? undefined : { limit: '2', cursor }
  }
  t.same(paged, items)

  t.same(await ledger({ kind: 'operator', id: 'operator' }, id), await ledger(hider, id))
  for (const other of [winners[0], await createMerchant()])
    t.equal(await ledger(other as Who, id), 'not_found')
  t.equal(await ledger(hider, hider.id), 'not_found')
  await assertBooks(t, stage.world)
})
