/**
 * Whether a player may try for a share, in the order that is the promise of `out_of_reach`: first what concerns the
 * player alone, with a reason; then everything that depends on the envelope, as one refusal that does not say which;
 * only then what concerns the envelope's fate. Pure: the standing goes in, the next one comes out.
 *
 * A device is judged first, by the same rules, and its account then follows. Whichever refuses, the order holds.
 */
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { Spots } from './cells.ts'
import type { ReportedFix } from './fix.ts'
import type { Pace } from './pace.ts'
import { judgePresence, measureReach } from './presence.ts'
import { countFailedTry, judgeTry, takePermit } from './quotas.ts'
import type { Judged, Pause, Standing } from './standing.ts'
import { arrive } from './step.ts'
import type { Figures } from './track.ts'

/** What of an envelope decides whether this player may enter it; `undefined` where there is no such envelope. */
export type EntryPlace = {
  cell12: Cell
  claimRadiusM: number
  /** Audience, passphrase and opening time say yes. */
  isOpenToPlayer: boolean
  /** A share may be reserved, so a permit is needed. */
  isLive: boolean
}

export type EntryRequest = {
  envelopeId: string
  fix: ReportedFix
  place: EntryPlace | undefined
  /** Of the fix's hint cell, in the owner's filter. */
  spots: Spots
  /** What the device was answered, where there is one. */
  device?: Entry | undefined
}
export type EntryVerdict = { status: 'entered' } | Refusal
/** The verdict, and whether hints pause where the fix is. */
export type Entry = { verdict: EntryVerdict; paused?: Pause | undefined }

export function judgeEntry(standing: Standing, request: EntryRequest, pace: Pace): Judged<Entry> {
  const { envelopeId, fix, place, device } = request
  const end = (next: Standing, verdict: EntryVerdict): Judged<Entry> => ({
    standing: next,
    answer: { verdict, paused: next.paused },
  })
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

  const presence = judgePresence(standing.track, fix, pace)
  const { track } = presence
  if (presence.status === 'refused') {
    const { reason, figures, retryAfterMs } = presence
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }
    const isAccepted = reason === 'speed' || reason === 'cooldown'
    const next = isAccepted ? arriveAt({ ...standing, track }, request, reason === 'speed', pace) : standing
    return end(failed({ ...next, track }), refuse('position_refused', { reason, figures, ...wait }))
  }
  const present = arriveAt({ ...standing, track }, request, false, pace)
  const figures = findDistance(fix, place)
  if (figures !== undefined) return end(failed(present), refuse('out_of_reach', { figures }))
  if (refusal !== undefined) return end(present, refusal)
  if (!place?.isLive) return end(present, { status: 'entered' })
  const permit = takePermit(standing.quotas, pace)
  if (permit.status === 'exhausted') {
    return end(present, refuse('daily_limit', { retryAfterMs: Math.ceil(permit.retryAfterMs) }))
  }
  return end({ ...present, quotas: permit.quotas }, { status: 'entered' })
}

/** A claim is no way around the limit of cells: its fix counts like any other. */
const arriveAt = (standing: Standing, { spots, device }: EntryRequest, tooFast: boolean, pace: Pace) =>
  arrive(standing, { spots, tooFast, devicePaused: device?.paused }, pace)

/** The figures behind an `out_of_reach`, or nothing when the player is within reach. */
function findDistance(fix: ReportedFix, place: EntryPlace | undefined): Figures | undefined {
  if (place === undefined || !place.isOpenToPlayer) return {}
  const { cell12: envelopeCell, claimRadiusM: radiusM } = place
  const { isWithin, distanceM } = measureReach({ fixCell: fix.cell, envelopeCell, radiusM })
  if (!isWithin) return { distanceM, limitM: radiusM }
  return fix.accuracyM > radiusM ? { accuracyM: fix.accuracyM, limitM: radiusM } : undefined
}
