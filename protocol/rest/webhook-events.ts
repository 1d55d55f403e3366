/**
 * What a webhook can tell, whom, and with which data. One more type is one more entry here: endpoints may then ask for
 * it, the documents describe it, and `noteEvent` of the server takes it.
 */
import { type TObject, Type } from 'typebox'
import { Amount, Balance, Shape, Timestamp, Uuid } from '../scalars.ts'
import { CampaignState } from './campaigns.ts'
import { ServiceRequestCategory, ServiceRequestMode, ServiceRequestState } from './service-requests.ts'

const CampaignId = Type.Optional(Uuid)
const Winner = Type.String({
  description: "The player's pseudonym, the same in all of the merchant's envelopes.",
})

const RequestData = Shape({
  serviceRequestId: Uuid,
  state: ServiceRequestState,
  mode: ServiceRequestMode,
  category: ServiceRequestCategory,
  price: Amount,
  provider: Type.Optional(Type.String({ description: 'A pseudonym, as its poster sees it.' })),
  paid: Type.Optional(Balance),
  refunded: Type.Optional(Balance),
})

const CampaignData = Shape({ campaignId: Uuid, name: Type.String(), state: CampaignState })

const DropData = Shape({
  campaignId: Uuid,
  dropId: Uuid,
  envelopes: Type.Integer(),
  cost: Type.Optional(Amount),
})

type WebhookEvent = { owner: 'merchant' | 'operator'; meaning: string; data: TObject }
const merchantEvent = <const D extends TObject>(meaning: string, data: D) => ({
  ...{ owner: 'merchant' as const, meaning, data },
})
const requestEvent = (meaning: string) => ({ owner: 'operator' as const, meaning, data: RequestData })

export const webhookEvents = {
  'envelope.claimed': merchantEvent(
    'A share of an envelope was won.',
    Shape({
      claimId: Uuid,
      envelopeId: Uuid,
      campaignId: CampaignId,
      winner: Winner,
      amount: Type.Optional(Amount),
    }),
  ),
  'envelope.ended': merchantEvent(
    'An envelope ended: nothing of it can be won any more, and what was left is refunded.',
    Shape({
      envelopeId: Uuid,
      campaignId: CampaignId,
      reason: Type.Enum(['empty', 'expired', 'closed']),
      shares: Type.Integer(),
      claimedShares: Type.Integer(),
      total: Type.Optional(Amount),
      claimed: Type.Optional(Balance),
      refunded: Type.Optional(Balance),
    }),
  ),
  'campaign.scheduled': merchantEvent('A campaign was launched; its budget is in escrow.', CampaignData),
  'campaign.live': merchantEvent('A campaign began, or was resumed.', CampaignData),
  'campaign.paused': merchantEvent('A campaign was paused.', CampaignData),
  'campaign.ended': merchantEvent('A campaign ended; its envelopes are being closed.', CampaignData),
  'campaign.dropped': merchantEvent('All envelopes of a drop are on the map.', DropData),
  'campaign.drop_undone': merchantEvent(
    'A drop failed: nobody saw any of its envelopes, and their cost is back in the budget.',
    DropData,
  ),
  'coupon.redeemed': merchantEvent(
    'A coupon was redeemed at a till.',
    Shape({
      ...{ couponId: Uuid, poolId: Uuid, envelopeId: Uuid, claimId: Uuid },
      ...{ till: Type.String(), redeemedAt: Timestamp },
    }),
  ),
  'request.opened': requestEvent('A service request opened, or opened again.'),
  'request.accepted': requestEvent('A service request is in the hands of a provider.'),
  'request.delivered': requestEvent('Its provider says that it is done.'),
  'request.confirmed': requestEvent('It was confirmed, or silence confirmed it; the provider is paid.'),
  'request.cancelled': requestEvent('It was cancelled.'),
  'request.expired': requestEvent('Nobody took it in time; the price went back.'),
  'request.disputed': requestEvent('Its poster disputes the delivery; an operator has to decide.'),
  'request.settled': requestEvent('The operator divided the price.'),
} as const satisfies Record<string, WebhookEvent>

export type WebhookEventType = keyof typeof webhookEvents
export const webhookEventTypes = Object.keys(webhookEvents) as WebhookEventType[]

/** What an endpoint's owner may send to it at any time, to see that it arrives. */
export const testEventType = 'webhook.test'
export const TestData = Shape({ endpointId: Uuid })

/** The body of a message: `data` as the type says. */
export const messageOf = (type: string, data: TObject) =>
  Shape({ type: Type.Literal(type), timestamp: Timestamp, data })
