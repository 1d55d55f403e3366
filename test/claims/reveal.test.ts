/**
 * Revealing, and claiming by the ticket of a reveal: the same gate as a claim's, said byte for byte, and what a ticket
 * spares and what it does not.
 */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { limits } from '#protocol/limits.ts'
import { describeAnswer, describeReveal } from '../../src/claims/describe.ts'
import type { RevealAnswer } from '../../src/claims/reveal.ts'
import { issueTicket, readTicket } from '../../src/claims/ticket.ts'
import { type Cell, locateCell } from '../../src/geo/cell.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { goEast, square } from '../envelopes/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

const cell = locateCell(square)
const nowMs = Date.parse('2026-02-17T04:00:00Z')
const bearer = { envelopeId: '019c69c1-461f-7b77-9349-bf1fa9b26d45', playerId: 'mei', deviceId: 'phone' }
const secret = 's'.repeat(40)

t.test('a ticket counts for its bearer, its envelope and its minute', t => {
  const { ticket, expiresAtMs } = issueTicket(secret, bearer, { cell, nowMs })
  const read = (change: Partial<typeof bearer>, atMs = nowMs, key = secret) =>
    readTicket(key, { ...bearer, ...change }, { ticket, nowMs: atMs })
  t.equal(expiresAtMs, nowMs + limits.claim.ticketMs)
  t.equal(read({}), cell)
  t.equal(read({}, expiresAtMs - 1), cell)
  t.equal(read({}, expiresAtMs), undefined, 'over')
  t.equal(read({ playerId: 'lin' }), undefined, "another player's")
  t.equal(read({ deviceId: 'tablet' }), undefined, "another device's")
  t.equal(
    readTicket(secret, { ...bearer, deviceId: undefined }, { ticket, nowMs }),
    undefined,
    'or of none, which would leave the limits of the device behind',
  )
  t.equal(read({ envelopeId: bearer.envelopeId.replace('019', '01a') }), undefined, "another envelope's")
  t.equal(read({}, nowMs, 'x'.repeat(40)), undefined, "another server's")
  t.end()
})

t.test('a ticket that was changed anywhere, or made up, is none', t => {
  const { ticket } = issueTicket(secret, bearer, { cell, nowMs })
  const bytes = Buffer.from(ticket, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const read = readTicket(secret, bearer, { ticket: changed.toString('base64url'), nowMs })
    if (read !== undefined) t.fail(`bit ${bit} does not count`)
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), text => {
      t.equal(readTicket(secret, bearer, { ticket: text, nowMs }), undefined)
    }),
    { seed: 7 },
  )
  t.end()
})

t.test('a ticket does not show where it was given', t => {
  const near = locateCell(goEast(30))
  const ticketIn = (cell: Cell, atMs = nowMs) =>
    Buffer.from(issueTicket(secret, bearer, { cell, nowMs: atMs }).ticket, 'base64url')
  t.same(ticketIn(cell), ticketIn(cell), 'it is a function of what it says')
  // Of two cells that share their first 40 bits, the covered ones have nothing in common.
  const [a, b] = [ticketIn(cell), ticketIn(near)].map(bytes => bytes.subarray(6, 14))
  t.not(a?.subarray(0, 5).toString('hex'), b?.subarray(0, 5).toString('hex'))
  t.notMatch(ticketIn(cell).toString('hex'), new RegExp(cell.slice(0, 8)))
  t.not(
    ticketIn(cell).subarray(6, 14).toString('hex'),
    ticketIn(cell, nowMs + 1)
      .subarray(6, 14)
      .toString('hex'),
  )
  t.end()
})

const revealedOf = (answer: RevealAnswer) => {
  if (answer.status !== 'revealed') throw new Error(`not revealed: ${outcomeOf(answer)}`)
  return answer
}

