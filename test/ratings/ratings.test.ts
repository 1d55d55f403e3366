/** Ratings: once, for good, and nothing that anybody is sent depends on one before it is told. */
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import type { Row } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { offerIdOf } from '../../src/requests/request.ts'
import { openTalk } from '../chats/stage.ts'
import { createRequestStage } from '../requests/stage.ts'

const stage = await createRequestStage(t)
const { world, requests, told, open, openAccepted, split, add } = stage
const { database, ownerDatabase, clock } = world
const { rate, listRatings, reputationOf } = openTalk(stage)
const { withinMs } = limits.rating

const codeOf = (answer: { status: unknown; code?: string; reason?: string }) =>
  isRefusal(answer) ? [answer.code, answer.reason].filter(Boolean).join(' ') : answer.status
let statements = 0
const run = (text: string, params: unknown[] = [], where = database) =>
  where.query<Row>({ name: `ratings-${statements++}`, text }, params)

async function openConfirmed(poster: PlayerCaller, provider: PlayerCaller): Promise<string> {
  const id = await openAccepted(poster, provider)
  await requests.deliver({ caller: provider, id })
  await requests.confirm({ caller: poster, id })
  return id
}

t.test('told when both are in, and not a byte before', async t => {
  const [lin, mei, rival] = [await add(100_000n), await add(), await add()]
  const id = await openConfirmed(lin, mei)
  // What anybody else can ask that could tell of Lin's rating of Mei.
  const watched = await open(lin)
  await requests.offer({ caller: mei, id: watched, note: undefined })
  const see = async () =>
    JSON.stringify([
      await listRatings(mei, id),
      await reputationOf(mei),
      await reputationOf(lin),
      await requests.get({ caller: mei, id }),
      await requests.get({ caller: lin, id }),
      await requests.get({ caller: rival, id: watched }),
      await requests.listOffers({ caller: lin, id: watched, query: {} }),
      codeOf(await listRatings(rival, id)),
      told.length,
    ])
  const before = await see()
  t.match(before, '"not_found"')
  t.match(await rate(lin, id, 4, ' on time '), {
    body: { by: 'poster', stars: 4, text: 'on time', ratedAt: String, serviceRequestId: id },
  })
  t.equal(await see(), before, 'one rating')
  t.match(
    await listRatings(lin, id),
    { body: { items: [{ by: 'poster', stars: 4 }], toldAt: String } },
    "one's own",
  )
  const masked = { body: { by: 'provider', stars: 5, text: 'ring ***' } }
  for (let turn = 0; turn < 2; turn++) t.match(await rate(mei, id, 5, 'ring 138 0013 8000'), masked)
  for (const caller of [lin, mei])
    t.match(await listRatings(caller, id), { body: { items: [{ stars: 4, text: 'on time' }, { stars: 5 }] } })
  t.match(await reputationOf(mei), { body: { asPoster: { count: 0 }, asProvider: { count: 1, mean: 4 } } })
  t.match(await reputationOf(lin), { body: { asPoster: { count: 1, mean: 5 }, asProvider: { count: 0 } } })
  t.match(await requests.get({ caller: mei, id }), {
    body: { posterRating: { count: 1, mean: 5 }, providerRating: { count: 1, mean: 4 } },
  })
  const seen = await requests.get({ caller: rival, id: watched })
  t.match(seen, { body: { posterRating: { count: 1, mean: 5 } } })
  t.notMatch(
    JSON.stringify([seen, await requests.listOffers({ caller: lin, id: watched, query: {} })]),
    'on time',
  )
  t.match(await requests.listOffers({ caller: lin, id: watched, query: {} }), {
    body: { items: [{ id: offerIdOf(watched, mei.id), rating: { count: 1, mean: 4 } }] },
  })
})

