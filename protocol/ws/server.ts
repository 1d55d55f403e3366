/** Frames that the server sends. `seq` numbers them within a session; an answer carries `ref`, the request's `id`. */
import { type Static, Type } from 'typebox'
import { errorCodes } from '../errors.ts'
import { limits } from '../limits.ts'
import { ChatMessage, ChatSide, SeenNo } from '../rest/chats.ts'
import { ClaimedAnswer, PendingAnswer, RevealAnswer } from '../rest/claims.ts'
import { PositionAnswer } from '../rest/players.ts'
import { ReportReason } from '../rest/reports.ts'
import { ReviewKind, ReviewReason, ReviewState } from '../rest/reviews.ts'
import { RequestItem, ServiceRequestCategory, ServiceRequestState } from '../rest/service-requests.ts'
import { Amount, Balance, Band, Cell10, Shape, Timestamp, Uuid, Warmth, Zone } from '../scalars.ts'

const Seq = Type.Integer({ minimum: 1 })
const Ref = Type.Optional(Type.String())
const head = { seq: Seq, ref: Ref }

/** One envelope near the player, as its hint cell. `zone` is sent once per cell and session. */
export const HintItem = Shape({
  envelopeId: Uuid,
  band: Band,
  cell: Cell10,
  kind: Type.Enum(['player', 'merchant']),
  audience: Type.Enum(['anyone', 'players', 'passphrase']),
  presence: Type.Optional(Type.Literal('code', { description: 'A claim needs the code; absent: a fix.' })),
  zone: Type.Optional(Zone),
  brand: Type.Optional(Type.String()),
  greeting: Type.Optional(Type.String()),
  clue: Type.Optional(Shape({ text: Type.String() })),
})
export type HintItem = Static<typeof HintItem>

export const Welcome = Shape({
  type: Type.Literal('welcome'),
  ...head,
  sessionId: Uuid,
  playerId: Uuid,
  serverTime: Timestamp,
  resumed: Type.Optional(
    Shape(
      { frames: Type.Integer({ minimum: 0 }) },
      {
        description:
          'The session goes on: this many frames follow that you have missed, and `seq` is your own.',
      },
    ),
  ),
  limits: Shape({
    payloadBytes: Type.Integer(),
    framesPerSecond: Type.Integer(),
    frameBurst: Type.Integer(),
    tickMs: Type.Number(),
    publishRadiusM: Type.Integer(),
  }),
})

export const Snapshot = Shape({
  type: Type.Literal('snapshot'),
  ...head,
  hints: Type.Array(HintItem, { maxItems: limits.hint.perSnapshot }),
})

/** A hint that is new or whose band changed since the last snapshot or hint. */
export const Hint = Shape({ type: Type.Literal('hint'), ...head, ...HintItem.properties })
export const WarmthFrame = Shape({ type: Type.Literal('warmth'), ...head, ...Warmth.properties })

export const Gone = Shape({
  type: Type.Literal('gone'),
  ...head,
  envelopeId: Uuid,
  reason: Type.Enum(['empty', 'expired', 'closed', 'frozen', 'claimed', 'out_of_range']),
})

export const PositionAck = Shape({
  type: Type.Literal('position.ack'),
  ...head,
  ...PositionAnswer.properties,
})

export const RevealResult = Shape({ type: Type.Literal('reveal.result'), ...head, result: RevealAnswer })

export const ClaimResult = Shape({
  type: Type.Literal('claim.result'),
  ...head,
  result: Type.Union([ClaimedAnswer, PendingAnswer]),
})

/** The final answer to a claim that was pending. */
export const ClaimSettled = Shape({
  type: Type.Literal('claim.settled'),
  ...head,
  ...ClaimedAnswer.properties,
})

/** To the hider: somebody found a share. */
export const EnvelopeFound = Shape({
  type: Type.Literal('envelope.found'),
  ...head,
  envelopeId: Uuid,
  winner: Type.String(),
  amount: Amount,
  sharesLeft: Type.Integer({ minimum: 0 }),
})

/** To the hider: the envelope is over. `bestLuck` is of a lucky split: the largest share, the earliest of equals. */
export const EnvelopeEnded = Shape({
  type: Type.Literal('envelope.ended'),
  ...head,
  envelopeId: Uuid,
  reason: Type.Enum(['empty', 'expired', 'closed']),
  claimedShares: Type.Integer({ minimum: 0 }),
  claimed: Balance,
  bestLuck: Type.Optional(Shape({ claimId: Uuid, winner: Type.String(), amount: Amount })),
})

/** To the hider: a winner says thanks. */
export const EnvelopeThanked = Shape({
  type: Type.Literal('envelope.thanked'),
  ...head,
  envelopeId: Uuid,
  claimId: Uuid,
  winner: Type.String(),
  text: Type.String(),
})

/** To the hider: a player reported that it cannot, or should not, be reached. */
export const EnvelopeReported = Shape({
  type: Type.Literal('envelope.reported'),
  ...head,
  envelopeId: Uuid,
  reason: ReportReason,
  reports: Type.Integer({ minimum: 1 }),
})

export const WalletChanged = Shape({
  type: Type.Literal('wallet.changed'),
  ...head,
  kind: Type.Enum(['claim', 'refund', 'payout_paid', 'payout_returned', 'request_pay', 'request_refund']),
  amount: Amount,
  envelopeId: Type.Optional(Uuid),
  payoutId: Type.Optional(Uuid),
  serviceRequestId: Type.Optional(Uuid),
})

