/**
 * The states of a campaign as one table. PostgreSQL holds the same table and refuses every other move; a test compares
 * the two.
 */
import type { Static } from 'typebox'
import type { CampaignState as StateSchema } from '#protocol/rest/campaigns.ts'

export type CampaignState = Static<typeof StateSchema>

export const transitions: Readonly<Record<CampaignState, readonly CampaignState[]>> = {
  draft: ['scheduled', 'ended'],
  scheduled: ['live', 'ended'],
  live: ['paused', 'ended'],
  paused: ['live', 'ended'],
  ended: [],
}

export const canMove = (from: CampaignState, to: CampaignState): boolean => transitions[from].includes(to)

/** Its budget is in escrow, and drops may take of it. */
export const takesDrops = (state: CampaignState): boolean =>
  state === 'scheduled' || state === 'live' || state === 'paused'
