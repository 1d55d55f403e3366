/** What the verbs of this folder need from outside; the real ones are composed in app.ts, a simulation has its own. */
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Covered } from '../budgets/budget.ts'
import type { SiteCode } from '../campaigns/site-code.ts'
import type { Box } from '../geo/box.ts'
import type { Cell } from '../geo/cell.ts'
import type { Point } from '../geo/point.ts'
import type { Envelope, Hider } from './envelope.ts'
import type { EndedState } from './state.ts'

/** A new envelope with what only the record keeps. */
export type NewEnvelope = Envelope & {
  seed: Uint8Array
  passphraseMac: Uint8Array | null
  guestIds: readonly string[]
  /** By share number, from 1. */
  amountsMinor: readonly bigint[]
}

export type Win = {
  claimId: string
  playerId: string
  /** Nothing where it is a coupon. */
  amountMinor: bigint | null
  currency: string
  claimedAtMs: number
  /** The largest win of the envelope so far, the earliest of equals. */
  isLargest: boolean
  /** What the winner said to the hider. */
  thanks: string | undefined
}

/** One movement of an envelope's money. */
export type Entry = {
  transferId: string
  kind: 'escrow' | 'claim' | 'refund'
  amountMinor: bigint
  /** What the envelope holds behind it. */
  remainingMinor: bigint
  claim: { shareNo: number; playerId: string } | undefined
  createdAtMs: number
}

export type EntrySums = { funded: bigint; claimed: bigint; refunded: bigint; remaining: bigint }

/** The tables of envelopes. Lists are read one row past the page. */
export type EnvelopeRecord = {
  /** Until the transaction ends, no one else hides in this res-9 cell, and this player nowhere else. */
  lockHiding(tx: Tx, where: { cell9: Cell; playerId: string }): Promise<void>
  /** Players' envelopes that are live or still to open, in the res-10 and res-9 cell of `cell`. */
  countAround(tx: Tx, where: { cell: Cell; nowMs: number }): Promise<{ inCell10: number; inCell9: number }>
  /** When the hider hid their n-th newest envelope. */
  findNthNewestHideMs(tx: Tx, which: { hider: Hider; nth: number }): Promise<number | undefined>
  insertEnvelope(tx: Tx, envelope: NewEnvelope): Promise<{ status: 'inserted' | 'guest_unknown' }>

  findEnvelope(tx: Tx, id: string): Promise<Envelope | undefined>
  /** As found after its row lock was taken, which orders close, expiry and settlement. */
  lockEnvelope(tx: Tx, id: string): Promise<Envelope | undefined>
  /** Locks what should be open by now, the longest due first; rows that others hold are left to them. */
  lockDueToOpen(tx: Tx, due: { nowMs: number; limit: number }): Promise<Envelope[]>
  /** What is over by now, the longest due first. */
  listDueToExpire(tx: Tx, due: { nowMs: number; limit: number }): Promise<string[]>
  /** Locks those of them that are still to end; rows that others hold are left to them. */
  lockDueToExpire(tx: Tx, due: { nowMs: number; ids: readonly string[] }): Promise<Envelope[]>
  /** Moves locked envelopes, each with its epoch. */
  openEnvelopes(tx: Tx, ids: readonly string[]): Promise<void>
  /** To a state that is not its last. */
  moveEnvelope(tx: Tx, id: string, state: 'funded' | 'live' | 'frozen'): Promise<void>
  /** Whether others read what is written on it. */
  showText(tx: Tx, id: string, showsText: boolean): Promise<void>
  endEnvelopes(tx: Tx, end: { ids: readonly string[]; state: EndedState; endedAtMs: number }): Promise<void>

  listGuests(tx: Tx, envelopeIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>
  isGuest(tx: Tx, pair: { envelopeId: string; playerId: string }): Promise<boolean>
  /** Newest first. */
  listOwn(tx: Tx, hider: Hider, page: PageRequest): Promise<Envelope[]>
  /** Oldest first. */
  listWins(tx: Tx, envelopeId: string, page: PageRequest): Promise<Win[]>
  /** In the order in which they happened. */
  listEntries(tx: Tx, envelopeId: string, page: PageRequest): Promise<Entry[]>
  /** Of all movements, and what the escrow's account holds. */
  sumEntries(tx: Tx, envelopeId: string): Promise<EntrySums>
  findSeed(tx: Tx, envelopeId: string): Promise<Uint8Array | undefined>
  /** Amounts by share number, from 1. */
  listShares(tx: Tx, envelopeId: string): Promise<bigint[]>
}

/** What campaigns ask about their envelopes. */
export type CampaignEnvelopes = {
  /** Where a merchant's envelopes are that are live or to open. */
  listPlaces(tx: Tx, which: { merchantId: string; box: Box }): Promise<{ lng: number; lat: number }[]>
  /** Newest first. */
  listOfCampaign(tx: Tx, campaignId: string, page: PageRequest): Promise<Envelope[]>
}

/** What decides between those who claim at the same moment. */
export type Gates = {
  /** The envelope has opened: whoever comes first need not wait until its gate is filled. Answers before it is. */
  prepare(opened: Pick<Envelope, 'id' | 'shareCount'>): void
}

export type Exclusions = {
  /** Those of the points that lie in an area in which nobody hides. */
  findExcluding(tx: Tx, points: readonly Point[]): Promise<readonly unknown[]>
}

export type Merchants = {
  /** Whether the operator lets the merchant hide there. */
  coversPlace(tx: Tx, merchantId: string, point: Point): Promise<boolean>
}

/** What stops payouts: no envelope is hidden under it. */
export type Budgets = { isFrozen(tx: Tx, covered: Covered): Promise<boolean> }

export type Campaigns = {
  /** Keeps the on-site code of the campaign, unless it has one. */
  openCode(tx: Tx, campaignId: string, code: SiteCode): Promise<void>
  /** Makes the campaign the merchant's unless it is another's; it does not end before the transaction does. */
  take(
    tx: Tx,
    campaign: { id: string; merchantId: string; nowMs: number },
  ): Promise<'taken' | 'unknown' | 'ended'>
  /** Until the transaction ends, the drop stays as it is; whether all of its envelopes were opened. */
  lockDrop(tx: Tx, dropId: string): Promise<{ isOpened: boolean } | undefined>
}
