/**
 * Five actors who know nothing of each other do whatever they can, at once and in any order: the poster, the provider,
 * a rival, the operator with the reviewers, and the clock on two servers; many begin as drafts. Each request has a
 * course that its people keep to most of the time, so that every end is reached often and by every way, and all of
 * them talk, pay more and rate each other meanwhile. Whatever comes of it, each request ends in exactly one state,
 * nobody was told another one, its escrow is empty, the money is where the state says, and nothing was said or rated
 * by whom or when it may not. `INTERLEAVINGS=10000` for more of them (`npm run soak -- errands`), `SEED` for others.
 */
import t, { type Test } from 'tap'
import type { Row } from '#platform/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { offerIdOf, type ServiceRequest } from '../../src/requests/request.ts'
import type { Fate } from '../../src/reviews/subject.ts'
import { isEnded, type RequestState } from '../../src/requests/state.ts'
import { openTalk } from '../chats/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { createDice } from '../simulation/dice.ts'
import { createRequestStage, hour } from './stage.ts'

const wanted = Number(process.env.INTERLEAVINGS ?? 160)
const seed = Number(process.env.SEED ?? 1)
const [atOnce, steps] = [40, 8]
const courses = ['confirmed', 'settled', 'cancelled', 'expired', 'anywhere'] as const

const stage = await createRequestStage(t, { cancelFeePercent: 7 })
const { world, requests, told, near, open, topUp, split, tick, find, add } = stage
const { chats, say, rate } = openTalk(stage)
const dice = createDice(seed)
const people = await Promise.all(Array.from({ length: 16 }, () => add(1_000_000_000n)))

type Answer = { status: number | 'refused'; code?: string; body?: { state?: string } }
type Act = () => Promise<unknown>
type Played = {
  id: string
  course: (typeof courses)[number]
  poster: PlayerCaller
  provider: PlayerCaller
  rival: PlayerCaller
  said: Set<string>
}

/** Of ratings that were answered: whose, and how many stars. */
const rated: { id: string; side: string; stars: number }[] = []

async function give(caller: PlayerCaller, id: string): Promise<void> {
  const answer = await rate(caller, id, dice.between(1, 5))
  if (answer.status === 200) rated.push({ id, side: answer.body.by, stars: answer.body.stars })
}

/** What one of the five tries next, whatever the state is. */
function draw({ id, poster, provider, rival }: Played): Act {
  const worker = dice.chance(0.6) ? provider : rival
  const acts: Act[] = [
    () => requests.offer({ caller: worker, id, note: undefined }),
    () => requests.take({ caller: worker, id }),
    () => requests.accept({ caller: poster, id, offerId: offerIdOf(id, worker.id) }),
    () => requests.withdraw({ caller: worker, id }),
    () => requests.deliver({ caller: worker, id }),
    () => requests.confirm({ caller: poster, id }),
    () => requests.dispute({ caller: poster, id, reason: 'no' }),
    () => requests.cancel({ caller: dice.chance(0.3) ? poster : worker, id }),
    () => topUp(poster, id, '150'),
    () => split(id, String(dice.between(0, 3_000))),
    () => requests.confirm({ caller: rival, id }),
    () => requests.postDraft({ caller: poster, id, body: {}, idempotencyKey: `post-${id}` }),
    () => judge(id, dice.pick(['shown', 'hidden', 'rejected'] as const)),
    () => (dice.chance(0.15) ? requests.remove({ id, reason: 'r' }) : Promise.resolve(undefined)),
    () => say(dice.pick([poster, provider, rival]), id),
    () => chats.read({ caller: dice.pick([poster, provider]), id, no: dice.between(1, 9) }),
    () => give(dice.pick([poster, provider, rival]), id),
  ]
  return dice.pick(acts)
}

