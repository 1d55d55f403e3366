/**
 * Whether a player may try for a share, in the order that is the promise of `out_of_reach`: first what concerns the
 * player alone, with a reason; then everything that depends on the envelope, as one refusal that does not say which;
 * only then what concerns the envelope's fate. Pure: the standing goes in, the next one comes out.
 *
 * A device is judged first, by the same rules, and its account then follows. Whichever refuses, the order holds.
 */
import { limits } from '#protocol/limits.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { Spots } from './cells.ts'
import type { ReportedFix } from './fix.ts'
import type { Pace } from './pace.ts'
import { judgeCooldown, judgePresence, type PresenceRefusal, rewardAt } from './presence.ts'
import { measureCodeReach, measureReach } from './presence.ts'
import { countFailedTry, judgeTry, takePermit } from './quotas.ts'
import type { Judged, Pause, Standing } from './standing.ts'
import { arrive } from './step.ts'
import type { Figures } from './track.ts'
import { useCode } from './used-codes.ts'

/** What of an envelope decides whether this player may enter it; `undefined` where there is no such envelope. */
export type EntryPlace = {
  cell12: Cell
  claimRadiusM: number
  /** Audience, passphrase and opening time say yes. */
  isOpenToPlayer: boolean
  permit: Permit
  /** Where it asks for an on-site code: the step of the one that was sent, if that counts. */
  code?: { campaignId: string; step: number | undefined }
}

/** Whether a share may be reserved, which takes a permit of the day, and whether that is what the player came for. */
export type Permit = 'taken' | 'asked_for' | 'not_needed'

export type EntryRequest = {
  envelopeId: string
  fix: ReportedFix
  place: EntryPlace | undefined
  /** An on-site code came along, whatever it is worth: then the fix may be a coarse one. */
  bringsCode?: boolean | undefined
  /** Of the fix's hint cell, in the owner's filter. */
  spots: Spots
  /** What the device was answered, where there is one. */
  device?: Entry | undefined
}
export type EntryVerdict = { status: 'entered'; cell: Cell } | Refusal
/** The verdict, and whether hints pause where the fix is. */
export type Entry = { verdict: EntryVerdict; paused?: Pause | undefined }

export function judgeEntry(standing: Standing, request: EntryRequest, pace: Pace): Judged<Entry> {
  const { envelopeId, fix, place, device } = request
  const tries = judgeTry(standing.quotas, envelopeId, pace)
  if (tries.status === 'exhausted') {
    return end(standing, refuse('too_many_tries', { retryAfterMs: Math.ceil(tries.retryAfterMs) }))
  }
  const failed = (next: Standing): Standing => ({
    ...next,
    quotas: countFailedTry(standing.quotas, envelopeId, pace),
  })
  const refusal = device && isRefusal(device.verdict) ? device.verdict : undefined
  if (refusal?.code === 'too_many_tries') return end(standing, refusal)
  if (refusal?.code === 'position_refused') return end(failed(standing), refusal)

  const worstAccuracyM = request.bringsCode ? limits.code.worstAccuracyM : limits.position.worstAccuracyM
  const presence = judgePresence(standing.track, fix, pace, worstAccuracyM)
  // A coarse fix is judged by the track and no part of it: it moves nobody, and hints stay where they were.
  const isCoarse = fix.accuracyM > limits.position.worstAccuracyM
  const track = isCoarse ? standing.track : presence.track
  if (presence.status === 'refused') {
    const { reason } = presence
    const isAccepted = !isCoarse && (reason === 'speed' || reason === 'cooldown')
    const next = isAccepted ? arriveAt({ ...standing, track }, request, reason === 'speed', pace) : standing
    return end(failed({ ...next, track }), refusePosition(presence))
  }
  const present = isCoarse ? standing : arriveAt({ ...standing, track }, request, false, pace)
  const figures = findDistance(fix, place)
  if (figures !== undefined) return end(failed(present), refuse('out_of_reach', { figures }))
  const entered = withCode(present, request)
  if (entered === undefined) return end(failed(present), refuse('out_of_reach', { figures: {} }))
  if (refusal !== undefined) return end(refusal.code === 'out_of_reach' ? failed(present) : present, refusal)
  return givePermit(entered, { cell: fix.cell, permit: place?.permit ?? 'not_needed' }, pace)
}

