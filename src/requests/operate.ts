/** The operator's two words on a service request: how a dispute ends, and that something should not be there. */
import type { Static } from 'typebox'
import { splitServiceRequest } from '#protocol/rest/service-request-steps.ts'
import { type OperatorServiceRequest } from '#protocol/rest/service-requests.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import type { NoteAction } from '../operator/action.ts'
import { openGate } from './act.ts'
import { announceChange, type Change } from './announce.ts'
import { type ChangePorts, changeIn } from './change.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { RequestSettings, TakeGate } from './ports.ts'
import { end, type ServiceRequest } from './request.ts'
import { broken } from './rules.ts'
import { viewForOperator } from './view.ts'

export type OperatePorts = ChangePorts & {
  runOnce: RunOnce
  noteAction: NoteAction
  gate: Pick<TakeGate, 'release'>
  settings: RequestSettings
}

type OperatorView = { status: 200; body: Static<typeof OperatorServiceRequest> }

export type SplitOrder = { id: string; providerMinor: string; reason: string; idempotencyKey: string }

/** What the table refuses, `request_refused` split_exceeds_price, `frozen`. */
export async function splitRequest(
  ports: OperatePorts,
  { idempotencyKey: key, ...order }: SplitOrder,
): Promise<OperatorView | Refusal> {
  const { clock, settings, announcer } = ports
  const nowMs = clock.nowMs()
  const paidMinor = BigInt(order.providerMinor)
  let told: Change | undefined
  const request = { tenant: 'operator', operation: splitServiceRequest.id, key, body: order, nowMs }
  const answer = await ports.runOnce<OperatorView>(request, async tx => {
    const changed = await changeIn(ports, tx, {
      ...{ id: order.id, action: 'split', actorOf: () => 'operator' },
      apply: async (_tx, one) =>
        paidMinor > one.priceMinor
          ? broken('split_exceeds_price')
          : end(one, { to: 'settled', paidMinor, nowMs }),
    })
    if (changed.status === 'refused') return changed
    if (changed.status === 'changed') {
      told = changed
      await note(ports, tx, { ...changed, action: 'split_request', reason: order.reason })
    }
    return { status: 200, body: viewForOperator(changed.after, settings.hmacSecret) }
  })
  if (told !== undefined && !isRefusal(answer)) announceChange(announcer, told)
  return answer
}

/** Everything goes back to the poster; repeating it changes nothing. */
export async function removeRequest(
  ports: OperatePorts,
  { id, reason }: { id: string; reason: string },
): Promise<OperatorView | Refusal> {
  const { clock, settings, announcer } = ports
  const nowMs = clock.nowMs()
  const changed = await ports.transact(async tx => {
    const outcome = await changeIn(ports, tx, {
      ...{ id, action: 'cancel', actorOf: () => 'operator' },
      apply: async (_tx, one) => end(one, { to: 'cancelled', paidMinor: 0n, nowMs }),
    })
    if (outcome.status === 'changed') await note(ports, tx, { ...outcome, action: 'cancel_request', reason })
    return outcome
  })
  if (changed.status === 'refused') return changed
  if (changed.status === 'changed') {
    announceChange(announcer, changed)
    await openGate(ports, changed.before)
  }
  return { status: 200, body: viewForOperator(changed.after, settings.hmacSecret) }
}

type Noted = Change & { action: 'split_request' | 'cancel_request'; reason: string }

const figuresOf = ({ state, priceMinor, paidMinor }: ServiceRequest) => ({
  state,
  priceMinor,
  ...(paidMinor !== null && { paidMinor }),
})

const note = (
  { noteAction, clock }: OperatePorts,
  tx: Tx,
  { before, after, action, reason }: Noted,
): Promise<void> =>
  noteAction(tx, {
    ...{ actor: 'operator', action, target: { serviceRequestId: after.id }, reason },
    ...{ before: figuresOf(before), after: figuresOf(after), atMs: clock.nowMs() },
  })
