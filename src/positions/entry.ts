/**
 * Whether a player may try for a share, in the order that is the promise of `out_of_reach`: first what concerns the
 * player alone, with a reason; then everything that depends on the envelope, as one refusal that does not say which;
 * only then what concerns the envelope's fate. Pure: the standing goes in, the next one comes out.
 */
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { Pace } from './pace.ts'
import { judgeCooldown, judgePresence, measureReach, type PresenceRefusal, rewardAt } from './presence.ts'
import { countFailedTry, judgeTry, takePermit } from './quotas.ts'
import type { Standing } from './standing.ts'
import type { Figures, ReportedFix } from './track.ts'

/** What of an envelope decides whether this player may enter it; `undefined` where there is no such envelope. */
export type EntryPlace = {
  cell12: Cell
  claimRadiusM: number
  /** Audience, passphrase and opening time say yes. */
  isOpenToPlayer: boolean
  permit: Permit
}

/** Whether a share may be reserved, which takes a permit, and whether that is what the player came for. */
export type Permit = 'taken' | 'asked_for' | 'not_needed'

export type EntryRequest = { envelopeId: string; fix: ReportedFix; place: EntryPlace | undefined }
export type EntryVerdict = { status: 'entered'; cell: Cell } | Refusal

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
  if (presence.status === 'refused') return { standing: failed(), answer: refusePosition(presence) }
  const figures = findDistance(fix, place)
  if (figures !== undefined) return { standing: failed(), answer: refuse('out_of_reach', { figures }) }
  return givePermit(present, { cell: fix.cell, permit: place?.permit ?? 'not_needed' }, pace)
}

export type Admission = { cell: Cell; permit: Permit }

/**
 * Whether a player may be rewarded whom a ticket lets in, at the cell where it was given: the rules of every reward, none
 * of a position, and no try is counted, since nothing is asked of a place. The reward is noted before it is won: of
 * tickets from two places the second is refused `cooldown`, however close together they come. Where nothing is won, the
 * note stays, and keeps nobody from anything: the player stood there a minute ago at most, on foot.
 */
export function judgeAdmission(
  standing: Standing,
  { cell, permit }: Admission,
  pace: Pace,
): { standing: Standing; answer: EntryVerdict } {
  const cooldown = judgeCooldown(standing.track, cell, pace)
  if (cooldown !== undefined) return { standing, answer: refusePosition(cooldown) }
  const given = givePermit(standing, { cell, permit }, pace)
  if (permit !== 'taken' || isRefusal(given.answer)) return given
  const track = rewardAt(given.standing.track, cell, pace.nowMs)
  return { ...given, standing: { ...given.standing, track } }
}

function givePermit(
  standing: Standing,
  { cell, permit }: Admission,
  pace: Pace,
): { standing: Standing; answer: EntryVerdict } {
  const entered = { status: 'entered' as const, cell }
  if (permit === 'not_needed') return { standing, answer: entered }
  const verdict = takePermit(standing.quotas, pace)
  if (verdict.status === 'exhausted') {
    const retryAfterMs = Math.ceil(verdict.retryAfterMs)
    return { standing, answer: refuse('daily_limit', { retryAfterMs }) }
  }
  return {
    standing: permit === 'taken' ? { ...standing, quotas: verdict.quotas } : standing,
    answer: entered,
  }
}

function refusePosition({ reason, figures, retryAfterMs }: PresenceRefusal): Refusal {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }
  return refuse('position_refused', { reason, figures, ...wait })
}

/** The figures behind an `out_of_reach`, or nothing when the player is within reach. */
function findDistance(fix: ReportedFix, place: EntryPlace | undefined): Figures | undefined {
  if (place === undefined || !place.isOpenToPlayer) return {}
  const { cell12: envelopeCell, claimRadiusM: radiusM } = place
  const { isWithin, distanceM } = measureReach({ fixCell: fix.cell, envelopeCell, radiusM })
  if (!isWithin) return { distanceM, limitM: radiusM }
  return fix.accuracyM > radiusM ? { accuracyM: fix.accuracyM, limitM: radiusM } : undefined
}
