/**
 * The simulation is worth what its servers are worth: the same questions go to real Redis and PostgreSQL and to those
 * in memory, and both have to answer alike.
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { v5 as uuidV5 } from 'uuid'
import { isDatabaseDown, isRowError, type Tx } from '#platform/postgres.ts'
import { type ReserveVerdict } from '../../src/claims/gate.ts'
import { claimIdOf, partitionOf, type Reservation } from '../../src/claims/reservation.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import { createClaimStage } from '../claims/stage.ts'
import { createDice } from './dice.ts'
import {
  type Break,
  createMemoryGateHouse,
  createMemoryRecordHouse,
  createRealGate,
  createRealRecord,
  type GateHouse,
  type RecordHouse,
} from './houses.ts'

/** Of one partition, as a batch of the gate is. */
function createIds(count: number): string[] {
  const dice = createDice(99)
  const ids: string[] = []
  while (ids.length < count) {
    const id = dice.uuid()
    if (ids[0] === undefined || partitionOf(id) === partitionOf(ids[0])) ids.push(id)
  }
  return ids
}

const players = ['a', 'b', 'c', 'd'].map(name => uuidV5(name, '2f8dbb1e-7c55-5a0c-8a0e-31c1a3c4f0d2'))

type GateAct =
  | { act: 'reserve'; asks: { envelope: number; player: number; epoch: number }[]; when: number }
  | { act: 'mark' | 'void'; which: number[] }
  | { act: 'load'; envelope: number; epoch: number; free: number; won: number; of: number }
  | { act: 'look'; envelope: number; epoch: number; after: number; isOld: boolean }
  | { act: 'break'; envelope: number; epoch: number; how: Break }

const envelope = fc.nat(1)
/** Mostly the first two, so that acts meet. */
const epoch = fc.constantFrom(1, 1, 1, 2, 2, 3)
const ask = fc.record({ envelope, player: fc.nat(3), epoch })
const fields = fc.constantFrom('epoch', 'state', 'opens_ms', 'expires_ms', 'n', 'settled')
const how: fc.Arbitrary<Break> = fc.oneof(
  fc.record({
    what: fc.constantFrom('delete' as const, 'retype' as const),
    key: fc.constantFrom('gate' as const, 'free' as const, 'winners' as const, 'outbox' as const),
  }),
  fc.record({ what: fc.constant('drop field' as const), field: fields }),
  fc.record({
    what: fc.constant('set field' as const),
    field: fields,
    value: fc.constantFrom('0', '1', '3', '99', '-1', 'x', 'live', 'closed'),
  }),
  fc.record({ what: fc.constant('push share' as const), share: fc.constantFrom('1', '9999') }),
)
const acts: fc.Arbitrary<GateAct> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('reserve' as const),
      asks: fc.array(ask, { minLength: 1, maxLength: 5 }),
      when: fc.constantFrom(50, 50, 50, 5, 500),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constantFrom('mark' as const, 'void' as const),
      which: fc.array(fc.nat(9), { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('load' as const),
      envelope,
      epoch,
      free: fc.nat(4),
      won: fc.nat(3),
      of: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('look' as const),
      envelope,
      epoch,
      after: fc.nat(9),
      isOld: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('break' as const), envelope, epoch, how }) },
)

/** Both envelopes are in play before anything else happens. */
const opening: GateAct[] = [0, 1].map(envelope => ({
  act: 'load',
  envelope,
  epoch: 1,
  free: 2,
  won: 1,
  of: 0,
}))

/** Entries are named in the order in which they were issued, for their ids differ. */
function createNames() {
  const issued: Reservation[] = []
  const nameOf = (entryId: string) => {
    const at = issued.findIndex(known => known.entryId === entryId)
    return at < 0 ? entryId : `#${at}`
  }
  const rename = <R extends { entryId: string }>(one: R): R => ({ ...one, entryId: nameOf(one.entryId) })
  const renameVerdict = (verdict: ReserveVerdict) => {
    if (!('reservation' in verdict)) return verdict
    const { reservation } = verdict
    if (nameOf(reservation.entryId) === reservation.entryId && reservation.entryId !== '0-0')
      issued.push(reservation)
    return { ...verdict, reservation: rename(reservation) }
  }
  return { issued, rename, renameVerdict }
}

