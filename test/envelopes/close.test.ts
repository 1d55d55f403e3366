import assert from 'node:assert/strict'
import t from 'tap'
import { isRowError } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import { endLocked } from '../../src/envelopes/end.ts'
import { expireDue } from '../../src/envelopes/expire.ts'
import { openDue } from '../../src/envelopes/open.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { type EnvelopeState, transitions } from '../../src/envelopes/state.ts'
import { isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { assertBooks } from '../helpers/books.ts'
import { createStage, goEast, pointOf } from './stage.ts'

const stage = await createStage(t)
const { world, clock, hideWell, createPlayer, createMerchant, balanceOf, stateOf, settle, ask, announced } =
  stage
const { database } = world
const ports = {
  transact: database.transact,
  record: envelopeRecord,
  ledger: { post: postTransfers, isInsufficientFunds },
  announcer: stage.announcer,
  gates: { prepare: ({ id }: { id: string }) => void stage.prepared.push(id) },
  log: stage.log,
  isRowError,
}
const expire = (nowMs: number, limit = 500) => expireDue(ports, { nowMs, limit })
const open = (nowMs: number, limit = 500) => openDue(ports, { nowMs, limit })

let farM = 0
const nextPlace = () => goEast((farM += 10_000))
const hour = 3_600_000
const inMs = (ms: number) => new Date(clock.nowMs() + ms).toISOString()

const close = (caller: PlayerCaller | MerchantCaller, id: string) => stage.envelopes.close({ caller, id })
const codeOf = (answer: Awaited<ReturnType<typeof close>>) =>
  isRefusal(answer)
    ? [answer.code, answer.reason].filter(part => part !== undefined).join(' ')
    : answer.status

/** A player who hid ten shares of 100 somewhere of their own. */
async function hideTen(changes: Parameters<typeof hideWell>[1] = {}) {
  const at = nextPlace()
  const player = await createPlayer({ minor: 1_000n, at })
  const { id } = await hideWell(player, { place: pointOf(at), ...changes })
  announced.length = 0
  return { player, id }
}

t.afterEach(async () => {
  // Nothing of one test is due in the next.
  await expire(clock.nowMs() + 1_000 * hour)
  announced.length = 0
})

t.test('closing gives back what nobody claimed; closing again says the same', async t => {
  const { player, id } = await hideTen()
  const winner = await createPlayer({ minor: 0n })
  await settle(id, { playerId: winner.id, shareNo: 3 })
  const before = await stateOf(id)
  clock.advance(1_000)
  const answer = await close(player, id)
  t.match(answer, {
    status: 200,
    body: {
      refund: { amountMinor: '900', currency: 'CNY' },
      envelope: {
        state: 'closed',
        endedAt: inMs(0),
        own: { claimed: { amountMinor: '100' }, escrow: { amountMinor: '0' } },
      },
    },
  })
  t.same(await stateOf(id), { state: 'closed', epoch: (before?.epoch ?? 0n) + 1n })
  t.equal(await balanceOf(player.id), 900n)
  t.same(announced, [
    { event: 'ended', id, reason: 'closed' },
    {
      event: 'frame',
      playerId: player.id,
      frame: {
        type: 'wallet.changed',
        kind: 'refund',
        amount: { amountMinor: '900', currency: 'CNY' },
        envelopeId: id,
      },
    },
  ])
  announced.length = 0
  clock.advance(1_000)
  t.same(await close(player, id), answer)
  t.same(announced, [])
  t.equal(await balanceOf(player.id), 900n)
})

t.test('only the hider closes', async t => {
  const { player, id } = await hideTen()
  t.equal(codeOf(await close(await createPlayer(), id)), 'not_found')
  const merchant = await createMerchant()
  t.equal(codeOf(await close(merchant, id)), 'not_found')
  t.equal(codeOf(await close({ ...merchant, id: player.id }, id)), 'not_found', 'an id of the other kind')
  t.equal(codeOf(await close(player, player.id)), 'not_found', 'no such envelope')
  t.equal((await stateOf(id))?.state, 'live')
})

t.test('what ended otherwise, or is frozen, is not closed', async t => {
  const empty = await hideTen({ shares: 1 })
  await settle(empty.id, { playerId: (await createPlayer()).id, shareNo: 1 })
  t.equal(codeOf(await close(empty.player, empty.id)), 'ended empty')

  const expired = await hideTen({ expiresAt: inMs(hour) })
  await expire(clock.nowMs() + hour)
  t.equal(codeOf(await close(expired.player, expired.id)), 'ended expired')

  const frozen = await hideTen()
  await ask("update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1", [frozen.id])
  t.equal(codeOf(await close(frozen.player, frozen.id)), 'frozen')
  await expire(clock.nowMs() + 100 * hour)
  t.equal((await stateOf(frozen.id))?.state, 'frozen', 'nor does it expire by itself')
  t.equal(await balanceOf(frozen.id), 1_000n)
})

t.test('what was still to open goes without a word to others', async t => {
  const { player, id } = await hideTen({ opensAt: inMs(hour) })
  t.equal(codeOf(await close(player, id)), 200)
  t.match(announced, [{ event: 'frame', playerId: player.id }])
  t.equal(await balanceOf(player.id), 1_000n)
})

t.test('a claim that settles first keeps its share, whatever the close had read before', async t => {
  const { player, id } = await hideTen()
  const winner = await createPlayer({ minor: 0n })
  let closing: ReturnType<typeof close> | undefined
  await world.ownerDatabase.transact(async tx => {
    await envelopeRecord.lockEnvelope(tx, id)
    closing = close(player, id)
    await settle(id, { playerId: winner.id, shareNo: 1 }, tx)
  })
  t.match(await closing, { status: 200, body: { refund: { amountMinor: '900' } } })
  t.equal(await balanceOf(winner.id), 100n)
  t.equal(await balanceOf(id), 0n)
})

t.test('ten closes at once refund once', async t => {
  const { player, id } = await hideTen()
  const answers = await Promise.all(Array.from({ length: 10 }, () => close(player, id)))
  t.ok(answers.every(answer => JSON.stringify(answer) === JSON.stringify(answers[0])))
  t.equal(announced.length, 2)
  t.equal(await balanceOf(player.id), 1_000n)
})

t.test('expiry comes at the millisecond and gives back the rest', async t => {
  const expiresAt = inMs(hour)
  const live = await hideTen({ expiresAt })
  const partly = await hideTen({ expiresAt, split: 'lucky' })
  const funded = await hideTen({ opensAt: inMs(hour - 60_000), expiresAt })
  await settle(partly.id, { playerId: (await createPlayer()).id, shareNo: 7 })
  const left = await balanceOf(partly.id)
  const atMs = Date.parse(expiresAt)
  announced.length = 0

  t.same(await expire(atMs - 1), { more: false })
  t.equal((await stateOf(live.id))?.state, 'live')
  t.same(await expire(atMs), { more: false })
  for (const { id } of [live, partly, funded]) {
    t.equal((await stateOf(id))?.state, 'expired')
    t.equal(await balanceOf(id), 0n)
  }
  t.equal(await balanceOf(live.player.id), 1_000n)
  t.equal(await balanceOf(partly.player.id), left)
  const ended = announced.filter(event => (event as { event: string }).event === 'ended')
  t.same(
    new Set(ended.map(event => (event as { id: string }).id)),
    new Set([live.id, partly.id]),
    'nobody knew of the one that had not opened',
  )
})

t.test('expiry goes in batches, the longest due first, past rows that others hold', async t => {
  const [late, early, held] = [
    await hideTen({ expiresAt: inMs(3 * hour) }),
    await hideTen({ expiresAt: inMs(2 * hour) }),
    await hideTen({ expiresAt: inMs(hour) }),
  ]
  const nowMs = clock.nowMs() + 4 * hour
  await world.ownerDatabase.transact(async tx => {
    await envelopeRecord.lockEnvelope(tx, held.id)
    t.same(await expire(nowMs, 2), { more: true })
    t.equal((await stateOf(early.id))?.state, 'expired')
    t.equal((await stateOf(late.id))?.state, 'live')
    t.same(await expire(nowMs, 1), { more: false }, 'nothing to be had: the next turn, not at once')
    t.same(await expire(nowMs, 2), { more: true })
    t.equal((await stateOf(late.id))?.state, 'expired')
  })
  t.equal((await stateOf(held.id))?.state, 'live')
  await Promise.all([expire(nowMs), expire(nowMs), expire(nowMs)])
  t.equal((await stateOf(held.id))?.state, 'expired')
  t.equal(await balanceOf(held.player.id), 1_000n)
})

t.test(
  'an escrow that cannot be given back is frozen and said once; the others of the batch go on',
  async t => {
    const expiresAt = inMs(hour)
    const all = []
    for (let i = 0; i < 9; i++) all.push(await hideTen({ expiresAt }))
    const [bad, ...good] = all
    assert(bad)
    const takeFromEscrow = (minor: number) =>
      ask(`update accounts set debits = debits + $2 where owner_id = $1`, [bad.id, minor])
    await takeFromEscrow(1)
    announced.length = 0

    t.same(await expire(Date.parse(expiresAt), 9), { more: true })
    for (const { id, player } of good) {
      t.equal((await stateOf(id))?.state, 'expired')
      t.equal(await balanceOf(player.id), 1_000n)
    }
    t.match(await stateOf(bad.id), { state: 'frozen', epoch: 2n })
    t.equal(await balanceOf(bad.id), 999n, 'what there is stays')
    t.equal(announced.filter(event => (event as { event: string }).event === 'ended').length, 8)
    t.match(stage.logged, [
      { envelopeId: bad.id, err: { code: '23514' }, message: /cannot be refunded; its envelope is frozen/ },
    ])
    t.same(await expire(Date.parse(expiresAt), 9), { more: false }, 'not tried again')
    t.equal(stage.logged.length, 1)
    await takeFromEscrow(-1)
  },
)

t.test('what fails for another reason than its row fails as it is, and freezes nothing', async t => {
  const { id } = await hideTen({ expiresAt: inMs(hour) })
  const down = Object.assign(new Error('no'), { code: '57P01' })
  const ledger = { ...ports.ledger, post: () => Promise.reject(down) }
  const due = { nowMs: clock.nowMs() + hour, limit: 10 }
  await t.rejects(expireDue({ ...ports, ledger }, due), down)
  t.equal((await stateOf(id))?.state, 'live')
})

t.test('opening comes at the millisecond, with the guests', async t => {
  const guest = await createPlayer()
  const opensAt = inMs(hour)
  const { id } = await hideTen({ opensAt, audience: { type: 'players', playerIds: [guest.id] } })
  const missed = await hideTen({ opensAt: inMs(1), expiresAt: inMs(60_001) })
  const atMs = Date.parse(opensAt)
  await open(atMs - 1)
  t.match(await stateOf(id), { state: 'funded', epoch: 1n })
  announced.length = 0
  t.same(await open(atMs, 1), { more: true })
  t.match(await stateOf(id), { state: 'live', epoch: 2n })
  t.match(announced, [{ event: 'opened', id, guestIds: [guest.id] }])
  t.equal(stage.prepared.at(-1), id)
  t.same(await open(atMs, 1), { more: false })
  t.equal((await stateOf(missed.id))?.state, 'funded', 'too late to open: it expires')
})

t.test('the jobs do both by the clock', async t => {
  const { id } = await hideTen({ opensAt: inMs(hour), expiresAt: inMs(2 * hour) })
  const run = () => Promise.all(stage.envelopes.jobs.map(job => job.run(0)))
  t.same(
    stage.envelopes.jobs.map(({ name, everyMs }) => [name, everyMs]),
    [
      ['open-envelopes', 500],
      ['expire-envelopes', 500],
    ],
  )
  await run()
  t.equal((await stateOf(id))?.state, 'funded')
  clock.advance(hour)
  await run()
  t.equal((await stateOf(id))?.state, 'live')
  clock.advance(hour)
  await run()
  t.equal((await stateOf(id))?.state, 'expired')
})

t.test('the database knows the same transitions and refuses every other', async t => {
  const rows = await ask<{ pair: string }>(
    "select from_state || ' ' || to_state as pair from envelope_transitions",
  )
  const states = Object.keys(transitions) as EnvelopeState[]
  const allowed = new Set(states.flatMap(from => transitions[from].map(to => `${from} ${to}`)))
  t.same(new Set(rows.map(({ pair }) => pair)), allowed)

  const { id } = await hideTen()
  for (const from of states) {
    for (const to of states) {
      if (from === to || allowed.has(`${from} ${to}`)) continue
      const move = world.ownerDatabase.transact(async tx => {
        // Planted with the guard off: most of these states cannot be reached from here.
        await tx.query({ name: '', text: 'set local session_replication_role = replica' })
        const ended = ['empty', 'expired', 'closed']
        const plant = `update envelopes set state = '${from}', ended_at = ${ended.includes(from) ? 'now()' : 'null'},
          claimed_shares = ${from === 'empty' ? 'share_count' : '0'} where id = $1`
        await tx.query({ name: '', text: plant }, [id])
        await tx.query({ name: '', text: 'set local session_replication_role = origin' })
        const step = `update envelopes set state = '${to}', epoch = epoch + 1 where id = $1`
        await tx.query({ name: '', text: step }, [id])
      })
      await t.rejects(
        move,
        { code: '23514', message: `${from} -> ${to} is not a transition` },
        `${from} -> ${to}`,
      )
    }
  }
  await t.rejects(ask("update envelopes set state = 'closed', ended_at = now() where id = $1", [id]), {
    message: /gate fields change only with the epoch/,
  })
  await t.rejects(ask('update envelopes set epoch = 0 where id = $1', [id]), { code: '23514' })
})

t.test('an ended envelope is not ended again by a mistaken caller', async t => {
  const { id } = await hideTen()
  await expire(clock.nowMs() + 100 * hour)
  const envelope = await envelopeRecord.findEnvelope(database, id)
  assert(envelope)
  const again = database.transact(tx =>
    endLocked(ports, tx, [envelope], { state: 'closed', nowMs: clock.nowMs() }),
  )
  await t.rejects(again, /expired -> closed/)
})

t.test('the books are right after all of this', t => assertBooks(t, world))