/** A reviewer who does not look. */
async function judge(id: string, fate: Fate): Promise<undefined> {
  if (fate === 'rejected' && dice.chance(0.7)) return undefined
  const nowMs = world.clock.nowMs()
  const tell = await world.database.transact(tx => requests.reviewed.become(tx, { id, fate, nowMs }))
  tell()
  return undefined
}

/** What brings it nearer to where its course leads. */
function proceed({ id, course, poster, provider }: Played, { state, mode }: ServiceRequest): Act[] {
  const offerId = offerIdOf(id, provider.id)
  const nothing: Act[] = []
  const cancel = () => requests.cancel({ caller: poster, id })
  const giveBack = () => requests.cancel({ caller: provider, id })
  const talk = [poster, provider].map(caller => () => say(caller, id))
  switch (state) {
    case 'open':
      // Some are taken on and given back before they expire; nobody gets the same one twice.
      if (course === 'expired' && dice.chance(0.6)) return nothing
      return [
        mode === 'choose'
          ? () => requests.offer({ caller: provider, id, note: undefined })
          : () => requests.take({ caller: provider, id }),
      ]
    case 'offered':
      if (course === 'expired' && dice.chance(0.6)) return nothing
      return [course === 'cancelled' ? cancel : () => requests.accept({ caller: poster, id, offerId })]
    case 'accepted':
      if (course === 'cancelled') return [...talk, cancel]
      return [...talk, course === 'expired' ? giveBack : () => requests.deliver({ caller: provider, id })]
    case 'delivered':
      return [
        ...talk,
        () => topUp(poster, id, '200'),
        course === 'settled'
          ? () => requests.dispute({ caller: poster, id, reason: 'no' })
          : () => requests.confirm({ caller: poster, id }),
      ]
    case 'disputed':
      return [...talk, () => split(id, String(dice.between(0, 3_000)))]
    default:
      return [poster, provider].map(caller => () => give(caller, id))
  }
}

async function play(t: Test, one: Played, act: Act): Promise<void> {
  const answer = (await act()) as Answer | undefined
  if (answer === undefined) return
  if (answer.code === 'internal') t.fail(`${one.id} ${JSON.stringify(answer)}`)
  const state = answer.status === 200 ? answer.body?.state : undefined
  if (state !== undefined && isEnded(state as RequestState)) one.said.add(state)
}

async function begin(): Promise<Played> {
  const poster = dice.pick(people)
  const others = people.filter(person => person !== poster)
  const provider = dice.pick(others)
  const rival = dice.pick(others.filter(person => person !== provider))
  const draft = dice.chance(0.5)
  const id = await open(poster, { mode: dice.chance(0.5) ? 'choose' : 'first_taker', draft })
  if (draft && dice.chance(0.7))
    await requests.postDraft({ caller: poster, id, body: {}, idempotencyKey: `post-${id}` })
  return { id, course: dice.pick([...courses]), poster, provider, rival, said: new Set() }
}

async function playBatch(t: Test, size: number): Promise<RequestState[]> {
  const batch: Played[] = []
  for (let i = 0; i < size; i++) batch.push(await begin())
  for (let step = 0; step < steps; step++) {
    const requestsNow = await Promise.all(batch.map(one => find(one.id)))
    const acts = batch.flatMap((one, i) => {
      const own = dice.chance(0.8) ? proceed(one, requestsNow[i] as ServiceRequest) : []
      const strange = Array.from({ length: dice.between(0, 2) }, () => draw(one))
      return [...own, ...strange].map(act => ({ one, act }))
    })
    await Promise.all([...acts.map(({ one, act }) => play(t, one, act)), tick(), tick()])
    world.clock.advance(dice.pick([1, 1, 1_000, 60_000, 600_000, hour, 7 * hour]))
  }
  for (let turn = 0; turn < 6; turn++) {
    for (const { id } of batch) if ((await find(id)).state === 'disputed') await split(id, '100')
    world.clock.advance(80 * hour)
    await tick()
  }
  const ends: RequestState[] = []
  for (const one of batch) {
    const { state, endedAtMs } = await find(one.id)
    ends.push(state)
    if (!isEnded(state) || endedAtMs === null) t.fail(`${one.id} has not ended: ${state}`)
    const heard = told.filter(({ playerId, frame }) => playerId === one.poster.id && isEndOf(one.id, frame))
    if (heard.length !== 1) t.fail(`${one.id} ended ${heard.length} times`)
    for (const said of one.said)
      if (said !== state) t.fail(`${one.id} is ${state}, and somebody was told ${said}`)
  }
  told.length = 0
  near.length = 0
  return ends
}

