/** An endpoint: whose it is, what it asks for, and what follows from that alone. Nothing here decides. */
import { type WebhookEventType, webhookEvents } from '#protocol/rest/webhook-events.ts'
import type { WebhookEndpoint } from '#protocol/rest/webhooks.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { MerchantCaller, OperatorCaller } from '../players/caller.ts'

/** To whom events belong: a merchant, or the operator. */
export type Owner = 'operator' | `merchant:${string}`

export type DisabledReason = NonNullable<WebhookEndpoint['disabledReason']>

export type Endpoint = {
  id: string
  owner: Owner
  url: string
  types: readonly WebhookEventType[]
  description: string | null
  /** Why and since when nothing is sent to it; null: it is active. */
  disabled: { reason: DisabledReason; atMs: number } | null
  /** Sealed. */
  secret: string
  /** The secret before the last rotation, sealed, and until when it signs. */
  previous: { secret: string; untilMs: number } | null
  failingSinceMs: number | null
  createdAtMs: number
}

export const ownerOf = (caller: MerchantCaller | OperatorCaller): Owner =>
  caller.kind === 'operator' ? 'operator' : `merchant:${caller.id}`

/** The first type that is for others. */
export const findForeignType = (
  types: readonly WebhookEventType[],
  kind: 'merchant' | 'operator',
): WebhookEventType | undefined => types.find(type => webhookEvents[type].owner !== kind)

/** Secrets that sign at a moment, the current one first. */
export const listSecrets = (
  { secret, previous }: Pick<Endpoint, 'secret' | 'previous'>,
  nowMs: number,
): string[] => [secret, ...(previous !== null && nowMs < previous.untilMs ? [previous.secret] : [])]

/** Active again, whatever it was disabled for, and with a clean slate. */
export const activate = (endpoint: Endpoint): Endpoint => ({
  ...endpoint,
  disabled: null,
  failingSinceMs: null,
})

export const disable = (endpoint: Endpoint, reason: DisabledReason, atMs: number): Endpoint => ({
  ...endpoint,
  disabled: endpoint.disabled ?? { reason, atMs },
})

export function viewEndpoint(endpoint: Endpoint, nowMs: number): WebhookEndpoint {
  const { id, url, types, description, disabled, previous, failingSinceMs, createdAtMs } = endpoint
  return {
    ...{ id, url, types: [...types], state: disabled === null ? 'active' : 'disabled' },
    ...(description !== null && { description }),
    ...(disabled !== null && {
      ...{ disabledReason: disabled.reason, disabledAt: toTimestamp(disabled.atMs) },
    }),
    ...(failingSinceMs !== null && { failingSince: toTimestamp(failingSinceMs) }),
    ...(previous !== null &&
      nowMs < previous.untilMs && { previousSecretUntil: toTimestamp(previous.untilMs) }),
    createdAt: toTimestamp(createdAtMs),
  }
}
