/** The life of a service request: every step by everybody in every state, its money, its races, who learns where. */
import t from 'tap'
import { v5 as uuidV5 } from 'uuid'
import { limits } from '#protocol/limits.ts'
import type { Row } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import { actOnDue, suggestPrice } from '../../src/requests/due.ts'
import { offerIdOf } from '../../src/requests/request.ts'
import { createStateAsking } from '../../src/requests/taken.ts'
import { type Action, type Actor, decide, moves, type RequestState } from '../../src/requests/state.ts'
import { assertBooks } from '../helpers/books.ts'
import { createRequestStage, hour } from './stage.ts'

const stage = await createRequestStage(t)
const { world, requests, told, near, stops, post, open, openAccepted, topUp, split, tick, find } = stage
const { database, clock } = world
const { balanceOf, add } = stage
const rules = limits.serviceRequest
const takers = 5_000

let statements = 0
const run = (text: string, params: unknown[] = [], where = database) =>
  where.query<Row>({ name: `requests-${statements++}`, text }, params)
const transfersOf = async (id: string) =>
  (
    await run('select kind, amount from transfers where service_request_id = $1 order by created_at, kind', [
      id,
    ])
  ).map(({ kind, amount }) => `${String(kind)} ${String(amount)}`)
const codeOf = (answer: { status: unknown; code?: string; reason?: string }) =>
  isRefusal(answer) ? [answer.code, answer.reason].filter(Boolean).join(' ') : answer.status

const states = [
  ...(['draft', 'review'] as const),
  ...(['open', 'offered', 'accepted', 'delivered', 'confirmed'] as const),
  ...(['disputed', 'settled', 'cancelled', 'expired'] as const),
]
const actors = ['poster', 'provider', 'rival', 'operator', 'clock', 'review'] as const
const actions = Object.keys(moves) as Action[]

/** What may happen, written out once more by hand: `action actor state → state`; everything else is refused. */
const allowed = `
post poster draft → open; cancel poster draft → cancelled; expire clock draft → expired
hold review open → review; hold review offered → review; hold review review → again; release review review → open
reject review review → cancelled; reject review open → cancelled; reject review offered → cancelled
reject review accepted → cancelled; withdraw rival review → review; cancel poster review → cancelled
cancel operator review → cancelled; expire clock review → expired
top_up poster open → open; top_up poster offered → offered; top_up poster accepted → accepted
top_up poster delivered → delivered
offer rival open → offered; offer rival offered → offered; withdraw rival offered → open
accept poster offered → accepted; accept poster accepted → again
take rival open → accepted; take provider accepted → again
deliver provider accepted → delivered; deliver provider delivered → again
confirm poster delivered → confirmed; confirm poster confirmed → again; confirm clock delivered → confirmed
dispute poster delivered → disputed; dispute poster disputed → again
cancel poster open → cancelled; cancel poster offered → cancelled; cancel poster accepted → cancelled
cancel poster cancelled → again; cancel provider accepted → open
cancel operator open → cancelled; cancel operator offered → cancelled; cancel operator accepted → cancelled
cancel operator cancelled → again
split operator disputed → settled
expire clock open → expired; expire clock offered → expired; lapse clock accepted → open`
  .split(/[;\n]/)
  .map(line => line.trim())
  .filter(line => line !== '')

t.test('who may do what, in every state', async t => {
  const table = new Map(allowed.map(line => line.split(' → ') as [string, string]))
  let asked = 0
  for (const action of actions)
    for (const actor of actors)
      for (const state of states) {
        const mode = action === 'take' ? 'first_taker' : 'choose'
        const decision = decide({ state, actor, action, mode, offersLeft: 0 })
        const expected = table.get(`${action} ${actor} ${state}`)
        const outcome = decision.status === 'move' ? decision.to : decision.status
        t.equal(outcome, expected ?? 'refused', `${action} by ${actor} in ${state}`)
        asked++
      }
  t.equal(asked, 16 * 6 * 11)
  t.equal(table.size, allowed.length)

  const refusalOf = (action: Action, actor: Actor, state: RequestState, mode: 'choose' | 'first_taker') =>
    codeOf(decide({ state, actor, action, mode, offersLeft: 1 }) as never)
  t.equal(refusalOf('take', 'poster', 'open', 'first_taker'), 'own_request')
  t.equal(refusalOf('offer', 'poster', 'open', 'choose'), 'own_request')
  t.equal(refusalOf('confirm', 'rival', 'delivered', 'choose'), 'not_your_request')
  t.equal(refusalOf('confirm', 'provider', 'delivered', 'choose'), 'not_your_request')
  t.equal(refusalOf('take', 'rival', 'open', 'choose'), 'wrong_mode choose')
  t.equal(refusalOf('offer', 'rival', 'open', 'first_taker'), 'wrong_mode first_taker')
  t.equal(refusalOf('take', 'rival', 'cancelled', 'first_taker'), 'wrong_state cancelled')
  t.same(
    decide({ state: 'accepted', actor: 'provider', action: 'cancel', mode: 'choose', offersLeft: 2 }),
    { status: 'move', to: 'offered' },
    'other offers stand',
  )
})

