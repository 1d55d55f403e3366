/**
 * Protections that stand behind others, each by itself: taken out, nothing goes wrong from outside, because a
 * constraint, the next claim or a slower sweep makes good for it. So they are tried where they work.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { passBy } from '../../src/claims/failpoints.ts'
import { rebuildGate } from '../../src/claims/rebuild.ts'
import type { Share } from '../../src/claims/record.ts'
import { claimIdOf, partitionOf } from '../../src/claims/reservation.ts'
import { createSettle } from '../../src/claims/settle.ts'
import { sweepPartition } from '../../src/claims/sweep.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { createGateReader } from '../../src/claims/redis.ts'
import { createScriptRunner } from '#platform/redis.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

t.test('order', async t => {
  const stage = await createClaimStage(t)
  const { server, world, claim } = stage
  const { record, gate } = server
  const hider = await stage.createMerchant()

  /** An envelope of three shares with a gate, and three players; the first has won a share. */
  async function begin(more: { campaignId?: string } = {}) {
    const { id } = await stage.hideWell(hider, {
      ...more,
      total: { amountMinor: '300', currency: 'CNY' },
      shares: 3,
      split: 'equal',
    })
    const players = (await stage.createCrowd(3)) as [PlayerCaller, PlayerCaller, PlayerCaller]
    t.equal(outcomeOf(await claim(players[0], id)), 'claimed')
    const [won] = await record.listWinners(id)
    const free = [1, 2, 3].find(shareNo => shareNo !== won?.shareNo) as number
    return { id, players, free, epoch: (await gate.storedEpoch(id)) as number }
  }

  /** Holds the row, and records a claim before it lets go. */
  async function holdAndClaim(id: string, playerId: string, shareNo: number) {
    let release = () => {}
    const held = new Promise<void>(resolve => (release = resolve))
    let tellHeld = () => {}
    const isHeld = new Promise<void>(resolve => (tellHeld = resolve))
    const ended = record.transact(async tx => {
      await record.lockEnvelopes(tx, [id])
      tellHeld()
      await held
      const claimedAtMs = world.clock.nowMs()
      const due = [{ id: claimIdOf(id, playerId), envelopeId: id, playerId, shareNo, claimedAtMs }]
      const shares = await record.findShares(tx, due)
      const claims = due.map((claim, i) => ({ ...claim, ...(shares[i] as Share), currency: 'CNY' }))
      await record.insertClaims(tx, due)
      await record.pay(tx, claims)
      await record.count(tx, claims, claimedAtMs)
    })
    await isHeld
    return async () => {
      release()
      await ended
    }
  }
  /** Until somebody waits for a lock. */
  async function untilSomebodyWaits() {
    for (let tries = 0; tries < 400; tries++) {
      const [row] = await stage.ask<{ waiting: number }>(
        `select count(*)::int as waiting from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      )
      if ((row?.waiting ?? 0) > 0) return
      await world.clock.sleep(10)
    }
    throw new Error('nobody waits for the row')
  }

  await t.test('who is under age wins no cash, and keeps what they won before', async t => {
    const { id, players } = await begin()
    const [winner, other] = players
    const refused = { status: 'refused', code: 'minors_mode', reason: 'cash' }
    t.match(await claim({ ...other, isMinor: true }, id), refused)
    t.equal(outcomeOf(await claim({ ...winner, isMinor: true }, id)), 'claimed', 'the same win')
    t.equal(outcomeOf(await claim(other, id)), 'claimed', 'nothing was reserved, counted or noted')
  })

  await t.test('a settlement that waited for the row knows what was recorded meanwhile', async t => {
    const { id, players, free, epoch } = await begin()
    const letGo = await holdAndClaim(id, players[1].id, free)
    const settle = createSettle(stage.settlePorts)
    const settling = settle([
      { envelopeId: id, playerId: players[2].id, shareNo: free, epoch, entryId: '0-0' },
    ])
    await untilSomebodyWaits()
    await letGo()
    t.same(await settling, [{ status: 'conflict' }], 'and no row had to be refused by a constraint')
  })

  await t.test(
    'a settlement that waited for the row pays nothing of what was paused or frozen meanwhile',
    async t => {
      const campaignId = randomUUID()
      const stops: [string, (id: string) => Promise<unknown>][] = [
        [
          'a pause',
          () => stage.ask('update campaigns set is_stopped = $2 where id = $1', [campaignId, true]),
        ],
        [
          'a freeze',
          () =>
            stage.ask(
              `insert into budgets (id, kind, owner_id, state, since, created_at)
             values (gen_random_uuid(), 'campaign', $1, 'frozen', now(), now())`,
              [campaignId],
            ),
        ],
      ]
      for (const [name, stop] of stops) {
        const { id, players, free, epoch } = await begin({ campaignId })
        const letGo = await holdAndClaim(id, players[1].id, free)
        const last = [1, 2, 3].filter(shareNo => shareNo !== free).map(shareNo => ({ shareNo }))
        const settle = createSettle(stage.settlePorts)
        const settling = settle(
          last.map(share => ({ ...share, envelopeId: id, playerId: players[2].id, epoch, entryId: '0-0' })),
        )
        await untilSomebodyWaits()
        await stop(id)
        await letGo()
        const statuses = (await settling).map(({ status }) => status)
        t.ok(statuses.includes('frozen'), `${name}: ${statuses.join()}`)
        t.notOk(statuses.includes('settled'), name)
        await stage.ask('update campaigns set is_stopped = false where id = $1', [campaignId])
      }
    },
  )

  await t.test('a rebuild that waited for the row offers nothing that was sold meanwhile', async t => {
    const { id, players, free } = await begin()
    const letGo = await holdAndClaim(id, players[1].id, free)
    const [envelope] = await record.findEnvelopes([id])
    if (envelope === undefined) throw new Error('no envelope')
    const rebuilding = rebuildGate(
      { record, gate, reach: passBy },
      { envelopeId: id, badEpoch: envelope.epoch },
    )
    await untilSomebodyWaits()
    await letGo()
    t.equal(await rebuilding, 'loaded')
    const reader = createGateReader({ runner: createScriptRunner(world.redis), prefix: world.redisPrefix })
    const view = await reader.inspect(id, (await gate.storedEpoch(id)) as number)
    t.match(view, { status: 'read', free: 1, settled: 2 })
  })

  await t.test('the cursor stays behind what a sweeper that dies has not marked', async t => {
    const { id, players } = await begin()
    await stage.reserveAndDie(id, players[1])
    await stage.age(id)
    const identity = await gate.identity()
    const before = await record.readCursor(partitionOf(id), identity)
    const dying = sweepPartition(
      {
        ...stage.sweepPorts,
        reach: point => {
          if (point === 'sweeper-after-commit-before-mark') throw new Error('dies')
        },
      },
      partitionOf(id),
    )
    await t.rejects(dying, { message: 'dies' })
    t.equal(await record.readCursor(partitionOf(id), identity), before, 'the next one sees the entry again')
    await sweepPartition(stage.sweepPorts, partitionOf(id))
    t.not(await record.readCursor(partitionOf(id), identity), before)
    t.same(await gate.findUnsettled(id, (await gate.storedEpoch(id)) as number, 0), [], 'and marks it')
  })

  await server.drain()
  await assertBooks(t, world)
})
