import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import type { HideBody } from '#protocol/rest/envelopes.ts'
import { canonicalJson } from '#platform/idempotency.ts'
import { isRefusal } from '#platform/problem.ts'
import { coarsen, locateCell } from '../../src/geo/cell.ts'
import { fromWgs84 } from '../../src/geo/datum.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import { assertBooks } from '../helpers/books.ts'
import { createStage, goEast, hideBody, pointOf, square } from './stage.ts'

const stage = await createStage(t)
const { clock, hide, hideWell, createPlayer, createMerchant, balanceOf, ask } = stage

const codeOf = (answer: Awaited<ReturnType<typeof hide>>) =>
  isRefusal(answer)
    ? [answer.code, answer.reason].filter(part => part !== undefined).join(' ')
    : answer.status

/** Far from every other place of this file. */
let farM = 100_000
const nextPlace = () => goEast((farM += 10_000))
const countEnvelopes = async () =>
  Number((await ask<{ n: bigint }>('select count(*) as n from envelopes'))[0]?.n)

t.test('a player hides, equal: money in escrow, shares stored, visible at once', async t => {
  const at = nextPlace()
  const player = await createPlayer({ minor: 1_003n, at })
  stage.announced.length = 0
  const answer = await hide(player, {
    place: pointOf(at),
    total: { amountMinor: '1003', currency: 'CNY' },
    shares: 4,
    greeting: '  恭喜发财 ',
    clue: { text: 'Beside the third lamp' },
  })
  assert(!isRefusal(answer))
  const { body } = answer
  t.match(body, {
    kind: 'player',
    state: 'live',
    shares: 4,
    claimRadiusM: 60,
    greeting: '恭喜发财',
    audience: 'anyone',
    total: { amountMinor: '1003', currency: 'CNY' },
    own: { claimedShares: 0, claimed: { amountMinor: '0' }, escrow: { amountMinor: '1003' } },
  })
  t.equal(Date.parse(body.expiresAt) - clock.nowMs(), 72 * 3_600_000)
  t.match(body.commitment, /^[0-9a-f]{64}$/)
  t.equal(await balanceOf(player.id), 0n)
  t.equal(await balanceOf(body.id), 1_003n)
  const shares = await ask('select share_no, amount from envelope_shares where envelope_id = $1 order by 1', [
    body.id,
  ])
  t.same(
    shares.map(row => row.amount),
    [251n, 251n, 251n, 250n],
  )
  t.match(stage.announced, [
    { event: 'opened', id: body.id, cell10: coarsen(locateCell(at), 10), hiderId: player.id },
  ])
  t.equal(stage.prepared.at(-1), body.id, 'its gate may be filled')
  t.notMatch(JSON.stringify(stage.announced), String(at.lat), 'no point is announced')
})

t.test('a lucky split of a merchant, with a brand, ahead of its time', async t => {
  const merchant = await createMerchant()
  stage.announced.length = 0
  const body = await hideWell(merchant, {
    place: pointOf(nextPlace()),
    total: { amountMinor: '99999999', currency: 'CNY' },
    shares: 10_000,
    split: 'lucky',
    brand: 'Tea House, call 400-800-8000',
    opensAt: new Date(clock.nowMs() + 1).toISOString(),
  })
  t.match(body, { kind: 'merchant', state: 'funded', brand: 'Tea House, call 400-800-8000' })
  t.equal(body.commitment, undefined, 'shown when it opens')
  t.same(stage.announced, [])
  t.equal(await balanceOf(body.id), 99_999_999n)
})

t.test('places come in the datum of the map they were taken from', async t => {
  for (const crs of ['gcj02', 'bd09'] as const) {
    const at = nextPlace()
    const shown = fromWgs84(at, crs)
    const body = await hideWell(await createPlayer({ at }), { place: pointOf(shown), crs })
    const [lng = 0, lat = 0] = body.own?.place.coordinates ?? []
    t.ok(Math.hypot(lng - at.lng, lat - at.lat) < 1e-6, crs)
  }
})

t.test('too little money changes nothing', async t => {
  const at = nextPlace()
  const player = await createPlayer({ minor: 999n, at })
  const before = await countEnvelopes()
  t.equal(codeOf(await hide(player, { place: pointOf(at) })), 'insufficient_funds')
  const penniless = await createPlayer({ minor: 0n, at })
  t.equal(codeOf(await hide(penniless, { place: pointOf(at) })), 'insufficient_funds')
  t.equal(await countEnvelopes(), before)
  t.equal(await balanceOf(player.id), 999n)
})

