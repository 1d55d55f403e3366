import t from 'tap'
import { createScriptRunner } from '#platform/redis.ts'
import { type Audit, auditGates, auditLimits } from '../../src/claims/audit.ts'
import { createGateReader } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import { escrowOf, accountId } from '../../src/ledger/account.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { createClaimStage } from '../claims/stage.ts'
import { runTool } from './run-tool.ts'

type Stage = Awaited<ReturnType<typeof createClaimStage>>

/** Names of the checks that found something, with how much. */
const found = ({ checks }: Audit): Record<string, number> =>
  Object.fromEntries(checks.filter(c => c.differences > 0).map(c => [c.name, c.differences]))

async function createAudit(stage: Stage) {
  const { hideWell, createMerchant, createCrowd, claim, server, world } = stage
  const { redis, redisPrefix: prefix } = world
  const reader = createGateReader({ runner: createScriptRunner(redis), prefix })
  const hider = await createMerchant()

  /** One envelope of three shares, the first of them claimed, and the keys of its gate. */
  async function openGate() {
    const { id } = await hideWell(hider, { total: { amountMinor: '300', currency: 'CNY' }, shares: 3 })
    const [first, second] = (await createCrowd(2)) as [PlayerCaller, PlayerCaller]
    await claim(first, id)
    await server.drain()
    const epoch = (await server.gate.storedEpoch(id)) ?? 0
    const gate = `${prefix}e:{${partitionOf(id)}}:${id}`
    const keys = { gate, free: `${gate}:f:${epoch}`, winners: `${gate}:w:${epoch}` }
    return { id, first, second, epoch, ...keys }
  }

  /** Reserves as a server does that dies before it settles. */
  async function reserve({ id, second, epoch }: Awaited<ReturnType<typeof openGate>>) {
    const request = { envelopeId: id, playerId: second.id, epoch }
    const [verdict] = await server.gate.reserve(partitionOf(id), [request], world.clock.nowMs())
    if (verdict?.status !== 'won') throw new Error(`not reserved: ${verdict?.status}`)
    return verdict.reservation
  }

  /** The ten seconds between the looks pass at once; `meanwhile` is what happens in them. */
  const audit = (envelopeId: string, meanwhile = async () => {}) =>
    auditGates(
      {
        ...{ gate: { ...server.gate, ...reader }, record: server.record },
        clock: { sleep: meanwhile, nowMs: () => stage.clock.nowMs() },
      },
      { envelopeId },
    )

  return { openGate, reserve, audit, redis, server }
}

t.test('Redis against the record', async t => {
  const stage = await createClaimStage(t)
  const { openGate, reserve, audit, redis, server } = await createAudit(stage)

  t.test('a gate that was claimed from agrees', async t => {
    const { id } = await openGate()
    const report = await audit(id)
    t.same(found(report), {})
    t.equal(report.gates, 1)
  })

  t.test('a reservation that nobody settled counts when it is still there later', async t => {
    const gate = await openGate()
    const reservation = await reserve(gate)
    const report = await audit(gate.id)
    t.same(found(report), { unsettled: 1 })
    t.match(report.checks.find(c => c.name === 'unsettled')?.examples[0], {
      envelope: gate.id,
      player: gate.second.id,
      share: reservation.shareNo,
      recorded_share: 'none',
    })
  })

  t.test('a reservation that is settled between the looks does not count', async t => {
    const gate = await openGate()
    await reserve(gate)
    const settle = async () => {
      await stage.claim(gate.second, gate.id)
      await server.drain()
    }
    t.same(found(await audit(gate.id, settle)), {})
  })

  t.test('another reservation than the one seen first does not count either', async t => {
    const gate = await openGate()
    const [other] = (await stage.createCrowd(1)) as [PlayerCaller]
    await reserve(gate)
    const replace = async () => {
      await stage.claim(gate.second, gate.id)
      await server.drain()
      await reserve({ ...gate, second: other })
    }
    t.same(found(await audit(gate.id, replace)), {})
  })

  t.test('a win that waits in the outbox behind the sweeper', async t => {
    const gate = await openGate()
    const { entryId } = await reserve(gate)
    const outbox = stage.outboxOf(gate.id)
    const entries = await redis.xrange(outbox, '-', '+')
    await redis.del(outbox)
    for (const [id, fields] of entries) {
      const [ms, n] = id.split('-')
      await redis.xadd(outbox, `${Number(ms) - auditLimits.minAgeMs - 1}-${n}`, ...fields)
    }
    const report = await audit(gate.id)
    t.same(found(report), { unsettled: 1, outbox: 1 }, `entry ${entryId}`)
    t.equal(report.entries, 2, 'the settled one is looked at too, and is no difference')
    await stage.envelopes.close({ caller: await ownerOf(stage, gate.id), id: gate.id })
    t.same(found(await audit(gate.id)), {}, 'an ended envelope pays nobody')
  })

  t.test('a win that is marked as settled and is not recorded', async t => {
    const gate = await openGate()
    const { shareNo, entryId } = await reserve(gate)
    await redis.hset(gate.winners, gate.second.id, `${shareNo}:${entryId}:1`)
    await redis.hincrby(gate.gate, 'settled', 1)
    t.same(found(await audit(gate.id)), { unrecorded: 1 })
  })

  t.test('a win that is recorded with another share', async t => {
    const gate = await openGate()
    const value = (await redis.hget(gate.winners, gate.first.id)) ?? ''
    await redis.hset(gate.winners, gate.first.id, value.replace(/^\d+/, '99'))
    t.same(found(await audit(gate.id)), { unrecorded: 1 })
  })

  t.test('a claim that the gate has forgotten, so that it would sell its share again', async t => {
    const gate = await openGate()
    await redis.hdel(gate.winners, gate.first.id)
    t.same(found(await audit(gate.id)), { forgotten: 1, counts: 1 })
  })

  t.test('shares that got lost, and a key of another type', async t => {
    const gate = await openGate()
    await redis.rpop(gate.free)
    t.same(found(await audit(gate.id)), { counts: 1 })
    await redis.set(gate.free, 'nonsense')
    t.same(found(await audit(gate.id)), { counts: 1 })
  })

  t.test('a gate ahead of the record is one, a gate behind it or absent is none', async t => {
    const gate = await openGate()
    await redis.hset(gate.gate, 'epoch', gate.epoch + 1)
    t.same(found(await audit(gate.id)), { epochs: 1 })
    await redis.hset(gate.gate, 'epoch', gate.epoch - 1)
    t.same(found(await audit(gate.id)), {})
    await redis.del(gate.gate)
    t.same(found(await audit(gate.id)), {})
  })
})

