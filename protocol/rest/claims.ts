/** Claims: grab a share, ask again, look back. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Amount, Fix, GeoPoint, Page, PageQuery, Shape, Timestamp, Uuid } from '../scalars.ts'

export const ClaimBody = Shape({
  fix: Fix,
  passphrase: Type.Optional(Type.String({ minLength: 1, maxLength: limits.envelope.passphraseChars.max })),
})
export type ClaimBody = Static<typeof ClaimBody>

export const ClaimedAnswer = Shape({
  claimId: Uuid,
  envelopeId: Uuid,
  status: Type.Literal('claimed'),
  amount: Amount,
  claimedAt: Timestamp,
})
export type ClaimedAnswer = Static<typeof ClaimedAnswer>

export const PendingAnswer = Shape({ claimId: Uuid, envelopeId: Uuid, status: Type.Literal('pending') })

/** Everything a claim can be refused with; the socket's claim answers with the same codes. */
export const claimErrors = [
  'out_of_reach',
  'ended',
  'try_again',
  'own_envelope',
  'position_refused',
  'daily_limit',
  'player_limit',
  'too_many_tries',
  'frozen',
] as const

export const claimEnvelope = operation({
  id: 'claimEnvelope',
  method: 'POST',
  path: '/v1/envelopes/{id}/claims',
  tag: 'claims',
  summary: 'Grab a share',
  description:
    '200 only after the win is committed to the record. 202 promises an answer, not a win: POST again or ' +
    'wait for `claim.settled`. Safe to repeat from anywhere: whoever won gets the same win again.',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  body: ClaimBody,
  answers: { 200: ClaimedAnswer, 202: PendingAnswer },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, ...claimErrors],
})

/** A win looked back at: the place is shown, the player stood there. */
export const Claim = Shape({
  claimId: Uuid,
  envelopeId: Uuid,
  status: Type.Literal('claimed'),
  amount: Amount,
  claimedAt: Timestamp,
  place: GeoPoint,
  greeting: Type.Optional(Type.String()),
})

export const getClaim = operation({
  id: 'getClaim',
  method: 'GET',
  path: '/v1/claims/{id}',
  tag: 'claims',
  summary: 'One of your wins',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  answers: { 200: Claim },
  errors: [...commonErrors, ...callerErrors, 'claim_not_settled'],
})

export const listClaims = operation({
  id: 'listClaims',
  method: 'GET',
  path: '/v1/claims',
  tag: 'claims',
  summary: 'Your wins, newest first',
  callers: ['player'],
  query: PageQuery,
  answers: { 200: Page(Claim) },
  errors: [...commonErrors, ...callerErrors],
})
