/** The steps of a service request: offers, acceptance, delivery, the end, and what the operator may do. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Amount, Fix, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { Offer, OperatorServiceRequest, ServiceRequest, ServiceRequestState } from './service-requests.ts'

const { textChars } = limits.serviceRequest
const id = Shape({ id: Uuid })
const tag = 'service requests'
const path = '/v1/service-requests'
const players = ['player'] as const
const actErrors = [...commonErrors, ...callerErrors, 'not_found', 'not_your_request', 'wrong_state'] as const

export const PostDraftBody = Shape({ expiresAt: Type.Optional(Timestamp), fix: Type.Optional(Fix) })

export const postDraft = operation({
  id: 'postDraft',
  method: 'POST',
  path: `${path}/{id}/post`,
  tag,
  summary: 'Post a draft',
  description:
    'As if it were posted now: near your last fix, and paid for. What you do not post is forgotten after seven days; ' +
    'cancel it to forget it at once.',
  callers: players,
  idempotencyKey: 'required',
  params: id,
  body: PostDraftBody,
  answers: { 200: ServiceRequest },
  errors: [
    ...actErrors,
    ...bodyErrors,
    ...idempotencyErrors,
    'minors_mode',
    'position_needed',
    'position_refused',
    'request_refused',
    'insufficient_funds',
    'frozen',
  ],
})

export const offerOnServiceRequest = operation({
  id: 'offerOnServiceRequest',
  method: 'POST',
  path: `${path}/{id}/offers`,
  tag,
  summary: 'Offer to do it',
  description: 'Where the poster chooses. One offer each: repeating it answers the first one.',
  callers: players,
  params: id,
  body: Shape({ note: Type.Optional(Text(textChars, 'For the poster.')) }),
  answers: { 200: Offer },
  errors: [
    ...actErrors,
    ...bodyErrors,
    'own_request',
    'wrong_mode',
    'request_refused',
    'offer_gone',
    'request_limit',
    'daily_limit',
    'minors_mode',
    'trust_needed',
  ],
})

export const listOffers = operation({
  id: 'listOffers',
  method: 'GET',
  path: `${path}/{id}/offers`,
  tag,
  summary: 'Offers for your service request, oldest first',
  callers: players,
  params: id,
  query: PageQuery,
  answers: { 200: Page(Offer) },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const withdrawOffer = operation({
  id: 'withdrawOffer',
  method: 'DELETE',
  path: `${path}/{id}/offers`,
  tag,
  summary: 'Withdraw your offer',
  description: 'Final: nobody offers twice for one request.',
  callers: players,
  params: id,
  answers: { 200: Offer },
  errors: [...actErrors, 'own_request', 'wrong_mode'],
})

export const acceptOffer = operation({
  id: 'acceptOffer',
  method: 'POST',
  path: `${path}/{id}/accept`,
  tag,
  summary: 'Accept one offer',
  description: 'Of two accepts at once exactly one counts. The provider learns the place, and nobody else.',
  callers: players,
  params: id,
  body: Shape({ offerId: Uuid }),
  answers: { 200: ServiceRequest },
  errors: [...actErrors, ...bodyErrors, 'wrong_mode', 'own_request', 'offer_gone'],
})

export const takeServiceRequest = operation({
  id: 'takeServiceRequest',
  method: 'POST',
  path: `${path}/{id}/take`,
  tag,
  summary: 'Take it, if you are the first',
  description:
    'However many take it at once, exactly one has it. Safe to repeat: whoever has it hears so again.',
  callers: players,
  params: id,
  answers: { 200: ServiceRequest },
  errors: [
    ...actErrors,
    ...(['own_request', 'wrong_mode', 'offer_gone', 'daily_limit', 'try_again'] as const),
    ...(['minors_mode', 'trust_needed'] as const),
  ],
})

export const deliverServiceRequest = operation({
  id: 'deliverServiceRequest',
  method: 'POST',
  path: `${path}/{id}/deliver`,
  tag,
  summary: 'Say that it is done',
  callers: players,
  params: id,
  answers: { 200: ServiceRequest },
  errors: actErrors,
})

export const confirmServiceRequest = operation({
  id: 'confirmServiceRequest',
  method: 'POST',
  path: `${path}/{id}/confirm`,
  tag,
  summary: 'Confirm and pay',
  description: 'Final. The provider gets the whole price at once.',
  callers: players,
  params: id,
  answers: { 200: ServiceRequest },
  errors: [...actErrors, 'frozen'],
})

export const disputeServiceRequest = operation({
  id: 'disputeServiceRequest',
  method: 'POST',
  path: `${path}/{id}/dispute`,
  tag,
  summary: 'Dispute the delivery',
  description: 'The money stays where it is until an operator splits it.',
  callers: players,
  params: id,
  body: Shape({ reason: Text(textChars, 'For the operator and the provider.') }),
  answers: { 200: ServiceRequest },
  errors: [...actErrors, ...bodyErrors, 'request_refused'],
})

export const cancelServiceRequest = operation({
  id: 'cancelServiceRequest',
  method: 'POST',
  path: `${path}/{id}/cancel`,
  tag,
  summary: 'Cancel it, or give it back',
  description:
    'The poster: final, and paid back; after acceptance less the share that CANCEL_FEE_PERCENT gives to a provider ' +
    'who is not overdue. The accepted provider: it opens again for others, and counts as dropped.',
  callers: players,
  params: id,
  answers: { 200: ServiceRequest },
  errors: [...actErrors, 'frozen'],
})

export const topUpServiceRequest = operation({
  id: 'topUpServiceRequest',
  method: 'POST',
  path: `${path}/{id}/top-ups`,
  tag,
  summary: 'Raise the price',
  callers: players,
  idempotencyKey: 'required',
  params: id,
  body: Shape({ amount: Amount }),
  answers: { 200: ServiceRequest },
  errors: [
    ...actErrors,
    ...bodyErrors,
    ...idempotencyErrors,
    'request_refused',
    'request_limit',
    'insufficient_funds',
    'frozen',
  ],
})

export const listServiceRequestsByState = operation({
  id: 'listServiceRequestsByState',
  method: 'GET',
  path: '/v1/operator/service-requests',
  tag: 'operator',
  summary: 'Service requests of everybody by state, newest first',
  callers: ['operator'],
  query: Shape({ state: Type.Optional(ServiceRequestState), ...PageQuery.properties }),
  answers: { 200: Page(OperatorServiceRequest) },
  errors: [...commonErrors, ...callerErrors],
})

const Reason = Text(limits.operator.reasonChars, 'For the log of the operator.')

export const splitServiceRequest = operation({
  id: 'splitServiceRequest',
  method: 'POST',
  path: '/v1/operator/service-requests/{id}/split',
  tag: 'operator',
  summary: 'Decide a dispute',
  description: 'Final: `providerMinor` of the price goes to the provider, the rest back to the poster.',
  callers: ['operator'],
  idempotencyKey: 'required',
  params: id,
  body: Shape({ providerMinor: Type.String({ pattern: '^(0|[1-9][0-9]{0,12})$' }), reason: Reason }),
  answers: { 200: OperatorServiceRequest },
  errors: [
    ...commonErrors,
    ...callerErrors,
    ...bodyErrors,
    ...idempotencyErrors,
    'not_found',
    'wrong_state',
    'request_refused',
    'frozen',
  ],
})

export const removeServiceRequest = operation({
  id: 'removeServiceRequest',
  method: 'POST',
  path: '/v1/operator/service-requests/{id}/cancel',
  tag: 'operator',
  summary: 'Cancel a service request that should not be there',
  description:
    'Final: all of it goes back to the poster. What was delivered already is confirmed or disputed instead.',
  callers: ['operator'],
  params: id,
  body: Shape({ reason: Reason }),
  answers: { 200: OperatorServiceRequest },
  errors: [...commonErrors, ...callerErrors, ...bodyErrors, 'not_found', 'wrong_state'],
})
