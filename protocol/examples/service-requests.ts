/** Examples of service requests: Lin has to leave the queue at the tea house, and Mei stands in for her. */
import {
  acceptOffer,
  cancelServiceRequest,
  confirmServiceRequest,
  deliverServiceRequest,
  disputeServiceRequest,
  listOffers,
  listServiceRequestsByState,
  offerOnServiceRequest,
  postDraft,
  removeServiceRequest,
  splitServiceRequest,
  takeServiceRequest,
  topUpServiceRequest,
  withdrawOffer,
} from '../rest/service-request-steps.ts'
import {
  getServiceRequest,
  listOwnServiceRequests,
  listServiceRequests,
  listTakenServiceRequests,
  postServiceRequest,
} from '../rest/service-requests.ts'
import { exampleOf } from './example.ts'
import { cny, fix, lin, mei, place } from './story.ts'

export const serviceRequestId = '019c69d0-7a10-7d2e-8a41-5b1f2f9d6c30'
/** Of Mei, for this request: uuid v5 of both. */
export const offerId = '90023c87-1d1b-5ee6-ac57-bb11e42e94b9'
const params = { id: serviceRequestId }
const text = 'Queue for me at the tea house, about half an hour'
const instructions = 'Table for Lin, number 44'
export const provider = '7b1f09c2aa54d3e8'
const times = {
  posted: '2026-02-17T04:20:00.080Z',
  accepted: '2026-02-17T04:24:10.300Z',
  deliverBy: '2026-02-17T10:24:10.300Z',
  delivered: '2026-02-17T05:01:44.512Z',
  confirmedBy: '2026-02-20T05:01:44.512Z',
  ended: '2026-02-17T05:03:05.911Z',
  expires: '2026-02-18T04:20:00.080Z',
}

/** The res-9 cell of the place, and its outline. */
const cell = '89309959d73ffff'
export const requestZone = {
  type: 'Polygon' as const,
  coordinates: [
    [
      [121.471894, 31.2296],
      [121.472249, 31.228138],
      [121.474055, 31.227836],
      [121.475508, 31.228995],
      [121.475154, 31.230456],
      [121.473347, 31.230759],
      [121.471894, 31.2296],
    ] as [number, number][],
  ],
}

export const nearRequest = {
  ...{ serviceRequestId, withinM: 1_000, cell, mode: 'choose' as const, category: 'queueing' as const },
  ...{ text, price: cny('3000'), expiresAt: times.expires },
}

const shown = {
  ...{ id: serviceRequestId, mode: 'choose' as const, category: 'queueing' as const, text },
  ...{ state: 'open' as const, price: cny('3000'), deliverWithinS: 21_600 },
  ...{ createdAt: times.posted, expiresAt: times.expires, role: 'other' as const },
}
const own = { ...shown, role: 'poster' as const, place, instructions, offers: 0, escrow: cny('3000') }
const open = { ...own, reachM: 1_000 }
const inHands = { provider, acceptedAt: times.accepted }
const accepted = { ...own, ...inHands, state: 'accepted' as const, deliverBy: times.deliverBy }
const forMei = { ...shown, role: 'provider' as const, place, instructions, ...inHands }
const delivered = {
  ...{ ...forMei, state: 'delivered' as const },
  ...{ deliveredAt: times.delivered, confirmedBy: times.confirmedBy },
}
const ended = { ...inHands, deliveredAt: times.delivered, endedAt: times.ended }
const confirmed = {
  ...{ ...own, ...ended, state: 'confirmed' as const },
  ...{ escrow: cny('0'), paid: cny('3000'), refunded: cny('0') },
}
const disputeReason = 'Nobody stood there when I came back'
const disputed = {
  ...{ ...own, ...inHands, state: 'disputed' as const, deliveredAt: times.delivered, disputeReason },
}
const settled = {
  ...{ ...own, ...ended, state: 'settled' as const, disputeReason },
  ...{ escrow: cny('0'), paid: cny('1000'), refunded: cny('2000') },
}
const people = { posterId: lin, providerId: mei }
const cancelled = {
  ...{ ...own, state: 'cancelled' as const, endedAt: times.ended },
  ...{ escrow: cny('0'), paid: cny('0'), refunded: cny('3000') },
}
const offer = {
  ...{ id: offerId, serviceRequestId, provider, note: 'I stand around the corner' },
  ...{ status: 'standing' as const, createdAt: '2026-02-17T04:22:31.004Z' },
}
const pageOf = <I>(item: I, self: string) => ({ items: [item], numberReturned: 1, links: { self } })

export const serviceRequestExamples = [
  exampleOf(postServiceRequest, {
    body: {
      place,
      crs: 'wgs84',
      mode: 'choose',
      category: 'queueing',
      text,
      instructions,
      price: cny('3000'),
      fix,
    },
    answers: { 201: open },
  }),
  exampleOf(listServiceRequests, {
    query: { category: 'queueing' },
    answers: {
      200: {
        type: 'FeatureCollection',
        features: [{ type: 'Feature', id: serviceRequestId, geometry: requestZone, properties: nearRequest }],
        numberReturned: 1,
        links: { self: '/v1/service-requests' },
      },
    },
  }),
  exampleOf(listOwnServiceRequests, { answers: { 200: pageOf(open, '/v1/me/service-requests') } }),
  exampleOf(listTakenServiceRequests, {
    answers: { 200: pageOf(delivered, '/v1/me/taken-service-requests') },
  }),
  exampleOf(getServiceRequest, {
    params,
    answers: { 200: { ...shown, posterRating: { count: 4, mean: 4.8 } } },
  }),
  exampleOf(postDraft, { params, body: { fix }, answers: { 200: open } }),
  exampleOf(offerOnServiceRequest, { params, body: { note: offer.note }, answers: { 200: offer } }),
  exampleOf(listOffers, {
    params,
    answers: {
      200: pageOf(
        { ...offer, rating: { count: 12, mean: 4.9 } },
        `/v1/service-requests/${serviceRequestId}/offers`,
      ),
    },
  }),
  exampleOf(withdrawOffer, { params, answers: { 200: { ...offer, status: 'withdrawn' } } }),
  exampleOf(acceptOffer, { params, body: { offerId }, answers: { 200: accepted } }),
  exampleOf(takeServiceRequest, {
    params,
    answers: {
      200: { ...forMei, mode: 'first_taker', state: 'accepted', deliverBy: times.deliverBy },
    },
  }),
  exampleOf(deliverServiceRequest, { params, answers: { 200: delivered } }),
  exampleOf(confirmServiceRequest, { params, answers: { 200: confirmed } }),
  exampleOf(disputeServiceRequest, { params, body: { reason: disputeReason }, answers: { 200: disputed } }),
  exampleOf(cancelServiceRequest, { params, answers: { 200: cancelled } }),
  exampleOf(topUpServiceRequest, {
    params,
    body: { amount: cny('600') },
    answers: { 200: { ...open, price: cny('3600'), escrow: cny('3600') } },
  }),
  exampleOf(listServiceRequestsByState, {
    query: { state: 'disputed' },
    answers: { 200: pageOf({ ...disputed, ...people }, '/v1/operator/service-requests') },
  }),
  exampleOf(splitServiceRequest, {
    params,
    body: { providerMinor: '1000', reason: 'Half an hour of three was queued' },
    answers: { 200: { ...settled, ...people } },
  }),
  exampleOf(removeServiceRequest, {
    params,
    body: { reason: 'Asks for something that the law forbids' },
    answers: { 200: { ...cancelled, posterId: lin } },
  }),
]
