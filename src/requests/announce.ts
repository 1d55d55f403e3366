/**
 * Who is told of a change, after its commit: those near it, the two whom it concerns, those whose offers stood or stand
 * again, and those whose wallets it moved.
 */
import { toMoney } from '../envelopes/view.ts'
import type { RequestAnnouncer } from '../realtime/announcer.ts'
import { toLiveRequest } from './live-request.ts'
import { type Offer, refundMinorOf, type ServiceRequest } from './request.ts'
import { isEnded, isPublic, keepsOffers } from './state.ts'

export type Change = {
  before: ServiceRequest
  after: ServiceRequest
  /** Offers that stand when the request is closed to them, or open again. */
  standing?: readonly Offer[]
}

export function announceChange(announcer: RequestAnnouncer, change: Change): void {
  const { before, after } = change
  tellThoseNear(announcer, change)
  tellThoseOffering(announcer, change)
  if (before.state === after.state) return
  const providerId = after.providerId ?? before.providerId
  for (const playerId of [after.posterId, providerId]) {
    if (playerId === null) continue
    announcer.toPlayer(playerId, { type: 'request.state', serviceRequestId: after.id, state: after.state })
  }
  if (isEnded(after.state)) tellWallets(announcer, after)
}

function tellThoseNear(announcer: RequestAnnouncer, { before, after }: Change): void {
  if (!isPublic(after.state)) {
    if (isPublic(before.state)) announcer.requestClosed(toLiveRequest(after))
    return
  }
  const looksTheSame =
    isPublic(before.state) && before.priceMinor === after.priceMinor && before.reachM === after.reachM
  if (!looksTheSame) announcer.requestOpened(toLiveRequest(after))
}

function tellThoseOffering(announcer: RequestAnnouncer, { after, standing = [] }: Change): void {
  const { id: serviceRequestId, state } = after
  for (const { id: offerId, providerId } of standing) {
    const offer = { serviceRequestId, offerId }
    if (keepsOffers(state)) announcer.toPlayer(providerId, { type: 'offer.renewed', ...offer })
    else if (state === 'accepted' || state === 'cancelled' || state === 'expired')
      announcer.toPlayer(providerId, { type: 'offer.declined', ...offer, reason: state })
  }
}

function tellWallets(announcer: RequestAnnouncer, request: ServiceRequest): void {
  const { id: serviceRequestId, posterId, providerId, paidMinor, currency } = request
  const tell = (playerId: string, kind: 'request_pay' | 'request_refund', amountMinor: bigint) => {
    if (amountMinor === 0n) return
    const amount = toMoney(amountMinor, currency)
    announcer.toPlayer(playerId, { type: 'wallet.changed', kind, amount, serviceRequestId })
  }
  if (providerId !== null) tell(providerId, 'request_pay', paidMinor ?? 0n)
  tell(posterId, 'request_refund', refundMinorOf(request))
}
