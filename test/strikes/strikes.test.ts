/** Strikes from the try that earns them to the appeal that lifts them, over the claim path, HTTP and real databases. */
import assert from 'node:assert/strict'
import Fastify from 'fastify'
import t from 'tap'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import {
  endAppeal,
  getPlayerStanding,
  getStanding,
  listAppeals,
  sendAppeal,
} from '#protocol/rest/standing.ts'
import { limits } from '#protocol/limits.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import { createActionLog, listActions } from '../../src/operator/postgres.ts'
import type { Caller, PlayerCaller } from '../../src/players/caller.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import { standingKey } from '../../src/positions/redis.ts'
import { createStrikes } from '../../src/strikes/give.ts'
import { appealRecord, strikeRecord } from '../../src/strikes/postgres.ts'
import { registerStrikeRoutes } from '../../src/strikes/routes.ts'
import { pausedUntilMs } from '../../src/strikes/strike.ts'
import { createRest } from '../acceptance/rest.ts'
import { createClaimStage } from '../claims/stage.ts'
import { square } from '../envelopes/stage.ts'
import { addPlayer } from '../helpers/people.ts'

const stage = await createClaimStage(t)
const { world, server, claim } = stage
const { clock, database, random } = world
const { lifetimeMs, apartMs } = limits.strike
const other = stage.createServer()
const ports = { strikes: strikeRecord, database, clock, random }
const { giveStrike } = createStrikes(ports)
const hours = (count: number) => clock.advance(count * 3_600_000)

/** Whoever names a player is that player. */
const people = new Map<string, PlayerCaller>()
const app = Fastify()
handleFaults(app, { sandbox: true })
registerStrikeRoutes(
  createBinder<Caller>(app, {
    sandbox: true,
    authenticate: async authorization => {
      const player = people.get(authorization?.slice('Bearer '.length) ?? '')
      return player ?? { kind: 'operator', id: 'operator' }
    },
  }),
  {
    ...ports,
    ...{ appeals: appealRecord, players: playerRecord, noteAction: createActionLog(world) },
    ...{ allowanceOf: server.positions.allowance, onPause: server.positions.pause },
  },
)
const url = await app.listen({ port: 0, host: '127.0.0.1' })
t.teardown(() => app.close())
const operator = createRest({ url, credential: 'operator' })

async function signUp(more: { timeScale?: number; deviceId?: string } = {}) {
  const { timeScale = 1, deviceId } = more
  const player: PlayerCaller = {
    ...(await addPlayer(world, { timeScale })),
    ...(deviceId !== undefined && { deviceId }),
  }
  people.set(player.id, player)
  return { player, rest: createRest({ url, credential: player.id }) }
}

const shop = await stage.createMerchant()
/** An envelope on the square that outlives the strikes. */
async function hide(): Promise<string> {
  const expiresAt = new Date(clock.nowMs() + 20 * 86_400_000).toISOString()
  const { id } = await stage.hideWell(shop, { expiresAt })
  return id
}

const far = (km: number) => travelFrom(square, { bearingDeg: 90, distanceM: 1_000 * km })

/** Five tries from places that nobody gets to so fast, each for another envelope. */
async function jumpAround(player: PlayerCaller, on = server) {
  await on.positions.move(player, { ...square, accuracyM: 8 })
  await on.positions.move(player, { ...square, accuracyM: 9 })
  for (let i = 1; i <= 5; i++) {
    clock.advance(5_000)
    const envelopeId = `0000000${i}-0000-4000-8000-000000000000`
    const answer = await claim(player, envelopeId, { at: far(30 * (i % 2) + 30 * i), on })
    assert('reason' in answer && answer.reason === 'jump', JSON.stringify(answer))
  }
}

const strike = (player: PlayerCaller, reason: 'teleport' | 'fake_walk') => {
  const { id: playerId, timeScale } = player
  return giveStrike({ playerId, timeScale, reason, figures: {} })
}

