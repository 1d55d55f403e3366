/**
 * What a player's tries say of the player, around the rules that judge each of them: strikes that count refuse rewards
 * before anything is looked at, and tries from implausibly far away, again and again, are reported for a strike. A
 * glitch of the receiver is one such try or two; a ride is none, and neither is a refusal for speed.
 */
import { limits } from '#protocol/limits.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Entry } from './entry.ts'
import type { Pace } from './pace.ts'
import { countIn, HOUR_MS } from './quotas.ts'
import type { Judged, Standing } from './standing.ts'

/** Why a strike is due, and what was measured. */
export type Sign = { reason: 'teleport' | 'fake_walk'; figures: Readonly<Record<string, number>> }

const { jumpedTriesPerHour, jumpedFromM } = limits.strike

export function judgeConduct(
  standing: Standing,
  judge: () => Judged<Entry>,
  pace: Pace,
): Judged<Entry & { sign?: Sign }> {
  const { struckUntilMs = 0 } = standing
  if (pace.nowMs < struckUntilMs) {
    const retryAfterMs = Math.ceil(struckUntilMs - pace.nowMs)
    const verdict = refuse('position_refused', { reason: 'strikes', retryAfterMs })
    return { standing, answer: { verdict, paused: standing.paused } }
  }
  const judged = judge()
  const { verdict } = judged.answer
  const distanceM = isRefusal(verdict) && verdict.reason === 'jump' ? (verdict.figures?.distanceM ?? 0) : 0
  if (distanceM < jumpedFromM) return judged
  const jumps = countIn(standing.jumps, HOUR_MS, pace)
  if (jumps.count < jumpedTriesPerHour) return { ...judged, standing: { ...judged.standing, jumps } }
  const next = { ...judged.standing, jumps: undefined }
  const sign: Sign = { reason: 'teleport', figures: { tries: jumps.count, distanceM } }
  return { standing: next, answer: { ...judged.answer, sign } }
}
