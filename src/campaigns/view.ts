/** A campaign and a drop as their merchant sees them. */
import type { Campaign as CampaignSchema } from '#protocol/rest/campaigns.ts'
import type { Drop as DropSchema } from '#protocol/rest/drops.ts'
import type { Static } from 'typebox'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import type { Campaign } from './campaign.ts'
import { couponsOf, type Drop } from './drop.ts'
import { describePlan } from './plan.ts'

export const viewCampaign = (campaign: Campaign, availableMinor: bigint): Static<typeof CampaignSchema> => ({
  id: campaign.id,
  state: campaign.state,
  version: campaign.version,
  isOpen: campaign.state === 'live' && !campaign.isStopped,
  ...describePlan(campaign),
  available: toMoney(availableMinor, campaign.currency),
  createdAt: toTimestamp(campaign.createdAtMs),
  ...(campaign.endedAtMs !== null && { endedAt: toTimestamp(campaign.endedAtMs) }),
  ...(campaign.settledAtMs !== null && { settledAt: toTimestamp(campaign.settledAtMs) }),
})

export const viewDrop = (drop: Drop): Static<typeof DropSchema> => ({
  id: drop.id,
  campaignId: drop.campaignId,
  state: drop.state,
  envelopes: drop.envelopes,
  placed: drop.placed,
  isOpened: drop.isOpened,
  cost: toMoney(drop.costMinor, drop.currency),
  ...(drop.costMinor === 0n && { coupons: couponsOf(drop) }),
  ...(drop.fault !== null && { fault: drop.fault }),
  createdAt: toTimestamp(drop.createdAtMs),
})
