/**
 * What one sees of an envelope. The hider sees all of it; others never its place or cell, its clue only inside the
 * publish radius, its total only once it ended. The radius is judged between res-10 cells, like every hint.
 */
import type { Envelope as EnvelopeAnswer } from '#protocol/rest/envelopes.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import { bandOf } from '../hints/band.ts'
import { type Envelope, escrowMinorOf, hasOpened, shownText } from './envelope.ts'
import { isEnded } from './state.ts'
import { holdsCoupons } from './envelope.ts'

/** The hider, or someone else who stands in a res-12 cell or nowhere known. */
export type Viewer = { kind: 'hider' } | { kind: 'other'; cell?: Cell | undefined }

export function viewEnvelope(envelope: Envelope, viewer: Viewer, nowMs: number): EnvelopeAnswer {
  const isHider = viewer.kind === 'hider'
  const { brand, endedAtMs } = envelope
  const { greeting, clue } = isHider ? envelope : shownText(envelope)
  const isOfCoupons = holdsCoupons(envelope)
  const showsClue = isHider || isNear(envelope, viewer.cell)
  return {
    id: envelope.id,
    kind: envelope.hider.kind,
    state: envelope.state,
    split: envelope.split,
    audience: envelope.audience,
    ...(isOfCoupons && { content: 'coupon' as const }),
    shares: envelope.shareCount,
    presence: envelope.presence,
    claimRadiusM: envelope.claimRadiusM,
    ...(greeting !== null && { greeting }),
    ...(brand !== null && { brand }),
    ...(clue !== null && showsClue && { clue: { text: clue } }),
    opensAt: toTimestamp(envelope.opensAtMs),
    expiresAt: toTimestamp(envelope.expiresAtMs),
    ...(hasOpened(envelope, nowMs) && !isOfCoupons && { commitment: envelope.commitment }),
    ...(endedAtMs !== null && { endedAt: toTimestamp(endedAtMs) }),
    ...((isHider || isEnded(envelope.state)) &&
      !isOfCoupons && { total: toMoney(envelope.totalMinor, envelope.currency) }),
    ...(isHider && { own: viewOwn(envelope) }),
  }
}

const isNear = (envelope: Envelope, cell: Cell | undefined): boolean =>
  cell !== undefined && bandOf(coarsen(cell, 10), coarsen(envelope.cell, 10)) !== undefined

function viewOwn(envelope: Envelope): NonNullable<EnvelopeAnswer['own']> {
  const { place, currency, campaignId, showsText } = envelope
  return {
    place: { type: 'Point', coordinates: [place.lng, place.lat] },
    createdAt: toTimestamp(envelope.createdAtMs),
    claimedShares: envelope.claimedShares,
    claimed: toMoney(envelope.claimedMinor, currency),
    escrow: toMoney(escrowMinorOf(envelope), currency),
    ...(campaignId !== null && { campaignId }),
    reports: envelope.reports,
    ...(!showsText && { textIsHidden: true }),
  }
}

export const toTimestamp = (atMs: number): string => new Date(atMs).toISOString()

export const toMoney = (
  amountMinor: bigint,
  currency: string,
): { amountMinor: string; currency: string } => ({
  amountMinor: String(amountMinor),
  currency,
})
