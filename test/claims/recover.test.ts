import t, { type Test } from 'tap'
import { violatedConstraint } from '#platform/postgres.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { chooseWins, recoverClaims } from '../../src/claims/recover.ts'
import { createKeptGates } from '../../src/claims/redis.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

type Four = [PlayerCaller, PlayerCaller, PlayerCaller, PlayerCaller]

/** PostgreSQL is rewound behind Redis; what a whole restore looks like is tried by test/bin/drills.test.ts. */
t.test('recovery of an older record', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createMerchant, stateOf, ask, settlePorts, world } = stage
  const { redis, redisPrefix: prefix, clock, ownerDatabase } = world
  clock.set(Date.now())
  const hider = await createMerchant()
  const crowd = async () => (await stage.createCrowd(4)) as Four
  const hide = (changes = {}) =>
    hideWell(hider, {
      total: { amountMinor: '1000', currency: 'CNY' },
      shares: 4,
      split: 'lucky',
      ...changes,
    })
  const ports = {
    ...settlePorts,
    gate: stage.server.gate,
    kept: createKeptGates({ redis, prefix }),
    openEnvelopes: envelopeRecord.openEnvelopes,
    isPlayerUnknown: (fault: Error) => violatedConstraint(fault) === 'claims_player_id_fkey',
  }
  const recover = (isRehearsal = false) => recoverClaims(ports, { isRehearsal })
  /** As a backup has them that was taken before anybody claimed. */
  const rewind = (...ids: string[]) =>
    ownerDatabase.transact(async tx => {
      const run = (text: string, params: unknown[] = []) => tx.query({ name: '', text }, params)
      await run('set local session_replication_role = replica')
      await run('delete from claims where envelope_id = any($1::uuid[])', [ids])
      await run("delete from transfers where envelope_id = any($1::uuid[]) and kind in ('claim', 'refund')", [
        ids,
      ])
      await run(
        `update envelopes set state = 'live', epoch = 1, ended_at = null, claimed_shares = 0, claimed_amount = 0
        where id = any($1::uuid[])`,
        [ids],
      )
      await run(`update accounts a set
        credits = coalesce((select sum(amount) from transfers where credit_account = a.id), 0),
        debits = coalesce((select sum(amount) from transfers where debit_account = a.id), 0)`)
    })
  const claimsOf = (id: string) =>
    ask<{ player_id: string; share_no: number; amount: bigint; claimed_at: Date }>(
      'select player_id, share_no, amount, claimed_at from claims where envelope_id = $1 order by share_no',
      [id],
    )
  /** Each scene begins with a Redis that knows nothing, and ends with books that balance. */
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await stage.server.drain()
      await assertBooks(t, world)
      const keys = await redis.keys(`${prefix}[eo]:*`)
      if (keys.length > 0) await redis.del(...keys)
    })
  const quiet = () => stage.server.drain()

  scene('every win comes back as it was, once, and the game goes on', async t => {
    const [first, second, third, late] = await crowd()
    const [{ id }, { id: whole }] = [await hide(), await hide({ shares: 2 })]
    for (const player of [first, second]) t.equal(outcomeOf(await claim(player, id)), 'claimed')
    for (const player of [first, second]) t.equal(outcomeOf(await claim(player, whole)), 'claimed')
    await quiet()
    const reserved = await stage.reserveAndDie(id, third)
    const before = await Promise.all([id, whole].map(claimsOf))
    const stored = await ports.gate.storedEpoch(id)
    await rewind(id, whole)
    await ask('delete from outbox_cursors')

    t.match(await recover(true), { envelopes: 2, restored: 5, recorded: 0, tooLate: 0, lost: { length: 0 } })
    t.same(await claimsOf(id), [], 'a rehearsal changes nothing')
    t.match(await stateOf(id), { epoch: 1n })
    t.match(await recover(), { envelopes: 2, restored: 5, recorded: 0, tooLate: 0, lost: { length: 0 } })

    const after = await Promise.all([id, whole].map(claimsOf))
    const plain = (rows: typeof before) =>
      rows.map(claims => claims.map(({ player_id: p, share_no: s, amount: a }) => `${p} ${s} ${a}`))
    t.same(plain(after.map(rows => rows.filter(row => row.player_id !== third.id))), plain(before))
    t.equal(after[0]?.find(row => row.player_id === third.id)?.share_no, reserved.shareNo)
    for (const [i, row] of (after[0] ?? []).entries()) {
      const old = before[0]?.find(known => known.player_id === row.player_id)
      const atMs = old?.claimed_at.getTime() ?? Number(reserved.entryId.split('-')[0])
      t.ok(Math.abs(row.claimed_at.getTime() - atMs) < 5_000, `${i}: as old as it was`)
    }
    t.match(await stateOf(whole), { state: 'empty' })
    t.ok(Number((await stateOf(id))?.epoch) > Number(stored), 'no gate of before is in force')
    const [cursor] = await ask<{ entry_id: string }>('select max(entry_id) as entry_id from outbox_cursors')
    t.equal(cursor?.entry_id, reserved.entryId, 'the sweeper begins behind what was restored')

    const server = stage.createServer()
    for (const player of [first, third]) {
      const held = after[0]?.find(row => row.player_id === player.id)
      t.match(await claim(player, id, { on: server }), {
        status: 'claimed',
        claim: { shareNo: held?.share_no },
      })
    }
    t.equal(outcomeOf(await claim(late, id, { on: server })), 'claimed', 'the share that was left')
    t.equal(outcomeOf(await claim(late, whole, { on: server })), 'ended:empty')
    await server.drain()
    t.match(
      await recover(),
      { restored: 0, recorded: 6, lost: { length: 0 } },
      'again: nothing is left to do',
    )
  })

  scene('what cannot be restored is listed by envelope, player and share', async t => {
    const [first, second, third, fourth] = await crowd()
    const [{ id }, { id: hiddenLater }, { id: closed }] = [await hide(), await hide(), await hide()]
    for (const envelope of [id, hiddenLater, closed])
      t.match(await claim(first, envelope), { status: 'claimed' })
    t.match(await claim(second, id), { status: 'claimed' })
    await quiet()
    const [mine] = (await claimsOf(id)).filter(row => row.player_id === first.id)
    await stage.reserveAndDie(id, third)
    await rewind(id, hiddenLater, closed)
    await ownerDatabase.transact(async tx => {
      const run = (text: string, params: unknown[] = []) => tx.query({ name: '', text }, params)
      await run('set local session_replication_role = replica')
      await run('delete from players where id = $1', [second.id])
      await run('delete from envelope_shares where envelope_id = $1', [hiddenLater])
      await run('delete from envelopes where id = $1', [hiddenLater])
      await run('delete from transfers where envelope_id = $1', [hiddenLater])
      await run('delete from accounts where owner_id = $1', [hiddenLater])
      await run(`update accounts a set
        credits = coalesce((select sum(amount) from transfers where credit_account = a.id), 0),
        debits = coalesce((select sum(amount) from transfers where debit_account = a.id), 0)`)
    })
    t.match(await stage.envelopes.close({ caller: hider, id: closed }), { status: 200 })
    await stage.settle(id, { playerId: fourth.id, shareNo: mine?.share_no as number })

    const { lost, ...sums } = await recover()
    t.match(sums, { restored: 1, tooLate: 0 })
    const of = (envelopeId: string, player: PlayerCaller) =>
      lost.find(one => one.envelopeId === envelopeId && one.playerId === player.id)
    t.equal(lost.length, 4)
    t.match(of(id, first), { reason: 'share_taken', shareNo: mine?.share_no, wasSettled: true })
    t.match(of(id, second), { reason: 'player_unknown', wasSettled: true })
    t.match(of(hiddenLater, first), { reason: 'envelope_unknown', wasSettled: true, reservedAtMs: Number })
    t.match(of(closed, first), { reason: 'ended', detail: 'closed', wasSettled: true })
    t.ok(
      (await claimsOf(id)).some(row => row.player_id === third.id),
      'the others are restored',
    )
  })

  scene('reserved for an envelope that had ended is no loss; one that had opened is opened', async t => {
    const [first, second] = await crowd()
    const [{ id: closed }, { id: opened }] = [await hide(), await hide()]
    await claim(first, closed)
    await quiet()
    await stage.reserveAndDie(closed, second)
    await stage.envelopes.close({ caller: hider, id: closed })
    await claim(first, opened)
    await quiet()
    await rewind(opened)
    await ownerDatabase.transact(async tx => {
      await tx.query({ name: '', text: 'set local session_replication_role = replica' })
      await tx.query({ name: '', text: "update envelopes set state = 'funded' where id = $1" }, [opened])
    })
    t.match(await recover(true), { restored: 1, recorded: 1, tooLate: 1, lost: { length: 0 } })
    t.match(await recover(), { restored: 1, recorded: 1, tooLate: 1, lost: { length: 0 } })
    t.match(await stateOf(opened), { state: 'live' })
  })

  scene('the lists of winners are enough where the outbox is gone', async t => {
    const [first] = await crowd()
    const { id } = await hide()
    await claim(first, id)
    await quiet()
    await rewind(id)
    await redis.del(stage.outboxOf(id))
    t.match(await recover(), { restored: 1, lost: { length: 0 } })
  })
})

t.test('who comes first: what was on record, then the later epoch, then the earlier reservation', async t => {
  const win = (playerId: string, changes = {}) => ({
    ...{ envelopeId: 'e', playerId, shareNo: 1, epoch: 1, entryId: '5-0', wasSettled: false },
    ...changes,
  })
  const chosen = chooseWins([
    win('old epoch'),
    win('later', { epoch: 2, entryId: '8-0' }),
    win('earlier', { epoch: 2, entryId: '7-0' }),
    win('on record', { entryId: '0-0', wasSettled: true }),
    win('on record', { entryId: '3-0' }),
  ])
  t.match(chosen, [
    { playerId: 'on record', entryId: '3-0', wasSettled: true },
    { playerId: 'earlier' },
    { playerId: 'later' },
    { playerId: 'old epoch' },
  ])
})