const landings = { reopened: ['open', 'offered'], posted: ['open', 'review'], again: [] as string[] }

t.test('PostgreSQL holds the same moves, and refuses every other', async t => {
  const ours = new Set<string>()
  for (const byActor of Object.values(moves))
    for (const byState of Object.values(byActor))
      for (const [from, to] of Object.entries(byState))
        for (const state of landings[to as keyof typeof landings] ?? [to])
          if (state !== from) ours.add(`${from} ${state}`)
  const rows = await run('select from_state, to_state from service_request_transitions')
  t.same(rows.map(row => `${String(row.from_state)} ${String(row.to_state)}`).sort(), [...ours].sort())

  const id = await open(await add(10_000n))
  for (const to of states.filter(state => state !== 'open' && !ours.has(`open ${state}`))) {
    const move = run('update service_requests set state = $2, version = version + 1 where id = $1', [id, to])
    await t.rejects(move, /is not a transition/, `open to ${to}`)
  }
  await t.rejects(
    run('update service_requests set price = 200, version = version + 1 where id = $1', [id]),
    /in, 0 paid/,
  )
  await t.rejects(
    run(
      `update service_requests set state = 'cancelled', version = version + 1, ended_at = now(), paid = 0,
        due_at = null, widens_at = null where id = $1`,
      [id],
    ),
    /3000 in, 0 paid and 0 refunded/,
    'no end without its money',
  )
  await t.rejects(run('delete from service_requests where id = $1', [id]), /permission denied/)
  await t.rejects(
    run('update service_requests set version = version where id = $1', [id]),
    /version only grows/,
  )
})

t.test('chosen, delivered, confirmed: the provider gets it all', async t => {
  const [lin, mei, rival] = [await add(10_000n), await add(), await add()]
  const id = await open(lin)
  t.equal(await balanceOf(lin), 7_000n)
  t.match(near.at(-1), { opened: { id, reachM: 1_000, priceMinor: '3000' } })
  const offered = await requests.offer({ caller: mei, id, note: 'around the corner' })
  t.match(offered, { status: 200, body: { status: 'standing', note: 'around the corner' } })
  t.match(told.at(-1), { playerId: lin.id, frame: { type: 'offer.made', serviceRequestId: id } })
  const again = await requests.offer({ caller: mei, id, note: 'twice' })
  t.same(again, offered, 'one offer each')
  await requests.offer({ caller: rival, id, note: undefined })
  t.equal((await find(id)).offers, 2)
  const listed = await requests.listOffers({ caller: lin, id, query: {} })
  t.match(listed, { body: { numberReturned: 2 } })
  t.equal(codeOf(await requests.listOffers({ caller: mei, id, query: {} })), 'not_found')

  const offerId = offerIdOf(id, mei.id)
  t.equal(codeOf(await requests.accept({ caller: mei, id, offerId })), 'not_your_request')
  const accepted = await requests.accept({ caller: lin, id, offerId })
  t.match(accepted, {
    status: 200,
    body: { state: 'accepted', offers: 1, provider: String, deliverBy: String },
  })
  t.match(told.at(-1), { playerId: mei.id, frame: { type: 'offer.accepted', offerId } })
  t.match(near.at(-1), { closed: id })
  t.match(await requests.accept({ caller: lin, id, offerId }), { status: 200 }, 'safe to repeat')
  const other = await requests.accept({ caller: lin, id, offerId: offerIdOf(id, rival.id) })
  t.equal(codeOf(other), 'wrong_state accepted')

  t.equal(codeOf(await requests.confirm({ caller: lin, id })), 'wrong_state accepted')
  t.equal(codeOf(await requests.deliver({ caller: rival, id })), 'not_your_request')
  t.match(await requests.deliver({ caller: mei, id }), { body: { state: 'delivered', confirmedBy: String } })
  t.equal(codeOf(await requests.confirm({ caller: rival, id })), 'not_your_request')
  t.equal(codeOf(await requests.cancel({ caller: lin, id })), 'wrong_state delivered')
  t.match(await topUp(lin, id, '500'), { body: { price: { amountMinor: '3500' } } }, 'a tip')
  t.match(await requests.confirm({ caller: lin, id }), {
    body: { state: 'confirmed', paid: { amountMinor: '3500' }, refunded: { amountMinor: '0' } },
  })
  t.match(await requests.confirm({ caller: lin, id }), { status: 200 }, 'safe to repeat')
  t.equal(codeOf(await topUp(lin, id, '500')), 'wrong_state confirmed')
  t.same(await transfersOf(id), ['request_escrow 3000', 'request_pay 3500', 'request_top_up 500'])
  const [paid] = await run(
    "select id from transfers where service_request_id = $1 and kind = 'request_pay'",
    [id],
  )
  t.equal(paid?.id, uuidV5('payout', id), 'named after the request')
  t.same([await balanceOf(lin), await balanceOf(mei)], [6_500n, 3_500n])
  t.match(
    told.slice(-3).map(({ playerId, frame }) => [playerId, frame.type]),
    [
      [lin.id, 'request.state'],
      [mei.id, 'request.state'],
      [mei.id, 'wallet.changed'],
    ],
  )
  await assertBooks(t, world)
})

