/** Service requests: what somebody needs at a place, with the pay in escrow; and who takes it on. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Amount, Balance, Crs, Fix, GeoPoint, Links, Page, PageQuery } from '../scalars.ts'
import { Reputation, Shape, Text, Timestamp, Uuid, Zone } from '../scalars.ts'

const { serviceRequest } = limits
const { textChars, lifetimeMs, deliverWithinS } = serviceRequest

export const ServiceRequestState = Type.Enum(
  [
    ...(['draft', 'review', 'open', 'offered', 'accepted', 'delivered', 'confirmed'] as const),
    ...(['disputed', 'settled', 'cancelled', 'expired'] as const),
  ],
  {
    description:
      'draft: kept, not paid for. review: paid for, and its text waits for a reviewer. open: shown to those near. ' +
      'offered: so, too, and somebody has offered. accepted: in the hands of one provider. delivered: the poster has ' +
      '72 h to confirm or dispute; silence confirms. disputed: an operator decides. Final: confirmed (paid), settled ' +
      '(as the operator decided), cancelled and expired (paid back).',
  },
)
export const ServiceRequestMode = Type.Enum(['choose', 'first_taker'], {
  description: 'choose: the poster accepts one of the offers. first_taker: whoever takes it first has it.',
})
export const ServiceRequestCategory = Type.Enum([
  ...(['delivery', 'shopping', 'queueing', 'moving', 'cleaning', 'repair'] as const),
  ...(['pets', 'care', 'company', 'photo', 'help'] as const),
])

export const PostBody = Shape({
  place: GeoPoint,
  crs: Type.Optional(Crs),
  mode: ServiceRequestMode,
  category: ServiceRequestCategory,
  text: Text(textChars, 'What is needed, for everybody near.'),
  instructions: Type.Optional(
    Text(textChars, 'Only for the accepted provider: the door, the name at the bell.'),
  ),
  price: Amount,
  draft: Type.Optional(
    Type.Boolean({ description: 'Keep it for seven days, without its money; post it, or cancel it, later.' }),
  ),
  expiresAt: Type.Optional(Timestamp),
  deliverWithinS: Type.Optional(
    Type.Integer({
      minimum: deliverWithinS.min,
      maximum: deliverWithinS.max,
      description: 'From acceptance.',
    }),
  ),
  fix: Type.Optional(Fix),
})
export type PostBody = Static<typeof PostBody>

/** What everybody who may see it is shown. */
const shown = {
  id: Uuid,
  mode: ServiceRequestMode,
  category: ServiceRequestCategory,
  text: Type.String(),
  state: ServiceRequestState,
  price: Amount,
  deliverWithinS: Type.Integer(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
}

/** What the poster and the accepted provider are shown besides. */
const shared = {
  provider: Type.Optional(
    Type.String({ description: 'A pseudonym, the same for one provider of this request.' }),
  ),
  acceptedAt: Type.Optional(Timestamp),
  deliverBy: Type.Optional(Timestamp),
  deliveredAt: Type.Optional(Timestamp),
  confirmedBy: Type.Optional(Type.String({ format: 'date-time', description: 'When silence confirms it.' })),
  disputeReason: Type.Optional(Type.String()),
  endedAt: Type.Optional(Timestamp),
  paid: Type.Optional(Balance),
  refunded: Type.Optional(Balance),
  place: Type.Optional(GeoPoint),
  instructions: Type.Optional(Type.String()),
}

export const ServiceRequest = Shape({
  ...shown,
  role: Type.Enum(['poster', 'provider', 'other'], {
    description:
      'Whom you are to it. place and instructions are for the poster, and for the provider until it ends.',
  }),
  ...shared,
  posterRating: Type.Optional(Reputation),
  providerRating: Type.Optional(Reputation),
  offers: Type.Optional(Type.Integer({ minimum: 0, description: 'That stand; the poster only.' })),
  reachM: Type.Optional(Type.Integer({ description: 'How far away it is shown; the poster only.' })),
  escrow: Type.Optional(Balance),
})
export type ServiceRequest = Static<typeof ServiceRequest>

export const OperatorServiceRequest = Shape({
  ...ServiceRequest.properties,
  posterId: Uuid,
  providerId: Type.Optional(Uuid),
})

export const Offer = Shape({
  id: Uuid,
  serviceRequestId: Uuid,
  provider: Type.String({ description: 'A pseudonym, the same for one provider of this request.' }),
  note: Type.Optional(Type.String()),
  rating: Type.Optional(Reputation),
  status: Type.Enum(['standing', 'withdrawn', 'accepted']),
  createdAt: Timestamp,
})

/** One request near a player, as its res-9 cell. */
export const RequestItem = Shape({
  serviceRequestId: Uuid,
  withinM: Type.Integer({
    description: 'Between the centres of two res-9 cells, yours and its own: 1000, 2000 or 3000.',
  }),
  cell: Type.String({ pattern: '^89[0-9a-f]{13}$', description: 'H3 cell, resolution 9.' }),
  mode: ServiceRequestMode,
  category: ServiceRequestCategory,
  text: Type.String(),
  price: Amount,
  expiresAt: Timestamp,
})
export type RequestItem = Static<typeof RequestItem>

const id = Shape({ id: Uuid })
const tag = 'service requests'
const path = '/v1/service-requests'
const players = ['player'] as const

export const postServiceRequest = operation({
  id: 'postServiceRequest',
  method: 'POST',
  path,
  tag,
  summary: 'Post a service request',
  description:
    'The price goes into escrow and the request is open at once, or in review until its text is released (in ' +
    'production, by your trust and by what it says); contact details in it are masked. ' +
    `Within ${serviceRequest.postReachM / 1_000} km of your last fix (send \`fix\` or a position before). ` +
    `It expires after ${lifetimeMs.default / 3_600_000} h where \`expiresAt\` is not told, and is paid back then.`,
  callers: players,
  idempotencyKey: 'required',
  body: PostBody,
  answers: { 201: ServiceRequest },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...callerErrors,
    ...idempotencyErrors,
    'minors_mode',
    'position_needed',
    'position_refused',
    'request_refused',
    'request_limit',
    'insufficient_funds',
    'daily_limit',
    'frozen',
  ],
})