async function ownerOf({ ask }: Stage, id: string) {
  const [row] = await ask<{ hider_id: string }>('select hider_id from envelopes where id = $1', [id])
  return { kind: 'merchant' as const, id: row?.hider_id ?? '', keyId: id, scopes: ['campaigns' as const] }
}

t.test('npm run reconcile', async t => {
  const stage = await createClaimStage(t)
  const { ask, world } = stage
  const env = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl }
  const reconcile = (...args: string[]) => runTool('reconcile', args, env)
  const hider = await stage.createMerchant()
  const hide = () => stage.hideWell(hider, { total: { amountMinor: '300', currency: 'CNY' }, shares: 3 })
  const [{ id }, { id: other }] = await Promise.all([hide(), hide()])
  const [winner] = (await stage.createCrowd(1)) as [PlayerCaller]
  await stage.claim(winner, id)
  await stage.server.drain()

  await t.test('balanced books', async t => {
    const { code, stdout } = await reconcile()
    t.equal(code, 0, stdout)
    t.match(stdout, /^envelopes are funded once: total = claims \+ refund \+ escrow +2 envelopes +0$/m)
    t.match(stdout, 'Balanced: nothing differs.')
  })

  await t.test('money that came from nowhere', async t => {
    const escrow = accountId(escrowOf(id, 'CNY'))
    await ask('update accounts set credits = credits + 7 where id = $1', [escrow])
    const [table, one, another] = await Promise.all([
      reconcile(),
      reconcile('--json', '--envelope', id),
      reconcile('--envelope', other),
    ])
    t.equal(table.code, 1)
    t.match(table.stdout, /NOT BALANCED: 3 differences/)
    t.match(
      table.stdout,
      `envelope ${id}, state live, total 300, funded 300, claimed 100, refunded 0, held 207`,
    )
    t.equal(one.code, 1)
    t.match(JSON.parse(one.stdout), {
      balanced: false,
      ledger: { envelopes: 1 },
      gates: { gates: 1 },
      frozen: { length: 0 },
    })
    t.equal(another.code, 0, another.stdout)
    t.match(await stage.stateOf(id), { state: 'live' }, 'looking changes nothing')
  })

  await t.test('--freeze takes the envelope out of the game, and only that one', async t => {
    const { code, stdout, stderr } = await reconcile('--freeze')
    t.equal(code, 1)
    t.match(stdout, `Frozen: envelope ${id}.`)
    t.match(stderr, 'the money does not add up; the envelope is frozen')
    t.match(await stage.stateOf(id), { state: 'frozen' })
    t.match(await stage.stateOf(other), { state: 'live' })
  })

  await t.test('what it cannot do', async t => {
    const nowhere = { DATABASE_URL: 'postgres://127.0.0.1:1/none', REDIS_URL: world.redisUrl }
    const [notAnId, unreachable] = await Promise.all([
      reconcile('--envelope', 'all'),
      runTool('reconcile', [], nowhere),
    ])
    t.match(notAnId, { code: 2, stderr: /--envelope all is not the id of an envelope/ })
    t.match(unreachable, { code: 2, stderr: /ECONNREFUSED/ })
  })
})