t.test('who tries from everywhere gets a strike; three pause rewards and nothing else', async t => {
  const { player, rest } = await signUp()
  const envelopeId = await hide()
  t.match(await claim(player, envelopeId), { status: 'claimed' })
  hours(3)
  await jumpAround(player)
  const one = await rest.get(getStanding)
  t.match(one, { strikes: [{ reason: 'teleport' }], rewardsPausedUntil: undefined })
  t.notOk('figures' in (one.strikes[0] ?? {}), 'what is measured is not for whoever is measured')
  hours(3)
  await jumpAround(player)
  t.equal((await rest.get(getStanding)).strikes.length, 1, 'one afternoon is one strike')

  await jumpLater(player)
  t.equal((await rest.get(getStanding)).rewardsPausedUntil, undefined)
  await jumpLater(player)
  const paused = await rest.get(getStanding)
  t.equal(paused.strikes.length, 3)
  const first = paused.strikes.at(-1)
  t.equal(paused.rewardsPausedUntil, first?.expiresAt, 'until the first of three expires')

  const refusal = { code: 'position_refused', reason: 'strikes' }
  const untilMs = Date.parse(paused.rewardsPausedUntil ?? '') - clock.nowMs()
  const second = await hide()
  const nowhere = '00000009-0000-4000-8000-000000000000'
  for (const on of [server, other]) {
    for (const [id, at] of [
      [second, square],
      [second, far(9)],
      [nowhere, square],
    ] as const)
      t.match(
        await claim(player, id, { at, on }),
        { ...refusal, retryAfterMs: untilMs },
        'nothing of the envelope',
      )
  }
  t.match(await claim(player, envelopeId, { on: other }), { status: 'claimed' }, 'a win stays a win')
  t.match(await server.positions.move(player, { ...square, accuracyM: 8 }), { status: String })

  await world.redis.del(standingKey(world.redisPrefix, { kind: 'account', id: player.id }))
  const third = stage.createServer()
  t.match(await claim(player, second, { on: third }), refusal, 'Redis forgot, the record did not')

  clock.advance(Date.parse(paused.rewardsPausedUntil ?? '') - clock.nowMs())
  t.match(await claim(player, second), { status: 'claimed' })
  t.equal((await rest.get(getStanding)).strikes.length, 2)
  const seen = await operator.get(getPlayerStanding, { id: player.id })
  t.match(seen.strikes.at(-1), { reason: 'teleport', figures: { tries: 5, distanceM: Number } })
  t.notMatch(JSON.stringify(seen), /lat|lng|cell12|8c[0-9a-f]{13}/, 'no place')
})

async function jumpLater(player: PlayerCaller) {
  clock.advance(apartMs)
  await jumpAround(player)
}

t.test('a line that was drawn gets one, at the try; positions alone get none', async t => {
  const { player, rest } = await signUp()
  const startMs = clock.nowMs()
  const fixAt = (i: number) => ({
    ...travelFrom(square, { bearingDeg: 40, distanceM: 1.4 * i }),
    ...{ accuracyM: 5, at: new Date(startMs + 1_000 * i).toISOString() },
  })
  for (let i = 0; i < 40; i++) {
    clock.advance(1_000)
    t.match(await server.positions.move(player, fixAt(i)), { status: 'accepted' })
  }
  t.same((await rest.get(getStanding)).strikes, [])
  clock.advance(1_000)
  await server.claim(player, { envelopeId: '00000009-0000-4000-8000-000000000000', fix: fixAt(40) })
  t.match((await rest.get(getStanding)).strikes, [{ reason: 'fake_walk' }])
  t.match((await operator.get(getPlayerStanding, { id: player.id })).strikes, [{ figures: { fixes: 32 } }])
})