export const listServiceRequests = operation({
  id: 'listServiceRequests',
  method: 'GET',
  path,
  tag,
  summary: 'Service requests around your last fix, as cells of resolution 9',
  description:
    'At most 50, the nearest circle first. Each is shown within 1 km at first, then 2, then 3, as it waits; the ' +
    'distance is that between the centres of two res-9 cells.',
  callers: players,
  query: Shape({ category: Type.Optional(ServiceRequestCategory) }),
  answers: {
    200: Shape({
      type: Type.Literal('FeatureCollection'),
      features: Type.Array(
        Shape({ type: Type.Literal('Feature'), id: Uuid, geometry: Zone, properties: RequestItem }),
        { maxItems: serviceRequest.perSnapshot },
      ),
      numberReturned: Type.Integer(),
      links: Links,
    }),
  },
  errors: [...commonErrors, ...callerErrors, 'minors_mode', 'position_needed'],
})

export const listOwnServiceRequests = operation({
  id: 'listOwnServiceRequests',
  method: 'GET',
  path: '/v1/me/service-requests',
  tag,
  summary: 'Service requests that you posted, newest first',
  callers: players,
  query: PageQuery,
  answers: { 200: Page(ServiceRequest) },
  errors: [...commonErrors, ...callerErrors],
})

export const listTakenServiceRequests = operation({
  id: 'listTakenServiceRequests',
  method: 'GET',
  path: '/v1/me/taken-service-requests',
  tag,
  summary: 'Service requests that you were accepted for, the latest first',
  callers: players,
  query: PageQuery,
  answers: { 200: Page(ServiceRequest) },
  errors: [...commonErrors, ...callerErrors],
})

export const getServiceRequest = operation({
  id: 'getServiceRequest',
  method: 'GET',
  path: `${path}/{id}`,
  tag,
  summary: 'One service request',
  description:
    'Others than the two whom it concerns see it while it is open, and never where it is. With it come the ratings ' +
    'of its poster as a poster and, for the two, of its provider as a provider.',
  callers: players,
  params: id,
  answers: { 200: ServiceRequest },
  errors: [...commonErrors, ...callerErrors, 'not_found', 'minors_mode'],
})
