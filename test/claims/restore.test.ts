import t from 'tap'
import { attempt } from '#platform/postgres.ts'
import { replayDeadLetters } from '../../src/claims/dead-letters.ts'
import { deadLetterRecord } from '../../src/claims/postgres.ts'
import { partitionOf, type Reservation } from '../../src/claims/reservation.ts'
import { restoreReservations } from '../../src/claims/restore.ts'
import { sweepLimits } from '../../src/claims/sweep.ts'
import { createActionLog, listActions } from '../../src/operator/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage } from './stage.ts'

t.test('restoring', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createMerchant, createCrowd, ask, stateOf, server, settlePorts, world } = stage
  const hider = await createMerchant()
  const hide = (shares: number) =>
    hideWell(hider, { total: { amountMinor: String(Math.max(300, shares)), currency: 'CNY' }, shares })
  const crowd = async (size: number) => (await createCrowd(size)) as [PlayerCaller, ...PlayerCaller[]]
  const hold = (envelopeId: string, player: PlayerCaller, shareNo: number): Reservation => ({
    ...{ envelopeId, playerId: player.id, shareNo },
    epoch: 1,
    entryId: '0-1',
  })
  const statuses = async (reservations: readonly Reservation[]) =>
    (await restoreReservations(settlePorts, reservations)).map(({ status }) => status)
  const scene = (name: string, play: (t: import('tap').Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, world)
    })

  scene('the epoch does not matter, everything else does; the gate loads again', async t => {
    const { id } = await hide(4)
    const { id: closed } = await hide(2)
    const [first, second, third] = await crowd(3)
    t.match(await claim(first, id), { status: 'claimed' })
    await stage.envelopes.close({ caller: hider, id: closed })
    const [row] = await ask<{ share_no: number }>('select share_no from claims where envelope_id = $1', [id])
    const taken = row?.share_no as number
    const free = [1, 2, 3, 4].filter(share => share !== taken) as [number, number, number]
    const before = await stateOf(id)
    const nobody = { ...third, id: '01890000-0000-7000-8000-0000000000ff' } as PlayerCaller
    const outcomes = await restoreReservations(settlePorts, [
      hold(id, first, free[0]),
      hold(id, second as PlayerCaller, taken),
      hold(id, second as PlayerCaller, free[0]),
      hold(id, second as PlayerCaller, free[0]),
      hold(id, third as PlayerCaller, free[0]),
      hold(id, nobody, free[1]),
      hold(id, third as PlayerCaller, 99),
      hold(closed, third as PlayerCaller, 1),
      hold('01890000-0000-7000-8000-0000000000fe', third as PlayerCaller, 1),
    ])
    t.match(
      outcomes.map(({ status }) => status),
      ['duplicate', 'conflict', 'settled', 'settled', 'conflict', 'failed', 'failed', 'ended', 'unknown'],
    )
    t.match(outcomes[0], { claim: { shareNo: taken } })
    t.match(outcomes[2], { claim: { shareNo: free[0], amountMinor: 75n } })
    t.match(outcomes[5], { fault: { constraint: 'claims_player_id_fkey' } })
    t.match(outcomes[7], { reason: 'closed' })
    t.equal((await stateOf(id))?.epoch, (before?.epoch ?? 0n) + 1n, 'one new epoch')
    t.match(await claim(third as PlayerCaller, id), { status: 'claimed' }, 'the gate no longer offers it')
  })

  scene('a frozen envelope is paid from and stays frozen; its last share empties it', async t => {
    const { id } = await hide(2)
    const [first, second] = await crowd(2)
    await ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [id])
    t.same(await statuses([hold(id, first, 1)]), ['settled'])
    t.match(await stateOf(id), { state: 'frozen', epoch: 3n })
    t.same(await statuses([hold(id, second as PlayerCaller, 2), hold(id, first, 1)]), [
      'settled',
      'duplicate',
    ])
    t.match(await stateOf(id), { state: 'empty' })
    t.same(await statuses([hold(id, first, 1)]), ['duplicate'], 'and again')
  })

  /** Reserves for all of them, as a server does that dies before it settles. */
  async function reserveAll(id: string, players: readonly PlayerCaller[]): Promise<void> {
    const epoch = await server.gate.storedEpoch(id)
    if (epoch === undefined) throw new Error('no gate')
    for (let start = 0; start < players.length; start += 50) {
      const requests = players
        .slice(start, start + 50)
        .map(player => ({ envelopeId: id, playerId: player.id, epoch }))
      const verdicts = await server.gate.reserve(partitionOf(id), requests, world.clock.nowMs())
      if (verdicts.some(({ status }) => status !== 'won')) throw new Error('not reserved')
    }
  }

  const replay = (ids?: readonly string[]) => {
    // The log is ordered by time.
    world.clock.advance(1)
    return world.database.transact(tx =>
      replayDeadLetters(
        {
          ...{ letters: deadLetterRecord, attempt, clock: world.clock, noteAction: createActionLog(world) },
          settle: settlePorts,
        },
        tx,
        { ids, limit: 200, reason: 'the cause is gone' },
      ),
    )
  }
  const countBy = (values: readonly string[]) =>
    Object.fromEntries([...new Set(values)].map(value => [value, values.filter(v => v === value).length]))
  const count = async (table: 'claims' | 'dead_letters') =>
    Number((await ask<{ n: bigint }>(`select count(*) as n from ${table}`))[0]?.n)

  scene(
    'M18: 10 failing among 1,000: 990 settle, 10 are buried, none is lost; a replay settles them',
    async t => {
      const envelopes = await Promise.all(Array.from({ length: 5 }, () => hide(201)))
      const before = await count('claims')
      const doomed: string[] = []
      await ask('create table doomed (player_id uuid primary key)')
      await ask(`create function is_doomed(uuid) returns boolean language sql stable security definer
      return exists (select from public.doomed where player_id = $1)`)
      await ask('alter table claims add constraint not_doomed check (not is_doomed(player_id))')
      for (const { id } of envelopes) {
        const [first, ...players] = await crowd(201)
        t.match(await claim(first, id), { status: 'claimed' })
        doomed.push(players[7]?.id as string, players[150]?.id as string)
        await reserveAll(id, players)
      }
      await ask('insert into doomed select unnest($1::uuid[])', [doomed])
      await Promise.all(
        [...new Map(envelopes.map(({ id }) => [partitionOf(id), id])).values()].map(stage.age),
      )
      for (let attempt = 1; attempt <= sweepLimits.attempts; attempt++) {
        for (const { id } of envelopes) await server.sweep(id)
      }
      t.equal((await count('claims')) - before, 5 + 990)
      t.equal(await count('dead_letters'), 10)
      const letters = await ask<{ player_id: string; buried: boolean }>(
        "select entry ->> 'playerId' as player_id, buried_at is not null as buried from dead_letters",
      )
      t.same(letters.map(letter => letter.player_id).sort(), doomed.toSorted(), 'and no others')
      t.ok(letters.every(({ buried }) => buried))
      for (const { id } of envelopes) t.match(await stateOf(id), { state: 'frozen' })

      const early = await replay()
      t.same(
        countBy(early.answers.map(({ restored }) => restored.status)),
        { failed: 10 },
        'the cause is there',
      )
      t.equal(early.left, 10)
      t.equal((await count('claims')) - before, 5 + 990)
      await ask('delete from doomed where player_id = $1', [doomed[0]])
      const partly = await replay()
      t.same(countBy(partly.answers.map(({ restored }) => restored.status)), { failed: 9, settled: 1 })
      await ask('alter table claims drop constraint not_doomed')
      const done = await replay()
      t.same(countBy(done.answers.map(({ restored }) => restored.status)), { settled: 9 })
      t.match(done, { left: 0, batches: [{ claims: { length: 9 } }] })
      t.equal((await count('claims')) - before, 5 + 1_000, 'none is lost')
      t.equal(await count('dead_letters'), 0)
      t.same((await listActions(world.database, { limit: 1 }))[0]?.after, { letters: 0, settled: 9 })
    },
  )

  scene('why a dead letter is not settled; those named only', async t => {
    const { id } = await hide(3)
    const { id: closed } = await hide(2)
    const [first, second, third] = (await crowd(3)) as [PlayerCaller, PlayerCaller, PlayerCaller]
    t.match(await claim(first, id), { status: 'claimed' })
    const [row] = await ask<{ share_no: number }>('select share_no from claims where envelope_id = $1', [id])
    const taken = row?.share_no as number
    const bury = async (reservation: Reservation, n: number) => {
      const entry = { ...reservation, partition: partitionOf(reservation.envelopeId), entryId: `5-${n}` }
      const letter = { entry, redisIdentity: 'r', fault: 'a test', attempts: 8, buried: true }
      await server.record.noteDeadLetter(letter, world.clock.nowMs())
      const [one] = await ask<{ id: string }>('select id from dead_letters where entry_id = $1', [`5-${n}`])
      return one?.id as string
    }
    await stage.envelopes.close({ caller: hider, id: closed })
    const ids = [
      await bury(hold(id, first, taken), 1),
      await bury(hold(id, second, taken), 2),
      await bury(hold(closed, second, 1), 3),
      await bury(hold(id, third, (taken % 3) + 1), 4),
    ]
    const named = await replay(ids.slice(0, 3))
    t.same(
      ids.slice(0, 3).map(id => named.answers.find(answer => answer.id === id)?.restored.status),
      ['duplicate', 'conflict', 'ended'],
    )
    t.equal(named.left, 2, 'what is answered for good has left')
    t.same(
      (await replay([ids[3] as string])).answers.map(({ restored }) => restored.status),
      ['settled'],
    )
    await ask('delete from dead_letters')
  })

  scene('a letter of an envelope that was frozen meanwhile is kept', async t => {
    const { id } = await hide(4)
    const [first] = await crowd(1)
    t.match(await claim(first, id), { status: 'claimed' })
    const epoch = Number((await stateOf(id))?.epoch)
    const entry = { ...hold(id, first, 2), playerId: '01890000-0000-7000-8000-0000000000ff', epoch }
    const letter = { ...entry, partition: partitionOf(id), entryId: '6-1' }
    const redisIdentity = await server.gate.identity()
    const noted = { entry: letter, redisIdentity, fault: 'a test', attempts: 7, buried: false }
    await server.record.noteDeadLetter(noted, world.clock.nowMs())
    await server.record.freeze(id)
    await server.sweep(id)
    t.match(await ask('select attempts from dead_letters'), [{ attempts: 7 }])
    await ask('delete from dead_letters')
  })
})
