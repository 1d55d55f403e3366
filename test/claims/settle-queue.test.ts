/** What the queue says of itself while the record takes its time: whose wins wait, since when, and when none does. */
import t from 'tap'
import type { Reservation } from '../../src/claims/reservation.ts'
import { createSettleQueue, settleLimits } from '../../src/claims/settle-queue.ts'
import type { Settled } from '../../src/claims/settle.ts'
import { createManualClock, settle as settleDown } from '../realtime/manual-clock.ts'

const reservationOf = (envelopeId: string, playerId: string): Reservation => ({
  ...{ envelopeId, playerId, shareNo: 1, epoch: 1, entryId: '1-0' },
})

/** The record answers, or breaks, when the test says so. */
function openQueue() {
  const clock = createManualClock()
  const batches: { answer(): void; fail(error: Error): void; size: number }[] = []
  const settled: string[] = []
  const queue = createSettleQueue({
    onSettled: envelopeId => void settled.push(envelopeId),
    ...{ clock, isOutage: error => (error as Error).message === 'outage', onOutage: () => {} },
    settle: reservations =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(reservations.map((): Settled => ({ status: 'fenced' })))
        batches.push({ answer, fail: reject, size: reservations.length })
      }),
  })
  return { clock, batches, queue, settled }
}

t.test('an envelope is being settled until the last of its wins is answered, well or not', async t => {
  const { queue, batches, settled } = openQueue()
  t.notOk(queue.isSettling('e'))
  const first = queue.settle(reservationOf('e', 'p'))
  t.ok(queue.isSettling('e'))
  t.notOk(queue.isSettling('f'))
  await settleDown()
  const second = queue.settle(reservationOf('e', 'q'))
  await settleDown()
  t.same(
    batches.map(({ size }) => size),
    [1, 1],
  )
  batches[0]?.answer()
  t.match(await first, { status: 'fenced' })
  t.ok(queue.isSettling('e'), 'the other one waits')
  t.same(settled, [])
  batches[1]?.fail(new Error('broken'))
  await t.rejects(second, { message: 'broken' })
  t.notOk(queue.isSettling('e'))
  t.same(settled, ['e'], 'and it is said, once')
  await queue.drain()
})

t.test('an outage keeps them waiting, and what is too old or too many makes it full', async t => {
  const { queue, batches, clock } = openQueue()
  const patient = queue.settle(reservationOf('e', 'p'))
  await settleDown()
  batches[0]?.fail(new Error('outage'))
  await settleDown()
  await clock.pass(settleLimits.oldestMs)
  t.ok(queue.isSettling('e'))
  t.notOk(queue.isFull())
  await clock.pass(1)
  t.ok(queue.isFull(), 'too old')
  batches.at(-1)?.answer()
  t.match(await patient, { status: 'fenced' })
  t.notOk(queue.isFull())
  const many = Array.from({ length: settleLimits.waiting }, (_, i) =>
    queue.settle(reservationOf('e', `p${i}`)),
  )
  t.ok(queue.isFull(), 'too many')
  const answerAll = async () => {
    for (let answered = 2; queue.isSettling('e'); await settleDown()) {
      if (answered < batches.length) batches[answered++]?.answer()
    }
  }
  await Promise.all([answerAll(), ...many])
  t.notOk(queue.isFull())
})
