/** Claims: see what lies here, grab a share, ask again, look back, say thanks. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Amount, Fix, GeoPoint, Page, PageQuery, Shape, SiteCode } from '../scalars.ts'
import { Text, Ticket, Timestamp, Uuid } from '../scalars.ts'

const passphrase = Type.Optional(
  Type.String({ minLength: 1, maxLength: limits.envelope.passphraseChars.max }),
)

/** Where the envelope's presence is `code`; the fix may then be as coarse as the limits of codes say. */
const code = Type.Optional(SiteCode)

export const RevealBody = Shape({ fix: Fix, passphrase, code })
export type RevealBody = Static<typeof RevealBody>

/** Where one stands, or the ticket of a reveal, which says that one stood there: exactly one of both. */
export const fixOrTicket = { oneOf: [{ required: ['fix'] }, { required: ['ticket'] }] }
export const ClaimBody = Shape(
  { fix: Type.Optional(Fix), ticket: Type.Optional(Ticket), passphrase, code },
  fixOrTicket,
)
export type ClaimBody = Static<typeof ClaimBody>

/** What the share was worth: money, or a coupon, which GET /v1/coupons/{id} shows to its winner. One of both. */
const worth = { amount: Type.Optional(Amount), couponId: Type.Optional(Uuid) }

export const ClaimedAnswer = Shape({
  claimId: Uuid,
  envelopeId: Uuid,
  status: Type.Literal('claimed'),
  ...worth,
  claimedAt: Timestamp,
})
export type ClaimedAnswer = Static<typeof ClaimedAnswer>

export const PendingAnswer = Shape({ claimId: Uuid, envelopeId: Uuid, status: Type.Literal('pending') })

/** Where to draw the envelope: a point for this player alone, somewhere in its res-12 cell, not where it lies. */
export const Anchor = Shape(
  { lat: Type.Number(), lng: Type.Number(), altitudeMode: Type.Literal('ground') },
  {
    description:
      'WGS-84. The same each time for one player, another one for others; drawn from the resolution-12 cell of the ' +
      'envelope and from nothing finer.',
  },
)

export const RevealedAnswer = Shape({
  envelopeId: Uuid,
  status: Type.Literal('revealed'),
  anchor: Anchor,
  ticket: Ticket,
  expiresAt: Timestamp,
})
export type RevealedAnswer = Static<typeof RevealedAnswer>

/** What a reveal is answered with; whoever has won and is not within reach any more hears the win. */
export const RevealAnswer = Type.Union([RevealedAnswer, ClaimedAnswer])

/** Everything a reveal can be refused with: what a claim is refused with before it reaches for a share. */
export const revealErrors = [
  'out_of_reach',
  'ended',
  'try_again',
  'own_envelope',
  'position_refused',
  'daily_limit',
  'too_many_tries',
  'frozen',
  'player_limit',
] as const

/** Everything a claim can be refused with; the socket's claim answers with the same codes. */
export const claimErrors = [...revealErrors, 'ticket_refused', 'minors_mode'] as const

export const revealEnvelope = operation({
  id: 'revealEnvelope',
  method: 'POST',
  path: '/v1/envelopes/{id}/reveal',
  tag: 'claims',
  summary: 'See the envelope before you grab it',
  description:
    'For clients that draw the envelope in front of the camera. Judged like a claim, in the same order, with the ' +
    'same refusals and the same limits of failed tries; reserves nothing and counts no win. Within reach: a place ' +
    'to draw it at, and a ticket with which a claim within 60 s needs no fix. Safe to repeat.',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  body: RevealBody,
  answers: { 200: RevealAnswer },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors, ...revealErrors],
})

export const claimEnvelope = operation({
  id: 'claimEnvelope',
  method: 'POST',
  path: '/v1/envelopes/{id}/claims',
  tag: 'claims',
  summary: 'Grab a share',
  description:
    '200 only after the win is committed to the record. 202 promises an answer, not a win: POST again or ' +
    'wait for `claim.settled`. Safe to repeat from anywhere: whoever won gets the same win again. `fix` or, after a ' +
    'reveal, its `ticket`: never both. Where the presence is `code`, the fix may be 500 m off and `code` is what the ' +
    'till shows; one code lets a player in to one envelope. In the sandbox `Server-Timing` says how long the server ' +
    'waited for `redis` and for `pg`.',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  body: ClaimBody,
  answers: { 200: ClaimedAnswer, 202: PendingAnswer },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors, ...claimErrors],
})

/** A win looked back at: the place is shown, the player stood there. */
export const Claim = Shape({
  claimId: Uuid,
  envelopeId: Uuid,
  status: Type.Literal('claimed'),
  ...worth,
  claimedAt: Timestamp,
  place: GeoPoint,
  greeting: Type.Optional(Type.String()),
  thanks: Type.Optional(Type.String({ description: 'What you said to the hider.' })),
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
  errors: [...commonErrors, ...playerErrors, 'claim_not_settled'],
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
  errors: [...commonErrors, ...playerErrors],
})

export const ThanksBody = Shape({ text: Text(limits.claim.thanksChars) })

export const thankHider = operation({
  id: 'thankHider',
  method: 'POST',
  path: '/v1/claims/{id}/thanks',
  tag: 'claims',
  summary: 'Say thanks to the hider, once',
  description:
    'One line for each win. The hider hears it at once and finds it among the claims of the envelope. The same text ' +
    'again is answered the same; another one is refused.',
  callers: ['player'],
  params: Shape({ id: Uuid }),
  body: ThanksBody,
  answers: { 200: Shape({ claimId: Uuid, envelopeId: Uuid, thanks: Type.String() }) },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors, 'claim_not_settled', 'thanks_refused'],
})
