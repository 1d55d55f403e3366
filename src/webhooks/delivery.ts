/** One event on its way to one endpoint, and its attempts. */
import type { Static } from 'typebox'
import type { WebhookAttempt, WebhookDelivery } from '#protocol/rest/webhooks.ts'
import type { OutboundAnswer, OutboundFault } from '#platform/outbound.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { Endpoint } from './endpoint.ts'
import { type KeptEvent, webhookIdOf } from './event.ts'

export type DeliveryState = Static<typeof WebhookDelivery>['state']

export type Delivery = {
  id: string
  event: Pick<KeptEvent, 'id' | 'type'>
  subjectId: string
  state: DeliveryState
  failures: number
  createdAtMs: number
  /** Null: an earlier one about the same subject waits. */
  dueAtMs: number | null
  endedAtMs: number | null
}

/** What is sent next, under a lease: until it is over no other process sends it. */
export type Leased = {
  id: string
  lease: bigint
  /** When it is over. */
  untilMs: number
  failures: number
  event: KeptEvent
  endpoint: Pick<Endpoint, 'id' | 'url' | 'secret' | 'previous'>
}

/** `internal`: nothing could be sent, and that is our fault. */
export type AttemptFault = OutboundFault | 'internal'

export type Attempt = Omit<OutboundAnswer, 'fault'> & { fault?: AttemptFault; atMs: number }

export const viewDelivery = (delivery: Delivery): Static<typeof WebhookDelivery> => ({
  ...{ id: delivery.id, webhookId: webhookIdOf(delivery.event) },
  type: delivery.event.type as Static<typeof WebhookDelivery>['type'],
  ...{ state: delivery.state, failures: delivery.failures, createdAt: toTimestamp(delivery.createdAtMs) },
  ...(delivery.dueAtMs !== null && { nextAttemptAt: toTimestamp(delivery.dueAtMs) }),
  ...(delivery.endedAtMs !== null && { endedAt: toTimestamp(delivery.endedAtMs) }),
})

export const viewAttempt = ({
  atMs,
  tookMs,
  status,
  fault,
  text,
}: Attempt): Static<typeof WebhookAttempt> => ({
  ...{ at: toTimestamp(atMs), tookMs },
  ...(status !== undefined && { status }),
  ...(fault !== undefined && { fault }),
  ...(text !== undefined && text !== '' && { response: text }),
})
