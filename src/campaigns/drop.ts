/**
 * A drop: many envelopes on the same terms, all or none. Its places are decided and its cost is set aside before the
 * first envelope is made; while it is filling nobody sees any, and its state alone says whether all go live.
 */
import type { Places } from '../geo/places.ts'

export type DropTerms = {
  /** Of each envelope; 0 where they hold coupons, one in each share. */
  amountMinor: bigint
  shares: number
  split: 'equal' | 'lucky'
  claimRadiusM: number
}

export type DropState = 'filling' | 'live' | 'undoing' | 'undone'

export type Drop = {
  id: string
  campaignId: string
  currency: string
  state: DropState
  terms: DropTerms
  envelopes: number
  /** How many are made. */
  placed: number
  costMinor: bigint
  fault: string | null
  isOpened: boolean
  createdAtMs: number
  endedAtMs: number | null
  /** When its envelopes do; behind the end of a campaign that was extended until they follow. */
  expiresAtMs: number
}

export type NewDrop = Drop & Places

/** What a drop of coupons takes out of its pool, and how many of them are in envelopes by now. */
export const couponsOf = ({ envelopes, terms }: Pick<Drop, 'envelopes' | 'terms'>): number =>
  terms.amountMinor === 0n ? envelopes * terms.shares : 0
export const placedCouponsOf = ({ placed, terms }: Pick<Drop, 'placed' | 'terms'>): number =>
  placed * terms.shares