t.test('how it ends otherwise, and what everybody gets', async t => {
  const feeStage = await createRequestStage(t, { cancelFeePercent: 10 })
  const [lin, mei] = [await add(100_000n), await add()]
  const cancelled = await open(lin)
  t.match(await requests.cancel({ caller: lin, id: cancelled }), {
    body: { state: 'cancelled', paid: { amountMinor: '0' }, refunded: { amountMinor: '3000' } },
  })
  t.match(await requests.cancel({ caller: lin, id: cancelled }), { status: 200 }, 'safe to repeat')
  t.same(await transfersOf(cancelled), ['request_escrow 3000', 'request_refund 3000'])

  const afterwards = await openAccepted(lin, mei)
  t.match(await requests.cancel({ caller: lin, id: afterwards }), {
    body: { refunded: { amountMinor: '3000' } },
  })

  const disputed = await openAccepted(lin, mei)
  await requests.deliver({ caller: mei, id: disputed })
  const reason = 'call me: 13800138000'
  t.match(await requests.dispute({ caller: lin, id: disputed, reason }), { body: { disputeReason: reason } })
  t.equal(codeOf(await requests.confirm({ caller: lin, id: disputed })), 'wrong_state disputed')
  clock.advance(100 * hour)
  await tick()
  t.equal((await find(disputed)).state, 'disputed', 'a dispute waits for the operator')
  t.match(await requests.listByState({ query: {} }), {
    body: { items: [{ id: disputed, posterId: lin.id, providerId: mei.id }] },
  })
  t.equal(codeOf(await split(disputed, '3001')), 'request_refused split_exceeds_price')
  t.match(await split(disputed, '1000'), {
    body: { state: 'settled', paid: { amountMinor: '1000' }, refunded: { amountMinor: '2000' } },
  })
  t.equal(codeOf(await split(disputed, '1000')), 'wrong_state settled')
  const [action] = await run("select * from operator_actions where action = 'split_request'")
  t.match(action, {
    target: { serviceRequestId: disputed },
    reason: 'heard both',
    after: { paidMinor: '1000' },
  })

  const removed = await openAccepted(lin, mei)
  t.match(await requests.remove({ id: removed, reason: 'forbidden' }), {
    body: { state: 'cancelled', escrow: { amountMinor: '0' } },
  })
  t.match(await requests.remove({ id: removed, reason: 'again' }), { status: 200 })
  t.equal((await run("select 1 from operator_actions where action = 'cancel_request'")).length, 1)
  t.equal(await balanceOf(lin), 100_000n - 1_000n)
  await assertBooks(t, world)

  const [wang, zhou] = [await feeStage.add(10_000n), await feeStage.add()]
  const inTime = await feeStage.openAccepted(wang, zhou)
  t.match(await feeStage.requests.cancel({ caller: wang, id: inTime }), {
    body: { paid: { amountMinor: '300' }, refunded: { amountMinor: '2700' } },
  })
  const overdue = await feeStage.openAccepted(wang, zhou)
  feeStage.world.clock.advance(6 * hour)
  t.match(await feeStage.requests.cancel({ caller: wang, id: overdue }), {
    body: { paid: { amountMinor: '0' } },
  })
  await assertBooks(t, feeStage.world)
})

