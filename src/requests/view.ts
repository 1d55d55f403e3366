/**
 * What one sees of a service request. The exact place and the instructions are for the poster, and for the accepted
 * provider as long as it is in their hands; everybody else learns of no place here at all, and the list of what is near
 * shows a res-9 cell.
 */
import type { Static } from 'typebox'
import type {
  Offer as OfferAnswer,
  OperatorServiceRequest,
  ServiceRequest as RequestAnswer,
} from '#protocol/rest/service-requests.ts'
import { pseudonymOf } from '../envelopes/audience.ts'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import { escrowMinorOf, type Offer, refundMinorOf, type ServiceRequest } from './request.ts'
import { isEnded, isPublic, isUnderWay } from './state.ts'

export type Role = RequestAnswer['role']

export const roleOf = ({ posterId, providerId }: ServiceRequest, playerId: string): Role =>
  playerId === posterId ? 'poster' : playerId === providerId ? 'provider' : 'other'

/** A provider's name for the poster, the same within one request and no id. */
export const nameProvider = (
  hmacSecret: string,
  { id, posterId }: Pick<ServiceRequest, 'id' | 'posterId'>,
  providerId: string,
): string =>
  pseudonymOf(hmacSecret, { envelopeId: id, hider: { kind: 'player', id: posterId }, playerId: providerId })

export function viewRequest(request: ServiceRequest, role: Role, hmacSecret: string): RequestAnswer {
  const { currency, priceMinor, state } = request
  const price = toMoney(priceMinor, currency)
  return {
    ...{ id: request.id, mode: request.mode, category: request.category, text: request.text, state, price },
    ...{ deliverWithinS: request.deliverWithinS, role },
    createdAt: toTimestamp(request.createdAtMs),
    expiresAt: toTimestamp(request.expiresAtMs),
    ...(role !== 'other' && viewShared(request, role, hmacSecret)),
    ...(role === 'poster' && {
      offers: request.offers,
      ...(isPublic(state) && { reachM: request.reachM }),
      escrow: toMoney(escrowMinorOf(request), currency),
    }),
  }
}

function viewShared(request: ServiceRequest, role: Role, hmacSecret: string): Partial<RequestAnswer> {
  const { state, currency, place, providerId, acceptedAtMs, deliveredAtMs, endedAtMs } = request
  const { dueAtMs, paidMinor, instructions, disputeReason } = request
  const knowsPlace = role === 'poster' || isUnderWay(state)
  return {
    ...(providerId !== null && { provider: nameProvider(hmacSecret, request, providerId) }),
    ...(acceptedAtMs !== null && { acceptedAt: toTimestamp(acceptedAtMs) }),
    ...(state === 'accepted' && dueAtMs !== null && { deliverBy: toTimestamp(dueAtMs) }),
    ...(deliveredAtMs !== null && { deliveredAt: toTimestamp(deliveredAtMs) }),
    ...(state === 'delivered' && dueAtMs !== null && { confirmedBy: toTimestamp(dueAtMs) }),
    ...(disputeReason !== null && { disputeReason }),
    ...(endedAtMs !== null && { endedAt: toTimestamp(endedAtMs) }),
    ...(isEnded(state) &&
      paidMinor !== null && {
        paid: toMoney(paidMinor, currency),
        refunded: toMoney(refundMinorOf(request), currency),
      }),
    ...(knowsPlace && { place: { type: 'Point' as const, coordinates: [place.lng, place.lat] } }),
    ...(knowsPlace && instructions !== null && { instructions }),
  }
}

/** As the poster sees it, and who the two are. */
export const viewForOperator = (
  request: ServiceRequest,
  hmacSecret: string,
): Static<typeof OperatorServiceRequest> => ({
  ...viewRequest(request, 'poster', hmacSecret),
  posterId: request.posterId,
  ...(request.providerId !== null && { providerId: request.providerId }),
})

export const viewOffer = (
  offer: Offer,
  request: ServiceRequest,
  hmacSecret: string,
): Static<typeof OfferAnswer> => ({
  id: offer.id,
  serviceRequestId: offer.requestId,
  provider: nameProvider(hmacSecret, request, offer.providerId),
  ...(offer.note !== null && { note: offer.note }),
  status:
    offer.withdrawnAtMs !== null
      ? 'withdrawn'
      : request.providerId === offer.providerId
        ? 'accepted'
        : 'standing',
  createdAt: toTimestamp(offer.createdAtMs),
})
