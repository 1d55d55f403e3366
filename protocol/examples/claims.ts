/** Examples of grabbing a share and looking back. */
import { claimEnvelope, getClaim, listClaims } from '../rest/claims.ts'
import { exampleOf } from './example.ts'
import { claimId, envelopeId, fix, greeting, meisShare, place, times } from './story.ts'

export const claimed = {
  claimId,
  envelopeId,
  status: 'claimed' as const,
  amount: meisShare,
  claimedAt: times.claimed,
}
export const pending = { claimId, envelopeId, status: 'pending' as const }
const win = { ...claimed, place, greeting }

export const claimExamples = [
  exampleOf(claimEnvelope, {
    params: { id: envelopeId },
    body: { fix },
    answers: { 200: claimed, 202: pending },
  }),
  exampleOf(getClaim, { params: { id: claimId }, answers: { 200: win } }),
  exampleOf(listClaims, {
    query: {},
    answers: { 200: { items: [win], numberReturned: 1, links: { self: '/v1/claims' } } },
  }),
]
