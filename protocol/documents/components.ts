/** The schemas that both documents know by name; everything else is printed where it stands. */
import { Problem } from '../problem.ts'
import { ChatMessage, ChatSide } from '../rest/chats.ts'
import { Claim, ClaimBody, ClaimedAnswer, PendingAnswer } from '../rest/claims.ts'
import { Audience, Envelope, EnvelopeState, EnvelopeWin } from '../rest/envelopes.ts'
import { HideBody, HintFeature, Split, SplitProof } from '../rest/envelopes.ts'
import { ApiKey, KeyScopes, Merchant } from '../rest/merchants.ts'
import { OperatorPayout, Payout, PayoutState } from '../rest/payouts.ts'
import { Player, PositionAnswer, TransferKind, WalletTransfer } from '../rest/players.ts'
import { Rating } from '../rest/ratings.ts'
import { Offer, OperatorServiceRequest, PostBody, RequestItem } from '../rest/service-requests.ts'
import { ServiceRequest, ServiceRequestCategory, ServiceRequestMode } from '../rest/service-requests.ts'
import { ServiceRequestState } from '../rest/service-requests.ts'
import { WebhookDelivery, WebhookEndpoint, WebhookTypes } from '../rest/webhooks.ts'
import { Amount, Balance, Band, Cell10, Count, Crs, Currency, Fix, GeoPoint, Links } from '../scalars.ts'
import { Reputation, Timestamp, Uuid, Warmth, Zone } from '../scalars.ts'
import { HintItem } from '../ws/server.ts'

export const named = {
  Amount,
  ApiKey,
  Audience,
  Balance,
  Band,
  Cell10,
  ChatMessage,
  ChatSide,
  Claim,
  ClaimBody,
  ClaimedAnswer,
  Count,
  Crs,
  Currency,
  Envelope,
  EnvelopeState,
  EnvelopeWin,
  Fix,
  GeoPoint,
  HideBody,
  HintFeature,
  HintItem,
  KeyScopes,
  Links,
  Merchant,
  Offer,
  OperatorPayout,
  OperatorServiceRequest,
  Payout,
  PayoutState,
  PendingAnswer,
  Player,
  PositionAnswer,
  PostBody,
  Problem,
  Rating,
  Reputation,
  RequestItem,
  ServiceRequest,
  ServiceRequestCategory,
  ServiceRequestMode,
  ServiceRequestState,
  Split,
  SplitProof,
  Timestamp,
  TransferKind,
  Uuid,
  WalletTransfer,
  Warmth,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookTypes,
  Zone,
}
