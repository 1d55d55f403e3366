import t, { type Test } from 'tap'
import { partitionOf } from '../../src/claims/reservation.ts'
import { sweepLimits, sweepPartition } from '../../src/claims/sweep.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

type Four = [PlayerCaller, PlayerCaller, PlayerCaller, PlayerCaller]

/** The rows of the failure matrix that need no second process: what a dead server or a forgetful Redis leaves. */
t.test('recovery', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createCrowd, createMerchant, ask, server, world, age, reserveAndDie } = stage
  const { redis } = world
  const hider = await createMerchant()
  /** One scene; the books balance after each. */
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, world)
    })

  const hide = (shares = 3) => hideWell(hider, { total: { amountMinor: '300', currency: 'CNY' }, shares })
  const crowd = async (size: number) => {
    const players = await createCrowd(size)
    return players as [PlayerCaller, ...PlayerCaller[]]
  }
  const epochOf = async (id: string) => Number((await stage.stateOf(id))?.epoch)
  const claimsOf = (id: string) =>
    ask<{ player_id: string; share_no: number }>(
      'select player_id, share_no from claims where envelope_id = $1',
      [id],
    )

  scene(
    'a server dies after it reserved: another settles, the winner hears of it, the cursor follows',
    async t => {
      const { id } = await hide()
      const [first, second] = await crowd(2)
      await claim(first, id)
      const reservation = await reserveAndDie(id, second as PlayerCaller)
      await age(id)
      stage.announced.length = 0
      const other = stage.createServer()
      await other.sweep(id)
      t.same((await claimsOf(id)).map(c => c.player_id).sort(), [first.id, second?.id].sort())
      t.ok(stage.announced.some(a => (a as { type?: string }).type === 'claim.settled'))
      const answer = await claim(second as PlayerCaller, id, { on: other })
      t.match(answer, { status: 'claimed', claim: { shareNo: reservation.shareNo } })
      const cursors = await ask('select entry_id from outbox_cursors')
      t.ok(cursors.length > 0)
      await other.sweep(id)
      t.equal((await claimsOf(id)).length, 2, 'sweeping again changes nothing')
    },
  )

  scene('a server dies after the commit, before the marks: nobody waits on try_again for ever', async t => {
    const { id } = await hide(1)
    const [winner, loser] = await crowd(2)
    t.equal(outcomeOf(await claim(winner, id)), 'claimed')
    const keys = await stage.keysOf(id)
    const gate = keys.find(key => !/:[fw]:/.test(key)) as string
    const winners = keys.find(key => key.includes(':w:')) as string
    const marked = String(await redis.hget(winners, winner.id))
    t.match(marked, /:1$/, 'marked after the commit')
    await redis.hset(winners, winner.id, marked.replace(/:1$/, ':0'))
    await redis.hset(gate, 'settled', '0')
    t.equal(outcomeOf(await claim(loser as PlayerCaller, id, { on: stage.createServer() })), 'ended:empty')
    await age(id)
    await server.sweep(id)
    t.match(await redis.hget(winners, winner.id), /:1$/, 'the sweeper marks')
    t.equal(await redis.hget(gate, 'settled'), '1')
  })

  scene(
    'every share is reserved: others take no permit meanwhile, and whoever holds one gets it',
    async t => {
      const { id } = await hide(2)
      const [first, holder, loser, later] = (await crowd(4)) as Four
      t.equal(outcomeOf(await claim(first, id)), 'claimed')
      const { shareNo } = await reserveAndDie(id, holder)
      t.equal(outcomeOf(await claim(loser, id)), 'try_again', 'and now this server knows')
      t.equal(outcomeOf(await claim(later, id)), 'try_again')
      t.equal(
        (await stage.standingOf(later))?.quotas.permitsOfDay,
        undefined,
        'nothing was taken to reserve with',
      )
      t.match(await claim(holder, id), { status: 'claimed', claim: { shareNo } })
      t.equal(outcomeOf(await claim(later, id)), 'ended:empty')
      t.same((await claimsOf(id)).map(c => c.player_id).sort(), [first.id, holder.id].sort())
    },
  )

  scene('the outbox key is lost: the gate remembers who waits', async t => {
    const { id } = await hide()
    const [first, second] = await crowd(2)
    await claim(first, id)
    await reserveAndDie(id, second as PlayerCaller)
    await redis.del(stage.outboxOf(id))
    const winners = (await stage.keysOf(id)).find(key => key.includes(':w:')) as string
    const held = await redis.hget(winners, second?.id as string)
    const [share, entry, flag] = String(held).split(':')
    await redis.hset(
      winners,
      second?.id as string,
      `${share}:${Number(entry?.split('-')[0]) - 11_000}-0:${flag}`,
    )
    await stage.createServer().settleForgotten()
    t.equal((await claimsOf(id)).length, 2)
  })

  scene('Redis forgets everything: the gate is rebuilt from the record', async t => {
    const { id } = await hide()
    const [first, second, third, late] = await crowd(4)
    t.equal(outcomeOf(await claim(first, id)), 'claimed')
    const before = await epochOf(id)
    await redis.del(...(await stage.keysOf(id)), stage.outboxOf(id))
    t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed')
    t.equal(await epochOf(id), before + 1, 'one new epoch')
    t.equal(outcomeOf(await claim(third as PlayerCaller, id)), 'claimed')
    t.equal(outcomeOf(await claim(late as PlayerCaller, id)), 'ended:empty')
    t.equal((await claimsOf(id)).length, 3)
  })

  scene('each single key or field is lost or broken: the gate is rebuilt, nothing is sold twice', async t => {
    const breakages: [string, (keys: { gate: string; free: string; winners: string }) => Promise<unknown>][] =
      [
        ['gate deleted', ({ gate }) => redis.del(gate)],
        ['free shares deleted', ({ free }) => redis.del(free)],
        ['winners deleted', ({ winners }) => redis.del(winners)],
        ['a share pushed back', ({ free }) => redis.rpush(free, '1')],
        ['a share lost', ({ free }) => redis.lpop(free)],
        ['a winner lost', async ({ winners }) => redis.hdel(winners, ...(await redis.hkeys(winners)))],
        ...['epoch', 'state', 'opens_ms', 'expires_ms', 'n', 'settled'].map(
          (field): (typeof breakages)[number] => [
            `${field} of the gate lost`,
            ({ gate }) => redis.hdel(gate, field),
          ],
        ),
        [
          'gate of another type',
          async ({ gate }) => {
            await redis.del(gate)
            await redis.set(gate, 'x')
          },
        ],
        [
          'free shares of another type',
          async ({ free }) => {
            await redis.del(free)
            await redis.set(free, 'x')
          },
        ],
        [
          'winners of another type',
          async ({ winners }) => {
            await redis.del(winners)
            await redis.set(winners, 'x')
          },
        ],
      ]
    for (const [what, breakIt] of breakages) {
      const { id } = await hide(4)
      const [first, ...rest] = await crowd(6)
      t.equal(outcomeOf(await claim(first, id)), 'claimed', what)
      const keys = await stage.keysOf(id)
      const key = (part: string) => keys.find(k => k.includes(part)) as string
      await breakIt({
        gate: keys.find(k => !/:[fw]:/.test(k)) as string,
        free: key(':f:'),
        winners: key(':w:'),
      })
      const outcomes = []
      for (const player of rest) outcomes.push(outcomeOf(await claim(player, id)))
      t.same(outcomes, ['claimed', 'claimed', 'claimed', 'ended:empty', 'ended:empty'], what)
      t.equal(outcomeOf(await claim(first, id)), 'claimed', `${what}: the first winner keeps it`)
      t.equal(new Set((await claimsOf(id)).map(c => c.share_no)).size, 4, what)
    }
  })

  scene('the count of the settled is lost before a mark: the mark does not begin a wrong one', async t => {
    const { id } = await hide(3)
    const [first, second, third] = await crowd(3)
    await claim(first, id)
    await reserveAndDie(id, second as PlayerCaller)
    const gate = (await stage.keysOf(id)).find(key => !/:[fw]:/.test(key)) as string
    await redis.hdel(gate, 'settled')
    await age(id)
    await server.sweep(id)
    t.equal((await claimsOf(id)).length, 2)
    t.equal(await redis.hget(gate, 'settled'), null)
    t.equal(outcomeOf(await claim(third as PlayerCaller, id)), 'claimed', 'rebuilt')
  })

  scene('Redis rolls back behind a commit: the share is not sold twice', async t => {
    const { id } = await hide(2)
    const [first, second, third] = await crowd(3)
    await claim(first, id)
    const keys = await stage.keysOf(id)
    const dumps = await Promise.all(keys.map(async key => [key, await redis.dumpBuffer(key)] as const))
    t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed')
    // The state of a moment ago, as an older replica or a lost fsync would have it.
    for (const [key, dump] of dumps) if (dump !== null) await redis.restore(key, 0, dump, 'REPLACE')
    const answer = await claim(third as PlayerCaller, id, { on: stage.createServer() })
    t.equal(outcomeOf(answer), 'ended:empty')
    t.equal((await claimsOf(id)).length, 2)
    t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed')
  })

  scene(
    'Redis rolled back and a server died on the share of another: the sweeper mends the gate',
    async t => {
      const { id } = await hide(3)
      const [first, second, third, fourth] = await crowd(4)
      await claim(first, id)
      const keys = await stage.keysOf(id)
      const dumps = await Promise.all(keys.map(async key => [key, await redis.dumpBuffer(key)] as const))
      t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed')
      for (const [key, dump] of dumps) if (dump !== null) await redis.restore(key, 0, dump, 'REPLACE')
      await reserveAndDie(id, third as PlayerCaller)
      const before = await epochOf(id)
      await age(id)
      await server.sweep(id)
      t.equal((await claimsOf(id)).length, 2, 'not sold twice')
      t.equal(await epochOf(id), before + 1, 'rebuilt without anybody asking')
      t.equal(outcomeOf(await claim(fourth as PlayerCaller, id)), 'claimed', 'the last share is not stuck')
      t.equal(outcomeOf(await claim(third as PlayerCaller, id)), 'ended:empty')
    },
  )

  scene('a reservation of an older epoch is fenced', async t => {
    const { id } = await hide(2)
    const [first, second] = await crowd(2)
    await claim(first, id)
    await reserveAndDie(id, second as PlayerCaller)
    await ask("update envelopes set epoch = epoch + 1 where id = $1 and state = 'live'", [id])
    await age(id)
    await server.sweep(id)
    t.equal((await claimsOf(id)).length, 1, 'not settled')
    t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed', 'drawn again under the new epoch')
  })

  scene('failover in the middle of many entries: each is settled once, none is trimmed unseen', async t => {
    const { id } = await hideWell(hider, { total: { amountMinor: '70000', currency: 'CNY' }, shares: 700 })
    // An earlier scene's envelope may have the same partition.
    await redis.del(stage.outboxOf(id))
    const [first, ...players] = await crowd(650)
    await claim(first, id)
    await server.drain()
    for (let start = 0; start < players.length; start += 64) {
      const epoch = (await server.gate.storedEpoch(id)) ?? 0
      const requests = players
        .slice(start, start + 64)
        .map(({ id: playerId }) => ({ envelopeId: id, playerId, epoch }))
      await server.gate.reserve(partitionOf(id), requests, world.clock.nowMs())
    }
    await age(id)
    const { gate, record } = server
    /** The sweeper of a server that is connected to the Redis of that name. */
    const sweepAs = (identity: string, keptMs = sweepLimits.keptMs) => {
      const trimOutbox = (partition: number, cursor: string) => gate.trimOutbox(partition, cursor, keptMs)
      const seen = { ...gate, trimOutbox, identity: () => Promise.resolve(identity) }
      return sweepPartition({ ...stage.sweepPorts, record, gate: seen }, partitionOf(id))
    }
    const length = () => redis.xlen(stage.outboxOf(id))
    const all = await length()
    t.same(await sweepAs('the first'), { more: true })
    t.equal((await claimsOf(id)).length, 500, 'half-way')
    t.same(await sweepAs('the second'), { more: true }, 'which knows no cursor and begins again')
    t.equal((await claimsOf(id)).length, 500)
    await sweepAs('the first', 0)
    t.equal((await claimsOf(id)).length, 650)
    t.ok((await length()) <= all)
    await redis.xadd(stage.outboxOf(id), '*', 'envelope', id, 'player', first.id, 'share', '1', 'epoch', '1')
    await sweepAs('the second', 0)
    t.equal((await claimsOf(id)).length, 650, 'each once')
    t.ok((await length()) >= 1, 'what nobody has swept yet stays')
    const cursors = await ask<{ redis_identity: string }>(
      "select redis_identity from outbox_cursors where redis_identity like 'the %' order by 1",
    )
    t.same(
      cursors.map(row => row.redis_identity),
      ['the first', 'the second'],
    )
  })

  scene("entries ahead of Redis' clock, because it was set back, are swept at once", async t => {
    const { id } = await hide()
    const [first, second, third] = await crowd(3)
    await claim(first, id)
    await server.drain()
    await reserveAndDie(id, second as PlayerCaller)
    const key = stage.outboxOf(id)
    const [last] = await redis.xrevrange(key, '+', '-', 'COUNT', 1)
    const [entryId = '', fields = []] = last ?? []
    await age(id)
    await server.sweep(id)
    t.equal((await claimsOf(id)).length, 2)
    const ahead = `${Number(entryId.split('-')[0]) + 600_000}-0`
    const theirs = fields.map((value, i) => (fields[i - 1] === 'player' ? (third?.id ?? '') : value))
    const shares = new Set((await claimsOf(id)).map(row => String(row.share_no)))
    const free = ['1', '2', '3'].find(share => !shares.has(share)) ?? ''
    await redis.xadd(key, ahead, ...theirs.map((value, i) => (theirs[i - 1] === 'share' ? free : value)))
    t.ok((await server.gate.findPending(new Map(), sweepLimits.minAgeMs)).includes(partitionOf(id)))
    await server.sweep(id)
    t.equal((await claimsOf(id)).length, 3)
    await redis.del(key)
  })

  scene('two servers rebuild at once: one new epoch, one load', async t => {
    const { id } = await hide(50)
    const players = await crowd(40)
    const servers = Array.from({ length: 4 }, () => stage.createServer())
    const before = await epochOf(id)
    const answers = await Promise.all(
      players.map((p, i) => claim(p, id, { on: servers[i % 4] as typeof server })),
    )
    t.ok(
      answers.every(a => a.status === 'claimed'),
      answers.map(outcomeOf).join(),
    )
    t.equal(await epochOf(id), before + 1)
    await Promise.all(servers.map(s => s.drain()))
  })

  scene(
    'one bad row among many: the others settle, it is buried after eight tries and the envelope frozen',
    async t => {
      const { id } = await hide(3)
      const { id: other } = await hide(3)
      const [first, second] = await crowd(2)
      await claim(first, id)
      const stranger: PlayerCaller = {
        kind: 'player',
        id: '01890000-0000-7000-8000-0000000000ff',
        timeScale: 1,
      }
      await reserveAndDie(id, stranger)
      await reserveAndDie(id, second as PlayerCaller)
      await age(id)
      await server.sweep(id)
      t.same((await claimsOf(id)).map(c => c.player_id).sort(), [first.id, second?.id].sort())
      for (let attempt = 2; attempt <= sweepLimits.attempts; attempt++) await server.sweep(id)
      t.match(await ask('select attempts, buried_at from dead_letters'), [{ attempts: 8, buried_at: Date }])
      t.equal((await stage.stateOf(id))?.state, 'frozen')
      t.equal((await stage.stateOf(other))?.state, 'live')
      t.equal(outcomeOf(await claim(first, id)), 'claimed', 'a win survives the freeze')
    },
  )

  scene('close races claims: shares and refund add up, every answer is final', async t => {
    for (let round = 0; round < 10; round++) {
      const { id } = await hide(30)
      const players = await crowd(20)
      const claims = players.map(player => claim(player, id))
      const [closed, ...answers] = await Promise.all([
        stage.envelopes.close({ caller: hider, id }),
        ...claims,
      ])
      t.match(closed, { status: 200 })
      const won = (await claimsOf(id)).length
      const outcomes = answers.map(a => outcomeOf(a as never))
      t.equal(outcomes.filter(o => o === 'claimed').length, won)
      t.equal(outcomes.filter(o => o === 'ended:closed').length, 20 - won, outcomes.join())
    }
  })

  scene('Redis refuses: an unavailable answer, nothing half-done', async t => {
    const { id } = await hide(2)
    const [first, second] = await crowd(2)
    await claim(first, id)
    await redis.set(`${stage.outboxOf(id)}:aside`, '1')
    await redis.rename(stage.outboxOf(id), `${stage.outboxOf(id)}:kept`)
    await redis.set(stage.outboxOf(id), 'not a stream')
    const dumps = async () => Promise.all((await stage.keysOf(id)).sort().map(key => redis.dump(key)))
    const before = await dumps()
    await t.rejects(claim(second as PlayerCaller, id), { name: 'Unavailable' })
    t.ok(await server.gate.findPending(new Map(), 0), 'the other partitions are still swept')
    t.same(await dumps(), before)
    await redis.rename(`${stage.outboxOf(id)}:kept`, stage.outboxOf(id))
    t.equal(outcomeOf(await claim(second as PlayerCaller, id)), 'claimed')
  })
})