t.test('a repeated key gets the first answer, whatever has changed since', async t => {
  const at = nextPlace()
  const player = await createPlayer({ at })
  const changes: Partial<HideBody> = {
    place: pointOf(at),
    audience: { type: 'passphrase', passphrase: '芝麻开门' },
    expiresAt: new Date(clock.nowMs() + 3_600_000).toISOString(),
  }
  const first = await hide(player, changes, 'once')
  const prepared = stage.prepared.length
  stage.announced.length = 0
  clock.advance(2 * 3_600_000)
  stage.standing.delete(player.id)
  t.same(await hide(player, changes, 'once'), first)
  t.same(stage.announced, [], 'announced once')
  t.equal(stage.prepared.length, prepared)
  t.equal(codeOf(await hide(player, { ...changes, shares: 9 }, 'once')), 'idempotency_mismatch')
  const other: Partial<HideBody> = { ...changes, audience: { type: 'passphrase', passphrase: '芝麻关门' } }
  t.equal(
    codeOf(await hide(player, other, 'once')),
    'idempotency_mismatch',
    'the passphrase is part of the body',
  )
  t.equal(await balanceOf(player.id), 999_000n)
  const [kept] = await ask('select body::text, fingerprint from idempotent_answers where key = $1', ['once'])
  t.notMatch(kept?.body, '芝麻')
  const plain = createHash('sha256')
    .update(canonicalJson(hideBody(changes)))
    .digest()
  t.notSame(kept?.fingerprint, plain, 'from a plain fingerprint the passphrase could be guessed')
  t.equal(codeOf(await hide(player, changes, 'twice')), 'envelope_refused expiry_past')
})

t.test('five retries at once hide once', async t => {
  const at = nextPlace()
  const player = await createPlayer({ at })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => hide(player, { place: pointOf(at) }, 'storm')),
  )
  t.ok(answers.some(answer => codeOf(answer) === 201))
  t.ok(answers.every(answer => ['201', 'idempotency_in_flight'].includes(String(codeOf(answer)))))
  t.equal(await balanceOf(player.id), 999_000n)
})

t.test('a player stands near the place, by the centre of the cell they are in', async t => {
  const at = nextPlace()
  const player = await createPlayer({ at: null })
  t.equal(codeOf(await hide(player, { place: pointOf(at) })), 'position_needed')
  const near = { place: pointOf(at), fix: { ...goEast(480, at), accuracyM: 10 } }
  const far = { place: pointOf(at), fix: { ...goEast(520, at), accuracyM: 10 } }
  t.equal(codeOf(await hide(player, far)), 'place_refused too_far')
  t.equal(codeOf(await hide(player, near)), 201)
  t.equal(codeOf(await hide(player, { place: pointOf(at) })), 201, 'the fix was kept')
})

t.test('a merchant stays inside its area in production only', async t => {
  const production = await createStage(t, { isSandbox: false, connections: 4 })
  const inside = pointOf(goEast(900))
  const outside = pointOf(goEast(1_100))
  const shop = await production.createMerchant()
  t.equal(codeOf(await production.hide(shop, { place: outside })), 'place_refused outside_area')
  t.equal(codeOf(await production.hide(shop, { place: inside })), 201)
  t.equal(codeOf(await hide(await createMerchant(), { place: outside })), 201)
})

t.test('ten players at once leave three envelopes in a res-10 cell', async t => {
  const at = nextPlace()
  const players = await Promise.all(Array.from({ length: 10 }, () => createPlayer({ at })))
  const answers = await Promise.all(players.map(player => hide(player, { place: pointOf(at) })))
  const codes = answers.map(codeOf).sort()
  t.same(codes, [201, 201, 201, ...Array.from({ length: 7 }, () => 'place_refused crowded')])
  const merchant = await createMerchant()
  t.equal(codeOf(await hide(merchant, { place: pointOf(at) })), 201, 'merchants are not counted, nor limited')

  const [closing] = answers.flatMap(answer => (isRefusal(answer) ? [] : [answer.body.id]))
  const owner = players.find((_, i) => answers[i]?.status === 201)
  assert(closing !== undefined && owner !== undefined)
  await stage.envelopes.close({ caller: owner, id: closing })
  const [another] = players
  assert(another !== undefined)
  t.equal(codeOf(await hide(another, { place: pointOf(at) })), 201, 'one that ended makes room')
})

t.test('twelve in a res-9 cell, and the answer is the same wherever in the hint cell', async t => {
  const at = nextPlace()
  const cell9 = coarsen(locateCell(at), 9)
  const spots = new Map<string, ReturnType<typeof nextPlace>[]>()
  for (let bearingDeg = 0; bearingDeg < 360; bearingDeg += 20) {
    for (let distanceM = 0; distanceM < 300; distanceM += 20) {
      const spot = travelFrom(at, { bearingDeg, distanceM })
      const cell = locateCell(spot)
      if (coarsen(cell, 9) !== cell9) continue
      const cell10 = coarsen(cell, 10)
      spots.set(cell10, [...(spots.get(cell10) ?? []), spot])
    }
  }
  const player = await createPlayer({ at })
  const verdicts: unknown[] = []
  for (const [, [spot]] of spots) {
    for (let n = 0; n < 3; n++) if (spot) verdicts.push(codeOf(await hide(player, { place: pointOf(spot) })))
  }
  t.equal(verdicts.filter(verdict => verdict === 201).length, limits.envelope.perCell9)
  t.same(
    verdicts.slice(12),
    Array.from({ length: 9 }, () => 'place_refused crowded'),
  )
  for (const [, inCell] of spots) {
    const answers = new Set<string>()
    for (const spot of inCell.slice(0, 4))
      answers.add(JSON.stringify(await hide(player, { place: pointOf(spot) })))
    t.equal(answers.size, 1)
  }
})

