/** What the two do once there is a provider: deliver, confirm, dispute; and how either gets out of it. */
import type { Tx } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Answered } from './accept.ts'
import { type Changed, type ChangeOrder, type ChangePorts, change } from './change.ts'
import type { RequestSettings, TakeGate } from './ports.ts'
import { actorOf, deliver, dispute, end, reopen, type ServiceRequest } from './request.ts'
import { readText } from './rules.ts'
import { isEnded, type RequestState } from './state.ts'
import { roleOf, viewRequest } from './view.ts'

export type ActPorts = ChangePorts & { settings: RequestSettings; gate: Pick<TakeGate, 'release'> }

type Act = { caller: PlayerCaller; id: string }

async function act(
  ports: ActPorts,
  { caller, id }: Act,
  { action, apply }: Pick<ChangeOrder, 'action' | 'apply'>,
): Promise<Answered> {
  const order = { id, action, apply, actorOf: (request: ServiceRequest) => actorOf(request, caller.id) }
  return answerTo(ports, caller, await change(ports, order))
}

const answerTo = ({ settings }: ActPorts, { id }: PlayerCaller, changed: Changed): Answered =>
  changed.status === 'refused'
    ? changed
    : { status: 200, body: viewRequest(changed.after, roleOf(changed.after, id), settings.hmacSecret) }

export const deliverRequest = (ports: ActPorts, request: Act): Promise<Answered> =>
  act(ports, request, {
    action: 'deliver',
    apply: async (_tx, request) => deliver(request, ports.clock.nowMs()),
  })

/** Pays the whole price. */
export const confirmRequest = (ports: ActPorts, request: Act): Promise<Answered> =>
  act(ports, request, {
    action: 'confirm',
    apply: async (_tx, request) => confirmNow(request, ports.clock.nowMs()),
  })

export const confirmNow = (request: ServiceRequest, nowMs: number): ServiceRequest =>
  end(request, { to: 'confirmed', paidMinor: request.priceMinor, nowMs })

/** The reason is for the provider and the operator to read. */
export async function disputeRequest(
  ports: ActPorts,
  { reason: raw, ...request }: Act & { reason: string },
): Promise<Answered> {
  const reason = readText('reason', raw, { allowContact: true })
  if (isRefusal(reason)) return reason
  return act(ports, request, {
    action: 'dispute',
    apply: async (_tx, request) => dispute(request, reason.text ?? ''),
  })
}

/**
 * The poster's end, with the configured fee for a provider who is not overdue; or the provider's way out, which opens
 * it again. A provider who repeats that is a rival by then, and hears the same.
 */
export async function cancelRequest(ports: ActPorts, { caller, id }: Act): Promise<Answered> {
  const { record, settings } = ports
  const changed = await change(ports, {
    ...{ id, action: 'cancel', actorOf: request => actorOf(request, caller.id) },
    apply: async (tx, request, to) => {
      const nowMs = ports.clock.nowMs()
      if (!isEnded(to)) return dropIn(ports, tx, { request, to, nowMs })
      return end(request, { to, paidMinor: feeMinorOf(request, { ...settings, nowMs }), nowMs })
    },
  })
  if (changed.status === 'changed') await openGate(ports, changed.before)
  if (changed.status !== 'refused' || changed.code !== 'not_your_request')
    return answerTo(ports, caller, changed)
  return ports.transact(async tx => {
    const hasDropped = await record.hasDropped(tx, { requestId: id, providerId: caller.id })
    const request = hasDropped ? await record.find(tx, id) : undefined
    return request === undefined ? changed : answerTo(ports, caller, { status: 'same', after: request })
  })
}

/** For the provider's way, who set out for nothing; nobody is paid for being late. */
export function feeMinorOf(
  { state, priceMinor, dueAtMs }: ServiceRequest,
  { cancelFeePercent, nowMs }: { cancelFeePercent: number; nowMs: number },
): bigint {
  const isOwed = state === 'accepted' && dueAtMs !== null && nowMs < dueAtMs
  return isOwed ? (priceMinor * BigInt(cancelFeePercent)) / 100n : 0n
}

type Drop = { request: ServiceRequest; to: RequestState; nowMs: number }

/** The provider is out of it, their offer, if it was one, does not come back, and the quota counts it. */
export async function dropIn(
  { record }: Pick<ChangePorts, 'record'>,
  tx: Tx,
  { request, to, nowMs }: Drop,
): Promise<ServiceRequest> {
  const { id: requestId, providerId } = request
  if (providerId !== null) {
    await record.dropAcceptance(tx, { requestId, providerId, nowMs })
    await record.withdrawOffer(tx, { requestId, providerId, nowMs })
  }
  return reopen(request, to, nowMs)
}

/** After the commit, for the next taker; who comes before it is told for a few seconds that it is taken. */
export async function openGate(
  { gate }: { gate: Pick<TakeGate, 'release'> },
  { id, mode, providerId }: ServiceRequest,
): Promise<void> {
  if (mode !== 'first_taker' || providerId === null) return
  await gate.release({ requestId: id, providerId }).catch(() => undefined)
}
