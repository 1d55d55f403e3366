/**
 * How long losers wait for the word of the record: no longer than until this server has settled the last share; and who
 * reaches for none meanwhile.
 */
import t from 'tap'
import { createGrab, type GrabPorts } from '../../src/claims/grab.ts'
import type { ClaimableEnvelope } from '../../src/claims/record.ts'
import { createManualClock, settle as settleDown } from '../realtime/manual-clock.ts'

/** Everything was reserved, and the row says `state`. */
function openGrab({ isSettling = false } = {}) {
  const clock = createManualClock()
  const row = { id: 'e', epoch: 1, state: 'live', opensAtMs: 0, expiresAtMs: Infinity } as ClaimableEnvelope
  let [readings, reserves] = [0, 0]
  const refresh = async () => {
    readings++
    return { ...row }
  }
  const verdicts: { status: 'soft_empty' | 'expired' } = { status: 'soft_empty' }
  const state = { isSettling }
  const queue = { isFull: () => false, isSettling: () => state.isSettling }
  const expire = () => {
    verdicts.status = 'expired'
    row.expiresAtMs = 1
  }
  const grabs = createGrab({
    ...{ clock, reach: () => {}, memory: { refresh }, queue },
    gate: {
      findHeld: async (_id: string, _epoch: number, players: string[]) => players.map(() => undefined),
    },
    reserve: async () => {
      reserves++
      return { ...verdicts }
    },
  } as unknown as GrabPorts<unknown>)
  const end = () => {
    row.state = 'empty'
    grabs.noteEnd('e')
  }
  return {
    clock,
    end,
    grab: () => grabs.grab({ id: 'p' }, { ...row, state: 'live' }),
    lose: () => grabs.lose({ id: 'q' }, { ...row, state: 'live' }),
    expire,
    noteSettled: () => grabs.noteSettled('e'),
    settleHere: () => (state.isSettling = true),
    isSpokenFor: (epoch = 1) => grabs.isSpokenFor({ ...row, epoch }),
    readings: () => readings,
    reserves: () => reserves,
  }
}

t.test('losers wait for the last settlement, together, and are woken by it', async t => {
  const { grab, end, readings, clock } = openGrab()
  const losers = Promise.all([grab(), grab(), grab()])
  await settleDown()
  t.equal(readings(), 0, 'nothing is asked meanwhile')
  end()
  const ended = { status: 'ended', reason: 'empty' }
  t.same(await losers, [ended, ended, ended])
  t.equal(readings(), 1)
  t.equal(clock.timersLeft(), 0)
})

t.test('a verdict from before the last settlement that comes after it is not waited over', async t => {
  const { grab, end } = openGrab()
  end()
  t.same(await grab(), { status: 'ended', reason: 'empty' })
})

t.test('where nothing is heard the row is read after 60 ms, and whoever has to, asks again', async t => {
  const { grab, clock, readings } = openGrab()
  const loser = grab()
  await settleDown()
  await clock.pass(59)
  t.equal(readings(), 0)
  await clock.pass(1)
  t.match(await loser, { code: 'try_again' })
})

t.test('where the last ones are being settled here, the word of it is waited for longer', async t => {
  const { grab, end, clock, readings } = openGrab({ isSettling: true })
  const patient = grab()
  await settleDown()
  await clock.pass(399)
  t.equal(readings(), 0)
  end()
  t.same(await patient, { status: 'ended', reason: 'empty' })
  const { grab: grabAgain, clock: other } = openGrab({ isSettling: true })
  const inVain = grabAgain()
  await settleDown()
  await other.pass(400)
  t.match(await inVain, { code: 'try_again' }, 'but not for ever')
})

t.test(
  'when nothing is settled here any more, and the last one elsewhere, it is not waited for longer',
  async t => {
    const { grab, noteSettled, clock, readings } = openGrab({ isSettling: true })
    const loser = grab()
    await settleDown()
    await clock.pass(100)
    noteSettled()
    await clock.pass(50)
    noteSettled()
    await clock.pass(9)
    t.equal(readings(), 0)
    await clock.pass(1)
    t.match(await loser, { code: 'try_again' })
    const late = openGrab({ isSettling: true })
    const other = late.grab()
    await settleDown()
    await late.clock.pass(390)
    late.noteSettled()
    await late.clock.pass(10)
    t.match(await other, { code: 'try_again' }, 'nor is it waited for anew')
    t.equal(late.clock.timersLeft(), 0)
  },
)

t.test('who needs the row now does not wait with those who wait for news', async t => {
  const { grab, expire, clock, readings } = openGrab({ isSettling: true })
  const loser = grab()
  await settleDown()
  expire()
  t.match(await grab(), { code: 'try_again' })
  t.match(await loser, { code: 'try_again' }, 'and they read it with them')
  t.equal(readings(), 1)
  t.equal(clock.timersLeft(), 0)
})

t.test('for as long as the first is told to stay away nobody else reaches for a share', async t => {
  const { grab, lose, isSpokenFor, readings, reserves, clock } = openGrab()
  t.notOk(isSpokenFor())
  const first = grab()
  await settleDown()
  t.ok(isSpokenFor())
  t.notOk(isSpokenFor(2), 'a gate that was filled again has shares to give')
  const others = Promise.all([lose(), lose()])
  await settleDown()
  await clock.pass(60)
  t.match(
    [await first, ...(await others)],
    [{ code: 'try_again' }, { code: 'try_again' }, { code: 'try_again' }],
  )
  t.equal(readings(), 1, 'they hear of the row together')
  t.equal(reserves(), 1)
  await clock.pass(499)
  t.ok(isSpokenFor(), 'counted from when they are told')
  await clock.pass(1)
  t.notOk(isSpokenFor(), 'whoever comes back asks the gate')
})

t.test('once they have waited in vain, nobody waits until they come back', async t => {
  const { grab, lose, end, settleHere, readings, clock } = openGrab()
  const first = grab()
  await settleDown()
  await clock.pass(60)
  t.match(await first, { code: 'try_again' })
  await clock.pass(499)
  t.match(await Promise.all([lose(), grab()]), [{ code: 'try_again' }, { code: 'try_again' }])
  t.equal(readings(), 1, 'nor is anything asked')
  t.equal(clock.timersLeft(), 0)
  await clock.pass(1)
  const next = lose()
  await settleDown()
  t.match(await Promise.all([lose(), grab()]), [{ code: 'try_again' }, { code: 'try_again' }])
  t.equal(clock.timersLeft(), 1, 'then one does for all')
  await clock.pass(60)
  t.match(await next, { code: 'try_again' })
  t.equal(readings(), 2)
  settleHere()
  const patient = lose()
  await settleDown()
  t.equal(clock.timersLeft(), 1, 'where a win is settled here there will be news')
  end()
  t.same(await patient, { status: 'ended', reason: 'empty' })
  t.same(await grab(), { status: 'ended', reason: 'empty' }, 'and what has ended is said at once')
})
