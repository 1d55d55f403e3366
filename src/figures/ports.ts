/** What figures are made of, and the record that has it. */
import type { Tx } from '#platform/postgres.ts'
import type { Cell } from '../geo/cell.ts'
import type { CampaignState } from '../campaigns/state.ts'

/** The counters of a campaign's drops at one moment. */
export type Tallies = {
  state: CampaignState
  currency: string
  /** Envelopes of drops that are still to be made. */
  toPlace: number
  placed: number
  waiting: number
  live: number
  empty: number
  expired: number
  closed: number
  frozen: number
  found: number
  shares: number
  claimedShares: number
  fundedMinor: bigint
  availableMinor: bigint
  inDropsMinor: bigint
  inEnvelopesMinor: bigint
  claimedMinor: bigint
  returnedMinor: bigint
  revealed: number
  /** From opening to first claim: the shortest, the median, and what nine in ten did not exceed. */
  waitsMs: readonly [number, number, number] | undefined
}

export type Quarter = { atMs: number; revealed: number; claimed: number; amountMinor: bigint }

/** Players who won for the first time in a window, in a cell or (without one) in the campaign. */
export type Finders = { windowNo: number; cell: Cell | undefined; players: number }

export type ExportedEnvelope = {
  id: string
  cell9: Cell
  lng: number
  lat: number
  state: string
  shares: number
  claimedShares: number
  totalMinor: bigint
  claimedMinor: bigint
  currency: string
  opensAtMs: number
  expiresAtMs: number
  endedAtMs: number | undefined
  firstClaimedAtMs: number | undefined
  dropId: string
  greeting: string
  clue: string
  brand: string
  createdAtMs: number
}

export type ExportedClaim = {
  id: string
  envelopeId: string
  shareNo: number
  cell9: Cell
  claimedAtMs: number
  /** Nothing of a coupon. */
  amountMinor: bigint | undefined
  currency: string
  playerId: string
  /** Of the envelope: where the next page begins. */
  createdAtMs: number
}

export type RevealCount = { campaignId: string; quarterMs: number; reveals: number }

export type FiguresRecord = {
  /** Nothing where there is no such campaign with a plan. */
  readTallies(tx: Tx, campaignId: string): Promise<Tallies | undefined>
  /** The latest first. */
  listQuarters(tx: Tx, campaignId: string, limit: number): Promise<Quarter[]>
  /** By window, of the claims before `beforeMs`. */
  listFinders(tx: Tx, campaignId: string, span: { beforeMs: number; windowMs: number }): Promise<Finders[]>
  countByCell(tx: Tx, campaignId: string): Promise<{ cell: Cell; envelopes: number }[]>
  pageEnvelopes(
    tx: Tx,
    campaignId: string,
    page: { after: ExportedEnvelope | undefined; limit: number },
  ): Promise<ExportedEnvelope[]>
  pageClaims(
    tx: Tx,
    campaignId: string,
    page: { after: ExportedClaim | undefined; limit: number },
  ): Promise<ExportedClaim[]>
  addReveals(tx: Tx, counts: readonly RevealCount[]): Promise<void>
}

/** How many of its coupons were redeemed; nothing where it gives none. */
export type CountRedeemed = (tx: Tx, campaignId: string) => Promise<number | undefined>
