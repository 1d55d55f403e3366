/** Examples of webhooks: the tea house hears of its envelopes, the operator of service requests. */
import { webhookEventTypes } from '../rest/webhook-events.ts'
import { createWebhookInbox, getWebhookInbox } from '../rest/webhook-inboxes.ts'
import {
  changeWebhookEndpoint,
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookDelivery,
  getWebhookEndpoint,
  listWebhookDeliveries,
  listWebhookEndpoints,
  replayWebhookDeliveries,
  replayWebhookDelivery,
  rotateWebhookSecret,
  testWebhookEndpoint,
} from '../rest/webhooks.ts'
import { exampleOf } from './example.ts'
import { claimId, cny, envelopeId } from './story.ts'

const endpointId = '019c6a40-1d00-7c52-a6f1-52b0a9f5c3d8'
const deliveryId = '6f1c4f0e-95d1-4f7b-a1de-8c0b1e2f4a77'
const inboxId = '019c6a41-07e0-7d0e-8f7c-0f4b7d1c9a21'
const serviceRequestId = '019c6a44-5b10-7f2a-9c3e-7a1d5e0b6c42'
const campaignId = '019c6a46-0a20-7b13-8d5e-3c9f6a7b1d20'
const dropId = '019c6a47-3c51-7e02-9b44-5d2e8f0a1c33'
const poolId = '019c6a31-4c02-7d19-8a6e-5b1c0f2e7d44'
const couponId = '019c6a31-7b60-7e21-9c0d-2f64a1b8c3d9'
const url = 'https://hooks.lotus-tea.example/hexbao'
const [createdAt, claimedAt, endedAt] = [
  '2026-02-17T06:40:00.000Z',
  '2026-02-17T06:52:10.404Z',
  '2026-02-17T07:20:41.090Z',
]

const endpoint = {
  id: endpointId,
  url,
  types: ['envelope.claimed' as const, 'envelope.ended' as const],
  description: 'Cash desk',
  state: 'active' as const,
  createdAt,
}
const secret = 'whsec_RXhhbXBsZUV4YW1wbGVFeGFtcGxlRXhhbXBsZUV4YW0='
const webhookId = 'msg_5d0c5c7e-0a53-4b5e-9d5c-2f4d0d6b8f10'

const delivery = {
  id: deliveryId,
  webhookId,
  type: 'envelope.claimed' as const,
  state: 'delivered' as const,
  failures: 0,
  createdAt: claimedAt,
  endedAt: '2026-02-17T06:52:15.911Z',
}
const waiting = {
  ...{ id: deliveryId, webhookId, type: delivery.type, createdAt: claimedAt },
  ...{ state: 'waiting' as const, failures: 0, nextAttemptAt: '2026-02-18T01:00:00.000Z' },
}

const claimed = {
  ...{ claimId, envelopeId, winner: '9f2c41d07be3a865', amount: cny('449') },
}
const ended = {
  ...{ envelopeId, reason: 'expired', shares: 5, claimedShares: 4 },
  ...{ total: cny('8800'), claimed: cny('8044'), refunded: cny('756') },
}
const requested = {
  ...{ serviceRequestId, state: 'open', mode: 'first_taker', category: 'queueing', price: cny('3000') },
}
const states: Record<string, object> = {
  'request.opened': {},
  'request.expired': { state: 'expired', paid: cny('0'), refunded: cny('3000') },
  'request.cancelled': { state: 'cancelled', paid: cny('0'), refunded: cny('3000') },
  'request.confirmed': { state: 'confirmed', paid: cny('3000'), refunded: cny('0') },
  'request.settled': { state: 'settled', paid: cny('1000'), refunded: cny('2000') },
}

function dataOf(type: string): object {
  if (type === 'envelope.claimed') return claimed
  if (type === 'envelope.ended') return ended
  if (type === 'webhook.test') return { endpointId }
  if (type === 'coupon.redeemed') {
    return { couponId, poolId, envelopeId, claimId, till: 'counter-2', redeemedAt: claimedAt }
  }
  if (type.startsWith('campaign.drop')) {
    return { campaignId, dropId, envelopes: 500, cost: cny('50000') }
  }
  if (type.startsWith('campaign.')) {
    return { campaignId, name: 'Lantern Festival', state: type.replace('campaign.', '') }
  }
  const state = states[type] ?? { state: type.replace('request.', '') }
  const isTaken = !['request.opened', 'request.expired', 'request.cancelled'].includes(type)
  return { ...requested, ...state, ...(isTaken && { provider: '41b7c2e95d03fa68' }) }
}

/** The body of a message of each type. */
export const messageExamples: ReadonlyMap<string, object> = new Map(
  [...webhookEventTypes, 'webhook.test'].map(type => [
    type,
    { type, timestamp: type === 'envelope.ended' ? endedAt : claimedAt, data: dataOf(type) },
  ]),
)

const body = JSON.stringify(messageExamples.get('envelope.claimed'))

export const webhookExamples = [
  exampleOf(createWebhookEndpoint, {
    body: { url, types: endpoint.types, description: endpoint.description },
    answers: { 201: { endpoint, secret } },
  }),
  exampleOf(listWebhookEndpoints, { answers: { 200: { items: [endpoint] } } }),
  exampleOf(getWebhookEndpoint, { params: { id: endpointId }, answers: { 200: endpoint } }),
  exampleOf(changeWebhookEndpoint, {
    params: { id: endpointId },
    body: { state: 'disabled' },
    answers: { 200: { ...endpoint, state: 'disabled', disabledReason: 'by_owner', disabledAt: endedAt } },
  }),
  exampleOf(deleteWebhookEndpoint, { params: { id: endpointId }, answers: { 200: endpoint } }),
  exampleOf(rotateWebhookSecret, {
    params: { id: endpointId },
    answers: {
      201: { endpoint: { ...endpoint, previousSecretUntil: '2026-02-18T06:40:00.000Z' }, secret },
    },
  }),
  exampleOf(testWebhookEndpoint, {
    params: { id: endpointId },
    answers: { 201: { ...waiting, type: 'webhook.test' } },
  }),
  exampleOf(listWebhookDeliveries, {
    params: { id: endpointId },
    query: { state: 'delivered' },
    answers: {
      200: {
        items: [delivery],
        numberReturned: 1,
        links: { self: `/v1/webhook-endpoints/${endpointId}/deliveries` },
      },
    },
  }),
  exampleOf(getWebhookDelivery, {
    params: { id: endpointId, deliveryId },
    answers: {
      200: {
        ...{ delivery, body },
        attempts: [
          { at: '2026-02-17T06:52:15.790Z', tookMs: 121, status: 204 },
          { at: '2026-02-17T06:52:10.560Z', tookMs: 48, status: 503, response: 'Deploying' },
        ],
      },
    },
  }),
  exampleOf(replayWebhookDelivery, {
    params: { id: endpointId, deliveryId },
    answers: { 200: waiting },
  }),
  exampleOf(replayWebhookDeliveries, {
    params: { id: endpointId },
    body: { from: '2026-02-17T00:00:00Z', to: '2026-02-18T00:00:00Z' },
    answers: { 200: { replayed: 1_000, nextFrom: '2026-02-17T21:14:09.300Z' } },
  }),
  exampleOf(createWebhookInbox, {
    answers: { 201: { id: inboxId, path: `/v1/webhook-inboxes/${inboxId}/messages` } },
  }),
  exampleOf(getWebhookInbox, {
    params: { id: inboxId },
    answers: {
      200: { messages: [{ webhookId, receivedAt: '2026-02-17T06:52:10.500Z', isGenuine: true, body }] },
    },
  }),
]
