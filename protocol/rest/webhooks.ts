/** Webhooks: endpoints of a merchant or the operator, what was sent to them, and what is sent again. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'
import { testEventType, webhookEventTypes } from './webhook-events.ts'

const { urlChars, descriptionChars, replayedAtOnce } = limits.webhook

export const WebhookTypes = Type.Array(Type.Enum(webhookEventTypes), {
  minItems: 1,
  maxItems: webhookEventTypes.length,
  uniqueItems: true,
  description:
    'Types of events. `envelope.*` and `campaign.*` are for merchants, `request.*` for the operator.',
})

export const WebhookEndpoint = Shape({
  id: Uuid,
  url: Type.String(),
  types: WebhookTypes,
  description: Type.Optional(Type.String()),
  state: Type.Enum(['active', 'disabled']),
  disabledReason: Type.Optional(
    Type.Enum(['by_owner', 'gone', 'failing'], {
      description: 'gone: it answered 410. failing: for five days it answered nothing but failures.',
    }),
  ),
  disabledAt: Type.Optional(Timestamp),
  failingSince: Type.Optional(Timestamp),
  previousSecretUntil: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Until then two signatures are sent, the second by the secret before.',
    }),
  ),
  createdAt: Timestamp,
})
export type WebhookEndpoint = Static<typeof WebhookEndpoint>

const Secret = Type.String({
  description: '`whsec_` and base64. Shown this once; it is kept sealed.',
})

const DeliveryState = Type.Enum(['waiting', 'delivered', 'dead'], {
  description: 'waiting: for its turn or for another attempt. dead: given up; a replay sends it again.',
})

export const WebhookDelivery = Shape({
  id: Uuid,
  webhookId: Type.String({ description: 'What the header `webhook-id` says, the same in every attempt.' }),
  type: Type.Enum([...webhookEventTypes, testEventType]),
  state: DeliveryState,
  failures: Type.Integer({ minimum: 0, description: 'Failed attempts since it was made or replayed.' }),
  createdAt: Timestamp,
  nextAttemptAt: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Absent while an earlier event about the same envelope, campaign or request waits.',
    }),
  ),
  endedAt: Type.Optional(Timestamp),
})

export const WebhookAttempt = Shape({
  at: Timestamp,
  tookMs: Type.Integer({ minimum: 0 }),
  status: Type.Optional(Type.Integer({ description: 'What the endpoint answered.' })),
  fault: Type.Optional(
    Type.Enum(['address', 'unresolved', 'timeout', 'connection', 'redirect', 'internal'], {
      description:
        'Why there was no answer that counts. address: not a public one. redirect: none is followed. ' +
        'internal: nothing was sent, and that is not your fault.',
    }),
  ),
  response: Type.Optional(Type.String({ description: 'The beginning of what was answered.' })),
})

const ById = Shape({ id: Uuid })
const ByDelivery = Shape({ id: Uuid, deliveryId: Uuid })
const errors = [...commonErrors, ...callerErrors] as const

/** Operations of the two kinds of owners: a merchant sees its own endpoints, the operator its own. */
const head = { tag: 'webhooks', callers: ['merchant', 'operator'] } as const
const reading = { ...head, scope: 'read' } as const
const managing = { ...head, scope: 'admin' } as const

const Url = Text(urlChars, 'https in production; no private address, no redirect is followed.')
const Description = Text(descriptionChars)
const NewSecret = Shape({ endpoint: WebhookEndpoint, secret: Secret })

export const createWebhookEndpoint = operation({
  ...managing,
  id: 'createWebhookEndpoint',
  method: 'POST',
  path: '/v1/webhook-endpoints',
  summary: 'Have events sent to a URL',
  description:
    'Messages are signed by the Standard Webhooks specification. Events of one envelope, campaign or service ' +
    'request come in order; each comes once at least, and always with the same `webhook-id`. Any answer but 2xx is ' +
    'a failure and is tried again.',
  idempotencyKey: 'refused',
  body: Shape({ url: Url, types: WebhookTypes, description: Type.Optional(Description) }),
  answers: { 201: NewSecret },
  errors: [...errors, ...bodyErrors, 'endpoint_limit', 'endpoint_refused'],
})

export const listWebhookEndpoints = operation({
  ...reading,
  id: 'listWebhookEndpoints',
  method: 'GET',
  path: '/v1/webhook-endpoints',
  summary: 'Your endpoints, oldest first',
  answers: { 200: Shape({ items: Type.Array(WebhookEndpoint) }) },
  errors,
})

export const getWebhookEndpoint = operation({
  ...reading,
  id: 'getWebhookEndpoint',
  method: 'GET',
  path: '/v1/webhook-endpoints/{id}',
  summary: 'One of your endpoints',
  params: ById,
  answers: { 200: WebhookEndpoint },
  errors: [...errors, 'not_found'],
})

