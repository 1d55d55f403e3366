/** The rows of envelopes, of their lists and endings, as values. */
import type { Row } from '#platform/postgres.ts'
import { fromBigInt } from '../geo/cell.ts'
import type { AudienceKind, Envelope, HiderKind, Presence, SplitKind } from './envelope.ts'
import type { Entry, Win } from './ports.ts'
import type { EndedState, EnvelopeState } from './state.ts'
import type { Ending } from './tell-end.ts'

export type EnvelopeRow = Row & {
  id: string
  hider_kind: HiderKind
  hider_id: string
  lng: number
  lat: number
  cell_r12: bigint
  claim_radius_m: number
  currency: string
  total: bigint
  share_count: number
  split: SplitKind
  share_cap: bigint | null
  commitment: string
  audience: AudienceKind
  greeting: string | null
  clue: string | null
  brand: string | null
  shows_text: boolean
  campaign_id: string | null
  drop_id: string | null
  state: EnvelopeState
  epoch: bigint
  opens_at: Date
  expires_at: Date
  created_at: Date
  ended_at: Date | null
  claimed_shares: number
  claimed_amount: bigint
  presence: Presence
  reports: number
}

export const toEnvelope = (row: EnvelopeRow): Envelope => ({
  id: row.id,
  hider: { kind: row.hider_kind, id: row.hider_id },
  place: { lat: row.lat, lng: row.lng },
  cell: fromBigInt(row.cell_r12),
  claimRadiusM: row.claim_radius_m,
  currency: row.currency,
  totalMinor: row.total,
  shareCount: row.share_count,
  split: row.split,
  shareCapMinor: row.share_cap,
  commitment: row.commitment,
  audience: row.audience,
  greeting: row.greeting,
  clue: row.clue,
  brand: row.brand,
  showsText: row.shows_text,
  campaignId: row.campaign_id,
  dropId: row.drop_id,
  state: row.state,
  epoch: row.epoch,
  opensAtMs: row.opens_at.getTime(),
  expiresAtMs: row.expires_at.getTime(),
  createdAtMs: row.created_at.getTime(),
  endedAtMs: row.ended_at?.getTime() ?? null,
  claimedShares: row.claimed_shares,
  claimedMinor: row.claimed_amount,
  presence: row.presence,
  reports: row.reports,
})

export type WinRow = Row & {
  id: string
  player_id: string
  amount: bigint | null
  currency: string
  claimed_at: Date
  is_largest: boolean
  thanks: string | null
}

export const toWin = (row: WinRow): Win => ({
  claimId: row.id,
  playerId: row.player_id,
  amountMinor: row.amount,
  currency: row.currency,
  claimedAtMs: row.claimed_at.getTime(),
  isLargest: row.is_largest,
  thanks: row.thanks ?? undefined,
})

export type EndRow = Row & {
  id: string
  hider_id: string
  state: EndedState
  claimed_shares: number
  claimed_amount: bigint
  currency: string
  best_id: string | null
  best_player_id: string | null
  best_amount: bigint | null
}

export const toEnding = (row: EndRow): Ending => ({
  id: row.id,
  hiderId: row.hider_id,
  reason: row.state,
  claimedShares: row.claimed_shares,
  claimedMinor: row.claimed_amount,
  currency: row.currency,
  best:
    row.best_id === null || row.best_player_id === null || row.best_amount === null
      ? undefined
      : { claimId: row.best_id, playerId: row.best_player_id, amountMinor: row.best_amount },
})

export type EntryRow = Row & {
  id: string
  kind: Entry['kind']
  amount: bigint
  remaining: bigint
  share_no: number | null
  player_id: string | null
  created_at: Date
}

export const toEntry = (row: EntryRow): Entry => ({
  transferId: row.id,
  kind: row.kind,
  amountMinor: row.amount,
  remainingMinor: row.remaining,
  claim:
    row.share_no === null || row.player_id === null
      ? undefined
      : { shareNo: row.share_no, playerId: row.player_id },
  createdAtMs: row.created_at.getTime(),
})