t.test('an appeal: one at a time, about strikes, and upheld it lifts them', async t => {
  const { player, rest } = await signUp()
  t.equal(await rest.refusal(sendAppeal, { body: { text: 'No!' } }), 'appeal_refused no_strikes')
  for (let i = 0; i < 3; i++) {
    const { pausedUntilMs: untilMs } = await strike(player, i === 1 ? 'teleport' : 'fake_walk')
    if (i === 2) await server.positions.pause(player.id, untilMs)
    clock.advance(apartMs)
  }
  const envelopeId = await hide()
  t.match(await claim(player, envelopeId, { on: other }), { reason: 'strikes' })

  const sent = await rest.call(sendAppeal, { body: { text: 'A phone on a handlebar' } })
  assert(sent.status === 'ok')
  t.match(sent, { code: 201, body: { status: 'open', text: 'A phone on a handlebar' } })
  const { id } = sent.body
  t.match(await rest.call(sendAppeal, { body: { text: 'Please' } }), { code: 200, body: sent.body })
  t.match(await rest.get(getStanding), { appeal: sent.body })
  t.match(await operator.get(listAppeals), { items: [{ id, playerId: player.id }] })
  t.match(await operator.get(getPlayerStanding, { id: player.id }), { appeal: { id } })

  clock.advance(1)
  await strike(player, 'teleport')
  const body = { outcome: 'upheld', reason: 'a bicycle' }
  const ended = await operator.get(endAppeal, { id, body })
  t.match(ended, { status: 'upheld', endedAt: String, reason: 'a bicycle' })
  t.match(await claim(player, envelopeId, { on: other }), { status: 'claimed' }, 'on every server, at once')
  const { strikes, appeal } = await rest.get(getStanding)
  t.match([strikes, appeal], [[{ reason: 'teleport' }], { id, status: 'upheld' }], 'the later one stays')
  t.notOk('reason' in (appeal ?? {}))
  t.equal(
    (await operator.get(getPlayerStanding, { id: player.id })).strikes.filter(s => s.liftedAt).length,
    3,
  )

  t.match(await operator.call(endAppeal, { id, body: { ...body, reason: 'again' } }), { body: ended })
  const rejected = { outcome: 'rejected', reason: 'no' }
  t.equal(await operator.refusal(endAppeal, { id, body: rejected }), 'appeal_ended upheld')
  t.equal(await operator.refusal(endAppeal, { id: player.id, body }), 'not_found')
  t.same((await operator.get(listAppeals)).items, [])
  t.match(await operator.get(listAppeals, { query: { status: 'upheld' } }), { items: [{ id }] })
  t.match(await listActions(database, { limit: 5 }), [
    { action: 'uphold_appeal', target: { playerId: player.id, appealId: id }, reason: 'a bicycle' },
  ])

  const again = await rest.get(sendAppeal, { body: { text: 'This one, too' } })
  t.match(await operator.get(endAppeal, { id: again.id, body: rejected }), { status: 'rejected' })
  t.equal(await rest.refusal(sendAppeal, { body: { text: 'And?' } }), 'appeal_refused no_strikes')
  t.equal((await rest.get(getStanding)).strikes.length, 1, 'a rejected one lifts nothing')
})

t.test('ten signs at once are one strike, and a faster player is struck at the own pace', async t => {
  const { player } = await signUp({ timeScale: 60 })
  await Promise.all(Array.from({ length: 10 }, () => strike(player, 'teleport')))
  const known = await strikeRecord.list(database, player.id)
  t.equal(known.length, 1)
  t.equal((known[0]?.expiresAtMs ?? 0) - clock.nowMs(), lifetimeMs / 60)
  clock.advance(apartMs / 60)
  await strike(player, 'teleport')
  t.equal((await strikeRecord.list(database, player.id)).length, 2)
  t.same(
    [
      [1, 2],
      [3, 1, 2],
      [3, 1, 2, 4],
    ].map(all => pausedUntilMs(all.map(expiresAtMs => ({ expiresAtMs })))),
    [undefined, 1, 2],
  )
})

t.test('what is left, by account and device', async t => {
  const device = '3f2b8c1e-6f0a-5d52-9a43-0c9f5c0e7b11'
  const { player, rest } = await signUp({ deviceId: device })
  const { failedTriesPerDay: tries, perDay } = limits.claim
  const { newCellsPerHour, newCellsPerDay } = limits.position
  const all = { tries, claims: perDay, newCellsOfHour: newCellsPerHour, newCellsOfDay: newCellsPerDay }
  t.same(await rest.get(getStanding), { left: all, strikes: [] })
  const envelopeId = await hide()
  t.match(await claim(player, envelopeId), { status: 'claimed' })
  await stage.server.drain()
  clock.advance(60_000)
  t.match(
    await claim(player, envelopeId, { at: far(0.2) }),
    { status: 'claimed' },
    'a win stays, and is no try',
  )
  t.match(await claim(player, await hide(), { at: far(0.2) }), { status: 'refused' })
  const used = { tries: tries - 1, claims: perDay - 1, newCellsOfHour: newCellsPerHour - 2 }
  t.match(await rest.get(getStanding), { left: used })
  const { player: sibling, rest: siblings } = await signUp({ deviceId: device })
  await server.positions.move(sibling, { ...far(0.2), accuracyM: 8 })
  t.match(
    await siblings.get(getStanding),
    { left: { ...used, claims: perDay - 1 } },
    'the phone has used them',
  )
  clock.advance(60_000)
  await server.positions.move(sibling, { ...far(2), accuracyM: 8 })
  await server.positions.move(player, { ...far(2), accuracyM: 8 })
  const { cooldownMs = 0 } = await siblings.get(getStanding)
  t.equal(cooldownMs, 0, 'two minutes after a reward 2 km away')
})
