/** The example of every frame: Mei connects, walks, grabs a share. */
import { limits } from '../limits.ts'
import type { ClientFrame } from '../ws/client.ts'
import type { ServerFrame } from '../ws/server.ts'
import { claimed, revealed } from './claims.ts'
import { errorFrameOf } from './problems.ts'
import { reviewId } from './reviews.ts'
import { message, posterSaid } from './chats.ts'
import { nearRequest, offerId, requestZone, serviceRequestId } from './service-requests.ts'
import { cell, claimId, clue, cny, envelopeId, fix, greeting, meisShare } from './story.ts'
import { mei, sessionId, thanks, ticket, times, total, zone } from './story.ts'

type ByType<F extends { type: string }> = { [K in F['type']]: Extract<F, { type: K }> }

const hint = {
  envelopeId,
  band: 'hot' as const,
  cell,
  kind: 'player' as const,
  audience: 'anyone' as const,
  greeting,
  clue,
}

export const clientExamples: ByType<ClientFrame> = {
  hello: {
    type: 'hello',
    id: 'h1',
    token: 'eyJhbGciOiJIUzI1NiJ9.…',
    resume: { sessionId, seq: 17 },
  },
  position: { type: 'position', id: 'p1', fix },
  reveal: { type: 'reveal', id: 'r1', envelopeId, fix },
  claim: { type: 'claim', id: 'c1', envelopeId, ticket },
  watch: { type: 'watch', id: 'w1', serviceRequests: true, category: 'queueing' },
  'chat.send': {
    ...{ type: 'chat.send', id: 's1', serviceRequestId },
    ...{ clientId: message.clientId, text: message.text },
  },
  'chat.read': { type: 'chat.read', id: 'd1', serviceRequestId, no: 2 },
  ping: { type: 'ping', id: 'k1' },
}

export const serverExamples: ByType<ServerFrame> = {
  welcome: {
    type: 'welcome',
    seq: 1,
    ref: 'h1',
    sessionId,
    playerId: mei,
    serverTime: times.connected,
    limits: {
      payloadBytes: limits.socket.payloadBytes,
      framesPerSecond: limits.socket.framesPerSecond,
      frameBurst: limits.socket.frameBurst,
      tickMs: limits.hint.tickMs,
      publishRadiusM: limits.envelope.publishRadiusM,
    },
  },
  'position.ack': { type: 'position.ack', seq: 2, ref: 'p1', accepted: true },
  snapshot: { type: 'snapshot', seq: 3, hints: [{ ...hint, band: 'warm', zone }] },
  warmth: { type: 'warmth', seq: 4, within1Km: '10+', within2Km: '10+' },
  hint: { type: 'hint', seq: 11, ...hint },
  'reveal.result': { type: 'reveal.result', seq: 15, ref: 'r1', result: revealed },
  'claim.result': { type: 'claim.result', seq: 19, ref: 'c1', result: claimed },
  'claim.settled': { type: 'claim.settled', seq: 20, ...claimed },
  'wallet.changed': { type: 'wallet.changed', seq: 21, kind: 'claim', amount: meisShare, envelopeId },
  gone: { type: 'gone', seq: 22, envelopeId, reason: 'claimed' },
  'envelope.found': {
    type: 'envelope.found',
    seq: 7,
    envelopeId,
    winner: 'p_7Qm2',
    amount: meisShare,
    sharesLeft: 4,
  },
  watching: { type: 'watching', seq: 8, ref: 'w1', serviceRequests: true, category: 'queueing' },
  'request.opened': { type: 'request.opened', seq: 9, ...nearRequest, zone: requestZone },
  'request.changed': { type: 'request.changed', seq: 10, ...nearRequest, price: cny('3600') },
  'request.gone': { type: 'request.gone', seq: 12, serviceRequestId },
  'request.state': { type: 'request.state', seq: 15, serviceRequestId, state: 'accepted' },
  'request.waiting': {
    ...{ type: 'request.waiting', seq: 5, serviceRequestId, reachM: 2_000, suggestedPrice: cny('3600') },
  },
  'review.changed': {
    ...{ type: 'review.changed', seq: 16, reviewId, kind: 'service_request', subjectId: serviceRequestId },
    ...{ state: 'rejected', reason: 'advert' },
  },
  'offer.made': {
    ...{ type: 'offer.made', seq: 6, serviceRequestId, offerId, provider: '7b1f09c2aa54d3e8' },
    note: 'I stand around the corner',
  },
  'offer.withdrawn': { type: 'offer.withdrawn', seq: 14, serviceRequestId, offerId },
  'offer.accepted': { type: 'offer.accepted', seq: 13, serviceRequestId, offerId },
  'offer.declined': { type: 'offer.declined', seq: 14, serviceRequestId, offerId, reason: 'accepted' },
  'offer.renewed': { type: 'offer.renewed', seq: 18, serviceRequestId, offerId },
  'chat.message': { type: 'chat.message', seq: 16, ...posterSaid },
  'chat.seen': { type: 'chat.seen', seq: 17, serviceRequestId, by: 'poster', no: 2 },
  'envelope.ended': {
    type: 'envelope.ended',
    seq: 12,
    envelopeId,
    reason: 'empty',
    claimedShares: 5,
    claimed: total,
    bestLuck: { claimId: '7d1c8a42-53c0-5e9b-9d0f-5f3a0f1c6a77', winner: 'p_x91c', amount: cny('4528') },
  },
  'envelope.thanked': {
    type: 'envelope.thanked',
    seq: 9,
    envelopeId,
    claimId,
    winner: 'p_7Qm2',
    text: thanks,
  },
  'envelope.reported': {
    ...{ type: 'envelope.reported', seq: 13, envelopeId, reason: 'unreachable', reports: 1 },
  },
  error: errorFrameOf('out_of_reach'),
  pong: { type: 'pong', seq: 23, ref: 'k1', serverTime: times.claimed },
  goodbye: { type: 'goodbye', seq: 24, reason: 'shutdown', retryAfterMs: 2_300, resume: false },
}
