/** A service request, what becomes of it with each move, and the transfers that go with that. Nothing here decides. */
import assert from 'node:assert/strict'
import { v5 as uuidV5 } from 'uuid'
import { limits } from '#protocol/limits.ts'
import type { ServiceRequestCategory } from '#protocol/rest/service-requests.ts'
import type { Static } from 'typebox'
import type { Cell } from '../geo/cell.ts'
import type { Point } from '../geo/point.ts'
import { type AccountRef, escrowOf, walletOf } from '../ledger/account.ts'
import type { Transfer } from '../ledger/transfer.ts'
import { type Actor, type EndState, isEnded, type RequestMode, type RequestState } from './state.ts'

export type RequestCategory = Static<typeof ServiceRequestCategory>

export type ServiceRequest = {
  id: string
  posterId: string
  deviceId: string | null
  mode: RequestMode
  category: RequestCategory
  text: string
  instructions: string | null
  /** WGS-84; for the poster and the accepted provider alone. */
  place: Point
  /** Resolution 12. */
  cell: Cell
  currency: string
  /** With every top-up. */
  priceMinor: bigint
  topUps: number
  state: RequestState
  version: bigint
  offers: number
  providerId: string | null
  reachM: number
  widensAtMs: number | null
  /** When the clock acts on it: expiry, an overdue delivery, an overdue confirmation. */
  dueAtMs: number | null
  deliverWithinS: number
  createdAtMs: number
  /** When its price went into escrow; a draft has none there. */
  fundedAtMs: number | null
  /** Of a draft: when it is forgotten. */
  expiresAtMs: number
  acceptedAtMs: number | null
  deliveredAtMs: number | null
  disputeReason: string | null
  endedAtMs: number | null
  paidMinor: bigint | null
}

/** A provider's answer to a request; `withdrawnAtMs` where it does not stand any more. */
export type Offer = {
  id: string
  requestId: string
  providerId: string
  note: string | null
  /** That it was made on, where the token named one. */
  deviceId: string | null
  createdAtMs: number
  withdrawnAtMs: number | null
}

/** The same provider's offer for a request is the same offer. */
export const offerIdOf = (requestId: string, providerId: string): string => uuidV5(providerId, requestId)

export const actorOf = ({ posterId, providerId }: ServiceRequest, playerId: string): Actor =>
  playerId === posterId ? 'poster' : playerId === providerId ? 'provider' : 'rival'

const { reachesM, widenEveryMs, confirmWithinMs } = limits.serviceRequest

/** The circle that comes after one of this radius; undefined behind the widest. */
export const nextReachM = (reachM: number): number | undefined => reachesM.find(one => one > reachM)

/** Shown to those nearest first, now or again. */
export const showAgain = (nowMs: number) => ({ reachM: reachesM[0], widensAtMs: nowMs + widenEveryMs })

export function widen(request: ServiceRequest, nowMs: number): ServiceRequest {
  const reachM = nextReachM(request.reachM) ?? request.reachM
  const isWidest = nextReachM(reachM) === undefined
  return { ...request, reachM, widensAtMs: isWidest ? null : nowMs + widenEveryMs }
}

/** Paid for; seen by others now, or once its text is released. */
export const publish = (
  request: ServiceRequest,
  { to, expiresAtMs, nowMs }: { to: RequestState; expiresAtMs: number; nowMs: number },
): ServiceRequest => ({
  ...request,
  ...(to === 'open' ? showAgain(nowMs) : { widensAtMs: null }),
  ...{ state: to, fundedAtMs: nowMs, expiresAtMs, dueAtMs: expiresAtMs },
})

/** Nobody sees it until its text is judged; offers stand meanwhile. */
export const hold = (request: ServiceRequest): ServiceRequest => ({
  ...request,
  ...{ state: 'review', widensAtMs: null },
})

/** In somebody's hands: from here on its place is known to two. */
export const acceptBy = (request: ServiceRequest, providerId: string, nowMs: number): ServiceRequest => ({
  ...request,
  ...{ state: 'accepted', providerId, acceptedAtMs: nowMs, widensAtMs: null },
  dueAtMs: nowMs + request.deliverWithinS * 1_000,
})

