/**
 * Reports: who may make one and what it says to whom; how many lower an envelope and how many close it, at once or not;
 * the money that goes home; and how little one who is up to no good can do with them.
 */
import { cellToChildren } from 'h3-js'
import t from 'tap'
import { createBinder } from '#platform/http.ts'
import { limits } from '#protocol/limits.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { type Cell, centreOf, coarsen, locateCell } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import { createLiveCells } from '../../src/hints/live-cells.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import { loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import type { Caller, PlayerCaller } from '../../src/players/caller.ts'
import { reportRecord } from '../../src/reports/postgres.ts'
import { reportEnvelope, type ReportPorts, type ReportReason } from '../../src/reports/report.ts'
import { registerReportRoutes } from '../../src/reports/routes.ts'
import { createClaimStage, outcomeOf } from '../claims/stage.ts'
import { goEast, pointOf, square } from '../envelopes/stage.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'

const stage = await createClaimStage(t)
const { world, clock, server, hideWell, createPlayer, createMerchant, ask, claim } = stage
const { database, random } = world
const told = stage.announcedByEnvelopes as Record<string, unknown>[]
const ports: ReportPorts = {
  ...{ database, clock, random, envelopes: envelopeRecord, reports: reportRecord },
  ...{ ledger: { post: postTransfers }, positions: server.positions, announcer: stage.announcer },
  noteAction: createActionLog(world),
  claims: { hasWon: async pair => (await server.record.findClaims([pair])).length > 0 },
  dayZone: 'UTC',
}
const { lowersAt, closesAt, perDay } = limits.report

t.beforeEach(async () => void (told.length = 0))
t.afterEach(async () => {
  await server.drain()
  await assertBooks(t, world)
})

/** Somebody who stands there, as the position gate has it. */
async function standAt(at: Point | null, more: Partial<PlayerCaller> = {}): Promise<PlayerCaller> {
  const player = { ...(await createPlayer({ minor: 0n, at: null })), ...more }
  if (at !== null) await server.positions.move(player, { ...at, accuracyM: 8 })
  return player
}
const crowd = (size: number, at: Point = square) =>
  Promise.all(Array.from({ length: size }, () => standAt(at)))
const report = (caller: PlayerCaller, envelopeId: string, reason: ReportReason = 'unreachable') =>
  reportEnvelope(ports, { caller, envelopeId, reason })
const codeOf = (answer: Awaited<ReturnType<typeof report>>) =>
  answer.status === 'refused' ? outcomeOf(answer) : answer.status
const reportsOf = async (id: string) =>
  (await ask<{ reports: number }>('select reports from envelopes where id = $1', [id]))[0]?.reports
const framesTo = (id: string) => told.filter(({ playerId }) => playerId === id).map(({ frame }) => frame)

t.test('who may report: whoever is near or has won, and nobody else hears anything', async t => {
  const [hider, merchant] = [await createPlayer(), await createMerchant()]
  const open = await hideWell(merchant)
  const own = await hideWell(hider, { shares: 2 })
  const listed = await hideWell(merchant, { audience: { type: 'players', playerIds: [hider.id] } })
  const opensAt = new Date(clock.nowMs() + 3_600_000).toISOString()
  const [later, closed, frozen] = [
    await hideWell(merchant, { opensAt }),
    await hideWell(merchant),
    await hideWell(merchant),
  ]
  await stage.envelopes.close({ caller: merchant, id: closed.id })
  await ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [frozen.id])
  const nobody = '01890000-0000-7000-8000-000000000000'
  const away = goEast(400)
  const rows: [string, string, Point | null, string | number][] = [
    ['who stands nowhere', open.id, null, 'position_needed'],
    ['here', open.id, square, 200],
    ['hot', open.id, goEast(110), 200],
    ['warm', open.id, goEast(200), 'out_of_reach'],
    ['cool', open.id, goEast(300), 'out_of_reach'],
    ['far', open.id, goEast(5_000), 'out_of_reach'],
    ['nothing, here', nobody, square, 'out_of_reach'],
    ['not a guest', listed.id, square, 'out_of_reach'],
    ['not open yet', later.id, square, 'out_of_reach'],
    ['closed, here', closed.id, square, 'ended:closed'],
    ['closed, far', closed.id, away, 'out_of_reach'],
    ['frozen, here', frozen.id, square, 'frozen'],
    ['frozen, far', frozen.id, away, 'out_of_reach'],
  ]
  const refusals = new Set<string>()
  for (const [situation, id, at, expected] of rows) {
    const answer = await report(await standAt(at), id)
    t.equal(codeOf(answer), expected, situation)
    if (expected === 'out_of_reach') refusals.add(JSON.stringify(answer))
  }
  t.equal(refusals.size, 1, 'byte for byte')
  await server.positions.move(hider, { ...square, accuracyM: 8 })
  t.equal(codeOf(await report(hider, own.id)), 'own_envelope')
  t.equal(codeOf(await report(hider, listed.id)), 200, 'a guest')

  const winner = await standAt(null)
  await claim(winner, open.id)
  await server.drain()
  clock.advance(3_600_000)
  t.equal(codeOf(await report(winner, open.id, 'dangerous')), 200, 'who has won was there')
  const driver = await standAt(square)
  clock.advance(15_000)
  await server.positions.move(driver, { ...goEast(120), accuracyM: 8 })
  t.equal(codeOf(await report(driver, open.id)), 'hints_paused:speed')
  const liar = await standAt(square)
  await server.positions.pause(liar.id, clock.nowMs() + 86_400_000)
  t.match(await report(liar, open.id), {
    code: 'position_refused',
    reason: 'strikes',
    retryAfterMs: 86_400_000,
  })
  t.equal(await reportsOf(open.id), 3, 'and nothing else was counted')
})

