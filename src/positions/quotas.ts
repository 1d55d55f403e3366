/**
 * How often an account or device may try. Each failed try says one bit about where an envelope is not; 10 per envelope
 * and hour, 150 a day keep what can be learned below what walking there teaches. Claims are bounded by permits: taken
 * before a share is reserved, given back when none was won.
 *
 * Windows are fixed and start with what they count first: the hour of an envelope at the first failed try on it, a day
 * at the first try or permit after the previous one ended. They run at the player's pace. Plain data, stored as JSON.
 */
import { limits } from '#protocol/limits.ts'
import { elapsedMs, type Pace, waitMs } from './pace.ts'

/** A count since a moment; worth nothing once its length has passed. */
export type QuotaWindow = { startsAtMs: number; count: number }

export type Quotas = {
  triesOfDay?: QuotaWindow
  /**
   * Failed tries by envelope id. Bounded without a bound of its own: windows over an hour old are dropped, and no more
   * than 150 can be opened in a day, or 300 where two days meet in one hour.
   */
  triesByEnvelope: Readonly<Record<string, QuotaWindow>>
  permitsOfDay?: QuotaWindow
}

/** `retryAfterMs` is on the client's clock. */
export type QuotaVerdict = { status: 'allowed' } | { status: 'exhausted'; retryAfterMs: number }
export type PermitVerdict =
  | { status: 'taken'; quotas: Quotas }
  | { status: 'exhausted'; retryAfterMs: number }

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

const TRIES_OF_ENVELOPE = { lengthMs: HOUR_MS, limit: limits.claim.failedTriesPerEnvelopeHour }
const TRIES_OF_DAY = { lengthMs: DAY_MS, limit: limits.claim.failedTriesPerDay }
const PERMITS_OF_DAY = { lengthMs: DAY_MS, limit: limits.claim.perDay }

type Quota = { lengthMs: number; limit: number }

export const unusedQuotas: Quotas = { triesByEnvelope: {} }

/** Whether a try may be evaluated at all; asked before it is, so that a refused one costs and tells nothing. */
export function judgeTry(quotas: Quotas, envelopeId: string, pace: Pace): QuotaVerdict {
  const ofDay = judgeWindow(quotas.triesOfDay, TRIES_OF_DAY, pace)
  const ofEnvelope = judgeWindow(quotas.triesByEnvelope[envelopeId], TRIES_OF_ENVELOPE, pace)
  if (ofDay.status === 'allowed') return ofEnvelope
  if (ofEnvelope.status === 'allowed') return ofDay
  return ofDay.retryAfterMs > ofEnvelope.retryAfterMs ? ofDay : ofEnvelope
}

/** Counts a try that was `out_of_reach` or refused for the player's position; `ended` and wins are not failures. */
export function countFailedTry(quotas: Quotas, envelopeId: string, pace: Pace): Quotas {
  const open = Object.entries(quotas.triesByEnvelope).filter(([, window]) => isOpen(window, HOUR_MS, pace))
  const counted = countIn(quotas.triesByEnvelope[envelopeId], HOUR_MS, pace)
  return {
    ...quotas,
    triesOfDay: countIn(quotas.triesOfDay, DAY_MS, pace),
    triesByEnvelope: { ...Object.fromEntries(open), [envelopeId]: counted },
  }
}

/** Takes the permit of one claim. */
export function takePermit(quotas: Quotas, pace: Pace): PermitVerdict {
  const verdict = judgeWindow(quotas.permitsOfDay, PERMITS_OF_DAY, pace)
  if (verdict.status === 'exhausted') return verdict
  return { status: 'taken', quotas: { ...quotas, permitsOfDay: countIn(quotas.permitsOfDay, DAY_MS, pace) } }
}

/** Gives back a permit that won nothing; nothing is left to give back once its day has ended. */
export function givePermitBack(quotas: Quotas, pace: Pace): Quotas {
  const day = quotas.permitsOfDay
  if (!day || day.count === 0 || !isOpen(day, DAY_MS, pace)) return quotas
  return { ...quotas, permitsOfDay: { ...day, count: day.count - 1 } }
}

/** Sets the permits used today to the number of claims on record, after the stored count was lost. */
export function reseedPermits(quotas: Quotas, count: number, pace: Pace): Quotas {
  return { ...quotas, permitsOfDay: { startsAtMs: pace.nowMs, count } }
}

export function isOpen(window: QuotaWindow, lengthMs: number, pace: Pace): boolean {
  return elapsedMs(window.startsAtMs, pace) < lengthMs
}

export function countIn(window: QuotaWindow | undefined, lengthMs: number, pace: Pace): QuotaWindow {
  if (!window || !isOpen(window, lengthMs, pace)) return { startsAtMs: pace.nowMs, count: 1 }
  return { ...window, count: window.count + 1 }
}

export function judgeWindow(
  window: QuotaWindow | undefined,
  { lengthMs, limit }: Quota,
  pace: Pace,
): QuotaVerdict {
  if (!window || window.count < limit || !isOpen(window, lengthMs, pace)) return { status: 'allowed' }
  return { status: 'exhausted', retryAfterMs: waitMs(lengthMs - elapsedMs(window.startsAtMs, pace), pace) }
}
