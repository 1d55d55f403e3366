import t from 'tap'
import type { Reservation } from '../../src/claims/reservation.ts'
import { restoreReservations } from '../../src/claims/restore.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage } from './stage.ts'

t.test('restoring', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createMerchant, createCrowd, ask, stateOf, server, settlePorts, world } = stage
  const hider = await createMerchant()
  const hide = (shares: number) => hideWell(hider, { total: { amountMinor: '300', currency: 'CNY' }, shares })
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
})