t.test('alone, it is told when the time to rate is over', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  const id = await openConfirmed(lin, mei)
  await rate(mei, id, 1)
  clock.advance(withinMs - 1)
  t.match(await listRatings(lin, id), { body: { items: { length: 0 } } })
  t.match(await reputationOf(lin), { body: { asPoster: { count: 0 } } })
  clock.advance(1)
  t.match(await listRatings(lin, id), { body: { items: [{ by: 'provider', stars: 1 }] } })
  t.match(await reputationOf(lin), { body: { asPoster: { count: 1, mean: 1 } } })
  t.equal(codeOf(await rate(lin, id, 1)), 'rating_refused too_late', 'nobody answers a rating')
  t.equal((await rate(mei, id, 1)).status, 200, 'a lost answer, even now')
})

t.test('once, for good, by the two, after an end that was paid', async t => {
  const [lin, mei, rival] = [await add(100_000n), await add(), await add()]
  const id = await openAccepted(lin, mei)
  t.equal(codeOf(await rate(lin, id, 5)), 'wrong_state accepted')
  t.equal(codeOf(await rate(rival, id, 5)), 'not_found')
  t.equal(codeOf(await rate(rival, lin.id, 5)), 'not_found')
  const cancelled = await openAccepted(lin, mei)
  await requests.cancel({ caller: lin, id: cancelled })
  t.equal(codeOf(await rate(mei, cancelled, 1)), 'wrong_state cancelled')
  const dropped = await openAccepted(lin, rival)
  await requests.cancel({ caller: rival, id: dropped })
  t.equal(codeOf(await rate(rival, dropped, 1)), 'not_found', 'who gave it back is none of the two')
  await requests.deliver({ caller: mei, id })
  await requests.dispute({ caller: lin, id, reason: 'no' })
  t.equal(codeOf(await rate(lin, id, 1)), 'wrong_state disputed')
  await split(id, '100')
  for (const text of ['a\u202eb', 'a\nb', ' ', 'x'.repeat(281)])
    t.equal(codeOf(await rate(lin, id, 1, text)), 'rating_refused text_refused', JSON.stringify(text))
  const answers = await Promise.all([1, 2, 3, 4, 5, 1, 2].map(stars => rate(lin, id, stars)))
  const stars = answers.flatMap(answer => (answer.status === 200 ? [answer.body.stars] : []))
  t.equal(new Set(stars).size, 1, 'of many at once one counts')
  const [kept = 0] = stars
  t.equal((await rate(lin, id, kept)).status, 200, 'safe to repeat')
  t.equal(codeOf(await rate(lin, id, 6 - kept === kept ? 1 : 6 - kept)), 'rating_refused rated_already')
  t.equal(codeOf(await rate(lin, id, kept, 'and a word')), 'rating_refused rated_already')

  await t.rejects(run('update ratings set stars = 5'), /permission denied/)
  await t.rejects(run('delete from ratings', [], ownerDatabase), /append-only|never/i)
  const insert = `insert into ratings (request_id, side, rated_id, stars, rated_at, tells_at)
    values ($1, $2, $3, $4, now(), now() + interval '1 day')`
  for (const row of [
    [id, 'provider', mei.id, 5],
    [cancelled, 'provider', lin.id, 5],
  ])
    await t.rejects(run(insert, row), /does not rate/)
  for (const many of [0, 6])
    await t.rejects(run(insert, [id, 'provider', lin.id, many]), /ratings_stars_check/)
})

t.test('a mean is of what is told, to a tenth, and of one role', async t => {
  const [lin, mei] = [await add(100_000n), await add()]
  for (const stars of [5, 4, 4]) {
    const id = await openConfirmed(lin, mei)
    await rate(lin, id, stars)
    await rate(mei, id, 2)
  }
  const untold = await openConfirmed(lin, mei)
  await rate(lin, untold, 1)
  t.match(await reputationOf(mei), { body: { asProvider: { count: 3, mean: 4.3 }, asPoster: { count: 0 } } })
  t.match(await reputationOf(lin), { body: { asPoster: { count: 3, mean: 2 } } })
})