t.test('the clock: expiry, no-show, silence, and the widening circle', async t => {
  const [lin, mei, rival] = [await add(100_000n), await add(), await add()]
  const id = await open(lin, { mode: 'first_taker' })
  clock.advance(rules.widenEveryMs - 1)
  await tick()
  t.equal((await find(id)).reachM, 1_000)
  clock.advance(1)
  await tick()
  t.equal((await find(id)).reachM, 2_000)
  t.match(near.at(-1), { opened: { id, reachM: 2_000 } })
  t.match(told.at(-1), {
    playerId: lin.id,
    frame: { type: 'request.waiting', reachM: 2_000, suggestedPrice: { amountMinor: '3600' } },
  })
  t.equal(suggestPrice({ priceMinor: 101n }), 122n, 'rounded up')
  t.equal(suggestPrice({ priceMinor: 9_999_999n }), undefined)
  clock.advance(rules.widenEveryMs)
  await tick()
  clock.advance(5 * rules.widenEveryMs)
  await tick()
  t.equal((await find(id)).reachM, 3_000)
  t.match(await topUp(lin, id, '600'), { body: { price: { amountMinor: '3600' } } })
  t.match(near.at(-1), { opened: { id, priceMinor: '3600' } }, 'those near hear of the price')

  t.match(await requests.take({ caller: mei, id }), { body: { role: 'provider', state: 'accepted' } })
  clock.advance(rules.deliverWithinS.default * 1_000)
  await tick()
  t.match(await find(id), { state: 'open', providerId: null, reachM: 1_000 }, 'who does not come has lost it')
  t.match(near.at(-1), { opened: { id } })
  t.equal(codeOf(await requests.deliver({ caller: mei, id })), 'not_your_request')
  t.equal(codeOf(await requests.take({ caller: mei, id })), 'offer_gone dropped', 'nobody gets it twice')
  t.match(await requests.take({ caller: rival, id }), { status: 200 })
  await requests.deliver({ caller: rival, id })
  clock.advance(72 * hour - 1)
  await tick()
  t.equal((await find(id)).state, 'delivered')
  clock.advance(1)
  stops.isFrozen = true
  await tick()
  t.equal((await find(id)).state, 'delivered', 'no payout under a freeze')
  t.equal(codeOf(await requests.confirm({ caller: lin, id })), 'frozen')
  stops.isFrozen = false
  clock.advance(60_000)
  await tick()
  t.equal((await find(id)).state, 'confirmed', 'silence pays')
  t.equal(await balanceOf(rival), 3_600n)

  const expiring = await open(lin)
  await requests.offer({ caller: mei, id: expiring, note: undefined })
  stops.isFrozen = true
  clock.advance(24 * hour)
  await tick()
  t.match(
    await find(expiring),
    { state: 'expired', paidMinor: 0n },
    'what goes back goes back under a freeze, too',
  )
  t.equal(codeOf(await post(lin)), 'frozen')
  stops.isFrozen = false
  const early = await open(lin)
  const record = { ...stage.due.record, listDue: async () => [early] }
  await actOnDue({ ...stage.due, record }, ['open'])
  t.equal((await find(early)).state, 'open', 'the row says when, not the list')
  const late = await openAccepted(lin, mei)
  clock.advance(30 * hour)
  await tick()
  await tick()
  t.equal((await find(late)).state, 'expired', 'a no-show after its time expires')
  await assertBooks(t, world)
})

