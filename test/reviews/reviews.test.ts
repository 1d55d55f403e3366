/** What players write for others: held, released, reported, hidden, rejected, appealed; and who is trusted how far. */
import Fastify from 'fastify'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { getDuty, setDuty } from '#protocol/rest/duty.ts'
import {
  appealReview,
  getReview,
  listOwnReviews,
  listReviews,
  rejectText,
  releaseText,
  reportText,
  reviewReasons,
  reviewStates,
} from '#protocol/rest/reviews.ts'
import { takeServiceRequest } from '#protocol/rest/service-request-steps.ts'
import { getServiceRequest, listServiceRequests } from '#protocol/rest/service-requests.ts'
import { getTrust } from '#protocol/rest/trust.ts'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import type { Row } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import type { Caller, PlayerCaller } from '../../src/players/caller.ts'
import type { PlayerFrame } from '../../src/realtime/announcer.ts'
import { loadLiveRequests } from '../../src/requests/postgres.ts'
import { registerServiceRequestRoutes } from '../../src/requests/routes.ts'
import type { JudgePorts } from '../../src/reviews/judge.ts'
import { policy } from '../../src/reviews/policy.ts'
import { reviewRecord } from '../../src/reviews/postgres.ts'
import { type Kind, reviewIdOf } from '../../src/reviews/review.ts'
import { registerReviewRoutes } from '../../src/reviews/routes.ts'
import { type Action, type Actor, decide, moves } from '../../src/reviews/state.ts'
import { suspect } from '../../src/reviews/words.ts'
import { readTrustFacts } from '../../src/trust/postgres.ts'
import { registerTrustRoutes } from '../../src/trust/routes.ts'
import { needsTrust, trust } from '../../src/trust/trust.ts'
import { createRest } from '../acceptance/rest.ts'
import { createStage } from '../envelopes/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { addPlayer } from '../helpers/people.ts'
import type { World } from '../helpers/world.ts'
import { createRequestStage, hour, place } from '../requests/stage.ts'

const stage = await createRequestStage(t, { isSandbox: false })
const hiding = await createStage(t, { isSandbox: false })
const { world, requests, near, told, post, open, find, add, balanceOf, tick } = stage
const { clock, database } = world
const day = 86_400_000

/** Whoever names a player is that player; anybody else is the operator. */
const people = new Map<string, PlayerCaller>()

