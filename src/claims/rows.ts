/** The rows of the record, as values. */
import type { Row } from '#platform/postgres.ts'
import type { EnvelopeState } from '../envelopes/state.ts'
import { fromBigInt } from '../geo/cell.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { RememberedClaim } from './describe.ts'
import type { OutboxEntry } from './gate.ts'
import type { Claim, ClaimableEnvelope, GatedEnvelope, LockedEnvelope, Share } from './record.ts'

export type ClaimRow = Row & {
  id: string
  envelope_id: string
  player_id: string
  share_no: number
  amount: bigint | null
  currency: string
  coupon_id: string | null
  claimed_at: Date
}

export const readClaim = (row: ClaimRow): Claim => ({
  id: row.id,
  envelopeId: row.envelope_id,
  playerId: row.player_id,
  shareNo: row.share_no,
  amountMinor: row.amount ?? 0n,
  currency: row.currency,
  ...(row.coupon_id !== null && { couponId: row.coupon_id }),
  claimedAtMs: row.claimed_at.getTime(),
})

export type ShareRow = Row & Pick<ClaimRow, 'amount' | 'coupon_id'>

export const readShare = ({ amount, coupon_id: couponId }: ShareRow): Share => ({
  amountMinor: amount ?? 0n,
  ...(couponId !== null && { couponId }),
})

/** A claim, or the id of an envelope that pays nothing now. */
export type RivalRow = ClaimRow | (Row & { id: null; envelope_id: string })

export type EnvelopeRow = Row & {
  id: string
  state: EnvelopeState
  epoch: bigint
  opens_at: Date
  expires_at: Date
  cell_r12: bigint
  cell_r7: bigint
  claim_radius_m: number
  hider_kind: 'player' | 'merchant'
  hider_id: string
  currency: string
  campaign_id: string | null
  audience: ClaimableEnvelope['audience']
  guest_ids: string[]
  passphrase_mac: Buffer | null
  wins_per_player: number | null
  presence: 'gps' | 'code'
  code_secret: string | null
  code_former_secret: string | null
  code_changes_at: Date | null
}

export const readEnvelope = (row: EnvelopeRow): ClaimableEnvelope => ({
  id: row.id,
  state: row.state,
  epoch: Number(row.epoch),
  opensAtMs: row.opens_at.getTime(),
  expiresAtMs: row.expires_at.getTime(),
  cell12: fromBigInt(row.cell_r12),
  cell7: fromBigInt(row.cell_r7),
  claimRadiusM: row.claim_radius_m,
  hiderKind: row.hider_kind,
  hiderId: row.hider_id,
  currency: row.currency,
  campaignId: row.campaign_id ?? undefined,
  audience: row.audience,
  guestIds: row.guest_ids,
  passphraseMac: row.passphrase_mac,
  ...(row.wins_per_player !== null && { winsPerPlayer: row.wins_per_player }),
  ...(row.presence === 'code' && { code: readCode(row) }),
})

function readCode(row: EnvelopeRow): NonNullable<ClaimableEnvelope['code']> {
  const { code_secret: secret, code_former_secret: formerSecret, code_changes_at: changesAt } = row
  const isThere = secret !== null && changesAt !== null
  const site = isThere ? { secret, formerSecret, changesAtMs: changesAt.getTime() } : undefined
  return { campaignId: row.campaign_id ?? '', site }
}

export type LockedRow = Row & {
  id: string
  state: EnvelopeState
  epoch: bigint
  opens_at: Date
  expires_at: Date
  currency: string
  share_count: number
  claimed_shares: number
  hider_kind: 'player' | 'merchant'
  hider_id: string
  cell_r7: bigint
  capped: string[] | null
  campaign_id: string | null
  wins_per_player: number | null
}

export const readLocked = (row: LockedRow): LockedEnvelope => ({
  id: row.id,
  state: row.state,
  epoch: Number(row.epoch),
  opensAtMs: row.opens_at.getTime(),
  expiresAtMs: row.expires_at.getTime(),
  currency: row.currency,
  shareCount: row.share_count,
  claimedShares: row.claimed_shares,
  hiderKind: row.hider_kind,
  hiderId: row.hider_id,
  cell7: fromBigInt(row.cell_r7),
  cappedBudgets: row.capped ?? [],
  ...(row.campaign_id !== null && { campaignId: row.campaign_id }),
  ...(row.campaign_id !== null &&
    row.wins_per_player !== null && { winLimit: { campaignId: row.campaign_id, wins: row.wins_per_player } }),
})

export type GatedRow = Row & { id: string; epoch: bigint; is_frozen: boolean | null; opened_at: Date | null }

export const readGated = (row: GatedRow): GatedEnvelope => ({
  id: row.id,
  epoch: Number(row.epoch),
  isStopped: row.is_frozen ?? false,
  openedAtMs: row.opened_at?.getTime(),
})

export type LetterRow = Row & {
  id: string
  entry: OutboxEntry
  fault: string
  attempts: number
  buried_at: Date | null
  updated_at: Date
}

export const readLetter = (row: LetterRow): DeadLetter => ({
  ...{ id: row.id, entry: row.entry, fault: row.fault, attempts: row.attempts },
  buriedAtMs: row.buried_at?.getTime(),
  updatedAtMs: row.updated_at.getTime(),
})

export type RememberedRow = Row &
  Pick<ClaimRow, 'id' | 'envelope_id' | 'amount' | 'currency' | 'coupon_id' | 'claimed_at'> &
  Pick<RememberedClaim, 'lat' | 'lng' | 'greeting' | 'thanks'>

export const readRemembered = (row: RememberedRow): RememberedClaim => ({
  id: row.id,
  envelopeId: row.envelope_id,
  amountMinor: row.amount ?? 0n,
  currency: row.currency,
  ...(row.coupon_id !== null && { couponId: row.coupon_id }),
  claimedAtMs: row.claimed_at.getTime(),
  lat: row.lat,
  lng: row.lng,
  greeting: row.greeting,
  thanks: row.thanks,
})

export type FreeRow = { envelope_id: string; share_nos: string }

export const readFree = ({ envelope_id: id, share_nos: shareNos }: FreeRow): [string, number[]] => [
  id,
  shareNos.split(',').map(Number),
]

export type WonRow = { envelope_id: string; player_id: string; share_no: number }

export const readWon = ({ envelope_id: envelopeId, player_id: playerId, share_no: shareNo }: WonRow) => ({
  ...{ envelopeId, playerId, shareNo },
})

/** What claims come to, as columns: per envelope shares, their amount, and the first moment. */
export function sumByEnvelope(claims: readonly Claim[]) {
  const won = new Map<string, { shares: number; amount: bigint; firstMs: number }>()
  for (const { envelopeId, amountMinor, claimedAtMs } of claims) {
    const sum = won.get(envelopeId) ?? { shares: 0, amount: 0n, firstMs: claimedAtMs }
    const firstMs = Math.min(sum.firstMs, claimedAtMs)
    won.set(envelopeId, { shares: sum.shares + 1, amount: sum.amount + amountMinor, firstMs })
  }
  const sums = [...won.values()]
  return {
    ids: [...won.keys()],
    shares: sums.map(({ shares }) => shares),
    amounts: sums.map(({ amount }) => amount),
    firsts: sums.map(({ firstMs }) => new Date(firstMs)),
  }
}
