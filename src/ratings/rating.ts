/**
 * A rating, and when it is told. Whoever knew the other one's first could answer it, or be afraid to be answered; so
 * the two are told together, or, where one of them stays silent, when the time for rating is over. Until then nothing
 * that anybody is sent depends on a rating, but for what is sent to who gave it.
 */
import { limits } from '#protocol/limits.ts'
import type { Rating as RatingAnswer } from '#protocol/rest/ratings.ts'
import type { Reputation } from '#protocol/scalars.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { ServiceRequest } from '../requests/request.ts'

export type Side = RatingAnswer['by']

export type Rating = {
  requestId: string
  /** Who rates. */
  side: Side
  ratedId: string
  stars: number
  text: string | null
  ratedAtMs: number
  /** Without a counterpart. */
  tellsAtMs: number
}

export type Seat = { side: Side; ratedId: string }

/** Whom this player may rate for it; undefined where they are not one of the two. */
export function findSeat({ posterId, providerId }: ServiceRequest, playerId: string): Seat | undefined {
  if (providerId === null) return undefined
  if (playerId === posterId) return { side: 'poster', ratedId: providerId }
  return playerId === providerId ? { side: 'provider', ratedId: posterId } : undefined
}

/** When the two can rate no more and what was said is told; undefined for what is not rated. */
export const tellsAtMsOf = ({ state, endedAtMs }: ServiceRequest): number | undefined =>
  (state === 'confirmed' || state === 'settled') && endedAtMs !== null
    ? endedAtMs + limits.rating.withinMs
    : undefined

/** Those of both that one side is told. */
export function listTold(ratings: readonly Rating[], side: Side, nowMs: number): Rating[] {
  const areBothIn = ratings.length === 2
  return ratings.filter(rating => rating.side === side || areBothIn || rating.tellsAtMs <= nowMs)
}

export const summarise = ({ count, stars }: { count: number; stars: number }): Reputation => ({
  count,
  ...(count > 0 && { mean: Math.round((stars / count) * 10) / 10 }),
})

export const viewRating = ({ requestId, side, stars, text, ratedAtMs }: Rating): RatingAnswer => ({
  ...{ serviceRequestId: requestId, by: side, stars },
  ...(text !== null && { text }),
  ratedAt: toTimestamp(ratedAtMs),
})
