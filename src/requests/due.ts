/**
 * What the clock does: pays back what expired, opens again what was not delivered in time, confirms after silence, and
 * shows what nobody has got to those farther away. Each request in a transaction of its own, which decides anew by the
 * row; one that cannot be done now (payouts are frozen, or its escrow is not what it should be) is put off for a
 * minute, so that the others do not wait behind it.
 */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import type { Job } from '#platform/jobs.ts'
import { toMoney } from '../envelopes/view.ts'
import { confirmNow, dropIn, openGate } from './act.ts'
import { announceChange } from './announce.ts'
import { type Changed, type ChangePorts, change } from './change.ts'
import type { TakeGate } from './ports.ts'
import { end, type ServiceRequest, widen } from './request.ts'
import { type Action, isPublic, type RequestState } from './state.ts'

export type DuePorts = ChangePorts & {
  gate: Pick<TakeGate, 'release'>
  /** PostgreSQL refuses the row itself, whoever asks and whenever. */
  isRowError: (error: unknown) => boolean
  log: Pick<Logger, 'error'>
}

const everyMs = 500
const batch = 100
const putOffMs = 60_000

const actionOf: Partial<Record<RequestState, Action>> = {
  draft: 'expire',
  review: 'expire',
  open: 'expire',
  offered: 'expire',
  accepted: 'lapse',
  delivered: 'confirm',
}

/** The states that end, or go back, when their time is over; a delivery is confirmed then. */
export const expiring: readonly RequestState[] = ['draft', 'review', 'open', 'offered', 'accepted']

/** One batch; `more` when it was full. */
export async function actOnDue(ports: DuePorts, states: readonly RequestState[]): Promise<{ more: boolean }> {
  const nowMs = ports.clock.nowMs()
  const ids = await ports.transact(tx => ports.record.listDue(tx, { states, nowMs, limit: batch }))
  for (const id of ids) await actOn(ports, id, nowMs)
  return { more: ids.length === batch }
}

async function actOn(ports: DuePorts, id: string, nowMs: number): Promise<void> {
  try {
    const changed = await actOnRow(ports, id, nowMs)
    if (changed?.status === 'changed') await openGate(ports, changed.before)
    if (changed?.status === 'refused' && changed.code === 'frozen') await putOff(ports, id, nowMs)
  } catch (error) {
    if (!ports.isRowError(error)) throw error
    ports.log.error(
      { err: error, serviceRequestId: id },
      'a service request cannot be ended; it is tried again',
    )
    await putOff(ports, id, nowMs)
  }
}

/** Undefined where it is not due any more; whoever changed it meanwhile changes what the clock does, too. */
async function actOnRow(ports: DuePorts, id: string, nowMs: number): Promise<Changed | undefined> {
  const seen = await ports.transact(tx => ports.record.find(tx, id))
  const action = seen && actionOf[seen.state]
  if (seen === undefined || action === undefined) return undefined
  return change(ports, {
    ...{ id, action, actorOf: () => 'clock' },
    apply: async (tx, request, to) => {
      // A row that is not due now is left as it is: stored anew, and due when it says.
      if (request.dueAtMs === null || request.dueAtMs > nowMs) return request
      if (action === 'lapse') return dropIn(ports, tx, { request, to, nowMs })
      if (action === 'confirm') return confirmNow(request, nowMs)
      return end(request, { to: 'expired', paidMinor: 0n, nowMs })
    },
  })
}

async function putOff({ transact, record }: DuePorts, id: string, nowMs: number): Promise<void> {
  await transact(async tx => {
    const request = await record.lock(tx, id)
    if (request === undefined || request.dueAtMs === null) return
    await record.store(tx, request, { ...request, dueAtMs: nowMs + putOffMs })
  })
}

/** One batch; the posters are told what more money might do. */
export async function widenDue(ports: DuePorts): Promise<{ more: boolean }> {
  const { transact, record, announcer, clock } = ports
  const nowMs = clock.nowMs()
  const ids = await transact(tx => record.listWidening(tx, { nowMs, limit: batch }))
  for (const id of ids) {
    const widened = await transact(async tx => {
      const before = await record.lock(tx, id)
      if (before === undefined || !isPublic(before.state)) return undefined
      if (before.widensAtMs === null || before.widensAtMs > nowMs) return undefined
      const after = widen(before, nowMs)
      return { before, after: { ...after, version: await record.store(tx, before, after) } }
    })
    if (widened === undefined) continue
    announceChange(announcer, widened)
    const { posterId, reachM, currency } = widened.after
    const suggestedMinor = suggestPrice(widened.after)
    announcer.toPlayer(posterId, {
      ...{ type: 'request.waiting', serviceRequestId: id, reachM },
      ...(suggestedMinor !== undefined && { suggestedPrice: toMoney(suggestedMinor, currency) }),
    })
  }
  return { more: ids.length === batch }
}

/** A fifth more, rounded up, and nothing above the highest price. */
export function suggestPrice({ priceMinor }: Pick<ServiceRequest, 'priceMinor'>): bigint | undefined {
  const { raisePercent, maxMinor } = limits.serviceRequest
  const raised = (priceMinor * BigInt(100 + raisePercent) + 99n) / 100n
  return raised > maxMinor ? undefined : raised
}

export const createRequestJobs = (ports: DuePorts): Job[] => [
  { name: 'expire-requests', everyMs, run: () => actOnDue(ports, expiring) },
  { name: 'confirm-requests', everyMs, run: () => actOnDue(ports, ['delivered']) },
  { name: 'widen-requests', everyMs, run: () => widenDue(ports) },
]