t.test('from any place the answer is the same for all points of a hint cell', async t => {
  const merchant = await createMerchant()
  const cells = (cellToChildren(coarsen(locateCell(square), 10), 12) as Cell[]).filter((_, i) => i % 8 === 0)
  const ids = await Promise.all(
    cells.map(async cell => (await hideWell(merchant, { place: pointOf(centreOf(cell)) })).id),
  )
  const seen: string[] = []
  for (const distanceM of [0, 60, 120, 150, 180, 210, 240]) {
    const player = await standAt(goEast(distanceM))
    const codes = new Set<unknown>()
    for (const id of ids) codes.add(codeOf(await report(player, id)))
    t.equal(codes.size, 1, `${distanceM} m`)
    seen.push(String([...codes][0]))
  }
  t.same(new Set(seen), new Set(['200', 'out_of_reach']), 'the edge lies between')
})

t.test('the first report stays, and the hider hears of it, but not from whom', async t => {
  const hider = await createPlayer()
  const { id } = await hideWell(hider)
  told.length = 0
  const [mei, lin] = await crowd(2)
  if (mei === undefined || lin === undefined) return
  const first = await report(mei, id, 'private')
  t.same(first, {
    status: 200,
    body: { envelopeId: id, reason: 'private', reportedAt: new Date(clock.nowMs()).toISOString() },
  })
  t.same(framesTo(hider.id), [{ type: 'envelope.reported', envelopeId: id, reason: 'private', reports: 1 }])
  clock.advance(1_000)
  t.same(await report(mei, id, 'gone'), first, 'the same again')
  t.equal(await reportsOf(id), 1)
  t.equal(framesTo(hider.id).length, 1)
  const second = await report(lin, id, 'gone')
  t.same(
    Object.keys((second as { body: object }).body),
    ['envelopeId', 'reason', 'reportedAt'],
    'no word of others',
  )
  t.match(framesTo(hider.id)[1], { reason: 'gone', reports: 2 })
  t.notMatch(JSON.stringify(told), new RegExp(`${mei.id}|${lin.id}`))
  t.match(await stage.envelopes.get({ caller: hider, id }), { body: { own: { reports: 2 } } })
  t.notMatch(JSON.stringify(await stage.envelopes.get({ caller: mei, id })), /reports/)
  await stage.envelopes.close({ caller: hider, id })
  t.same(await report(mei, id), first, 'and when it is over')
})