export const WatchingFrame = Shape({
  type: Type.Literal('watching'),
  ...head,
  serviceRequests: Type.Boolean(),
  category: Type.Optional(ServiceRequestCategory),
})

/** `zone` is sent once per cell, from one `watch` to the next. */
const near = { ...RequestItem.properties, zone: Type.Optional(Zone) }
export const RequestOpened = Shape({ type: Type.Literal('request.opened'), ...head, ...near })
export const RequestChanged = Shape({ type: Type.Literal('request.changed'), ...head, ...near })
export const RequestGone = Shape({ type: Type.Literal('request.gone'), ...head, serviceRequestId: Uuid })

/** To the poster and the provider: where the service request of theirs is now. */
export const RequestStateFrame = Shape({
  type: Type.Literal('request.state'),
  ...head,
  serviceRequestId: Uuid,
  state: ServiceRequestState,
})

/** To the poster: nobody has got it yet, and it is shown farther away from now on. */
export const RequestWaiting = Shape({
  type: Type.Literal('request.waiting'),
  ...head,
  serviceRequestId: Uuid,
  reachM: Type.Integer(),
  suggestedPrice: Type.Optional(Amount),
})

/** To its author: what became of a text that others read, or were to read. */
export const ReviewChanged = Shape({
  type: Type.Literal('review.changed'),
  ...head,
  reviewId: Uuid,
  kind: ReviewKind,
  subjectId: Uuid,
  state: ReviewState,
  reason: Type.Optional(ReviewReason),
})

export const OfferMade = Shape({
  type: Type.Literal('offer.made'),
  ...head,
  serviceRequestId: Uuid,
  offerId: Uuid,
  provider: Type.String(),
  note: Type.Optional(Type.String()),
})

export const OfferWithdrawn = Shape({
  type: Type.Literal('offer.withdrawn'),
  ...head,
  serviceRequestId: Uuid,
  offerId: Uuid,
})

export const OfferAccepted = Shape({
  type: Type.Literal('offer.accepted'),
  ...head,
  serviceRequestId: Uuid,
  offerId: Uuid,
})

/** To the provider of an offer that stood: it is in other hands now, or over. */
export const OfferDeclined = Shape({
  type: Type.Literal('offer.declined'),
  ...head,
  serviceRequestId: Uuid,
  offerId: Uuid,
  reason: Type.Enum(['accepted', 'cancelled', 'expired']),
})

/** To the provider of an offer that was declined and stands: whoever was chosen is out of it. */
export const OfferRenewed = Shape({
  type: Type.Literal('offer.renewed'),
  ...head,
  serviceRequestId: Uuid,
  offerId: Uuid,
})

export const ChatMessageFrame = Shape({
  type: Type.Literal('chat.message'),
  ...head,
  ...ChatMessage.properties,
})

export const ChatSeenFrame = Shape({
  type: Type.Literal('chat.seen'),
  ...head,
  serviceRequestId: Uuid,
  by: ChatSide,
  no: SeenNo,
})

export const ErrorFrame = Shape({
  type: Type.Literal('error'),
  ...head,
  code: Type.Enum(errorCodes),
  reason: Type.Optional(Type.String()),
  retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  figures: Type.Optional(Type.Record(Type.String(), Type.Number())),
  errors: Type.Optional(Type.Array(Shape({ pointer: Type.String(), message: Type.String() }))),
})

export const Goodbye = Shape({
  type: Type.Literal('goodbye'),
  ...head,
  reason: Type.Enum(['shutdown', 'replaced', 'banned']),
  retryAfterMs: Type.Integer({ minimum: 0 }),
  resume: Type.Boolean({ description: 'Whether this session can be resumed; otherwise it is gone.' }),
})

export const Pong = Shape({ type: Type.Literal('pong'), ...head, serverTime: Timestamp })

export const serverFrames = {
  welcome: Welcome,
  snapshot: Snapshot,
  hint: Hint,
  warmth: WarmthFrame,
  gone: Gone,
  'position.ack': PositionAck,
  'reveal.result': RevealResult,
  'claim.result': ClaimResult,
  'claim.settled': ClaimSettled,
  'envelope.found': EnvelopeFound,
  'envelope.ended': EnvelopeEnded,
  'envelope.thanked': EnvelopeThanked,
  'envelope.reported': EnvelopeReported,
  'wallet.changed': WalletChanged,
  watching: WatchingFrame,
  'request.opened': RequestOpened,
  'request.changed': RequestChanged,
  'request.gone': RequestGone,
  'request.state': RequestStateFrame,
  'request.waiting': RequestWaiting,
  'review.changed': ReviewChanged,
  'offer.made': OfferMade,
  'offer.withdrawn': OfferWithdrawn,
  'offer.accepted': OfferAccepted,
  'offer.declined': OfferDeclined,
  'offer.renewed': OfferRenewed,
  'chat.message': ChatMessageFrame,
  'chat.seen': ChatSeenFrame,
  error: ErrorFrame,
  goodbye: Goodbye,
  pong: Pong,
} as const
export type ServerFrame = {
  [K in keyof typeof serverFrames]: Static<(typeof serverFrames)[K]>
}[keyof typeof serverFrames]

/** A server frame before the session numbers it. */
export type Unnumbered<F extends ServerFrame = ServerFrame> = F extends ServerFrame ? Omit<F, 'seq'> : never
