/** The rows of lists and endings, as values. */
import type { Row } from '#platform/postgres.ts'
import type { Entry, Win } from './ports.ts'
import type { EndedState } from './state.ts'
import type { Ending } from './tell-end.ts'

export type WinRow = Row & {
  id: string
  player_id: string
  amount: bigint
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