t.test('what several reported comes last in its band, on every server', async t => {
  const merchant = await createMerchant()
  const ids = await Promise.all(Array.from({ length: 6 }, async () => (await hideWell(merchant)).id))
  const [reported = ''] = ids
  const { cell7, ...cells } = {
    cell7: coarsen(locateCell(square), 7),
    cell10: coarsen(locateCell(square), 10),
  }
  const changes: string[] = []
  const index = createLiveCells(({ type, envelope }) => void (envelope.id === reported && changes.push(type)))
  index.keep(cell7)
  const read = async () => {
    const readAt = index.now()
    index.replace(cell7, { envelopes: await loadLiveEnvelopes(database, [cell7]), ends: new Map(), readAt })
  }
  const select = createHintSelector('h'.repeat(32))
  const lastOf = (playerId: string) => {
    const around = index.envelopesAt(cells.cell10).filter(({ id }) => ids.includes(id))
    const hints = around.map(envelope => ({ envelopeId: envelope.id, band: 'here' as const, envelope }))
    t.equal(hints.length, ids.length)
    return select(hints, { playerId }).at(-1)?.envelopeId
  }
  const watchers = Array.from({ length: 24 }, (_, i) => `player ${i}`)
  await read()
  told.length = 0
  const [first, ...others] = await crowd(lowersAt)
  if (first !== undefined) await report(first, reported)
  t.notOk(told.some(({ event }) => event === 'changed'))
  await read()
  t.notOk(
    watchers.every(id => lastOf(id) === reported),
    'one alone changes nothing',
  )
  for (const player of others) await report(player, reported)
  t.match(told.at(-1), { event: 'changed', cells7: [cell7] }, 'whoever watches the cell reads it again')
  await read()
  t.ok(watchers.every(id => lastOf(id) === reported))
  t.same(changes, ['added', 'removed', 'added'], 'and it is shown anew, once')
  await read()
  t.equal(changes.length, 3)
  const opened = index.envelopesAt(cells.cell10).find(({ id }) => id === reported)
  t.equal(opened?.isReported, true)
})

t.test('enough of them close it: the rest goes home, what was won stays won', async t => {
  const hider = await createPlayer()
  const { id } = await hideWell(hider)
  const winner = await standAt(null)
  const won = await claim(winner, id)
  t.equal(outcomeOf(won), 'claimed')
  const before = await stage.balanceOf(hider.id)
  told.length = 0
  const people = await crowd(closesAt + 1)
  const last = people.pop()
  for (const [i, player] of people.entries()) {
    t.equal((await stage.stateOf(id))?.state, 'live', `${i} are not enough`)
    t.equal(codeOf(await report(player, id)), 200)
  }
  t.equal((await stage.stateOf(id))?.state, 'closed')
  t.equal((await stage.balanceOf(hider.id)) - before, 900n)
  t.equal(await stage.balanceOf(id), 0n, 'the escrow is empty')
  t.ok(told.some(({ event, reason }) => event === 'ended' && reason === 'closed'))
  t.match(framesTo(hider.id).slice(-2), [
    { type: 'envelope.reported', reports: closesAt },
    { type: 'wallet.changed', kind: 'refund', amount: { amountMinor: '900' } },
  ])
  t.match(
    await ask(
      "select actor, reason, target, before, after from operator_actions where target->>'envelopeId' = $1",
      [id],
    ),
    [
      {
        ...{ actor: 'reports', reason: '5 players reported it', target: { envelopeId: id } },
        ...{ before: { state: 'live', claimedShares: 1 }, after: { state: 'closed', reports: 5 } },
      },
    ],
  )
  if (last === undefined) return
  t.equal(codeOf(await report(last, id)), 'ended:closed')
  const late = stage.createServer()
  t.equal(outcomeOf(await claim(last, id, { on: late })), 'ended:closed')
  t.same(await claim(winner, id, { on: late }), won)
  await late.drain()
})

t.test('ten at once, and claims among them: closed once, and every fen is somewhere', async t => {
  const merchant = await createMerchant()
  const before = await stage.balanceOf(merchant.id)
  const { id } = await hideWell(merchant)
  const [reporters, claimers] = [await crowd(10), await stage.createCrowd(20)]
  const [answers, wins] = await Promise.all([
    Promise.all(reporters.map(player => report(player, id))),
    Promise.all(claimers.map(player => claim(player, id))),
  ])
  await server.drain()
  const [count, state] = [await reportsOf(id), (await stage.stateOf(id))?.state]
  const isClosed = state === 'closed'
  t.ok(isClosed || state === 'empty', String(state))
  if (isClosed) t.equal(count, closesAt)
  t.equal(answers.map(codeOf).filter(code => code === 200).length, count)
  t.ok(answers.every(answer => [200, 'ended:closed', 'ended:empty'].includes(codeOf(answer))))
  const paid = wins.filter(({ status }) => status === 'claimed').length
  t.equal(before - (await stage.balanceOf(merchant.id)), BigInt(paid) * 100n)
})