t.test('exactly one, however many at once', async t => {
  const [lin, mei] = [await add(1_000_000n), await add()]
  const rivals = await Promise.all(Array.from({ length: 60 }, () => add()))
  for (let round = 0; round < 3; round++) {
    const id = await open(lin, { mode: 'first_taker' })
    const answers = await Promise.all(rivals.map(caller => requests.take({ caller, id })))
    const winners = rivals.filter((_, i) => answers[i]?.status === 200)
    t.equal(winners.length, 1)
    for (const answer of answers) {
      if (answer.status !== 200) t.match(codeOf(answer), /^(try_again|wrong_state accepted)$/)
    }
    t.equal((await find(id)).providerId, winners[0]?.id)
    t.match(
      await requests.take({ caller: winners[0] as never, id }),
      { status: 200 },
      'the winner hears it again',
    )

    // Without the key in Redis the row decides alone.
    const bare = await open(lin, { mode: 'first_taker' })
    const takes = await Promise.all(
      rivals.slice(0, 20).map(async caller => {
        await stage.gate.release({ requestId: bare, providerId: caller.id })
        const answer = await requests.take({ caller, id: bare })
        await world.redis.del(`${world.redisPrefix}take:{${bare}}`)
        return answer
      }),
    )
    t.equal(takes.filter(({ status }) => status === 200).length, 1)
  }

  const chosen = await open(lin)
  for (const caller of rivals.slice(0, 8)) await requests.offer({ caller, id: chosen, note: undefined })
  const accepts = await Promise.all(
    rivals
      .slice(0, 8)
      .map(({ id }) => requests.accept({ caller: lin, id: chosen, offerId: offerIdOf(chosen, id) })),
  )
  t.equal(accepts.filter(({ status }) => status === 200).length, 1, 'of eight accepts')

  const contested = await openAccepted(lin, mei)
  await requests.deliver({ caller: mei, id: contested })
  const [confirmed, disputed] = await Promise.all([
    requests.confirm({ caller: lin, id: contested }),
    requests.dispute({ caller: lin, id: contested, reason: 'no' }),
  ])
  t.equal([confirmed, disputed].filter(({ status }) => status === 200).length, 1)
  const posts = await Promise.all([1, 2, 3].map(() => post(lin, {}, 'the same')))
  t.equal(new Set(posts.flatMap(one => (one.status === 201 ? [one.body.id] : []))).size, 1)
  const raises = await Promise.all([1, 2, 3].map(() => topUp(lin, contested, '100', 'raise')))
  t.ok(raises.every(one => one.status !== 200 || one.body.price.amountMinor === '3100'))
  await assertBooks(t, world)
})

t.test('five thousand take it at once, and one has it', { timeout: 60_000 }, async t => {
  const lin = await add(10_000n)
  const id = await open(lin, { mode: 'first_taker' })
  const crowd = await run(
    `insert into players (id, issuer, subject, created_at)
      select gen_random_uuid(), 'hexbao', 'taker ' || n, now() from generate_series(1, $1::int) n returning id`,
    [takers],
  )
  const answers = await Promise.all(
    crowd.map(row => requests.take({ caller: { kind: 'player', id: String(row.id), timeScale: 1 }, id })),
  )
  const counted = new Map<unknown, number>()
  for (const answer of answers) counted.set(codeOf(answer), (counted.get(codeOf(answer)) ?? 0) + 1)
  t.equal(counted.get(200), 1)
  t.same(
    [...counted.keys()].filter(code => !/^(200|try_again|wrong_state accepted)$/.test(String(code))),
    [],
  )
  const acceptances = await run('select provider_id from service_request_acceptances where request_id = $1', [
    id,
  ])
  t.same(acceptances, [{ provider_id: (await find(id)).providerId }])
  await assertBooks(t, world)
})

t.test('whoever dies in between blocks the others for seconds, and no longer', async t => {
  const [lin, mei, rival] = [await add(10_000n), await add(), await add()]
  const id = await open(lin, { mode: 'first_taker' })
  await stage.gate.reserve({ requestId: id, providerId: 'somebody' })
  t.equal(codeOf(await requests.take({ caller: mei, id })), 'try_again')
  const ttl = await world.redis.pttl(`${world.redisPrefix}take:{${id}}`)
  t.ok(ttl > 0 && ttl <= 5_000)
  await stage.gate.release({ requestId: id, providerId: 'another' })
  t.equal(codeOf(await requests.take({ caller: mei, id })), 'try_again', 'nobody lets go of what others hold')
  await stage.gate.release({ requestId: id, providerId: 'somebody' })
  t.equal((await requests.take({ caller: mei, id })).status, 200)
  t.equal(codeOf(await requests.take({ caller: rival, id })), 'wrong_state accepted')
  t.match(await requests.cancel({ caller: mei, id }), { body: { state: 'open', role: 'other' } })
  t.match(await requests.cancel({ caller: mei, id }), { body: { state: 'open' } }, 'safe to repeat')
  t.equal((await requests.take({ caller: rival, id })).status, 200, 'at once')
})

