/** Examples of seeing an envelope, grabbing a share, looking back and saying thanks. */
import { claimEnvelope, getClaim, listClaims, revealEnvelope, thankHider } from '../rest/claims.ts'
import { exampleOf } from './example.ts'
import { anchor, claimId, envelopeId, fix, greeting } from './story.ts'
import { meisShare, place, thanks, ticket, times } from './story.ts'

export const claimed = {
  claimId,
  envelopeId,
  status: 'claimed' as const,
  amount: meisShare,
  claimedAt: times.claimed,
}
export const pending = { claimId, envelopeId, status: 'pending' as const }
export const revealed = {
  envelopeId,
  status: 'revealed' as const,
  anchor,
  ticket,
  expiresAt: times.ticketExpires,
}
const win = { ...claimed, place, greeting }

export const claimExamples = [
  exampleOf(revealEnvelope, { params: { id: envelopeId }, body: { fix }, answers: { 200: revealed } }),
  exampleOf(claimEnvelope, {
    params: { id: envelopeId },
    body: { ticket },
    answers: { 200: claimed, 202: pending },
  }),
  exampleOf(getClaim, { params: { id: claimId }, answers: { 200: win } }),
  exampleOf(listClaims, {
    query: {},
    answers: { 200: { items: [win], numberReturned: 1, links: { self: '/v1/claims' } } },
  }),
  exampleOf(thankHider, {
    params: { id: claimId },
    body: { text: thanks },
    answers: { 200: { claimId, envelopeId, thanks } },
  }),
]