t.test('reveal', async t => {
  const stage = await createClaimStage(t)
  const { claim, reveal, hideWell, createPlayer, createMerchant, clock, server, fixAt } = stage
  const hider = await createMerchant()
  const newcomer = () => createPlayer({ minor: 0n, at: null })
  const byTicket = (player: PlayerCaller, envelopeId: string, ticket: string) =>
    server.claim(player, { envelopeId, ticket })
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, stage.world)
    })

  scene('within reach: an anchor in the res-12 cell, the same each time, and a ticket', async t => {
    const { id } = await hideWell(hider)
    const [mei, lin] = [await newcomer(), await newcomer()]
    const seen = revealedOf(await reveal(mei, id))
    t.equal(locateCell(seen.anchor), cell)
    t.equal(seen.expiresAtMs, clock.nowMs() + 60_000)
    t.same(revealedOf(await reveal(mei, id)).anchor, seen.anchor)
    t.same(revealedOf(await reveal(mei, id, { on: stage.createServer() })).anchor, seen.anchor)
    t.not(revealedOf(await reveal(lin, id)).anchor.lat, seen.anchor.lat, 'another for everybody')
    t.not(seen.anchor.lat, square.lat)

    const answer = await byTicket(mei, id, seen.ticket)
    t.equal(outcomeOf(answer), 'claimed')
    t.same(await claim(mei, id), answer, 'the same win')
    t.same(revealedOf(await reveal(mei, id)).anchor, seen.anchor, 'who has won may look again')
    t.same(await reveal(mei, id, { at: goEast(300) }), answer, 'and hears the win from elsewhere')
    t.same(describeReveal(await reveal(mei, id, { at: goEast(300) })), describeAnswer(answer))
  })

  scene('refusals are those of a claim, byte for byte, in the same order', async t => {
    const now = clock.nowMs()
    const [owner, guest, winner] = [await createPlayer(), await createPlayer(), await newcomer()]
    const own = await hideWell(owner, { shares: 2 })
    const later = await hideWell(hider, { opensAt: new Date(now + 3_600_000).toISOString() })
    const listed = await hideWell(hider, { audience: { type: 'players', playerIds: [guest.id] } })
    const secret = await hideWell(hider, { audience: { type: 'passphrase', passphrase: 'open sesame' } })
    const open = await hideWell(hider)
    const one = { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 }
    const [closed, empty, frozen] = [await hideWell(hider), await hideWell(hider, one), await hideWell(hider)]
    await claim(winner, empty.id)
    await stage.envelopes.close({ caller: hider, id: closed.id })
    await stage.ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [frozen.id])
    const nobody = '01890000-0000-7000-8000-000000000000'
    type Row = { id: string; at?: typeof square; passphrase?: string; accuracyM?: number; as?: PlayerCaller }
    const rows: [string, Row, string][] = [
      ['own envelope', { id: own.id, as: owner }, 'own_envelope'],
      ['unknown', { id: nobody }, 'out_of_reach'],
      ['too far', { id: open.id, at: goEast(200) }, 'out_of_reach'],
      ['too coarse for anything', { id: open.id, accuracyM: 130 }, 'position_refused:accuracy'],
      ['coarser than the radius', { id: open.id, accuracyM: 100 }, 'out_of_reach'],
      ['not open yet', { id: later.id }, 'out_of_reach'],
      ['not a guest', { id: listed.id }, 'out_of_reach'],
      ['no passphrase', { id: secret.id }, 'out_of_reach'],
      ['wrong passphrase', { id: secret.id, passphrase: 'open Sesame' }, 'out_of_reach'],
      ['closed', { id: closed.id }, 'ended:closed'],
      ['empty', { id: empty.id }, 'ended:empty'],
      ['empty, to its winner', { id: empty.id, as: winner }, 'claimed'],
      ['frozen', { id: frozen.id }, 'frozen'],
    ]
    for (const [situation, { id, at = square, accuracyM = 8, passphrase, as }, verdict] of rows) {
      const fix = fixAt(at, accuracyM)
      const request = { envelopeId: id, fix, ...(passphrase !== undefined && { passphrase }) }
      const revealing = await server.reveal(as ?? (await newcomer()), request)
      t.equal(outcomeOf(revealing), verdict, situation)
      const claiming = await server.claim(as ?? (await newcomer()), request)
      t.same(describeReveal(revealing), describeAnswer(claiming), `${situation}, as a claim`)
    }
    t.equal(outcomeOf(await reveal(guest, listed.id)), 'revealed', 'a guest')
    const knows = await newcomer()
    const { ticket } = revealedOf(await reveal(knows, secret.id, { passphrase: 'open sesame' }))
    t.equal(outcomeOf(await byTicket(knows, secret.id, ticket)), 'claimed', 'the passphrase is said once')
  })

  scene('it shares the failed tries with claims', async t => {
    const { id } = await hideWell(hider)
    const player = await newcomer()
    for (let i = 0; i < 5; i++) {
      t.equal(outcomeOf(await reveal(player, id, { at: goEast(300) })), 'out_of_reach')
      t.equal(outcomeOf(await claim(player, id, { at: goEast(300) })), 'out_of_reach')
    }
    t.equal(outcomeOf(await reveal(player, id)), 'too_many_tries', 'not even from the right place')
    t.equal(outcomeOf(await claim(player, id)), 'too_many_tries')
  })

  scene('it takes no permit, reserves nothing, and says so when there is none left', async t => {
    const player = await newcomer()
    const permits = async () => {
      const standing = await stage.standingOf(player)
      return standing?.quotas.permitsOfDay?.count ?? 0
    }
    const { id } = await hideWell(hider, { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 })
    const { ticket } = revealedOf(await reveal(player, id))
    for (let i = 0; i < 3; i++) await reveal(player, id)
    t.equal(await permits(), 0)
    t.same(await stage.keysOf(id), [], 'no gate was loaded')
    const rival = await newcomer()
    t.equal(outcomeOf(await claim(rival, id)), 'claimed', 'whoever comes first')
    t.equal(outcomeOf(await byTicket(player, id, ticket)), 'ended:empty')
    await server.drain()
    t.equal(await permits(), 0, 'a permit that won nothing is given back')

    const [a, b] = [await hideWell(hider), await hideWell(hider)]
    const tickets = [
      revealedOf(await reveal(player, a.id)).ticket,
      revealedOf(await reveal(player, b.id)).ticket,
    ]
    await stage.usePermits(player, limits.claim.perDay - 1)
    t.equal(outcomeOf(await byTicket(player, a.id, tickets[0] ?? '')), 'claimed', 'the last one of the day')
    t.equal(outcomeOf(await byTicket(player, b.id, tickets[1] ?? '')), 'daily_limit', 'a ticket is no permit')
    const last = await hideWell(hider)
    t.same(describeReveal(await reveal(player, last.id)), describeAnswer(await claim(player, last.id)))
    t.equal(outcomeOf(await reveal(player, last.id)), 'daily_limit')
  })

  scene('a ticket spares the fix, wherever the player has gone, and ends', async t => {
    const [a, b] = [await hideWell(hider), await hideWell(hider)]
    const player = await newcomer()
    const first = revealedOf(await reveal(player, a.id))
    const second = revealedOf(await reveal(player, b.id))
    const stranger = await newcomer()
    const refusal = await byTicket(player, b.id, first.ticket)
    t.same(refusal, { status: 'refused', code: 'ticket_refused' }, 'for another envelope')
    t.same(await byTicket(stranger, a.id, first.ticket), refusal, 'in other hands')
    t.same(
      await byTicket({ ...player, deviceId: '5'.repeat(8) }, a.id, first.ticket),
      refusal,
      'on another device',
    )
    t.same(
      await byTicket(player, '01890000-0000-7000-8000-000000000000', first.ticket),
      refusal,
      'for nothing',
    )
    t.same(await byTicket(player, a.id, 'made-up'), refusal, 'made up')
    const standing = await stage.standingOf(player)
    t.same(standing?.quotas.triesOfDay, undefined, 'nothing was asked of a place, and nothing counted')

    clock.advance(20_000)
    t.equal(outcomeOf(await claim(player, a.id, { at: goEast(700) })), 'position_refused:speed')
    t.equal(outcomeOf(await byTicket(player, a.id, first.ticket)), 'claimed', 'though the player drives off')
    clock.advance(40_000)
    t.same(await byTicket(player, b.id, second.ticket), refusal, 'over')
    t.equal(outcomeOf(await byTicket(player, a.id, first.ticket)), 'claimed', 'whoever won hears it')
  })

  scene('tickets of two places do not get around the cool-down', async t => {
    const far = goEast(1_200)
    const here = await hideWell(hider)
    const there = await hideWell(hider, { place: { type: 'Point', coordinates: [far.lng, far.lat] } })
    const again = await hideWell(hider)
    const driver = await newcomer()
    const first = revealedOf(await reveal(driver, here.id))
    clock.advance(28_000)
    await server.positions.move(driver, fixAt(far))
    clock.advance(30_500)
    const second = revealedOf(await reveal(driver, there.id, { at: far }))
    const outcomes = await Promise.all([
      byTicket(driver, here.id, first.ticket),
      byTicket(driver, there.id, second.ticket),
    ])
    t.same(
      outcomes.map(outcomeOf).sort(),
      ['claimed', 'position_refused:cooldown'],
      'not even at the same moment',
    )

    const walker = await newcomer()
    const tickets = await Promise.all(
      [here, again].map(async ({ id }) => ({ id, ticket: revealedOf(await reveal(walker, id)).ticket })),
    )
    for (const { id, ticket } of tickets) t.equal(outcomeOf(await byTicket(walker, id, ticket)), 'claimed')
    clock.advance(1_000)
    await server.positions.move(walker, fixAt(goEast(60)))
    const standing = await stage.standingOf(walker)
    t.match(standing?.track.rewarded, { cell }, 'a reward is noted where the ticket was given')
  })
})
