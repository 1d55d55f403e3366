import t, { type Test } from 'tap'
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import { claimIdOf } from '../../src/claims/reservation.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import { standingKey } from '../../src/positions/redis.ts'
import { eventually } from '../acceptance/eventually.ts'
import { goEast, square } from '../envelopes/stage.ts'
import { assertBooks } from '../helpers/books.ts'
import { createClaimStage, outcomeOf } from './stage.ts'

const winOf = (answer: ClaimAnswer) => {
  if (answer.status !== 'claimed') throw new Error(`not a win: ${outcomeOf(answer)}`)
  return answer.claim
}
const tally = (answers: readonly ClaimAnswer[]) => {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[outcomeOf(answer)] = (counts[outcomeOf(answer)] ?? 0) + 1
  return counts
}

t.test('claims', async t => {
  const stage = await createClaimStage(t)
  const { claim, hideWell, createPlayer, createMerchant, createCrowd, balanceOf, stateOf, server } = stage
  const hider = await createMerchant()
  const far = goEast(5_000)
  /** One scene; the books balance after each. */
  const scene = (name: string, play: (t: Test) => Promise<void>) =>
    t.test(name, async t => {
      await play(t)
      await server.drain()
      await assertBooks(t, stage.world)
    })

  scene('a share is won once, paid once, and told again from anywhere', async t => {
    const { id } = await hideWell(hider, {
      total: { amountMinor: '1000', currency: 'CNY' },
      shares: 10,
      split: 'lucky',
    })
    const player = await createPlayer({ minor: 0n })
    const win = winOf(await claim(player, id))
    t.equal(win.id, claimIdOf(id, player.id))
    t.equal(await balanceOf(player.id), win.amountMinor)
    t.same(winOf(await claim(player, id)), win)
    t.same(winOf(await claim(player, id, { at: far })), win, 'from far away')
    t.same(winOf(await claim(player, id, { on: stage.createServer(), at: far })), win, 'on another server')
    t.equal(await balanceOf(player.id), win.amountMinor, 'paid once')
  })

  scene('a win that is told again is no try, and moves nobody', async () => {
    const { id } = await hideWell(hider, { total: { amountMinor: '2', currency: 'CNY' }, shares: 2 })
    const player = await createPlayer({ minor: 0n })
    const win = winOf(await claim(player, id))
    await server.drain()
    const before = await stage.standingOf(player)
    t.same(winOf(await claim(player, id, { at: far })), win)
    t.same(await stage.standingOf(player), before)
  })

  scene(
    'a ban and a claim take turns: who is banned first wins nothing, and the share stays in play',
    async t => {
      const { id } = await hideWell(hider, { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 })
      const [cheat, honest] = [await createPlayer({ minor: 0n }), await createPlayer({ minor: 0n })]
      const ban = { atMs: stage.world.clock.nowMs(), reason: 'a test' }
      let answered: Promise<ClaimAnswer> | undefined
      await stage.world.database.transact(async tx => {
        await playerRecord.setBan(tx, cheat.id, ban)
        answered = claim(cheat, id)
        await eventually('the settlement waits for the ban', async () => {
          const waiting = await stage.ask<{ pid: number }>(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            [],
          )
          return waiting.length > 0 || undefined
        })
      })
      t.equal(answered && outcomeOf(await answered), 'banned')
      t.equal(await balanceOf(cheat.id), 0n)
      t.equal(outcomeOf(await claim(honest, id)), 'claimed')

      const other = await hideWell(hider, { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 })
      await playerRecord.setBan(stage.world.database, cheat.id, undefined)
      t.equal(outcomeOf(await claim(cheat, other.id)), 'claimed', 'the ban is lifted')
      await playerRecord.setBan(stage.world.database, cheat.id, ban)
      t.equal(outcomeOf(await claim(cheat, other.id)), 'claimed', 'what was won stays won')
    },
  )

  scene('a crowd races over two servers: exactly the shares, every loser a final answer', async t => {
    const { id } = await hideWell(hider, {
      total: { amountMinor: '10000', currency: 'CNY' },
      shares: 100,
      split: 'lucky',
    })
    const other = stage.createServer()
    const crowd = await createCrowd(600)
    const answers = await Promise.all(
      crowd.flatMap((player, i) => [
        claim(player, id, { on: i % 2 ? server : other }),
        claim(player, id, { on: other }),
      ]),
    )
    const retried = await Promise.all(
      crowd.map(async (player, i) => {
        // As long as the slowest machine takes to settle a hundred wins.
        for (let tries = 0; tries < 100; tries++) {
          const answer = await claim(player, id, { on: i % 2 ? other : server })
          if (!['try_again', 'pending'].includes(outcomeOf(answer))) return answer
          await stage.comeBack(100)
        }
        throw new Error('no final answer')
      }),
    )
    t.same(tally(retried), { claimed: 100, 'ended:empty': 500 })
    const wins = retried.flatMap(answer => (answer.status === 'claimed' ? [answer.claim] : []))
    t.equal(
      wins.reduce((sum, win) => sum + win.amountMinor, 0n),
      10_000n,
    )
    t.equal(new Set(wins.map(win => win.shareNo)).size, 100)
    const told = answers.flatMap(answer => (answer.status === 'claimed' ? [answer.claim] : []))
    for (const win of told)
      t.ok(
        wins.some(w => w.id === win.id && w.amountMinor === win.amountMinor),
        'told is kept',
      )
    t.equal((await stateOf(id))?.state, 'empty')
    await other.drain()
  })

  scene('refusals, in the order that is the promise', async t => {
    const now = stage.clock.nowMs()
    const owner = await createPlayer()
    const guest = await createPlayer()
    const own = await hideWell(owner, { shares: 2 })
    const later = await hideWell(hider, { opensAt: new Date(now + 3_600_000).toISOString() })
    const listed = await hideWell(hider, { audience: { type: 'players', playerIds: [guest.id] } })
    const secret = await hideWell(hider, { audience: { type: 'passphrase', passphrase: 'open sesame' } })
    const open = await hideWell(hider)
    const closed = await hideWell(hider)
    await stage.envelopes.close({ caller: hider, id: closed.id })
    const nobody = '01890000-0000-7000-8000-000000000000'
    type Row = [string, () => Promise<ClaimAnswer>, string]
    const by = async (at = square) => ({ player: await createPlayer({ minor: 0n, at: null }), at })
    const tryIt = async (id: string, more: { at?: typeof square; passphrase?: string } = {}) =>
      claim((await by()).player, id, more)
    const rows: Row[] = [
      ['own envelope', () => claim(owner, own.id), 'own_envelope'],
      ['unknown', () => tryIt(nobody), 'out_of_reach'],
      ['too far', () => tryIt(open.id, { at: goEast(200) }), 'out_of_reach'],
      ['not open yet', () => tryIt(later.id), 'out_of_reach'],
      ['not a guest', () => tryIt(listed.id), 'out_of_reach'],
      ['no passphrase', () => tryIt(secret.id), 'out_of_reach'],
      ['wrong passphrase', () => tryIt(secret.id, { passphrase: 'open Sesame' }), 'out_of_reach'],
      ['closed', () => tryIt(closed.id), 'ended:closed'],
      ['a guest', () => claim(guest, listed.id), 'claimed'],
      ['the passphrase', () => tryIt(secret.id, { passphrase: 'open sesame' }), 'claimed'],
    ]
    for (const [situation, act, verdict] of rows) t.equal(outcomeOf(await act()), verdict, situation)

    const coarse = await createPlayer({ minor: 0n, at: null })
    const fix = { ...square, accuracyM: 130 }
    t.equal(outcomeOf(await server.claim(coarse, { envelopeId: nobody, fix })), 'position_refused:accuracy')
    const fine = { ...square, accuracyM: 100 }
    t.equal(
      outcomeOf(await server.claim(coarse, { envelopeId: open.id, fix: fine })),
      'out_of_reach',
      'coarser than the radius',
    )
    t.equal(outcomeOf(await claim(coarse, open.id)), 'claimed')
    t.equal(outcomeOf(await claim(coarse, nobody, { at: far })), 'position_refused:jump')
  })

  scene('failed tries are limited, a win is not', async t => {
    const { id } = await hideWell(hider)
    const player = await createPlayer({ minor: 0n, at: null })
    for (let i = 0; i < 10; i++)
      t.equal(outcomeOf(await claim(player, id, { at: goEast(300) })), 'out_of_reach')
    t.equal(outcomeOf(await claim(player, id)), 'too_many_tries', 'not even from the right place')
    stage.clock.advance(3_600_000)
    const win = winOf(await claim(player, id))
    for (let i = 0; i < 12; i++) t.same(winOf(await claim(player, id, { at: goEast(300) })), win)
  })

  scene('200 wins a day, and a lost race costs no permit', async t => {
    const player = await createPlayer({ minor: 0n, at: null })
    const { id: gone } = await hideWell(hider, { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 })
    const [rival] = await createCrowd(1)
    if (rival === undefined) throw new Error('no rival')
    t.equal(outcomeOf(await claim(rival, gone)), 'claimed')
    t.equal(outcomeOf(await claim(player, gone)), 'ended:empty')
    for (let i = 0; i < 200; i++) {
      const { id } = await hideWell(hider, { total: { amountMinor: '1', currency: 'CNY' }, shares: 1 })
      const outcome = outcomeOf(await claim(player, id))
      if (outcome !== 'claimed') t.equal(outcome, 'claimed', `win ${i}`)
    }
    const { id } = await hideWell(hider, { shares: 2 })
    t.equal(outcomeOf(await claim(player, id)), 'daily_limit')
    t.equal(
      outcomeOf(await claim(player, id, { on: stage.createServer() })),
      'daily_limit',
      'on another server',
    )
    await stage.world.redis.del(standingKey(stage.world.redisPrefix, { kind: 'account', id: player.id }))
    t.equal(
      outcomeOf(await claim(player, id, { on: stage.createServer() })),
      'daily_limit',
      'seeded from the record',
    )
  })

  scene('many cold envelopes at once do not starve the pool', async t => {
    const envelopes = []
    for (let i = 0; i < 40; i++) envelopes.push(await hideWell(hider))
    const players = await createCrowd(40)
    const answers = await Promise.all(
      envelopes.map(({ id }, i) => claim(players[i] as (typeof players)[number], id)),
    )
    t.same(tally(answers), { claimed: 40 })
  })

  scene('announcements follow the commit', async t => {
    const owner = await createPlayer()
    const { id } = await hideWell(owner, { total: { amountMinor: '7', currency: 'CNY' }, shares: 1 })
    const player = await createPlayer({ minor: 0n, at: null })
    stage.announced.length = 0
    const win = winOf(await claim(player, id))
    t.match(stage.announced, [
      { playerId: player.id, type: 'wallet.changed', amount: { amountMinor: '7' }, envelopeId: id },
      { playerId: owner.id, type: 'envelope.found', amount: { amountMinor: '7' }, sharesLeft: 0 },
      { id, reason: 'empty' },
    ])
    t.notMatch(JSON.stringify(stage.announced), new RegExp(`"winner":"${win.playerId}"`))
  })
})