export const changeWebhookEndpoint = operation({
  ...managing,
  id: 'changeWebhookEndpoint',
  method: 'PATCH',
  path: '/v1/webhook-endpoints/{id}',
  summary: 'Change an endpoint, disable it, or make it active again',
  description:
    'What is not named stays. A disabled endpoint keeps what waits for it; what happens meanwhile is not sent unless ' +
    'it is replayed.',
  params: ById,
  body: Shape({
    url: Type.Optional(Url),
    types: Type.Optional(WebhookTypes),
    description: Type.Optional(Description),
    state: Type.Optional(Type.Enum(['active', 'disabled'])),
  }),
  answers: { 200: WebhookEndpoint },
  errors: [...errors, ...bodyErrors, 'not_found', 'endpoint_refused'],
})

export const deleteWebhookEndpoint = operation({
  ...managing,
  id: 'deleteWebhookEndpoint',
  method: 'DELETE',
  path: '/v1/webhook-endpoints/{id}',
  summary: 'Delete an endpoint with its log; what waits for it is not sent',
  params: ById,
  answers: { 200: WebhookEndpoint },
  errors: [...errors, 'not_found'],
})

export const rotateWebhookSecret = operation({
  ...managing,
  id: 'rotateWebhookSecret',
  method: 'POST',
  path: '/v1/webhook-endpoints/{id}/secret',
  summary: 'A new secret; for a day the one before signs as well',
  idempotencyKey: 'refused',
  params: ById,
  answers: { 201: NewSecret },
  errors: [...errors, 'not_found'],
})

export const testWebhookEndpoint = operation({
  ...managing,
  id: 'testWebhookEndpoint',
  method: 'POST',
  path: '/v1/webhook-endpoints/{id}/test',
  summary: 'Send a test event; its delivery says what came of it',
  idempotencyKey: 'refused',
  params: ById,
  answers: { 201: WebhookDelivery },
  errors: [...errors, 'not_found', 'endpoint_disabled'],
})

export const listWebhookDeliveries = operation({
  ...reading,
  id: 'listWebhookDeliveries',
  method: 'GET',
  path: '/v1/webhook-endpoints/{id}/deliveries',
  summary: 'What was sent, newest first',
  params: ById,
  query: Shape({
    state: Type.Optional(DeliveryState),
    ...PageQuery.properties,
  }),
  answers: { 200: Page(WebhookDelivery) },
  errors: [...errors, 'not_found'],
})

export const getWebhookDelivery = operation({
  ...reading,
  id: 'getWebhookDelivery',
  method: 'GET',
  path: '/v1/webhook-endpoints/{id}/deliveries/{deliveryId}',
  summary: 'One delivery with its body and its latest attempts',
  params: ByDelivery,
  answers: {
    200: Shape({
      delivery: WebhookDelivery,
      body: Type.String({ description: 'As it is sent.' }),
      attempts: Type.Array(WebhookAttempt, { description: 'Newest first.' }),
    }),
  },
  errors: [...errors, 'not_found'],
})

export const replayWebhookDelivery = operation({
  ...managing,
  id: 'replayWebhookDelivery',
  method: 'POST',
  path: '/v1/webhook-endpoints/{id}/deliveries/{deliveryId}/replay',
  summary: 'Send a delivery again, as the same message',
  description:
    'One that waits for another attempt is sent at once. One that stands behind another one about the same subject ' +
    'is left as it is.',
  params: ByDelivery,
  answers: { 200: WebhookDelivery },
  errors: [...errors, 'not_found', 'endpoint_disabled'],
})

export const replayWebhookDeliveries = operation({
  ...managing,
  id: 'replayWebhookDeliveries',
  method: 'POST',
  path: '/v1/webhook-endpoints/{id}/replay',
  summary: 'Send what happened in a time range again, or for the first time',
  description:
    'Dead letters, what waits for another attempt, and events that were never sent because the endpoint was ' +
    'disabled; with `delivered`, those that were delivered, too. ' +
    `The oldest ${replayedAtOnce} of them: where there may be more, \`nextFrom\` is where to go on.`,
  params: ById,
  body: Shape({ from: Timestamp, to: Timestamp, delivered: Type.Optional(Type.Boolean()) }),
  answers: {
    200: Shape({ replayed: Type.Integer({ minimum: 0 }), nextFrom: Type.Optional(Timestamp) }),
  },
  errors: [...errors, ...bodyErrors, 'not_found', 'endpoint_disabled'],
})

/** In the order of the documents. */
export const webhookOperations = [
  createWebhookEndpoint,
  listWebhookEndpoints,
  getWebhookEndpoint,
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  rotateWebhookSecret,
  testWebhookEndpoint,
  listWebhookDeliveries,
  getWebhookDelivery,
  replayWebhookDelivery,
  replayWebhookDeliveries,
] as const