/** Plays acts on one gate. */
function createGatePlayer({ gate, damage }: GateHouse, ids: readonly string[]) {
  const { issued, rename, renameVerdict } = createNames()
  const idOf = (index: number) => ids[index] as string
  const partition = partitionOf(idOf(0))

  async function play(act: GateAct): Promise<unknown> {
    switch (act.act) {
      case 'reserve': {
        const asks = act.asks.map(({ envelope, player, epoch }) => ({
          envelopeId: idOf(envelope),
          playerId: players[player] as string,
          epoch,
        }))
        return (await gate.reserve(partition, asks, act.when)).map(renameVerdict)
      }
      case 'mark':
      case 'void':
        return gate[act.act](act.which.flatMap(at => issued[at] ?? []))
      case 'load': {
        const { envelope, epoch, free, won, of } = act
        const envelopeId = idOf(envelope)
        const freeShares = Array.from({ length: free }, (_, i) => i + 1 + won)
        const winners = players.slice(0, won).map((playerId, i) => ({ playerId, shareNo: i + 1 }))
        const times = { opensAtMs: 10, expiresAtMs: 100 }
        const load = { envelopeId, epoch, ...times, shareCount: free + won + of, freeShares, winners }
        return gate.load(load, await gate.storedEpoch(envelopeId))
      }
      case 'look':
        return look(act)
      case 'break':
        return damage(idOf(act.envelope), act.epoch, act.how)
    }
  }

  async function look({
    envelope,
    epoch,
    after,
    isOld,
  }: Extract<GateAct, { act: 'look' }>): Promise<unknown> {
    const id = idOf(envelope)
    const minAgeMs = isOld ? 1_000_000 : 0
    const cursor = issued[after]?.entryId ?? '0-0'
    const view = await gate.inspect(id, epoch)
    const isRead = view.status === 'read'
    return {
      stored: await gate.storedEpoch(id),
      view: isRead ? { ...view, winners: sortBy(view.winners.map(rename), w => w.playerId) } : view,
      held: (await gate.findHeld(id, epoch, players)).map(held => held && rename(held)),
      unsettled: sortBy((await gate.findUnsettled(id, epoch, minAgeMs)).map(rename), r => r.playerId),
      entries: (await gate.readOutbox(partition, cursor, { minAgeMs, limit: 3 })).map(rename),
      pending: await gate.findPending(new Map([[partition, cursor]]), minAgeMs),
    }
  }

  return async (act: GateAct): Promise<unknown> => {
    try {
      return await play(act)
    } catch (error) {
      return { refused: (error as Error).name.replace('ReplyError', 'Unavailable') }
    }
  }
}

const sortBy = <V>(items: readonly V[], key: (item: V) => string): V[] =>
  [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1))

/** What a fault is to the claim path. */
const kindOf = (error: unknown): string =>
  isRowError(error) ? 'row' : isDatabaseDown(error) ? 'down' : (error as Error).message

