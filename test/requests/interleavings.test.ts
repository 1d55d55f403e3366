/**
 * Five actors who know nothing of each other do whatever they can, at once and in any order: the poster, the provider,
 * a rival, the operator with the reviewers, and the clock on two servers; half begin as drafts. Whatever comes of it,
 * each request ends in exactly one state, nobody was told another one, its escrow is empty, and the money is where the
 * state says. `INTERLEAVINGS=10000` for more of them, `SEED` for others.
 */
import t, { type Test } from 'tap'
import type { Row } from '#platform/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { offerIdOf } from '../../src/requests/request.ts'
import type { Fate } from '../../src/reviews/subject.ts'
import { isEnded, type RequestState } from '../../src/requests/state.ts'
import { assertBooks } from '../helpers/books.ts'
import { createDice } from '../simulation/dice.ts'
import { createRequestStage, hour } from './stage.ts'

const wanted = Number(process.env.INTERLEAVINGS ?? 240)
const seed = Number(process.env.SEED ?? 1)
const [atOnce, steps] = [40, 8]

const stage = await createRequestStage(t, { cancelFeePercent: 7 })
const { world, requests, told, near, open, topUp, split, tick, find, add } = stage
const dice = createDice(seed)
const people = await Promise.all(Array.from({ length: 16 }, () => add(1_000_000_000n)))

type Answer = { status: number | 'refused'; code?: string; body?: { state?: string } }
type Played = {
  id: string
  poster: PlayerCaller
  provider: PlayerCaller
  rival: PlayerCaller
  said: Set<string>
}

/** What one of the five tries next, whatever the state is. */
function draw({ id, poster, provider, rival }: Played): () => Promise<unknown> {
  const worker = dice.chance(0.6) ? provider : rival
  const acts: (() => Promise<unknown>)[] = [
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

async function play(t: Test, one: Played, act: () => Promise<unknown>): Promise<void> {
  const answer = (await act()) as Answer | undefined
  if (answer === undefined) return
  if (answer.code === 'internal') t.fail(`${one.id} ${JSON.stringify(answer)}`)
  const state = answer.status === 200 ? answer.body?.state : undefined
  if (state !== undefined && isEnded(state as RequestState)) one.said.add(state)
}

async function playBatch(t: Test, size: number): Promise<Record<string, number>> {
  const batch: Played[] = []
  for (let i = 0; i < size; i++) {
    const poster = dice.pick(people)
    const others = people.filter(person => person !== poster)
    const provider = dice.pick(others)
    const rival = dice.pick(others.filter(person => person !== provider))
    const draft = dice.chance(0.5)
    const id = await open(poster, { mode: dice.chance(0.5) ? 'choose' : 'first_taker', draft })
    if (draft && dice.chance(0.7))
      await requests.postDraft({ caller: poster, id, body: {}, idempotencyKey: `post-${id}` })
    batch.push({ id, poster, provider, rival, said: new Set() })
  }
  for (let step = 0; step < steps; step++) {
    const plays = batch.flatMap(one =>
      Array.from({ length: dice.between(1, 3) }, () => play(t, one, draw(one))),
    )
    await Promise.all([...plays, tick(), tick()])
    world.clock.advance(dice.pick([1, 60_000, hour, 7 * hour, 20 * hour]))
  }
  for (let turn = 0; turn < 6; turn++) {
    for (const { id } of batch) if ((await find(id)).state === 'disputed') await split(id, '100')
    world.clock.advance(80 * hour)
    await tick()
  }
  const ends: Record<string, number> = {}
  for (const one of batch) {
    const { state, endedAtMs } = await find(one.id)
    ends[state] = (ends[state] ?? 0) + 1
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

t.test(`${wanted} requests, seed ${seed}`, { timeout: 3_600_000 }, async t => {
  const ends = new Map<string, number>()
  for (let played = 0; played < wanted; played += atOnce) {
    const batch = await playBatch(t, Math.min(atOnce, wanted - played))
    for (const [state, count] of Object.entries(batch)) ends.set(state, (ends.get(state) ?? 0) + count)
  }
  t.comment(JSON.stringify(Object.fromEntries(ends)))
  for (const state of ['confirmed', 'settled', 'cancelled', 'expired'])
    t.ok(ends.get(state), `some are ${state}`)
  const [held] = await world.database.query<Row>({
    name: 'held-in-escrow',
    text: `select coalesce(sum(credits - debits), 0)::bigint as held, count(*) filter (where credits <> debits) as open
      from accounts where kind = 'escrow'`,
  })
  t.same(held, { held: 0n, open: 0n }, 'every escrow is empty')
  const [moved] = await world.database.query<Row>({
    name: 'moved-by-requests',
    text: `select sum(case when kind in ('request_pay', 'request_refund') then -amount else amount end)::bigint as left
      from transfers where service_request_id is not null`,
  })
  t.same(moved, { left: 0n })
  await assertBooks(t, world)
})
