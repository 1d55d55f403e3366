/** A win and the other answers to a claim, as REST and the socket send them. */
import type { Static } from 'typebox'
import type {
  Claim as WireClaim,
  ClaimedAnswer,
  PendingAnswer,
  RevealedAnswer,
} from '#protocol/rest/claims.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import type { ClaimAnswer, ClaimVerb } from './claim.ts'
import type { Claim } from './record.ts'
import type { RevealAnswer, RevealVerb } from './reveal.ts'

export const describeWin = (claim: Omit<Claim, 'playerId' | 'shareNo'>): ClaimedAnswer => ({
  claimId: claim.id,
  envelopeId: claim.envelopeId,
  status: 'claimed',
  ...(claim.couponId === undefined
    ? { amount: { amountMinor: claim.amountMinor.toString(), currency: claim.currency } }
    : { couponId: claim.couponId }),
  claimedAt: new Date(claim.claimedAtMs).toISOString(),
})

export type DescribedAnswer =
  | { status: 200; body: ClaimedAnswer }
  | { status: 202; body: Static<typeof PendingAnswer> }
  | Refusal

export function describeAnswer(answer: ClaimAnswer): DescribedAnswer {
  if (isRefusal(answer)) return answer
  if (answer.status === 'claimed') return { status: 200, body: describeWin(answer.claim) }
  const { claimId, envelopeId } = answer
  return { status: 202, body: { claimId, envelopeId, status: 'pending' } }
}

export function describeReveal(
  answer: RevealAnswer,
): { status: 200; body: RevealedAnswer | ClaimedAnswer } | Refusal {
  if (isRefusal(answer)) return answer
  if (answer.status === 'claimed') return { status: 200, body: describeWin(answer.claim) }
  const { status, envelopeId, anchor, ticket, expiresAtMs } = answer
  const expiresAt = new Date(expiresAtMs).toISOString()
  return {
    status: 200,
    body: { envelopeId, status, anchor: { ...anchor, altitudeMode: 'ground' }, ticket, expiresAt },
  }
}

/** Both verbs, answering as the socket sends it. */
export const describeVerbs = ({ claim, reveal }: { claim: ClaimVerb; reveal: RevealVerb }) => ({
  claim: async (...asked: Parameters<ClaimVerb>) => describeAnswer(await claim(...asked)),
  reveal: async (...asked: Parameters<RevealVerb>) => describeReveal(await reveal(...asked)),
})

/** A win that its player looks back at: with the place, because they stood there. */
export type RememberedClaim = Omit<Claim, 'playerId' | 'shareNo'> & {
  lat: number
  lng: number
  greeting: string | null
  /** What its player said to the hider. */
  thanks: string | null
}

export const describeRemembered = (claim: RememberedClaim): Static<typeof WireClaim> => ({
  ...describeWin(claim),
  place: { type: 'Point', coordinates: [claim.lng, claim.lat] },
  ...(claim.greeting === null ? {} : { greeting: claim.greeting }),
  ...(claim.thanks === null ? {} : { thanks: claim.thanks }),
})