t.test('a gate that was not told of a drop does not keep anybody out', async t => {
  const [lin, mei, rival] = [await add(10_000n), await add(), await add()]
  const id = await open(lin, { mode: 'first_taker' })
  t.equal((await requests.take({ caller: mei, id })).status, 200)
  await requests.cancel({ caller: mei, id })
  // As if the message had been lost that lets the next one in.
  await stage.gate.confirm({ requestId: id, providerId: mei.id })
  t.equal((await requests.take({ caller: rival, id })).status, 200, 'at once')
  await requests.deliver({ caller: rival, id })
  t.equal(
    codeOf(await requests.take({ caller: mei, id })),
    'wrong_state delivered',
    'the state that it is in',
  )

  let questions = 0
  const askState = createStateAsking({
    tx: database,
    record: {
      findStates(tx, ids) {
        questions++
        return stage.due.record.findStates(tx, ids)
      },
    },
  })
  const answers = await Promise.all(Array.from({ length: 2_000 }, () => askState(id)))
  t.same([...new Set(answers)], ['delivered'])
  t.ok(questions <= 2, `a crowd asks ${questions} times`)
  t.equal(await askState(lin.id), undefined)
})

t.test('whoever has offered hears what became of it', async t => {
  const [lin, mei, zhou, wang, gone] = await Promise.all([add(100_000n), add(), add(), add(), add()])
  const id = await open(lin)
  for (const caller of [mei, zhou, wang, gone]) await requests.offer({ caller, id, note: undefined })
  await requests.withdraw({ caller: gone, id })
  const heard = async (step: () => Promise<unknown>) => {
    told.length = 0
    await step()
    const names = new Map(
      [mei, zhou, wang, gone].map((one, i) => [one.id, ['mei', 'zhou', 'wang', 'gone'][i]]),
    )
    return told
      .filter(({ playerId, frame }) => 'offerId' in frame && frame.offerId === offerIdOf(id, playerId))
      .map(({ playerId, frame }) =>
        [names.get(playerId), frame.type, 'reason' in frame && frame.reason].filter(Boolean).join(' '),
      )
      .sort()
  }
  const offerId = offerIdOf(id, mei.id)
  t.same(await heard(() => requests.accept({ caller: lin, id, offerId })), [
    'mei offer.accepted',
    'wang offer.declined accepted',
    'zhou offer.declined accepted',
  ])
  t.same(await heard(() => requests.accept({ caller: lin, id, offerId })), [], 'once')
  t.same(await heard(() => requests.cancel({ caller: mei, id })), [
    'wang offer.renewed',
    'zhou offer.renewed',
  ])
  t.same(await heard(() => topUp(lin, id, '100')), [])
  await requests.accept({ caller: lin, id, offerId: offerIdOf(id, zhou.id) })
  clock.advance(rules.deliverWithinS.default * 1_000)
  t.same(await heard(tick), ['wang offer.renewed'], 'after a no-show, too')
  t.same(await heard(() => requests.cancel({ caller: lin, id })), ['wang offer.declined cancelled'])
  const expiring = await open(lin)
  await requests.offer({ caller: wang, id: expiring, note: undefined })
  clock.advance(24 * hour)
  told.length = 0
  await tick()
  t.match(
    told.find(({ playerId }) => playerId === wang.id),
    { frame: { type: 'offer.declined', serviceRequestId: expiring, reason: 'expired' } },
  )
})

t.test('who learns the exact place', async t => {
  const [lin, mei, rival] = [await add(1_000_000n), await add(), await add()]
  const id = await open(lin)
  const see = async (caller: typeof lin) => JSON.stringify(await requests.get({ caller, id }))
  const knows = async (caller: typeof lin) => {
    const text = await see(caller)
    t.equal(text.includes('"place"'), text.includes('Door 7'), 'place and instructions go together')
    return text.includes('"place"')
  }
  t.same([await knows(lin), await knows(mei), await knows(rival)], [true, false, false])
  const offer = await requests.offer({ caller: mei, id, note: undefined })
  t.notMatch(JSON.stringify(offer), /31\.2|121\.4|Door/)
  await requests.offer({ caller: rival, id, note: undefined })
  t.same([await knows(mei), await knows(rival)], [false, false])
  await requests.accept({ caller: lin, id, offerId: offerIdOf(id, mei.id) })
  t.same([await knows(mei), await knows(rival)], [true, false])
  t.match(await see(rival), 'not_found')
  await requests.deliver({ caller: mei, id })
  t.ok(await knows(mei))
  await requests.confirm({ caller: lin, id })
  t.same([await knows(lin), await knows(mei)], [true, false], 'forgotten when it is over')
  const spoken = JSON.stringify([near, told])
  t.notMatch(spoken, /"place"|"lat"|Door 7|31\.230/, 'no place in any announcement')
  t.match(near.at(-1), { closed: id })
})

