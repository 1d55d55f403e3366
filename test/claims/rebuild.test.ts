/**
 * Gates that are wanted together are filled together, and nobody's trouble is another's: not a lock that is held
 * elsewhere, not an envelope that is over, not a gate that Redis refuses.
 */
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { inNameOf, requestUnderWay } from '#platform/tenant.ts'
import { passBy } from '../../src/claims/failpoints.ts'
import type { ClaimGate } from '../../src/claims/gate.ts'
import { rebuildGate, rebuildGates, rebuildLimits } from '../../src/claims/rebuild.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

t.test('rebuild', async t => {
  const stage = await createClaimStage(t)
  const { server, claim } = stage
  const { record, gate } = server
  const hider = await stage.createMerchant()
  const hide = async (shares = 3) => {
    const total = { amountMinor: String(shares), currency: 'CNY' }
    return (await stage.hideWell(hider, { total, shares, split: 'equal' })).id
  }
  const hideMany = async (count: number) => {
    const ids: string[] = []
    while (ids.length < count) ids.push(await hide())
    return ids
  }
  const want = (ids: readonly string[]) => ids.map(envelopeId => ({ envelopeId, badEpoch: undefined }))
  const rebuild = (ids: readonly string[], more: Partial<typeof server> = {}) =>
    rebuildGates({ record, gate, reach: passBy, ...more }, want(ids))
  const reserve = async (envelopeId: string, playerId: string) => {
    const epoch = (await gate.storedEpoch(envelopeId)) ?? 0
    const [verdict] = await gate.reserve(
      partitionOf(envelopeId),
      [{ envelopeId, playerId, epoch }],
      stage.world.clock.nowMs(),
    )
    return verdict?.status
  }

  await t.test('a crowd at new envelopes asks for their gates together', async t => {
    const ids = await hideMany(20)
    const crowd = await stage.createCrowd(ids.length)
    let turns = 0
    const fresh = stage.createServer()
    const { withLocks } = fresh.record
    fresh.record.withLocks = (...asked) => {
      turns++
      return withLocks(...asked)
    }
    const answers = await Promise.all(crowd.map((player, i) => claim(player, ids[i] ?? '', { on: fresh })))
    t.strictSame(new Set(answers.map(outcomeOf)), new Set(['claimed']))
    t.ok(turns < ids.length / 2, `${turns} turns for ${ids.length} gates`)
  })

  await t.test('where a crowd may come, the gate is filled before it does', async t => {
    let turns = 0
    const fresh = stage.createServer()
    const { withLocks } = fresh.record
    fresh.record.withLocks = (...asked) => {
      turns++
      t.equal(requestUnderWay(), undefined, 'it is the game’s own work, whoever hid')
      return withLocks(...asked)
    }
    const [few, many] = [
      { id: await hide(49), shareCount: 49 },
      { id: await hide(50), shareCount: 50 },
    ]
    await inNameOf({ tenantId: hider.id }, () => {
      fresh.prepare(few)
      fresh.prepare(many)
      return fresh.drain()
    })
    t.equal(turns, 1)
    t.equal(await gate.storedEpoch(few.id), undefined, 'most of those are never claimed from')
    t.equal(await gate.storedEpoch(many.id), 2)
    const crowd = await stage.createCrowd(3)
    const answers = await Promise.all(crowd.map(player => claim(player, many.id, { on: fresh })))
    t.strictSame(answers.map(outcomeOf), ['claimed', 'claimed', 'claimed'])
    t.equal(turns, 1, 'which nobody waits for')
    await stage.envelopes.close({ caller: hider, id: many.id })
    fresh.prepare(many)
    await fresh.drain()
    t.equal(turns, 2, 'one that is over meanwhile is nobody’s fault')
  })

  await t.test('each is filled with what is its own', async t => {
    const [won, untouched] = (await hideMany(2)) as [string, string]
    const [winner, other, third] = (await stage.createCrowd(3)) as [PlayerCaller, PlayerCaller, PlayerCaller]
    t.equal(outcomeOf(await claim(winner, won)), 'claimed')
    await stage.world.redis.del(await stage.keysOf(won))
    t.strictSame(await rebuild([untouched, won]), ['loaded', 'loaded'])
    t.equal(await reserve(won, winner.id), 'have', 'who has won')
    for (const player of [other, third]) t.equal(await reserve(won, player.id), 'won')
    t.equal(await reserve(won, 'somebody-else'), 'soft_empty', 'two were left, not three')
    for (const name of ['a', 'b', 'c']) t.equal(await reserve(untouched, name), 'won')
  })

  await t.test('in one turn: over, done, held elsewhere, unknown, and two that are filled', async t => {
    const [over, done, held, first, second] = (await hideMany(5)) as [string, string, string, string, string]
    const unknown = '01a2278b-0000-7000-8000-000000000000'
    await rebuildGate({ record, gate, reach: passBy }, { envelopeId: done, badEpoch: undefined })
    await stage.envelopes.close({ caller: hider, id: over })
    const outcomes = await record.withLocks('rebuild', [held], () =>
      rebuild([over, first, done, held, unknown, second]),
    )
    t.strictSame(outcomes, ['not_live', 'loaded', 'done_by_another', 'busy', 'not_live', 'loaded'])
    t.equal(await gate.storedEpoch(held), undefined)
    t.equal(await gate.storedEpoch(first), 2)
    t.strictSame(await rebuild([held]), ['loaded'], 'the lock went with its work')
  })

  await t.test('a gate that Redis refuses is the fault of that one', async t => {
    const [broken, sound] = (await hideMany(2)) as [string, string]
    const fault = new Error('WRONGTYPE')
    const refusing: ClaimGate = {
      ...gate,
      load: (load, previous) =>
        load.envelopeId === broken ? Promise.reject(fault) : gate.load(load, previous),
    }
    t.strictSame(await rebuild([broken, sound], { gate: refusing }), [{ fault }, 'loaded'])
    const silent: ClaimGate = {
      ...gate,
      storedEpoch: id => (id === broken ? Promise.reject(fault) : gate.storedEpoch(id)),
    }
    t.strictSame(await rebuild([broken, sound], { gate: silent }), [{ fault }, 'done_by_another'])
    t.strictSame(await rebuild([broken], { gate: silent }), [{ fault }])
    const alone = { record, gate: refusing, reach: passBy }
    await t.rejects(rebuildGate(alone, { envelopeId: broken, badEpoch: undefined }), fault)
    t.strictSame(await rebuild([broken]), ['loaded'], 'the next one is right')
  })

  await t.test('what would be too much at once takes the next turn', async t => {
    const most = limits.envelope.merchantShares
    t.ok(most <= rebuildLimits.shares, 'the largest envelope goes alone, if need be')
    // In whichever order their ids are: one is too much.
    const ids = [await hide(), await hide(most), await hide(most)]
    const outcomes = await rebuild(ids)
    t.equal(outcomes.filter(outcome => outcome === 'postponed').length, 1)
    t.equal(outcomes.filter(outcome => outcome === 'loaded').length, 2)
    t.strictSame(new Set(await rebuild(ids)), new Set(['done_by_another', 'loaded']))
    const crowd = await stage.createCrowd(3)
    const large = [await hide(most), await hide(most), await hide(most)]
    const fresh = stage.createServer()
    const answers = await Promise.all(crowd.map((player, i) => claim(player, large[i] ?? '', { on: fresh })))
    t.strictSame(answers.map(outcomeOf), ['claimed', 'claimed', 'claimed'], 'which a claim does by itself')
  })

  await assertBooks(t, stage.world)
})
