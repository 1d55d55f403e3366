/** A campaign as the record holds it, and what follows from that alone. */
import type { Area } from '#protocol/rest/areas.ts'
import type { Presence } from '../envelopes/envelope.ts'
import type { Schedule } from './schedule.ts'
import type { CampaignState } from './state.ts'

/** What the merchant decides, in the units of the record. */
export type Plan = {
  name: string
  area: Area
  currency: string
  /** 0 where it gives out coupons. */
  budgetMinor: bigint
  couponPoolId: string | null
  winsPerPlayer: number | null
  schedule: Schedule
  presence: Presence
  greeting: string | null
  clue: string | null
  brand: string | null
}

export type Campaign = Plan & {
  id: string
  merchantId: string
  state: CampaignState
  version: number
  /** Paused or outside of its windows: nothing is paid. */
  isStopped: boolean
  createdAtMs: number
  endedAtMs: number | null
  settledAtMs: number | null
}

/** What a move changes; `version` only counts edits of the plan. */
export type Standing = Pick<Campaign, 'state' | 'isStopped' | 'endedAtMs'>
