/**
 * Every change of a service request: lock its row, decide by the table, replace it, and move the money that goes with
 * its new state, in one transaction. Whoever comes second sees the first, so of two accepts, or a confirm and a
 * dispute, exactly one happens. The lock order is request, player, review, accounts.
 */
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { RequestAnnouncer } from '../realtime/announcer.ts'
import { announceChange, type Change } from './announce.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { Transact } from '#platform/postgres.ts'
import type { Budgets, RequestRecord } from './ports.ts'
import type { ReviewDesk } from '../reviews/desk.ts'
import { releaseEscrow, type ServiceRequest } from './request.ts'
import { type Action, type Actor, decide, isEnded, keepsOffers, type RequestState } from './state.ts'

export type ChangePorts = {
  transact: Transact
  record: RequestRecord
  ledger: Ledger
  budgets: Budgets
  /** Nobody needs to judge what is over. */
  reviews: Pick<ReviewDesk, 'withdraw'>
  announcer: RequestAnnouncer
  clock: Clock
}

export type ChangeOrder = {
  id: string
  action: Action
  actorOf: (request: ServiceRequest) => Actor
  /** What is next, once it is allowed; it refuses before it writes. */
  apply: (tx: Tx, request: ServiceRequest, to: RequestState) => Promise<ServiceRequest | Refusal>
}

/** `same`: it was so already. */
export type Changed = ({ status: 'changed' } & Change) | { status: 'same'; after: ServiceRequest } | Refusal

/** In a transaction of its own; those concerned are told after the commit. */
export async function change(ports: ChangePorts, order: ChangeOrder): Promise<Changed> {
  const changed = await ports.transact(tx => changeIn(ports, tx, order))
  if (changed.status === 'changed') announceChange(ports.announcer, changed)
  return changed
}

/** `not_found`, what the table refuses, what `apply` refuses, `frozen` where it would pay. */
export async function changeIn(
  { record, ledger, budgets, reviews }: Pick<ChangePorts, 'record' | 'ledger' | 'budgets' | 'reviews'>,
  tx: Tx,
  { id, action, actorOf, apply }: ChangeOrder,
): Promise<Changed> {
  const before = await record.lock(tx, id)
  if (before === undefined) return refuse('not_found')
  const offersLeft = before.offers - (action === 'withdraw' ? 1 : 0)
  const { state, mode } = before
  const decision = decide({ state, mode, actor: actorOf(before), action, offersLeft })
  if (decision.status === 'refused') return decision
  if (decision.status === 'again') return { status: 'same', after: before }
  const next = await apply(tx, before, decision.to)
  if ('status' in next) return next
  if ((next.paidMinor ?? 0n) > 0n && (await isFrozen(budgets, tx, next))) return refuse('frozen')
  const after = { ...next, version: await record.store(tx, before, next) }
  if (isEnded(after.state)) {
    await reviews.withdraw(tx, { kind: 'service_request', subjectId: id, nowMs: after.endedAtMs ?? 0 })
    await ledger.post(tx, releaseEscrow(after))
  }
  const concernsOffers = after.offers > 0 && keepsOffers(before.state) !== keepsOffers(after.state)
  const standing = concernsOffers ? await record.listStanding(tx, after) : []
  return { status: 'changed', before, after, standing }
}

/** Whether payouts are stopped for what this player pays for. */
export const isFrozen = (
  budgets: Budgets,
  tx: Tx,
  { posterId, currency }: Pick<ServiceRequest, 'posterId' | 'currency'>,
): Promise<boolean> =>
  budgets.isFrozen(tx, { hiderKind: 'player', hiderId: posterId, currency, campaignId: undefined })