t.test('ports', async t => {
  const stage = await createClaimStage(t)

  await t.test('the gate: whatever is asked of it, memory answers as Redis does', async t => {
    const real = createRealGate(stage.world)
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(acts, { minLength: 5, maxLength: 30 }), async chosen => {
        const sequence = [...opening, ...chosen]
        const ids = createIds(2)
        for (const key of await stage.world.redis.keys(`${stage.world.redisPrefix}*`)) {
          await stage.world.redis.del(key)
        }
        const [askReal, askMemory] = [
          createGatePlayer(real, ids),
          createGatePlayer(createMemoryGateHouse(), ids),
        ]
        for (const act of sequence) {
          const [expected, answer] = [await askReal(act), await askMemory(act)]
          for (const [, status] of JSON.stringify(expected ?? {}).matchAll(/"status":"(\w+)"/g)) {
            seen.set(String(status), (seen.get(String(status)) ?? 0) + 1)
          }
          if (!isDeepStrictEqual(answer, expected)) {
            throw new Error(
              `${JSON.stringify(act)}\nRedis:  ${JSON.stringify(expected)}\nmemory: ${JSON.stringify(answer)}`,
            )
          }
        }
      }),
      { numRuns: 300, seed: 20_260_301 },
    )
    for (const status of ['won', 'have', 'stale', 'closed', 'expired', 'corrupt', 'empty', 'soft_empty']) {
      t.ok((seen.get(status) ?? 0) > 5, `${status} was answered ${seen.get(status) ?? 0} times`)
    }
  })

  const houses: [string, RecordHouse][] = [
    ['PostgreSQL', createRealRecord(stage)],
    ['memory', createMemoryRecordHouse(() => stage.clock.nowMs())],
  ]
  for (const [name, house] of houses)
    await t.test(name, async t => {
      const { record, envelopes, ledger, hide, addPlayer, nowMs, pause } = house
      const settle = async (tx: Tx, envelopeId: string, playerId: string, shareNo: number) => {
        const due = {
          id: claimIdOf(envelopeId, playerId),
          envelopeId,
          playerId,
          shareNo,
          claimedAtMs: nowMs(),
        }
        const shares = await record.findShares(tx, [due])
        const claims = shares.map(share => ({ ...due, ...share, currency: 'CNY' }))
        await record.insertClaims(tx, [due])
        await record.pay(tx, claims)
        await record.count(tx, claims, nowMs())
        return claims
      }
      const win = (envelopeId: string, playerId: string, shareNo: number) =>
        record.transact(async tx => {
          await record.lockEnvelopes(tx, [envelopeId])
          return settle(tx, envelopeId, playerId, shareNo)
        })
      const outcome = (work: Promise<unknown>) => work.then(() => 'done', kindOf)
      const rowOf = async (id: string) => (await record.findEnvelopes([id]))[0]
      const reservation = (envelopeId: string, playerId: string, shareNo: number) => ({
        ...{ envelopeId, playerId, shareNo, epoch: 1, entryId: '0-0' },
      })

      t.test('a win is a claim, a payment and a count; the last one ends the envelope', async t => {
        const [id, first, second] = [await hide(2), await addPlayer(), await addPlayer()]
        const [claim] = await win(id, first, 2)
        t.match(claim, { envelopeId: id, playerId: first, shareNo: 2, amountMinor: 10n, currency: 'CNY' })
        t.same(await record.findClaims([{ envelopeId: id, playerId: first }]), [claim])
        t.match(await rowOf(id), { state: 'live', epoch: 1 })
        await win(id, second, 1)
        t.match(await rowOf(id), { state: 'empty', epoch: 2 })
        t.equal((await record.listWinners(id)).length, 2)
      })

      t.test('nothing is seen before its commit, and nothing of it after a rollback', async t => {
        const [id, player] = [await hide(2), await addPlayer()]
        const undone = record.transact(async tx => {
          await record.lockEnvelopes(tx, [id])
          await settle(tx, id, player, 1)
          t.equal((await record.findRivals(tx, [reservation(id, player, 1)])).claims.length, 1, 'inside')
          t.same(await record.findClaims([{ envelopeId: id, playerId: player }]), [], 'outside')
          throw new Error('no')
        })
        t.equal(await outcome(undone), 'no')
        t.same(await record.listWinners(id), [])
        t.equal(await outcome(win(id, player, 1)), 'done')
      })

      const freeOf = async (tx: Tx, id: string) => (await record.listFreeShares(tx, [id])).get(id) ?? []
      const start = (id: string, above: number) =>
        record.transact(async tx => (await record.startEpochs(tx, new Map([[id, above]]))).get(id))

      t.test('locks are taken in turn; what is read after one is what its last holder left', async t => {
        const [id, a, b] = [await hide(3), await addPlayer(), await addPlayer()]
        let release = () => {}
        const held = new Promise<void>(resolve => (release = resolve))
        const order: string[] = []
        const first = record.transact(async tx => {
          await record.lockEnvelopes(tx, [id])
          order.push('first')
          await held
          await settle(tx, id, a, 1)
          order.push('first ends')
        })
        await pause()
        const second = record.transact(async tx => {
          const before = await freeOf(tx, id)
          const [row] = await record.lockEnvelopes(tx, [id])
          order.push('second')
          t.same(before, [1, 2, 3], 'read before the lock: too early')
          t.match(row, { claimedShares: 1 }, 'the row as it is once the lock is granted')
          t.same(await freeOf(tx, id), [2, 3], 'read after the lock')
          const { claims } = await record.findRivals(tx, [reservation(id, b, 1)])
          t.same(claims, await record.listWinners(id))
        })
        await pause()
        t.same(order, ['first'])
        release()
        await Promise.all([first, second])
        t.same(order, ['first', 'first ends', 'second'])
      })

      t.test(
        'a second claim of a player, or of a share, is a row error, also while the first is under way',
        async t => {
          for (const isSamePlayer of [true, false]) {
            const [id, a, b] = [await hide(5), await addPlayer(), await addPlayer()]
            const [rival, share] = isSamePlayer ? [a, 2] : [b, 1]
            // Of any id: one that follows from the player would be refused for itself.
            const claimOf = (playerId: string, shareNo: number) => ({
              ...{ id: randomUUID(), envelopeId: id, playerId, shareNo, claimedAtMs: nowMs() },
            })
            let release = () => {}
            const held = new Promise<void>(resolve => (release = resolve))
            const first = record.transact(async tx => {
              await record.insertClaims(tx, [claimOf(a, 1)])
              await held
              throw new Error('rolled back')
            })
            await pause()
            const second = outcome(record.transact(tx => record.insertClaims(tx, [claimOf(rival, share)])))
            await pause()
            release()
            t.equal(await outcome(first), 'rolled back')
            t.equal(await second, 'done', 'the first was never there')
            t.equal(await outcome(win(id, rival === a ? b : a, share)), 'row', 'the share is taken')
            t.equal(
              await outcome(record.transact(tx => record.insertClaims(tx, [claimOf(rival, share + 2)]))),
              'row',
              'the player has one',
            )
          }
        },
      )

      t.test('an unknown share, an unknown player, an escrow that is short: row errors', async t => {
        const [id, player] = [await hide(2), await addPlayer()]
        t.equal(await outcome(win(id, player, 9_999)), 'row')
        t.equal(await outcome(win(id, uuidV5('nobody', id), 1)), 'row')
        const drain = record.transact(tx =>
          ledger.post(tx, [
            {
              ...{
                id: uuidV5('drain', id),
                kind: 'refund',
                amountMinor: 21n,
                currency: 'CNY',
                envelopeId: id,
              },
              ...{ debit: escrowOf(id, 'CNY'), credit: walletOf(player, 'CNY'), createdAtMs: nowMs() },
            },
          ]),
        )
        t.equal(await outcome(drain), 'row')
        t.equal(await outcome(win(id, player, 1)), 'done')
      })

      t.test('a statement that fails leaves a transaction good for nothing', async t => {
        const [id, player] = [await hide(2), await addPlayer()]
        const work = record.transact(async tx => {
          await record.lockEnvelopes(tx, [id])
          await settle(tx, id, player, 9_999).catch(() => undefined)
          await settle(tx, id, player, 1)
        })
        t.match(await outcome(work), /current transaction is aborted/)
        t.same(await record.listWinners(id), [])
      })

      t.test('epochs grow above both sides; freezing and ending are final', async t => {
        const [id, player] = [await hide(2), await addPlayer()]
        t.equal(await start(id, 0), 2)
        t.equal(await start(id, 7), 8)
        t.ok((await record.listGated(undefined, 1_000)).some(row => row.id === id && row.epoch === 8))
        t.same(
          await record.listGated(id, 1_000),
          (await record.listGated(undefined, 1_000)).filter(r => r.id > id),
        )
        await record.freeze(id)
        t.match(await rowOf(id), { state: 'frozen', epoch: 9 })
        await record.freeze(id)
        t.match(await rowOf(id), { epoch: 9 })
        t.equal(await start(id, 0), 10, 'a frozen one is still to go on')
        t.equal(
          await outcome(win(id, player, 1)),
          'done',
          'the row lock and the verdict keep claims out, not the table',
        )
      })

      t.test('close and expiry: the lock, the end, the refund', async t => {
        const [closed, later] = [await hide(2), await hide(2, { expiresInMs: 70_000 })]
        const end = (ids: string[], state: 'closed' | 'expired') =>
          record.transact(tx => envelopes.endEnvelopes(tx, { ids, state, endedAtMs: nowMs() }))
        const row = await record.transact(tx => envelopes.lockEnvelope(tx, closed))
        t.match(row, {
          id: closed,
          state: 'live',
          epoch: 1n,
          totalMinor: 20n,
          claimedMinor: 0n,
          endedAtMs: null,
        })
        await end([closed], 'closed')
        t.match(await rowOf(closed), { state: 'closed', epoch: 2 })
        t.match(await outcome(start(closed, 0)), /epoch/, 'nor starts it an epoch')
        t.equal(await outcome(end([closed], 'expired')), 'row', 'ended is final')
        const due = (atMs: number) =>
          record.transact(async tx =>
            (await envelopes.lockDueToExpire(tx, { nowMs: atMs, ids: [closed, later] })).map(({ id }) => id),
          )
        t.notOk((await due(nowMs() + 69_999)).includes(later))
        t.ok((await due(nowMs() + 70_000)).includes(later))
        await record.transact(async tx => {
          await record.lockEnvelopes(tx, [later])
          t.notOk((await due(nowMs() + 70_000)).includes(later), 'past rows that others hold')
        })
      })

      t.test('opening: due, live, with a new epoch', async t => {
        const id = await hide(2, { opensInMs: 5_000 })
        t.match(await rowOf(id), { state: 'funded', epoch: 1 })
        await record.transact(async tx => {
          t.notOk(
            (await envelopes.lockDueToOpen(tx, { nowMs: nowMs() + 4_999, limit: 9 })).some(e => e.id === id),
          )
          t.ok(
            (await envelopes.lockDueToOpen(tx, { nowMs: nowMs() + 5_000, limit: 9 })).some(e => e.id === id),
          )
          await envelopes.openEnvelopes(tx, [id])
        })
        t.match(await rowOf(id), { state: 'live', epoch: 2 })
      })

      t.test('cursors and dead letters belong to one Redis', async t => {
        const entry = { ...reservation(await hide(1), await addPlayer(), 1), entryId: '5-1', partition: 3 }
        t.equal(await record.readCursor(3, 'one'), undefined)
        await record.storeCursor(3, 'one', '5-1', nowMs())
        await record.storeCursor(3, 'one', '6-0', nowMs())
        t.equal(await record.readCursor(3, 'one'), '6-0')
        t.equal(await record.readCursor(3, 'two'), undefined)
        const letter = { entry, redisIdentity: 'one', fault: 'bad', attempts: 1, buried: false }
        await record.noteDeadLetter(letter, nowMs())
        await record.noteDeadLetter({ ...letter, attempts: 2 }, nowMs())
        t.same(await record.listDeadLetters(3, 'one'), [{ ...entry, attempts: 2 }])
        t.same(await record.listDeadLetters(3, 'two'), [])
        t.same(await record.readProgress('one'), { cursors: new Map([[3, '6-0']]), retries: [3] })
        t.same(await record.readProgress('two'), { cursors: new Map(), retries: [] })
        await record.noteDeadLetter({ ...letter, attempts: 8, buried: true }, nowMs())
        t.same(await record.listDeadLetters(3, 'one'), [])
        await record.noteDeadLetter({ ...letter, entry: { ...entry, entryId: '7-0' } }, nowMs())
        await record.forgetDeadLetters(3, 'one', ['7-0'])
        t.same((await record.readProgress('one')).retries, [])
      })

      t.test('an advisory lock is held by one, and goes with its work', async t => {
        const inner = () => record.withLocks('rebuild', ['x', 'z'], async held => held)
        const outer = await record.withLocks('rebuild', ['x'], async held => [
          held,
          await inner(),
          await record.withLocks('sweep', ['x'], async other => other),
        ])
        t.same(outer, [['x'], ['z'], ['x']])
        t.same(await inner(), ['x', 'z'])
        const broken = record.withLocks('rebuild', ['x'], () => Promise.reject(new Error('broke')))
        t.equal(await outcome(broken), 'broke')
        t.same(await inner(), ['x', 'z'])
      })

      t.test(
        'whoever waits for a lock for too long is told that the database is busy, not that the row is bad',
        async t => {
          const id = await hide(1)
          await record.transact(async tx => {
            await record.lockEnvelopes(tx, [id])
            t.equal(await outcome(record.transact(other => record.lockEnvelopes(other, [id]))), 'down')
          })
        },
      )
    })
})