t.test('a thousand cycles of taking, looking and giving back teach five places', async t => {
  const harvester = await add()
  const learned = new Set<string>()
  const refusals = new Map<unknown, number>()
  const openLure = async () => open(await add(10_000n), { mode: 'first_taker' })
  let lure = await openLure()
  async function cycle(id: string): Promise<void> {
    const taken = await requests.take({ caller: harvester, id })
    if (taken.status !== 200) return void refusals.set(codeOf(taken), (refusals.get(codeOf(taken)) ?? 0) + 1)
    if (taken.body.place !== undefined) learned.add(id)
    await requests.cancel({ caller: harvester, id })
    lure = await openLure()
  }
  for (let i = 0; i < 40; i++) await cycle(lure)
  for (let i = 0; i < 24; i++) await Promise.all(Array.from({ length: 40 }, () => cycle(lure)))
  t.equal(learned.size, rules.dropsPerDay)
  t.same([...refusals], [['daily_limit', 1_000 - rules.dropsPerDay]])
  const choosing = await open(await add(10_000n))
  t.equal(codeOf(await requests.offer({ caller: harvester, id: choosing, note: undefined })), 'daily_limit')
  clock.advance(24 * hour)
  const tomorrow = await requests.take({ caller: harvester, id: await openLure() })
  t.equal(tomorrow.status, 200, 'tomorrow is another day')

  // Two who work together: the poster cancels, and the provider has dropped nothing.
  const [partner, visitor] = [await add(100_000n), await add()]
  for (let cycle = 0; cycle < rules.placesPerDay; cycle++) {
    const id = await open(partner, { mode: 'first_taker' })
    t.match(await requests.take({ caller: visitor, id }), { body: { place: { type: 'Point' } } })
    await requests.cancel({ caller: partner, id })
  }
  const last = await openLure()
  t.equal(codeOf(await requests.take({ caller: visitor, id: last })), 'daily_limit')
  await assertBooks(t, world)
})