t.test('little can be done with many reports, and with many accounts on one phone', async t => {
  const merchant = await createMerchant()
  const ids = await Promise.all(Array.from({ length: perDay + 4 }, async () => (await hideWell(merchant)).id))
  const eager = await standAt(square)
  const codes = (await Promise.all(ids.map(id => report(eager, id)))).map(codeOf)
  t.equal(codes.filter(code => code === 200).length, perDay)
  t.equal(codes.filter(code => code === 'daily_limit').length, 4)
  clock.advance(86_400_000)
  await server.positions.move(eager, { ...square, accuracyM: 8 })
  const left = ids.find((_, i) => codes[i] === 'daily_limit') ?? ''
  t.equal(codeOf(await report(eager, left)), 200, 'another day')

  const hider = await createPlayer()
  const { id } = await hideWell(hider)
  told.length = 0
  for (let i = 0; i < closesAt + 1; i++) {
    const answer = await report(await standAt(square, { deviceId: 'one phone' }), id)
    t.match(answer, { status: 200, body: { envelopeId: id, reason: 'unreachable' } }, 'none of them learns')
  }
  t.equal(await reportsOf(id), 1, 'one voice')
  t.equal(framesTo(hider.id).length, 1)
  t.equal((await stage.stateOf(id))?.state, 'live')
  t.equal(codeOf(await report(await standAt(square, { deviceId: 'another' }), id)), 200)
  t.equal(await reportsOf(id), 2)
})

t.test('over HTTP: reasons from a closed list, and the operator reads them', async t => {
  const { app, authenticator, send } = await createAccountApp(t, world)
  const bind = createBinder<Caller>(app, { sandbox: true, authenticate: authenticator.authenticate })
  registerReportRoutes(bind, ports)
  clock.advance(60_000)
  const merchant = await createMerchant()
  const { id } = await hideWell(merchant)
  const { body: signedUp } = await send({ method: 'POST', url: '/v1/players', body: {} })
  const [credential, playerId] = [String(signedUp.token), (signedUp.player as { id: string }).id]
  await server.positions.move({ id: playerId, timeScale: 1 }, { ...square, accuracyM: 8 })
  const post = (body: object, by = credential) =>
    send({ method: 'POST', url: `/v1/envelopes/${id}/reports`, credential: by, body })
  for (const body of [{}, { reason: 'boring' }, { reason: 'gone', text: 'ha' }, { reason: ['gone'] }])
    t.match(await post(body), { status: 400 }, JSON.stringify(body))
  t.equal((await post({ reason: 'gone' }, operatorKey)).status, 403)
  for (const reason of ['unreachable', 'private', 'dangerous', 'gone'])
    t.match(await post({ reason }), { status: 200, body: { envelopeId: id, reason: 'unreachable' } })
  clock.advance(1_000)
  await report(await standAt(square), id, 'dangerous')

  const list = (credential: string, url = '/v1/operator/reports?limit=1') => send({ url, credential })
  t.equal((await list(credential)).status, 403)
  const { body: page } = await list(operatorKey)
  t.match(page, { items: [{ envelopeId: id, reason: 'dangerous', state: 'live', reports: 2 }] })
  const { body: next } = await list(operatorKey, (page.links as { next: string }).next)
  t.match(next, { items: [{ envelopeId: id, playerId, reason: 'unreachable', state: 'live', reports: 2 }] })
  t.notMatch(JSON.stringify([page, next]), /"(lat|lng|place|cell)"/)
})

t.test('the record takes no report back', async t => {
  const refused = { code: '42501' }
  await t.rejects(database.query({ name: 'reports-1', text: 'delete from envelope_reports' }, []), refused)
  await t.rejects(
    database.query({ name: 'reports-2', text: "update envelope_reports set reason = 'gone'" }, []),
    refused,
  )
  await t.rejects(ask('delete from envelope_reports'), /append|change|refused/i)
})
