/**
 * An event as it is kept, and as it is told. The facts are written where they become true, by a trigger or by whoever
 * calls `noteEvent`; what leaves the server is made of them here, each time anew and always alike. A player is a
 * pseudonym, the one that the hider or poster knows; of a place nothing is kept in the first place.
 */
import type { WebhookEventType } from '#protocol/rest/webhook-events.ts'
import type { Tx } from '#platform/postgres.ts'
import { pseudonymOf } from '../envelopes/audience.ts'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import type { Owner } from './endpoint.ts'

export type KeptEvent = {
  id: string
  owner: Owner
  type: string
  /** What it is about: events of one subject are delivered in order. */
  subjectId: string
  facts: Readonly<Record<string, unknown>>
  atMs: number
}

/** What the owner of a fact says of it; `data` is sent as it is, so it names no player and no place. */
export type NewEvent = {
  owner: Owner
  type: WebhookEventType
  subjectId: string
  data: Readonly<Record<string, unknown>>
  atMs: number
}

/** Writes it in the caller's transaction, and only where an endpoint asks for its type. */
export type NoteEvent = (tx: Tx, event: NewEvent) => Promise<void>

type ClaimFacts = {
  claimId: string
  campaignId?: string
  playerId: string
  amountMinor?: string
  currency?: string
}
type EndFacts = {
  campaignId?: string
  reason: string
  shares: number
  claimedShares: number
  totalMinor: string
  claimedMinor: string
  currency: string
}
type DropFacts = {
  campaignId: string
  dropId: string
  envelopes: number
  costMinor: string
  currency: string
}
type RequestFacts = {
  state: string
  mode: string
  category: string
  posterId: string
  providerId?: string
  priceMinor: string
  paidMinor?: string
  currency: string
}

type Describe = (event: KeptEvent, hmacSecret: string) => Record<string, unknown>

const describeClaim: Describe = ({ owner, subjectId: envelopeId, facts }, hmacSecret) => {
  const { claimId, campaignId, playerId, amountMinor, currency } = facts as ClaimFacts
  const hider = { kind: 'merchant', id: owner.replace('merchant:', '') }
  return {
    ...{ claimId, envelopeId, ...(campaignId !== undefined && { campaignId }) },
    winner: pseudonymOf(hmacSecret, { envelopeId, hider, playerId }),
    // What holds no money has no amount, nor a total or a cost.
    ...(amountMinor !== undefined && { amount: { amountMinor, currency } }),
  }
}

const describeEnd: Describe = ({ subjectId: envelopeId, facts }) => {
  const { totalMinor, claimedMinor, currency, ...rest } = facts as EndFacts
  const money = (amountMinor: bigint) => toMoney(amountMinor, currency)
  const [total, claimed] = [BigInt(totalMinor), BigInt(claimedMinor)]
  const told = { total: money(total), claimed: money(claimed), refunded: money(total - claimed) }
  return { envelopeId, ...rest, ...(total > 0n && told) }
}

const describeDrop: Describe = ({ facts }) => {
  const { costMinor, currency, ...rest } = facts as DropFacts
  const cost = BigInt(costMinor)
  return { ...rest, ...(cost > 0n && { cost: toMoney(cost, currency) }) }
}

const describeRequest: Describe = ({ subjectId: serviceRequestId, facts }, hmacSecret) => {
  const { posterId, providerId, priceMinor, paidMinor, currency, ...rest } = facts as RequestFacts
  const money = (amountMinor: bigint) => toMoney(amountMinor, currency)
  const hider = { kind: 'player', id: posterId }
  return {
    ...{ serviceRequestId, ...rest, price: money(BigInt(priceMinor)) },
    ...(providerId !== undefined && {
      provider: pseudonymOf(hmacSecret, { envelopeId: serviceRequestId, hider, playerId: providerId }),
    }),
    ...(paidMinor !== undefined && {
      ...{ paid: money(BigInt(paidMinor)), refunded: money(BigInt(priceMinor) - BigInt(paidMinor)) },
    }),
  }
}

/** How facts that a trigger wrote become data; all others are data already. */
function describe(event: KeptEvent, hmacSecret: string): Record<string, unknown> {
  if (event.type === 'envelope.claimed') return describeClaim(event, hmacSecret)
  if (event.type === 'envelope.ended') return describeEnd(event, hmacSecret)
  if (event.type.startsWith('campaign.drop')) return describeDrop(event, hmacSecret)
  if (event.type.startsWith('request.')) return describeRequest(event, hmacSecret)
  return { ...event.facts }
}

/** The body of its message, the same in every attempt. */
export const composeBody = (event: KeptEvent, hmacSecret: string): string =>
  JSON.stringify({
    ...{ type: event.type, timestamp: toTimestamp(event.atMs), data: describe(event, hmacSecret) },
  })

/** What the header `webhook-id` says. */
export const webhookIdOf = ({ id }: Pick<KeptEvent, 'id'>): string => `msg_${id}`
