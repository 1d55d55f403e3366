/** What the verbs of this folder need from outside; app.ts composes the real ones. */
import type { Tx } from '#platform/postgres.ts'
import type { AcceptanceRecord, Reputations } from '../requests/ports.ts'
import type { Rating } from './rating.ts'

export type RatingRecord = Reputations & {
  /** Adds it, unless this side has rated: the first one stays. */
  add(tx: Tx, rating: Rating): Promise<void>
  /** Of one service request, both sides'. */
  list(tx: Tx, requestId: string): Promise<Rating[]>
}

/** Service requests, as a rating needs them. */
export type RatedRequests = Pick<AcceptanceRecord, 'find'>