const isEndOf = (id: string, frame: object): boolean =>
  'state' in frame &&
  'serviceRequestId' in frame &&
  frame.serviceRequestId === id &&
  isEnded(frame.state as RequestState)

const ask = (name: string, text: string) => world.database.query<Row>({ name, text })

t.test(`${wanted} requests, seed ${seed}`, { timeout: 3_600_000 }, async t => {
  const ends = new Map<string, number>()
  for (let played = 0; played < wanted; played += atOnce) {
    for (const state of await playBatch(t, Math.min(atOnce, wanted - played)))
      ends.set(state, (ends.get(state) ?? 0) + 1)
  }
  const [talked] = await ask(
    'talked-and-rated',
    `select (select count(*)::int from chat_messages) as messages, (select count(*)::int from ratings) as ratings,
      (select count(*)::int from service_request_acceptances where dropped_at is not null) as drops,
      (select sum(top_ups)::int from service_requests) as top_ups`,
  )
  t.comment(JSON.stringify({ ...Object.fromEntries(ends), ...talked }))
  for (const state of ['confirmed', 'settled', 'cancelled', 'expired'])
    t.ok((ends.get(state) ?? 0) >= wanted * 0.04, `many are ${state}: ${ends.get(state)} of ${wanted}`)
  const least = { messages: wanted, ratings: wanted / 4, drops: wanted / 40, top_ups: wanted / 20 }
  for (const [what, many] of Object.entries(least))
    t.ok(Number(talked?.[what]) > many, `many ${what}: ${Number(talked?.[what])}`)

  const [held] = await ask(
    'held-in-escrow',
    `select coalesce(sum(credits - debits), 0)::bigint as held, count(*) filter (where credits <> debits) as open
      from accounts where kind = 'escrow'`,
  )
  t.same(held, { held: 0n, open: 0n }, 'every escrow is empty')
  const [moved] = await ask(
    'moved-by-requests',
    `select sum(case when kind in ('request_pay', 'request_refund') then -amount else amount end)::bigint as left
      from transfers where service_request_id is not null`,
  )
  t.same(moved, { left: 0n })
  await assertTalk(t)
  await assertBooks(t, world)
})

async function assertTalk(t: Test): Promise<void> {
  const astray = await ask(
    'said-out-of-time',
    `select m.id from chat_messages m
      join service_request_acceptances a using (request_id, provider_id)
      join service_requests r on r.id = m.request_id
      where m.said_at < a.accepted_at or m.said_at > least(a.dropped_at, r.ended_at)`,
  )
  t.same(astray, [], 'everything was said in its time')
  const miscounted = await ask(
    'chats-miscounted',
    `select request_id from chats c left join chat_messages m using (request_id, provider_id)
      group by request_id, provider_id, c.messages
      having count(m.no) <> c.messages or coalesce(max(m.no), 0) <> c.messages`,
  )
  t.same(miscounted, [], 'messages are numbered without gaps')
  const kept = new Map(
    (await ask('ratings-kept', `select request_id || ' ' || side as key, stars from ratings`)).map(
      ({ key, stars }) => [key, stars],
    ),
  )
  t.same(
    rated.filter(({ id, side, stars }) => kept.get(`${id} ${side}`) !== stars),
    [],
    'every rating is on record as it was answered',
  )
  t.equal(new Set(rated.map(({ id, side }) => `${id} ${side}`)).size, kept.size)
}