/**
 * The standing with the code used; nothing where it let its owner in to another envelope before. Where there is nothing
 * to win, the code stays good for the next envelope.
 */
function withCode(standing: Standing, { envelopeId, place }: EntryRequest): Standing | undefined {
  if (place?.code?.step === undefined) return standing
  const { campaignId, step } = place.code
  const codes = useCode(standing.codes, { campaignId, step, envelopeId })
  if (codes === undefined) return undefined
  return place.permit === 'not_needed' ? standing : { ...standing, codes }
}

/** `device` is what the device was answered, where there is one. */
export type Admission = { cell: Cell; permit: Permit; device?: Entry | undefined }

/**
 * Whether a player may be rewarded whom a ticket lets in, at the cell where it was given: the rules of every reward and
 * none of a position. No try is counted, since nothing is asked of a place. The reward is noted before it is won: of
 * tickets from two places the second is refused `cooldown`, however close together they come. Where nothing is won the
 * note stays, and keeps nobody from anything: the player stood there a minute ago at most, on foot.
 */
export function judgeAdmission(standing: Standing, admission: Admission, pace: Pace): Judged<Entry> {
  const { cell, permit, device } = admission
  if (device && isRefusal(device.verdict)) return { standing, answer: device }
  const cooldown = judgeCooldown(standing.track, cell, pace)
  if (cooldown !== undefined) return { standing, answer: { verdict: refusePosition(cooldown) } }
  const given = givePermit(standing, admission, pace)
  if (permit !== 'taken' || isRefusal(given.answer.verdict)) return given
  const track = rewardAt(given.standing.track, cell, pace.nowMs)
  return { ...given, standing: { ...given.standing, track } }
}

function givePermit(standing: Standing, { cell, permit }: Admission, pace: Pace): Judged<Entry> {
  if (permit === 'not_needed') return end(standing, { status: 'entered', cell })
  const given = takePermit(standing.quotas, pace)
  if (given.status === 'exhausted') {
    return end(standing, refuse('daily_limit', { retryAfterMs: Math.ceil(given.retryAfterMs) }))
  }
  const next = permit === 'taken' ? { ...standing, quotas: given.quotas } : standing
  return end(next, { status: 'entered', cell })
}

const end = (standing: Standing, verdict: EntryVerdict): Judged<Entry> => ({
  standing,
  answer: { verdict, paused: standing.paused },
})

function refusePosition({ reason, figures, retryAfterMs }: PresenceRefusal): Refusal {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }
  return refuse('position_refused', { reason, figures, ...wait })
}

/** A claim is no way around the limit of cells: its fix counts like any other. */
const arriveAt = (standing: Standing, { spots, device }: EntryRequest, tooFast: boolean, pace: Pace) =>
  arrive(standing, { spots, tooFast, devicePaused: device?.paused }, pace)

/** The figures behind an `out_of_reach`, or nothing when the player is within reach. */
function findDistance(fix: ReportedFix, place: EntryPlace | undefined): Figures | undefined {
  if (place === undefined || !place.isOpenToPlayer) return {}
  const { cell12: envelopeCell, claimRadiusM: radiusM, code } = place
  if (code !== undefined) {
    if (code.step === undefined) return {}
    const reach = measureCodeReach({ fixCell: fix.cell, envelopeCell })
    return reach.isWithin ? undefined : { distanceM: reach.distanceM, limitM: limits.code.reachM }
  }
  const { isWithin, distanceM } = measureReach({ fixCell: fix.cell, envelopeCell, radiusM })
  if (!isWithin) return { distanceM, limitM: radiusM }
  return fix.accuracyM > radiusM ? { accuracyM: fix.accuracyM, limitM: radiusM } : undefined
}
