/**
 * The verdict on one reservation, given the locked envelope and the claims already there. Pure: the order of the
 * questions is the rule. Duplicate first, so that a winner is told so even after the envelope ended or was reloaded.
 */
import type { EndedState } from '../envelopes/state.ts'
import type { Claim, LockedEnvelope } from './record.ts'
import type { Reservation } from './reservation.ts'

export type Verdict =
  /** The player has this claim already: the same win. */
  | { status: 'duplicate'; claim: Claim }
  | { status: 'ended'; reason: EndedState }
  /** The envelope or a budget over it is frozen, or a cap leaves no room: the reservation keeps its share. */
  | { status: 'frozen' }
  /** The player was banned before this could be recorded. */
  | { status: 'banned' }
  /** Reserved under another epoch than the row's, or the envelope is not open. */
  | { status: 'fenced' }
  /** The share belongs to another player's claim. */
  | { status: 'conflict' }
  /** To be recorded. */
  | { status: 'due' }

export type Rivals = {
  /** By `envelope:player`. */
  byPlayer: ReadonlyMap<string, Claim>
  /** By `envelope:share`. */
  byShare: ReadonlyMap<string, unknown>
  banned: ReadonlySet<string>
  /** Envelopes under a frozen budget, or of a campaign that pays nothing now. */
  stopped: ReadonlySet<string>
}

export function judge(
  reservation: Reservation,
  envelope: LockedEnvelope | undefined,
  rivals: Rivals,
): Verdict {
  const { envelopeId, playerId, shareNo, epoch } = reservation
  const claim = rivals.byPlayer.get(`${envelopeId}:${playerId}`)
  if (claim !== undefined) return { status: 'duplicate', claim }
  switch (envelope?.state) {
    case 'empty':
    case 'expired':
    case 'closed':
      return { status: 'ended', reason: envelope.state }
    case 'frozen':
      return { status: 'frozen' }
    case 'live':
      if (envelope.epoch !== epoch) return { status: 'fenced' }
      if (rivals.banned.has(playerId)) return { status: 'banned' }
      if (rivals.byShare.has(`${envelopeId}:${shareNo}`)) return { status: 'conflict' }
      return rivals.stopped.has(envelopeId) ? { status: 'frozen' } : { status: 'due' }
    default:
      return { status: 'fenced' }
  }
}
