/** Envelopes: hide, list around oneself, look at one, close, verify the split, see the winners. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, playerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Amount, Band, Balance, Crs, Fix, GeoPoint, Links, Page, PageQuery, Presence } from '../scalars.ts'
import { Shape, Text, Timestamp, Uuid, Warmth, Zone } from '../scalars.ts'
import { DatumSuspect } from './warnings.ts'

const { envelope } = limits

export const EnvelopeState = Type.Enum(['draft', 'funded', 'live', 'empty', 'expired', 'closed', 'frozen'])
export const Split = Type.Enum(['equal', 'lucky'])

export const Audience = Type.Union([
  Shape({ type: Type.Literal('anyone') }),
  Shape({
    type: Type.Literal('players'),
    playerIds: Type.Array(Uuid, { minItems: 1, maxItems: envelope.audiencePlayers, uniqueItems: true }),
  }),
  Shape({
    type: Type.Literal('passphrase'),
    passphrase: Type.String({
      minLength: envelope.passphraseChars.min,
      maxLength: envelope.passphraseChars.max,
      description: 'Sent with the claim; never shown again.',
    }),
  }),
])
export type Audience = Static<typeof Audience>

export const HideBody = Shape({
  place: GeoPoint,
  crs: Type.Optional(Crs),
  total: Amount,
  shares: Type.Integer({ minimum: 1, maximum: envelope.merchantShares }),
  split: Split,
  audience: Type.Optional(Audience),
  greeting: Type.Optional(Text(envelope.greetingChars)),
  clue: Type.Optional(Shape({ text: Text(envelope.clueChars) })),
  brand: Type.Optional(Text(envelope.brandChars, 'Merchants only.')),
  campaignId: Type.Optional(Uuid),
  presence: Type.Optional(Presence),
  claimRadiusM: Type.Optional(
    Type.Integer({ minimum: envelope.claimRadiusM.min, maximum: envelope.claimRadiusM.max }),
  ),
  opensAt: Type.Optional(Timestamp),
  expiresAt: Type.Optional(Timestamp),
  fix: Type.Optional(Fix),
})
export type HideBody = Static<typeof HideBody>

/** What anyone may see of an envelope, and after `state` ends, what it held. Never a place, never a cell. */
export const Envelope = Shape({
  id: Uuid,
  kind: Type.Enum(['player', 'merchant']),
  state: EnvelopeState,
  split: Split,
  audience: Type.Enum(['anyone', 'players', 'passphrase']),
  content: Type.Optional(Type.Literal('coupon', { description: 'A coupon in each share; absent: money.' })),
  shares: Type.Integer(),
  presence: Presence,
  claimRadiusM: Type.Integer(),
  greeting: Type.Optional(Type.String()),
  brand: Type.Optional(Type.String()),
  clue: Type.Optional(Shape({ text: Type.String() }, { description: 'Inside the publish radius only.' })),
  opensAt: Timestamp,
  expiresAt: Timestamp,
  commitment: Type.Optional(
    Type.String({ description: 'SHA-256 of the split; shown from the moment it opens.' }),
  ),
  endedAt: Type.Optional(Timestamp),
  total: Type.Optional(Amount),
  own: Type.Optional(
    Shape(
      {
        place: GeoPoint,
        createdAt: Timestamp,
        claimedShares: Type.Integer(),
        claimed: Balance,
        escrow: Balance,
        campaignId: Type.Optional(Uuid),
        reports: Type.Integer({ minimum: 0, description: 'Players who reported it.' }),
        textIsHidden: Type.Optional(Type.Literal(true)),
      },
      { description: 'The hider only. textIsHidden: others play it without its text, see /v1/me/reviews.' },
    ),
  ),
})
export type Envelope = Static<typeof Envelope>

export const HiddenEnvelope = Shape({
  ...Envelope.properties,
  warnings: Type.Optional(Type.Array(DatumSuspect)),
})
export type HiddenEnvelope = Static<typeof HiddenEnvelope>

const id = Shape({ id: Uuid })

export const hideEnvelope = operation({
  id: 'hideEnvelope',
  method: 'POST',
  path: '/v1/envelopes',
  tag: 'envelopes',
  summary: 'Hide an envelope',
  description:
    'Escrows the total, splits it, and makes the envelope visible, in one transaction. A player stands ' +
    'within 500 m of the place (send `fix` or a position before). `campaignId` is for merchants: any UUID, which ' +
    'belongs to the merchant who uses it first; caps and freezes may name it. `presence` `code` is for merchants, ' +
    'too, and needs a `campaignId`, whose codes count.',
  callers: ['player', 'merchant'],
  scope: 'campaigns',
  idempotencyKey: 'required',
  body: HideBody,
  answers: { 201: HiddenEnvelope },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...playerErrors,
    ...idempotencyErrors,
    ...(['position_needed', 'position_refused', 'envelope_refused', 'place_refused'] as const),
    ...(['insufficient_funds', 'daily_limit', 'frozen'] as const),
  ],
})

export const HintFeature = Shape({
  type: Type.Literal('Feature'),
  id: Uuid,
  geometry: Zone,
  properties: Shape({
    band: Band,
    kind: Type.Enum(['player', 'merchant']),
    brand: Type.Optional(Type.String()),
    greeting: Type.Optional(Type.String()),
    clue: Type.Optional(Shape({ text: Type.String() })),
    audience: Type.Enum(['anyone', 'players', 'passphrase']),
    presence: Type.Optional(Type.Literal('code', { description: 'A claim needs the code; absent: a fix.' })),
  }),
})

