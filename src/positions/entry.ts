/**
 * Whether a player may try for a share, in the order that is the promise of `out_of_reach`: first what concerns the
 * player alone, with a reason; then everything that depends on the envelope, as one refusal that does not say which;
 * only then what concerns the envelope's fate. Pure: the standing goes in, the next one comes out.
 */
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { Pace } from './pace.ts'
import { judgePresence, measureReach } from './presence.ts'
import { countFailedTry, judgeTry, takePermit } from './quotas.ts'
import type { Standing } from './standing.ts'
import type { Figures, ReportedFix } from './track.ts'

/** What of an envelope decides whether this player may enter it; `undefined` where there is no such envelope. */
export type EntryPlace = {
  cell12: Cell
  claimRadiusM: number
  /** Audience, passphrase and opening time say yes. */
  isOpenToPlayer: boolean
  /** A share may be reserved, so a permit is needed. */
  isLive: boolean
}

export type EntryRequest = { envelopeId: string; fix: ReportedFix; place: EntryPlace | undefined }
export type EntryVerdict = { status: 'entered' } | Refusal

export function judgeEntry(
  standing: Standing,
  { envelopeId, fix, place }: EntryRequest,
  pace: Pace,
): { standing: Standing; answer: EntryVerdict } {
  const tries = judgeTry(standing.quotas, envelopeId, pace)
  if (tries.status === 'exhausted') {
    return { standing, answer: refuse('too_many_tries', { retryAfterMs: Math.ceil(tries.retryAfterMs) }) }
  }
  const presence = judgePresence(standing.track, fix, pace)
  const present = { ...standing, track: presence.track }
  const failed = () => ({ ...present, quotas: countFailedTry(standing.quotas, envelopeId, pace) })
  if (presence.status === 'refused') {
    const { reason, figures, retryAfterMs } = presence
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }
    return { standing: failed(), answer: refuse('position_refused', { reason, figures, ...wait }) }
  }
  const figures = findDistance(fix, place)
  if (figures !== undefined) return { standing: failed(), answer: refuse('out_of_reach', { figures }) }
  if (!place?.isLive) return { standing: present, answer: { status: 'entered' } }
  const permit = takePermit(standing.quotas, pace)
  if (permit.status === 'exhausted') {
    return {
      standing: present,
      answer: refuse('daily_limit', { retryAfterMs: Math.ceil(permit.retryAfterMs) }),
    }
  }
  return { standing: { ...present, quotas: permit.quotas }, answer: { status: 'entered' } }
}

/** The figures behind an `out_of_reach`, or nothing when the player is within reach. */
function findDistance(fix: ReportedFix, place: EntryPlace | undefined): Figures | undefined {
  if (place === undefined || !place.isOpenToPlayer) return {}
  const { cell12: envelopeCell, claimRadiusM: radiusM } = place
  const { isWithin, distanceM } = measureReach({ fixCell: fix.cell, envelopeCell, radiusM })
  if (!isWithin) return { distanceM, limitM: radiusM }
  return fix.accuracyM > radiusM ? { accuracyM: fix.accuracyM, limitM: radiusM } : undefined
}
