/** An envelope as the record holds it, and what follows from that alone. Its seed stays behind until it ended. */
import { coarsen, type Cell } from '../geo/cell.ts'
import { limits } from '#protocol/limits.ts'
import type { Point } from '../geo/point.ts'
import type { LiveEnvelope } from '../hints/live-envelope.ts'
import { type EnvelopeState, isEnded, isVisible } from './state.ts'

export type HiderKind = 'player' | 'merchant'
export type Hider = { kind: HiderKind; id: string }
export type SplitKind = 'equal' | 'lucky'
/** What says that a player is there: a fix, or the code of the envelope's campaign. */
export type Presence = 'gps' | 'code'
export type AudienceKind = 'anyone' | 'players' | 'passphrase'

/** What is decided when an envelope is hidden, and never changes. */
export type EnvelopeTerms = {
  id: string
  hider: Hider
  /** WGS-84. */
  place: Point
  /** Resolution 12. */
  cell: Cell
  claimRadiusM: number
  currency: string
  totalMinor: bigint
  shareCount: number
  split: SplitKind
  /** Largest share of a lucky split. */
  shareCapMinor: bigint | null
  audience: AudienceKind
  presence: Presence
  greeting: string | null
  clue: string | null
  brand: string | null
  /** Whether others read greeting and clue: not while they wait for a reviewer, nor once they were rejected. */
  showsText: boolean
  campaignId: string | null
  /** The drop that it came with; its money goes back to the campaign. */
  dropId: string | null
  /** SHA-256 of the split, hexadecimal. */
  commitment: string
  createdAtMs: number
}

export type Envelope = EnvelopeTerms & {
  state: EnvelopeState
  epoch: bigint
  opensAtMs: number
  expiresAtMs: number
  endedAtMs: number | null
  claimedShares: number
  claimedMinor: bigint
  /** Players who reported it. */
  reports: number
}

/** An envelope without money holds coupons, one in each share; only drops of a campaign make any. */
export const holdsCoupons = ({ totalMinor }: Pick<EnvelopeTerms, 'totalMinor'>): boolean => totalMinor === 0n

/** Minor units still in escrow: all that was not claimed, until the end, which refunds it. */
export const escrowMinorOf = (envelope: Envelope): bigint =>
  envelope.state === 'draft' || isEnded(envelope.state) ? 0n : envelope.totalMinor - envelope.claimedMinor

export const isHiddenBy = (envelope: Envelope, caller: { kind: string; id: string }): boolean =>
  envelope.hider.kind === caller.kind && envelope.hider.id === caller.id

/** Whether others could ever see it: one that was closed before its time stays unknown. */
export const hasOpened = (envelope: Envelope, nowMs: number): boolean =>
  isVisible(envelope.state) && envelope.opensAtMs <= (envelope.endedAtMs ?? nowMs)

/** What others may read of it. */
export const shownText = ({
  showsText,
  greeting,
  clue,
}: Pick<Envelope, 'showsText' | 'greeting' | 'clue'>): { greeting: string | null; clue: string | null } =>
  showsText ? { greeting, clue } : { greeting: null, clue: null }

/** What the live index keeps of it. */
export function toLiveEnvelope(envelope: Envelope, guestIds: readonly string[]): LiveEnvelope {
  const { id, cell, hider, audience, presence, brand } = envelope
  const { greeting, clue } = shownText(envelope)
  return {
    id,
    cell10: coarsen(cell, 10),
    cell7: coarsen(cell, 7),
    kind: hider.kind,
    hiderId: hider.id,
    audience,
    ...(audience === 'players' && { guestIds }),
    ...(presence === 'code' && { presence }),
    ...(envelope.reports >= limits.report.lowersAt && { isReported: true as const }),
    ...(greeting !== null && { greeting }),
    ...(brand !== null && { brand }),
    ...(clue !== null && { clue }),
  }
}