/** Gives a player as many hides of today as leave `left`. */
async function useUpDay({ id }: { id: string }, { left }: { left: number }): Promise<void> {
  await ask(
    `insert into envelopes (id, hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count,
       split, seed, commitment, audience, state, opens_at, expires_at, created_at)
     select gen_random_uuid(), 'player', $1, 'point(1 1)', 631243922056054783, 60, 'CNY', 1, 1, 'equal', sha256('s'),
       sha256('c'), 'anyone', 'draft', $2, $2::timestamptz + interval '1 day', $2 from generate_series(1, $3)`,
    [id, new Date(clock.nowMs()), limits.envelope.hidesPerDay - left],
  )
}

t.test('fifty a day, at once or not; the next day begins in DAY_ZONE', async t => {
  clock.set(Date.parse('2026-03-05T15:30:00Z'))
  const at = nextPlace()
  const player = await createPlayer({ at })
  await useUpDay(player, { left: 2 })
  // In four res-9 cells, so that only the player's own lock orders them.
  const around = [0, 90, 180, 270].map(bearingDeg => travelFrom(at, { bearingDeg, distanceM: 450 }))
  const hides = around.map(place => hide(player, { place: pointOf(place) }))
  t.same((await Promise.all(hides)).map(codeOf).sort(), [201, 201, 'daily_limit', 'daily_limit'])
  const elsewhere = { place: pointOf(at), fix: { ...square, accuracyM: 5 } }
  t.equal(codeOf(await hide(player, elsewhere)), 'place_refused too_far', 'judged before the day')
  const here = { place: pointOf(at), fix: { ...at, accuracyM: 5 } }
  clock.set(Date.parse('2026-03-05T15:59:59.999Z'))
  t.equal(codeOf(await hide(player, here)), 'daily_limit')
  clock.set(Date.parse('2026-03-05T16:00:00Z'))
  t.equal(codeOf(await hide(player, here)), 201, 'midnight in Shanghai')
})

t.test('a sandbox player of 120 times the speed has days of 12 minutes', async t => {
  clock.set(Date.parse('2026-03-06T08:00:00Z'))
  const at = nextPlace()
  const player = await createPlayer({ at, timeScale: 120 })
  await useUpDay(player, { left: 0 })
  t.equal(codeOf(await hide(player, { place: pointOf(at) })), 'daily_limit')
  clock.advance(12 * 60_000)
  t.equal(codeOf(await hide(player, { place: pointOf(at) })), 201)
})

t.test('guests are known players', async t => {
  const at = nextPlace()
  const [player, guest] = [await createPlayer({ at }), await createPlayer()]
  const stranger = '01890000-0000-7000-8000-000000000000'
  const invite = (...playerIds: string[]) => ({
    place: pointOf(at),
    audience: { type: 'players' as const, playerIds },
  })
  t.equal(codeOf(await hide(player, invite(guest.id, stranger))), 'envelope_refused audience_unknown')
  t.equal(await balanceOf(player.id), 1_000_000n)
  stage.announced.length = 0
  const { id } = await hideWell(player, invite(guest.id))
  t.match(stage.announced, [{ event: 'opened', id, audience: 'players', guestIds: [guest.id] }])
})

t.test('of several faults the first in the documented order is answered', async t => {
  const at = nextPlace()
  const poor = await createPlayer({ minor: 1n, at: null })
  const crowd = await createPlayer({ at })
  for (let n = 0; n < 3; n++) await hideWell(crowd, { place: pointOf(at) })
  const unknown = '01890000-0000-7000-8000-000000000000'
  const body: Partial<HideBody> = {
    place: pointOf(at),
    total: { amountMinor: '1000', currency: 'XXX' },
    audience: { type: 'players', playerIds: [unknown] },
  }
  t.equal(codeOf(await hide(poor, body)), 'envelope_refused currency_unknown')
  body.total = { amountMinor: '1000', currency: 'CNY' }
  t.equal(codeOf(await hide(poor, body)), 'position_needed')
  body.fix = { ...goEast(600, at), accuracyM: 5 }
  t.equal(codeOf(await hide(poor, body)), 'place_refused too_far')
  body.fix = { ...at, accuracyM: 5 }
  t.equal(codeOf(await hide(poor, body)), 'place_refused crowded')
  body.place = pointOf(goEast(400, at))
  t.equal(codeOf(await hide(poor, body)), 'envelope_refused audience_unknown')
  delete body.audience
  t.equal(codeOf(await hide(poor, body)), 'insufficient_funds')
})

t.test('the books are right after all of this', t => assertBooks(t, stage.world))