export const listEnvelopes = operation({
  id: 'listEnvelopes',
  method: 'GET',
  path: '/v1/envelopes',
  tag: 'envelopes',
  summary: 'Envelopes around your last fix, as hint cells',
  description:
    'At most 50 within the publish radius of 500 m, each as the res-10 cell it hides in, never as a ' +
    'point; beyond that a warmth figure without ids.',
  callers: ['player'],
  answers: {
    200: Shape({
      type: Type.Literal('FeatureCollection'),
      features: Type.Array(HintFeature, { maxItems: limits.hint.perSnapshot }),
      numberReturned: Type.Integer(),
      warmth: Warmth,
      links: Links,
    }),
  },
  errors: [...commonErrors, ...playerErrors, 'position_needed', 'hints_paused'],
})

export const listOwnEnvelopes = operation({
  id: 'listOwnEnvelopes',
  method: 'GET',
  path: '/v1/me/envelopes',
  tag: 'envelopes',
  summary: 'Envelopes you hid, newest first',
  callers: ['player', 'merchant'],
  scope: 'read',
  query: PageQuery,
  answers: { 200: Page(Envelope) },
  errors: [...commonErrors, ...playerErrors],
})

export const getEnvelope = operation({
  id: 'getEnvelope',
  method: 'GET',
  path: '/v1/envelopes/{id}',
  tag: 'envelopes',
  summary: 'One envelope',
  description: 'Players see what has opened and is meant for them; a merchant sees those that they hid.',
  callers: ['player', 'merchant'],
  scope: 'read',
  params: id,
  answers: { 200: Envelope },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})

export const closeEnvelope = operation({
  id: 'closeEnvelope',
  method: 'DELETE',
  path: '/v1/envelopes/{id}',
  tag: 'envelopes',
  summary: 'Close your envelope and take back what is left',
  description: 'Final. Repeating it answers the same; an envelope that ended otherwise answers 409 `ended`.',
  callers: ['player', 'merchant'],
  scope: 'campaigns',
  params: id,
  answers: { 200: Shape({ envelope: Envelope, refund: Balance }) },
  errors: [...commonErrors, ...playerErrors, 'not_found', 'ended', 'frozen'],
})

export const EnvelopeWin = Shape({
  claimId: Uuid,
  winner: Type.String({
    description: 'A pseudonym, the same for one winner within this envelope or merchant.',
  }),
  amount: Type.Optional(Amount),
  bestLuck: Type.Boolean({
    description: 'Largest share of a lucky split, the earliest of equals; false until it ended.',
  }),
  claimedAt: Timestamp,
  thanks: Type.Optional(Type.String({ description: 'What the winner said to the hider; the hider only.' })),
})

export const listEnvelopeClaims = operation({
  id: 'listEnvelopeClaims',
  method: 'GET',
  path: '/v1/envelopes/{id}/claims',
  tag: 'envelopes',
  summary: 'Who won what',
  description: 'The hider at any time, other players once it ended; oldest first.',
  callers: ['player', 'merchant'],
  scope: 'read',
  params: id,
  query: PageQuery,
  answers: { 200: Page(EnvelopeWin) },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})

export const LedgerEntry = Shape({
  transferId: Uuid,
  kind: Type.Enum(['escrow', 'claim', 'refund']),
  amount: Amount,
  remaining: Balance,
  shareNo: Type.Optional(Type.Integer({ minimum: 1, description: 'Of a claim.' })),
  winner: Type.Optional(Type.String({ description: 'Of a claim: the pseudonym of the list of claims.' })),
  createdAt: Timestamp,
})

export const SplitProof = Shape({
  envelopeId: Uuid,
  split: Split,
  total: Amount,
  shares: Type.Integer(),
  shareCapMinor: Type.Optional(Type.String()),
  commitment: Type.String(),
  seed: Type.String({ description: '32 bytes, hex.' }),
  amountsMinor: Type.Array(Type.String(), { description: 'By share number, as stored when it was funded.' }),
  valid: Type.Boolean({ description: 'The seed gives these amounts and hashes to the commitment.' }),
})

export const verifyEnvelope = operation({
  id: 'verifyEnvelope',
  method: 'GET',
  path: '/v1/envelopes/{id}/verify',
  tag: 'envelopes',
  summary: 'Proof of the split, once the envelope ended',
  description:
    'The commitment was published when it opened. `npm run verify-split` recomputes the same from this answer.',
  callers: ['player', 'merchant'],
  scope: 'read',
  params: id,
  answers: { 200: SplitProof },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})

export const getEnvelopeLedger = operation({
  id: 'getEnvelopeLedger',
  method: 'GET',
  path: '/v1/envelopes/{id}/ledger',
  tag: 'envelopes',
  summary: 'Every movement of its money, down to zero',
  description:
    'The hider and the operator. First the escrow, then the claims, oldest first, then the refund; `remaining` is ' +
    'what the envelope holds after each. `sums` are of the whole envelope, whichever page is asked for: ' +
    'funded = claimed + refunded + remaining, and nothing remains once it ended.',
  callers: ['player', 'merchant', 'operator'],
  scope: 'read',
  params: id,
  query: PageQuery,
  answers: {
    200: Shape({
      envelopeId: Uuid,
      state: EnvelopeState,
      sums: Shape({
        total: Balance,
        funded: Balance,
        claimed: Balance,
        refunded: Balance,
        remaining: Balance,
      }),
      items: Type.Array(LedgerEntry),
      numberReturned: Type.Integer({ minimum: 0 }),
      links: Links,
    }),
  },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})
