/**
 * Hands reserved payouts over to the provider, after their commit and outside of any transaction: no provider can hold
 * a lock of ours. A try is counted before the provider is called, so that a server that dies in between has tried; the
 * provider hears of a payout once at least, always with the same key. After the last try the payout stays reserved and
 * waits for the operator: nobody knows whether the provider has paid, so nothing is returned by itself.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Job } from '#platform/jobs.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { announceEnd, endPayout, type EndPorts } from './end.ts'
import type { Payout, PayoutRecord } from './payout.ts'
import type { PayoutProvider, Submission } from './provider.ts'

/** Delays double from the first to the longest: the last of twelve tries is some four hours after the first. */
export const retry = { tries: 12, firstDelayMs: 15_000, longestDelayMs: 3_600_000 }
/** Below the time after which PostgreSQL would take the job's lock away. */
const patienceMs = 5_000
const batch = 10
const everyMs = 1_000

export type HandOverPorts = EndPorts & {
  record: Pick<PayoutRecord, 'beginTries' | 'noteByHand' | 'noteSubmitted' | 'lock' | 'end'>
  database: Pick<Database, 'query' | 'transact'>
  provider: PayoutProvider
  announcer: Pick<Announcer, 'toPlayer'>
  log: Pick<Logger, 'warn' | 'error'>
  clock: Clock
}

/** Tries every payout that is due, ten at a time. */
export async function handOverDue(ports: HandOverPorts): Promise<{ more: boolean }> {
  const due = await ports.record.beginTries(ports.database, { nowMs: ports.clock.nowMs(), limit: batch })
  await Promise.all(due.map(payout => handOver(ports, payout)))
  return { more: due.length === batch }
}

async function handOver(ports: HandOverPorts, payout: Payout): Promise<void> {
  const { id, tries } = payout
  try {
    await note(ports, payout, await submit(ports, payout))
  } catch (error) {
    const isLast = tries >= retry.tries
    const report = { err: error, payoutId: id, tries }
    if (isLast) ports.log.error(report, 'a payout was not handed over; it waits for the operator')
    else ports.log.warn(report, 'a payout was not handed over; it is tried again')
  }
}

function submit({ provider, clock }: HandOverPorts, payout: Payout): Promise<Submission> {
  const { id, owner, amountMinor, currency, destination } = payout
  return new Promise((resolve, reject) => {
    const cancel = clock.after(patienceMs, () =>
      reject(new Error(`the provider was silent for ${patienceMs} ms`)),
    )
    const order = { idempotencyKey: id, owner, amountMinor, currency, destination }
    provider.submit(order).then(resolve, reject).finally(cancel)
  })
}

async function note(ports: HandOverPorts, { id }: Payout, submission: Submission): Promise<void> {
  const { record, database } = ports
  if (submission.status === 'by_hand') return record.noteByHand(database, id)
  if (submission.status === 'accepted') {
    return record.noteSubmitted(database, { id, reference: submission.reference })
  }
  const end = { outcome: 'failed', reason: submission.reason } as const
  const ended = await database.transact(tx => endPayout(ports, tx, { id, pointer: '', end }))
  if (isRefusal(ended)) throw new Error(`a rejected payout could not be returned: ${ended.code}`)
  if (ended.status === 'ended') announceEnd(ports.announcer, ended.payout)
}

export const createHandOverJob = (ports: HandOverPorts): Job => ({
  name: 'hand-over-payouts',
  everyMs,
  run: () => handOverDue(ports),
})