async function serve({ database: tx, clock: time }: World, more: Pick<JudgePorts, 'subjects' | 'announcer'>) {
  const app = Fastify()
  handleFaults(app, { sandbox: false })
  const bind = createBinder<Caller>(app, {
    sandbox: false,
    authenticate: async authorization =>
      people.get(authorization?.slice('Bearer '.length) ?? '') ?? { kind: 'operator', id: 'operator' },
  })
  const ports = { database: tx, clock: time, record: reviewRecord, transact: tx.transact }
  registerReviewRoutes(bind, { ...ports, ...more })
  registerTrustRoutes(bind, { ...ports, readFacts: readTrustFacts })
  registerServiceRequestRoutes(bind, {
    ...{ requests, live: { whenLoaded: async () => undefined }, nearby: {} as never },
    positions: { lastCell: async () => undefined },
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return url
}
const unused = { lock: async () => false, become: async () => () => undefined }
const heard: { playerId: string; frame: PlayerFrame }[] = []
const url = await serve(world, {
  subjects: { service_request: requests.reviewed, envelope: unused },
  announcer: stage.ports.announcer,
})
const hidingUrl = await serve(hiding.world, {
  subjects: { service_request: unused, envelope: hiding.envelopes.reviewed },
  announcer: { toPlayer: (playerId, frame) => void heard.push({ playerId, frame }) },
})
const operator = createRest({ url, credential: 'operator' })

async function signUp(walletMinor = 100_000n, more: Partial<PlayerCaller> = {}) {
  const player: PlayerCaller = { ...(await add(walletMinor)), ...more }
  people.set(player.id, player)
  return { player, rest: createRest({ url, credential: player.id }) }
}

let statements = 0
const run = (text: string, params: unknown[] = [], where = world.ownerDatabase) =>
  where.query<Row>({ name: `reviews-${statements++}`, text }, params)
const codeOf = (answer: { status: unknown; code?: string; reason?: string }) =>
  isRefusal(answer) ? [answer.code, answer.reason].filter(Boolean).join(' ') : answer.status
const idOf = (subjectId: string, kind: Kind = 'service_request') => reviewIdOf({ kind, subjectId })
const isListed = async (id: string) =>
  (await loadLiveRequests(database, [coarsen(locateCell(place), 7)])).some(one => one.id === id)

const actors: Actor[] = ['author', 'reader', 'reviewer', 'rejecter', 'subject']
const actions = Object.keys(moves) as Action[]

/** What may happen, written out once more by hand; everything else is refused. */
const allowed = `
release reviewer held → released; release reviewer reported → released; release reviewer hidden → released
release reviewer appealed → released; release reviewer released → again
reject reviewer held → rejected; reject reviewer released → rejected; reject reviewer reported → rejected
reject reviewer hidden → rejected; reject reviewer appealed → rejected; reject reviewer rejected → again
report reader released → reported; report reader reported → reported; report reader hidden → again
appeal author rejected → appealed; appeal author appealed → again
withdraw subject held → withdrawn; withdraw subject reported → withdrawn; withdraw subject hidden → withdrawn`
  .split(/[;\n]/)
  .map(line => line.trim())
  .filter(line => line !== '')

t.test('who may do what to a text, in every state', async t => {
  const table = new Map(allowed.map(line => line.split(' → ') as [string, string]))
  let asked = 0
  for (const action of actions)
    for (const actor of actors)
      for (const state of reviewStates) {
        const decision = decide({ state, actor, action, reports: 1 })
        const outcome = decision.status === 'move' ? decision.to : decision.status
        t.equal(outcome, table.get(`${action} ${actor} ${state}`) ?? 'refused', `${action} ${actor} ${state}`)
        asked++
      }
  t.equal(asked, 5 * 5 * 7)
  t.equal(table.size, allowed.length)
  const third = decide({ state: 'reported', actor: 'reader', action: 'report', reports: 3 })
  t.same(third, { status: 'move', to: 'hidden' }, 'the third voice')
  const refusalOf = (attempt: Parameters<typeof decide>[0]) => codeOf(decide(attempt) as never)
  const appealed = { state: 'appealed', actor: 'rejecter' } as const
  t.equal(refusalOf({ ...appealed, action: 'release' }), 'review_refused same_reviewer')
  t.equal(refusalOf({ ...appealed, action: 'reject' }), 'review_refused same_reviewer')
  t.equal(
    refusalOf({ state: 'rejected', actor: 'author', action: 'appeal', hasAppealed: true }),
    'review_refused appeal_used',
  )
  t.equal(refusalOf({ state: 'released', actor: 'author', action: 'report' }), 'review_refused own_text')
  t.equal(refusalOf({ state: 'held', actor: 'reader', action: 'report' }), 'review_state held')
})

t.test('PostgreSQL holds the same, and refuses everything else', async t => {
  const ours = new Set<string>()
  for (const byActor of Object.values(moves))
    for (const byState of Object.values(byActor))
      for (const [from, to] of Object.entries(byState))
        for (const state of to === 'counted' ? ['reported', 'hidden'] : to === 'again' ? [] : [to])
          if (state !== from && !(from === 'released' && state === 'hidden')) ours.add(`${from} ${state}`)
  const rows = await run('select from_state, to_state from review_transitions')
  t.same(rows.map(row => `${String(row.from_state)} ${String(row.to_state)}`).sort(), [...ours].sort())
  const reasons = await run('select reason from review_reasons')
  t.same(reasons.map(({ reason }) => reason).sort(), [...reviewReasons].sort(), 'and the same reasons')

  const { player } = await signUp()
  const id = idOf(await open(player))
  const asGame = (text: string) => run(text, [id], database)
  for (const to of reviewStates.filter(state => state !== 'held' && !ours.has(`held ${state}`)))
    await t.rejects(asGame(`update reviews set state = '${to}' where id = $1`), /is not a transition/, to)
  await t.rejects(
    asGame("update reviews set state = 'rejected', reason = 'other', due_at = null where id = $1"),
    /foreign key/,
    'never "other"',
  )
  await t.rejects(
    asGame("update reviews set state = 'rejected', due_at = null where id = $1"),
    /reviews_reason/,
  )
  await t.rejects(asGame('update reviews set lines = lines where id = $1'), /permission denied/)
  for (const table of ['review_events', 'review_reports'])
    for (const act of ['update', 'delete'])
      await t.rejects(
        run(act === 'update' ? `update ${table} set reason = null` : `delete from ${table}`),
        /append-only|never changed|refuse/i,
        `${act} ${table}`,
      )
  await asGame(
    "update reviews set state = 'rejected', reason = 'advert', decided_by = 'wang', due_at = null where id = $1",
  )
  await asGame("update reviews set state = 'appealed', appeal = 'no', due_at = now() where id = $1")
  await t.rejects(
    asGame("update reviews set state = 'released', reason = null, due_at = null where id = $1"),
    /another reviewer/,
  )
  await t.rejects(asGame("update reviews set appeal = 'more' where id = $1"), /one appeal/)
})

t.test('the policy, the words, the trust', async t => {
  t.same(policy, {
    service_request: ['hold', 'hold', 'release', 'release'],
    envelope: ['hold', 'release', 'release', 'release'],
  })
  const words: [string, string | undefined][] = [
    ['Queue for me at the tea house', undefined],
    ['A walk in Scunthorpe, then to Essex', undefined],
    ['加 微 信 领取', 'advert'],
    ['加\u2060微\u200d信', 'advert'],
    ['ＡＤＤ　ＭＥ　ＯＮ　ＷｈａｔｓＡｐｐ', 'advert'],
    ['F\u0301uck', 'vulgar'],
    ['𝐜𝐨𝐜𝐚𝐢𝐧𝐞', 'illegal'],
    ['whatsappening', undefined],
  ]
  for (const [text, reason] of words) t.equal(suspect(['Hello', text]), reason, text)

  const nothing = { ageMs: 0, settledClaims: 0, confirmedRequests: 0, upheldReports: 0 }
  const [one, two, three] = limits.trust.levels
  t.equal(trust(nothing), 0)
  t.equal(trust({ ...nothing, ageMs: 400 * day }), 0, 'age alone is nothing')
  t.equal(trust({ ...nothing, settledClaims: 1_000, confirmedRequests: 1_000 }), 0, 'nor are deeds of a day')
  for (const [level, { ageMs, settledClaims, confirmedRequests }] of [one, two, three].entries()) {
    t.equal(trust({ ...nothing, ageMs, settledClaims }), level + 1)
    t.equal(trust({ ...nothing, ageMs, confirmedRequests }), level + 1)
    t.equal(trust({ ...nothing, ageMs: ageMs - 1, settledClaims, confirmedRequests }), level)
    t.equal(trust({ ageMs, settledClaims, confirmedRequests, upheldReports: 2 }), Math.max(0, level - 1))
  }
  const [first, second, last] = limits.trust.bandsMinor
  t.same([first, first + 1n, second + 1n, last, last + 1n].map(needsTrust), [0, 1, 2, 2, 3])
})

/** As if they had confirmed requests with that many people long ago. */
async function makeTrusted({ id }: PlayerCaller, times = 1): Promise<void> {
  const [row] = await run('update players set created_at = $2 where id = $1 returning id', [
    id,
    new Date(clock.nowMs() - 400 * day),
  ])
  t.ok(row)
  for (let i = 0; i < times; i++) {
    const other = await add(3_000n)
    const request = await open(other, { mode: 'first_taker' })
    await operator.get(releaseText, { id: idOf(request), body: { reviewer: 'zhao' } })
    const caller: PlayerCaller = { kind: 'player', id, timeScale: 1 }
    await requests.take({ caller, id: request })
    await requests.deliver({ caller, id: request })
    await requests.confirm({ caller: other, id: request })
  }
}

t.test('a request waits for its review, paid for and seen by nobody', async t => {
  const { player: lin, rest } = await signUp()
  const { player: mei, rest: meis } = await signUp()
  const news = near.length
  const posted = await post(lin, { mode: 'first_taker' })
  t.match(posted, { status: 201, body: { state: 'review', escrow: { amountMinor: '3000' } } })
  const id = posted.status === 201 ? posted.body.id : ''
  t.equal(await balanceOf(lin), 97_000n)
  t.same([near.length, await isListed(id)], [news, false])
  t.equal(codeOf(await requests.get({ caller: mei, id })), 'not_found')
  t.equal(await meis.refusal(takeServiceRequest, { id }), 'wrong_state review')
  t.equal(codeOf(await stage.topUp(lin, id, '100')), 'wrong_state review')
  const report = { kind: 'service_request', id, reason: 'advert' } as const
  t.equal(await meis.refusal(reportText, { body: report }), 'not_found')
  const own = await rest.get(listOwnReviews)
  t.match(own.items, [{ id: idOf(id), state: 'held', subjectId: id, lines: ['Queue for me'] }])

  const inTime = await operator.get(listReviews, { query: { overdue: 'true' } })
  t.notOk(inTime.items.some(one => one.subjectId === id))
  clock.advance(limits.review.due.heldMs.service_request + 1)
  const late = await operator.get(listReviews, { query: { state: 'held', overdue: 'true' } })
  t.ok(
    late.items.some(one => one.subjectId === id && one.dueAt !== undefined),
    'its time has passed',
  )

  const body = { reviewer: 'wang' }
  t.match(await operator.get(releaseText, { id: idOf(id), body }), { state: 'released', decidedBy: 'wang' })
  t.match(await operator.get(releaseText, { id: idOf(id), body: { reviewer: 'zhao' } }), {
    decidedBy: 'wang',
  })
  t.match(near.at(-1), { opened: { id, reachM: 1_000 } })
  t.ok(await isListed(id))
  t.match(told.filter(({ playerId }) => playerId === lin.id).at(-1), {
    frame: { type: 'review.changed', state: 'released', subjectId: id },
  })
  t.match(await find(id), { state: 'open', widensAtMs: clock.nowMs() + limits.serviceRequest.widenEveryMs })
  t.equal(codeOf(await requests.take({ caller: mei, id })), 200)
  await requests.cancel({ caller: lin, id })

  const refused = await open(lin)
  const rejected = await operator.get(rejectText, {
    id: idOf(refused),
    body: { reviewer: 'wang', reason: 'illegal' },
  })
  t.match(rejected, { state: 'rejected', reason: 'illegal' })
  t.match(await find(refused), { state: 'cancelled', paidMinor: 0n })
  t.equal(await balanceOf(lin), 100_000n, 'all of it is back')
  const { player: poster } = { player: lin }
  const toPoster = told.filter(({ playerId }) => playerId === poster.id).map(({ frame }) => frame)
  t.match(toPoster.at(-1), { type: 'review.changed', state: 'rejected', reason: 'illegal' }, 'and why')

  const gone = await open(lin)
  await requests.cancel({ caller: lin, id: gone })
  t.match(await operator.get(getReview, { id: idOf(gone) }), {
    state: 'withdrawn',
    events: [{ action: 'submit' }, { action: 'withdraw', from: 'held' }],
  })
  const expiring = await open(lin)
  clock.advance(24 * hour)
  await tick()
  t.equal((await find(expiring)).state, 'expired', 'nobody looked in time')
  await assertBooks(t, world)
})

t.test('three different people hide a text at once, and a reviewer decides', async t => {
  const { player: lin, rest: lins } = await signUp()
  const id = await open(lin)
  const review = { id: idOf(id) }
  await operator.get(releaseText, { ...review, body: { reviewer: 'wang' } })
  clock.advance(1)
  const offering = (await signUp()).player
  await requests.offer({ caller: offering, id, note: undefined })
  const readers = [
    await signUp(0n, { deviceId: 'one' }),
    await signUp(0n, { deviceId: 'one' }),
    await signUp(0n, { deviceId: 'two' }),
    await signUp(),
  ]
  const body = { kind: 'service_request', id, reason: 'attack' } as const
  t.equal(await lins.refusal(reportText, { body }), 'review_refused own_text')
  for (const { rest } of readers.slice(0, 3)) await rest.get(reportText, { body })
  await readers[2]?.rest.get(reportText, { body })
  t.match(await operator.get(getReview, review), { state: 'reported', reports: 2 }, 'one device, one voice')
  t.ok(await isListed(id))
  await readers[3]?.rest.get(reportText, { body })
  t.match(await operator.get(getReview, review), { state: 'hidden', reports: 3 })
  t.match(await find(id), { state: 'review', offers: 1, widensAtMs: null })
  t.match(near.at(-1), { closed: id })
  t.notOk(await isListed(id))
  const offererHeard = () => told.filter(({ playerId }) => playerId === offering.id).map(({ frame }) => frame)
  t.equal(await (await signUp()).rest.refusal(reportText, { body }), 'not_found')

  clock.advance(1)
  await operator.get(releaseText, { ...review, body: { reviewer: 'wang' } })
  t.match(await find(id), { state: 'offered', offers: 1 }, 'its offers stand')
  t.same(offererHeard(), [], 'nothing has become of the offer')
  t.match(near.at(-1), { opened: { id } })
  await (await signUp()).rest.get(reportText, { body })
  t.match(await operator.get(getReview, review), { state: 'reported', reports: 1 }, 'counted anew')
  const decision = { reviewer: 'wang', reason: 'attack' } as const
  await operator.get(rejectText, { ...review, body: decision })
  t.match(await find(id), { state: 'cancelled', paidMinor: 0n })
  t.equal(await balanceOf(lin), 100_000n)

  const [facts] = [await readTrustFacts(database, { playerId: lin.id, nowMs: clock.nowMs() })]
  t.equal(facts.upheldReports, 1)
  t.equal(await lins.refusal(appealReview, { id: lin.id, body: { text: 'no' } }), 'not_found')
  t.match(await lins.get(appealReview, { ...review, body: { text: 'It is a joke' } }), { state: 'appealed' })
  await lins.get(appealReview, { ...review, body: { text: 'again' } })
  const queue = await operator.get(listReviews, { query: { state: 'appealed' } })
  t.match(
    queue.items.find(one => one.id === review.id),
    { appeal: 'It is a joke', decidedBy: 'wang' },
  )
  t.equal(
    await operator.refusal(releaseText, { ...review, body: { reviewer: 'wang' } }),
    'review_refused same_reviewer',
  )
  t.equal(await operator.refusal(rejectText, { ...review, body: decision }), 'review_refused same_reviewer')
  await operator.get(rejectText, { ...review, body: { ...decision, reviewer: 'zhao' } })
  t.equal(
    await lins.refusal(appealReview, { ...review, body: { text: 'once more' } }),
    'review_refused appeal_used',
  )
  const { events } = await operator.get(getReview, review)
  t.same(
    events.map(({ action, actorKind, to }) => `${actorKind} ${action} ${to}`),
    [
      ...['policy submit held', 'reviewer release released', 'reader report reported'],
      ...['reader report reported', 'reader report reported', 'reader report hidden'],
      ...['reviewer release released', 'reader report reported', 'reviewer reject rejected'],
      ...['author appeal appealed', 'reviewer reject rejected'],
    ],
  )

  const other = await open(lin)
  const second = { id: idOf(other) }
  await operator.get(rejectText, { ...second, body: decision })
  await lins.get(appealReview, { ...second, body: { text: 'please' } })
  await operator.get(releaseText, { ...second, body: { reviewer: 'zhao' } })
  t.equal((await find(other)).state, 'cancelled', 'money that went back stays back')
  t.equal((await readTrustFacts(database, { playerId: lin.id, nowMs: clock.nowMs() })).upheldReports, 1)

  const crowd = await Promise.all(Array.from({ length: 6 }, () => signUp()))
  const contested = await open(lin)
  await operator.get(releaseText, { id: idOf(contested), body: { reviewer: 'wang' } })
  await requests.offer({ caller: offering, id: contested, note: undefined })
  const asked = { body: { ...body, id: contested } }
  await Promise.allSettled(crowd.map(({ rest }) => rest.get(reportText, asked)))
  t.match(
    await operator.get(getReview, { id: idOf(contested) }),
    { state: 'hidden', reports: 3 },
    'in a crowd',
  )
  await operator.get(rejectText, { id: idOf(contested), body: decision })
  await operator.get(rejectText, { id: idOf(contested), body: { ...decision, reviewer: 'zhao' } })
  t.match(await operator.get(getReview, { id: idOf(contested) }), { decidedBy: 'wang' }, 'said once')
  t.match(
    offererHeard(),
    [id, contested].map(serviceRequestId => ({
      type: 'offer.declined',
      serviceRequestId,
      reason: 'cancelled',
    })),
  )
  await assertBooks(t, world)
})

t.test('a request under way is past being judged for what others read', async t => {
  const { player: lin } = await signUp()
  const { player: mei, rest } = await signUp()
  const id = await open(lin, { mode: 'first_taker' })
  await operator.get(releaseText, { id: idOf(id), body: { reviewer: 'wang' } })
  const body = { kind: 'service_request', id, reason: 'advert' } as const
  await (await signUp()).rest.get(reportText, { body })
  await requests.take({ caller: mei, id })
  t.equal(await rest.refusal(reportText, { body }), 'not_found')
  await requests.deliver({ caller: mei, id })
  await operator.get(rejectText, { id: idOf(id), body: { reviewer: 'wang', reason: 'advert' } })
  t.equal((await find(id)).state, 'delivered', 'whoever has done it is paid')
  await requests.confirm({ caller: lin, id })
  t.equal(await balanceOf(mei), 103_000n)
  const [reader, flood] = [await signUp(), limits.review.reportsPerReader]
  for (let i = 0; i <= flood; i++) {
    const shown = await open((await signUp()).player)
    await operator.get(releaseText, { id: idOf(shown), body: { reviewer: 'wang' } })
    const report = { body: { ...body, id: shown } }
    if (i < flood) await reader.rest.get(reportText, report)
    else t.equal(await reader.rest.refusal(reportText, report), 'daily_limit')
  }
  await assertBooks(t, world)
})

t.test('who is trusted writes at once, unless it is suspicious, and takes what is worth more', async t => {
  const { player: mei, rest } = await signUp(10_000_000n)
  t.match(await rest.get(getTrust), { trust: 0, confirmedRequests: 0, mostMinor: '20000' })
  const price = (amountMinor: string) => ({ price: { amountMinor, currency: 'CNY' } })
  const { player: lin } = await signUp(100_000_000n)
  await makeTrusted(lin, 3)
  t.equal(codeOf(await post(mei)), 201)
  t.equal((await post(mei)).status === 201 && (await listStates(mei)).at(0), 'review')
  const cheap = await open(lin, price('20000'))
  const dear = await open(lin, price('20001'))
  const dearest = await open(lin, { ...price('100001'), mode: 'first_taker' })
  t.same(await Promise.all([cheap, dear].map(async id => (await find(id)).state)), ['open', 'open'])
  t.equal(codeOf(await requests.offer({ caller: mei, id: cheap, note: undefined })), 200)
  t.equal(codeOf(await requests.offer({ caller: mei, id: dear, note: undefined })), 'trust_needed 1')
  t.equal(await rest.refusal(takeServiceRequest, { id: dearest }), 'trust_needed 2')
  await makeTrusted(mei)
  t.match(await rest.get(getTrust), { trust: 1, accountAgeDays: 400, confirmedRequests: 1 })
  t.equal(codeOf(await requests.offer({ caller: mei, id: dear, note: undefined })), 200)
  t.equal(await rest.refusal(takeServiceRequest, { id: dearest }), 'trust_needed 2')
  await makeTrusted(mei, 2)
  t.equal(codeOf(await requests.take({ caller: mei, id: dearest })), 200)
  const bad = await open(lin, { text: '加 微 信 领 红 包' })
  t.equal((await find(bad)).state, 'review')
  t.match(await operator.get(getReview, { id: idOf(bad) }), { state: 'held', suspicion: 'advert' })
  clock.advance(day)
  const same = { text: 'Walk my dog' }
  for (let i = 0; i < limits.review.sameRequests; i++)
    t.equal((await find(await open(lin, same))).state, 'open')
  const flood = await open(lin, same)
  t.match(await operator.get(getReview, { id: idOf(flood) }), { state: 'held', suspicion: 'flooding' })
})

async function listStates(caller: PlayerCaller): Promise<string[]> {
  const listed = await requests.listOwn({ caller, query: {} })
  return listed.status === 200 ? listed.body.items.map(({ state }) => state) : []
}

t.test('a draft costs nothing until it is posted', async t => {
  const { player: lin } = await signUp(3_000n)
  const draft = await post(lin, { draft: true, mode: 'first_taker' })
  t.match(draft, { status: 201, body: { state: 'draft', escrow: { amountMinor: '0' } } })
  const id = draft.status === 201 ? draft.body.id : ''
  t.equal(await balanceOf(lin), 3_000n)
  const stranger = (await signUp()).player
  t.equal(codeOf(await requests.get({ caller: stranger, id })), 'not_found')
  t.equal(codeOf(await requests.take({ caller: stranger, id })), 'wrong_state draft')
  const early = { expiresAt: new Date(clock.nowMs() + hour).toISOString() }
  t.equal(codeOf(await post(lin, { draft: true, ...early })), 'bad_request')
  const send = (caller = lin, body = {}, key = `post-${id}`) =>
    requests.postDraft({ caller, id, body, idempotencyKey: key })
  t.equal(codeOf(await send(stranger)), 'not_found')
  clock.advance(2 * day)
  t.equal(
    codeOf(await send(lin, { expiresAt: new Date(clock.nowMs()).toISOString() })),
    'request_refused expiry_past',
  )
  stage.stops.isFrozen = true
  t.equal(codeOf(await send()), 'frozen')
  stage.stops.isFrozen = false
  const posted = await send()
  t.match(posted, { status: 200, body: { state: 'review', escrow: { amountMinor: '3000' } } })
  t.same(await send(), posted, 'the same key, the same answer')
  t.equal(codeOf(await send(lin, {}, 'another')), 'wrong_state review')
  t.equal((await find(id)).expiresAtMs, clock.nowMs() + day)
  t.match(await operator.get(getReview, { id: idOf(id) }), { state: 'held' })
  await operator.get(releaseText, { id: idOf(id), body: { reviewer: 'wang' } })
  t.equal((await find(id)).state, 'open')

  const [discarded, forgotten, poor] = [
    await open(lin, { draft: true }),
    await open(lin, { draft: true }),
    id,
  ]
  t.match(await requests.cancel({ caller: lin, id: discarded }), {
    body: { state: 'cancelled', paid: { amountMinor: '0' }, refunded: { amountMinor: '0' } },
  })
  const broke = await requests.postDraft({ caller: lin, id: forgotten, body: {}, idempotencyKey: poor })
  t.equal(codeOf(broke), 'insufficient_funds')
  t.equal((await find(forgotten)).state, 'draft', 'nothing has changed')
  clock.advance(limits.serviceRequest.draftMs)
  await tick()
  t.equal((await find(forgotten)).state, 'expired')
  t.equal(await balanceOf(lin), 3_000n)
  await t.rejects(
    run(
      `update service_requests set state = 'open', funded_at = now(), due_at = now(), version = version + 1,
      ended_at = null, paid = null where id = $1`,
      [forgotten],
    ),
    /is not a transition/,
  )
  await assertBooks(t, world)
})

t.test('an envelope is played without a text that nobody has released', async t => {
  const lin = await hiding.createPlayer()
  const [mei, rests] = [await hiding.createPlayer(), [] as ReturnType<typeof createRest>[]]
  for (let i = 0; i < 3; i++) {
    const reader = await addPlayer(hiding.world)
    people.set(reader.id, reader)
    rests.push(createRest({ url: hidingUrl, credential: reader.id }))
  }
  const reviewers = createRest({ url: hidingUrl, credential: 'operator' })
  const shown = await hiding.hideWell(lin, {
    greeting: '新年快乐 13800138000',
    clue: { text: 'Behind the lion' },
  })
  t.match(shown, { state: 'live', greeting: '新年快乐 ***', own: { textIsHidden: true } })
  const { id } = shown
  const seenBy = async (caller: PlayerCaller) => {
    const answer = await hiding.envelopes.get({ caller, id })
    if (answer.status !== 200) return answer.code
    return [answer.body.state, answer.body.greeting, answer.body.clue?.text].filter(Boolean).join(', ')
  }
  const indexed = async () => {
    const cell = (
      await run('select cell_r12 from envelopes where id = $1', [id], hiding.world.ownerDatabase)
    )[0]
    t.ok(cell)
    const [live] = await loadLiveEnvelopes(hiding.world.database, [coarsen(locateCell(place), 7)])
    return [live?.greeting, live?.clue]
  }
  t.equal(await seenBy(mei), 'live')
  t.equal(await seenBy(lin), 'live, 新年快乐 ***, Behind the lion')
  t.same(await indexed(), [undefined, undefined])
  t.notMatch(JSON.stringify(hiding.announced), /Behind/, 'announced without it')
  const review = { id: idOf(id, 'envelope') }
  t.match(await reviewers.get(getReview, review), {
    lines: ['新年快乐 ***', 'Behind the lion'],
    state: 'held',
  })
  await reviewers.get(releaseText, { ...review, body: { reviewer: 'wang' } })
  t.equal(await seenBy(mei), 'live, 新年快乐 ***, Behind the lion')
  t.same(await indexed(), ['新年快乐 ***', 'Behind the lion'])
  t.match(hiding.announced.at(-1), { event: 'opened', id, clue: 'Behind the lion' })

  hiding.clock.advance(1)
  const body = { kind: 'envelope', id, reason: 'vulgar' } as const
  for (const rest of rests) await rest.get(reportText, { body })
  t.equal(await seenBy(mei), 'live')
  t.same(await indexed(), [undefined, undefined])
  await reviewers.get(rejectText, { ...review, body: { reviewer: 'wang', reason: 'vulgar' } })
  t.match(heard.at(-1), { playerId: lin.id, frame: { type: 'review.changed', reason: 'vulgar' } })
  t.equal(await seenBy(mei), 'live', 'and the game goes on')
  people.set(lin.id, lin)
  const lins = createRest({ url: hidingUrl, credential: lin.id })
  await lins.get(appealReview, { ...review, body: { text: 'A lion is no swear word' } })
  await reviewers.get(releaseText, { ...review, body: { reviewer: 'zhao' } })
  t.match(await seenBy(mei), /Behind the lion/, 'an appeal brings it back')

  const bare = await hiding.hideWell(lin)
  t.equal(await rests[0]?.refusal(reportText, { body: { ...body, id: bare.id } }), 'not_found')
  const shop = await hiding.createMerchant()
  t.notOk((await hiding.hideWell(shop, { greeting: 'Tea, 138 0013 8000' })).own?.textIsHidden)
  await assertBooks(t, hiding.world)
})

t.test(
  'those who are under age: no cash, no errands of strangers; and the switch of those who may',
  async t => {
    const { player: minor, rest } = await signUp(100_000n, { isMinor: true })
    const adult = (await signUp()).player
    t.equal(codeOf(await post(minor)), 'minors_mode strangers')
    t.equal(codeOf(await post(minor, { draft: true })), 'minors_mode strangers')
    const id = await open(adult, { mode: 'first_taker' })
    t.equal(await rest.refusal(takeServiceRequest, { id }), 'minors_mode strangers')
    t.equal(codeOf(await requests.offer({ caller: minor, id, note: undefined })), 'minors_mode strangers')
    t.equal(await rest.refusal(listServiceRequests), 'minors_mode strangers')
    await operator.get(releaseText, { id: idOf(id), body: { reviewer: 'wang' } })
    t.equal(await rest.refusal(getServiceRequest, { id }), 'minors_mode strangers')
    t.equal(codeOf(await requests.get({ caller: (await signUp()).player, id })), 200)
    t.equal(await rest.refusal(setDuty, { body: { onDuty: true } }), 'minors_mode strangers')
    t.same(await rest.get(getDuty), { onDuty: false })

    const { player, rest: meis } = await signUp()
    const duty = { onDuty: true, category: 'pets' } as const
    for (let turn = 0; turn < 2; turn++) t.same(await meis.get(setDuty, { body: duty }), duty)
    t.same(await meis.get(getDuty), duty)
    t.match(told.at(-1), {
      playerId: player.id,
      frame: { type: 'watching', serviceRequests: true, category: 'pets' },
    })
    t.same(await meis.get(setDuty, { body: { onDuty: false } }), { onDuty: false })
    t.same(await meis.get(getDuty), { onDuty: false })
  },
)
