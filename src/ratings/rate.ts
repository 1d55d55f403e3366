/** Rating the other one: once, for good. The same again is the same rating, so that a lost answer can be asked for. */
import { limits } from '#protocol/limits.ts'
import type { Rating as RatingAnswer } from '#protocol/rest/ratings.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { RatedRequests, RatingRecord } from './ports.ts'
import { findSeat, tellsAtMsOf, viewRating } from './rating.ts'

export type RatePorts = { tx: Tx; record: RatingRecord; requests: RatedRequests; clock: Clock }

export type RateRequest = { caller: PlayerCaller; id: string; stars: number; text?: string | undefined }

type Rated = { status: 200; body: RatingAnswer } | Refusal

/** `rating_refused` text_refused, `not_found`, `wrong_state`, `rating_refused` rated_already, then too_late. */
export async function rateOther(
  { tx, record, requests, clock }: RatePorts,
  { caller, id, stars, text: raw }: RateRequest,
): Promise<Rated> {
  const checked = raw === undefined ? undefined : checkText(raw, { maxChars: limits.rating.textChars })
  if (checked?.status === 'refused') {
    return refuse('rating_refused', { reason: 'text_refused', detail: `text ${checked.detail}` })
  }
  const text = checked?.text ?? null
  const request = await requests.find(tx, id)
  const seat = request && findSeat(request, caller.id)
  if (request === undefined || seat === undefined) return refuse('not_found')
  const tellsAtMs = tellsAtMsOf(request)
  if (tellsAtMs === undefined) return refuse('wrong_state', { reason: request.state })
  const findOwn = async () => (await record.list(tx, id)).find(({ side }) => side === seat.side)
  let own = await findOwn()
  if (own === undefined) {
    const ratedAtMs = clock.nowMs()
    if (ratedAtMs >= tellsAtMs) return refuse('rating_refused', { reason: 'too_late' })
    await record.add(tx, { ...seat, requestId: id, stars, text, ratedAtMs, tellsAtMs })
    // Of two that come at once one is there; whose, the record says.
    own = await findOwn()
  }
  return own?.stars === stars && own.text === text
    ? { status: 200, body: viewRating(own) }
    : refuse('rating_refused', { reason: 'rated_already' })
}