t.test('what is refused, one clear answer each', async t => {
  const [lin, mei] = [await add(20_000_000n, 'phone'), await add()]
  const cny = (amountMinor: string, currency = 'CNY') => ({ price: { amountMinor, currency } })
  const at = (ms: number) => ({ expiresAt: new Date(clock.nowMs() + ms).toISOString() })
  const table: [string, Parameters<typeof post>[1], string][] = [
    ['another currency', cny('1', 'XAU'), 'request_refused currency_unknown'],
    ['99 fen', cny('99'), 'request_refused price_too_low'],
    ['100,000 yuan', cny('10000000'), 'request_refused price_too_high'],
    ['over before it begins', at(-1), 'request_refused expiry_past'],
    ['over at once', at(rules.lifetimeMs.min - 1), 'request_refused expiry_past'],
    ['for ever', at(rules.lifetimeMs.max + 1), 'request_refused expiry_too_far'],
    ['turned letters', { text: 'a\u202eb' }, 'request_refused text_refused'],
    ['two lines', { text: 'a\nb' }, 'request_refused text_refused'],
    ['blank', { text: ' ' }, 'request_refused text_refused'],
    ['a NUL in what only one reads', { instructions: 'a\u0000' }, 'request_refused text_refused'],
    ['a leap second', { expiresAt: '2026-12-31T23:59:60Z' }, 'bad_request'],
    ['elsewhere', { place: { type: 'Point', coordinates: [121.5, 31.26] } }, 'request_refused too_far'],
  ]
  const before = await run('select 1 from service_requests')
  for (const [what, more, code] of table) t.equal(codeOf(await post(lin, more)), code, what)
  t.equal(codeOf(await post(mei)), 'insufficient_funds')
  t.equal((await run('select 1 from service_requests')).length, before.length, 'nothing was posted')
  t.equal((await post(lin, cny('9999999'))).status, 201)
  t.match(
    await post(lin, { text: 'ring １３８００１３８０００ or a@b.cn', instructions: 'call 13800138000' }),
    { status: 201, body: { text: 'ring *** or ***', instructions: 'call 13800138000' } },
    'the chosen one may be called, by nobody else',
  )

  const id = await open(lin, { mode: 'first_taker' })
  t.equal(codeOf(await requests.take({ caller: lin, id })), 'own_request')
  const sameHand = await add(0n, 'phone')
  t.equal(codeOf(await requests.take({ caller: sameHand, id })), 'own_request', 'from the same device')
  t.equal(codeOf(await requests.offer({ caller: mei, id, note: undefined })), 'wrong_mode first_taker')
  t.equal(codeOf(await requests.take({ caller: mei, id: lin.id })), 'not_found')
  t.equal(codeOf(await topUp(lin, id, '9999999')), 'request_refused price_too_high')
  t.equal(codeOf(await topUp(mei, id, '100')), 'not_your_request')
  await requests.cancel({ caller: lin, id })
  t.equal(codeOf(await requests.take({ caller: mei, id })), 'wrong_state cancelled', 'after its end')

  const choosing = await open(lin)
  t.match(await requests.offer({ caller: mei, id: choosing, note: 'mail a@b.cn' }), {
    body: { note: 'mail ***' },
  })
  const offerId = offerIdOf(choosing, mei.id)
  t.match(await requests.withdraw({ caller: mei, id: choosing }), { body: { status: 'withdrawn' } })
  t.match(
    await requests.withdraw({ caller: mei, id: choosing }),
    { body: { status: 'withdrawn' } },
    'safe to repeat',
  )
  t.match(await find(choosing), { state: 'open', offers: 0 })
  t.equal(codeOf(await requests.accept({ caller: lin, id: choosing, offerId })), 'wrong_state open')
  t.equal(
    codeOf(await requests.offer({ caller: mei, id: choosing, note: undefined })),
    'offer_gone withdrawn',
  )
  const zhou = await add()
  await requests.offer({ caller: zhou, id: choosing, note: undefined })
  t.equal(codeOf(await requests.accept({ caller: lin, id: choosing, offerId })), 'offer_gone withdrawn')
  t.equal(codeOf(await requests.accept({ caller: lin, id: choosing, offerId: lin.id })), 'not_found')
  await database.transact(tx => playerRecord.setBan(tx, zhou.id, { atMs: clock.nowMs(), reason: 'r' }))
  const banned = await requests.accept({ caller: lin, id: choosing, offerId: offerIdOf(choosing, zhou.id) })
  t.equal(codeOf(banned), 'offer_gone withdrawn', 'a banned provider')
  t.equal(
    codeOf(await requests.offer({ caller: sameHand, id: choosing, note: undefined })),
    'own_request',
    'from the same device',
  )
  const tablet = await add(0n, 'tablet')
  await requests.offer({ caller: tablet, id: choosing, note: undefined })
  const chosen = { id: choosing, offerId: offerIdOf(choosing, tablet.id) }
  const onTablet = { ...lin, deviceId: 'tablet' }
  t.equal(codeOf(await requests.accept({ caller: onTablet, ...chosen })), 'own_request', 'nor chosen on it')
  t.equal(codeOf(await requests.accept({ caller: lin, ...chosen })), 200)
  const late = await requests.offer({ caller: await add(), id: choosing, note: undefined })
  t.equal(codeOf(late), 'wrong_state accepted', 'an offer after the choice')

  for (let i = 0; i < rules.unendedPerPoster; i++) if ((await post(lin)).status !== 201) break
  t.equal(codeOf(await post(lin)), 'request_limit unended')
  await assertBooks(t, world)
})

t.test("lists are pages of one's own", async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    ids.push(await openAccepted(lin, mei))
    clock.advance(1)
  }
  for (const list of [
    () => requests.listOwn({ caller: lin, query: { limit: '2' } }),
    () => requests.listTaken({ caller: mei, query: { limit: '2' } }),
  ]) {
    const page = await list()
    t.match(page, { body: { items: [{ id: ids[2] }, { id: ids[1] }], links: { next: /cursor=/ } } })
  }
  await requests.cancel({ caller: mei, id: ids[2] as string })
  t.match(await requests.listTaken({ caller: mei, query: {} }), {
    body: { items: [{ id: ids[1] }, { id: ids[0] }] },
  })
  t.match(await requests.listTaken({ caller: lin, query: {} }), { body: { items: { length: 0 } } })
})