/** The provider is out of it; whose time is over meanwhile expires at the next turn of the clock. */
export const reopen = (request: ServiceRequest, to: RequestState, nowMs: number): ServiceRequest => ({
  ...request,
  ...{ state: to, providerId: null, acceptedAtMs: null, dueAtMs: request.expiresAtMs, ...showAgain(nowMs) },
})

export const deliver = (request: ServiceRequest, nowMs: number): ServiceRequest => ({
  ...request,
  ...{ state: 'delivered', deliveredAtMs: nowMs, dueAtMs: nowMs + confirmWithinMs },
})

export const dispute = (request: ServiceRequest, reason: string): ServiceRequest => ({
  ...request,
  ...{ state: 'disputed', disputeReason: reason, dueAtMs: null },
})

/** Over: the provider gets `paidMinor` of the price and the poster the rest. */
export const end = (
  request: ServiceRequest,
  { to, paidMinor, nowMs }: { to: EndState; paidMinor: bigint; nowMs: number },
): ServiceRequest => ({
  ...request,
  ...{ state: to, paidMinor, endedAtMs: nowMs, dueAtMs: null, widensAtMs: null },
})

export const topUp = (request: ServiceRequest, amountMinor: bigint): ServiceRequest => ({
  ...request,
  ...{ priceMinor: request.priceMinor + amountMinor, topUps: request.topUps + 1 },
})

/** What the escrow holds: the whole price until the end. */
export const escrowMinorOf = ({ state, priceMinor, fundedAtMs }: ServiceRequest): bigint =>
  isEnded(state) || fundedAtMs === null ? 0n : priceMinor

/** What goes back to the poster at the end. */
export const refundMinorOf = ({ priceMinor, paidMinor, fundedAtMs }: ServiceRequest): bigint =>
  paidMinor === null || fundedAtMs === null ? 0n : priceMinor - paidMinor

type Kind = 'request_escrow' | 'request_top_up' | 'request_pay' | 'request_refund'
type Movement = {
  name: string
  kind: Kind
  debit: AccountRef
  credit: AccountRef
  amountMinor: bigint
  atMs: number
}

const move = (
  { id, currency }: ServiceRequest,
  { name, kind, debit, credit, amountMinor, atMs }: Movement,
): Transfer => ({
  // Named after the request, so doing it twice is doing the same thing.
  id: uuidV5(name, id),
  ...{ kind, debit, credit, amountMinor, currency, serviceRequestId: id, createdAtMs: atMs },
})

const posterWallet = ({ posterId, currency }: ServiceRequest): AccountRef => walletOf(posterId, currency)
const held = ({ id, currency }: ServiceRequest): AccountRef => escrowOf(id, currency)

/** Wallet to escrow: the price of a request that is posted. */
export function fundRequest(request: ServiceRequest): Transfer {
  const { priceMinor: amountMinor, fundedAtMs: atMs } = request
  assert(atMs !== null, 'a draft is not paid for')
  return move(request, {
    ...{ name: 'escrow', kind: 'request_escrow', debit: posterWallet(request), credit: held(request) },
    ...{ amountMinor, atMs },
  })
}

/** Wallet to escrow: what {@link topUp} has added. */
export const fundTopUp = (request: ServiceRequest, amountMinor: bigint, atMs: number): Transfer =>
  move(request, {
    ...{ name: `top-up:${request.topUps}`, kind: 'request_top_up', debit: posterWallet(request) },
    ...{ credit: held(request), amountMinor, atMs },
  })

/** Escrow to the two wallets, down to nothing: of a request that has just ended. */
export function releaseEscrow(request: ServiceRequest): Transfer[] {
  const { paidMinor, providerId, endedAtMs: atMs, currency } = request
  assert(paidMinor !== null && atMs !== null, 'only what has ended is paid')
  const transfers: Transfer[] = []
  if (paidMinor > 0n) {
    assert(providerId !== null, 'somebody is paid')
    const credit = walletOf(providerId, currency)
    const pay = { name: 'payout', kind: 'request_pay', debit: held(request), credit } as const
    transfers.push(move(request, { ...pay, amountMinor: paidMinor, atMs }))
  }
  const amountMinor = refundMinorOf(request)
  if (amountMinor > 0n) {
    const back = { name: 'refund', kind: 'request_refund', debit: held(request) } as const
    transfers.push(move(request, { ...back, credit: posterWallet(request), amountMinor, atMs }))
  }
  return transfers
}
