/** A review: one text of a player, or the few lines of one thing, and what has become of it so far. */
import type { Static } from 'typebox'
import { v5 as uuidV5 } from 'uuid'
import { limits } from '#protocol/limits.ts'
import type { ReviewKind, ReviewReason, ReviewState } from '#protocol/rest/reviews.ts'
import type { Tx } from '#platform/postgres.ts'
import type { PageRequest } from '#platform/page.ts'

export type Kind = Static<typeof ReviewKind>
export type State = Static<typeof ReviewState>
export type Reason = Static<typeof ReviewReason>

export type Review = {
  id: string
  kind: Kind
  subjectId: string
  authorId: string
  lines: readonly string[]
  /** What the word list took it for. */
  suspicion: Reason | null
  state: State
  reason: Reason | null
  /** Who decided last. */
  decidedBy: string | null
  /** How many reported it since it was written or decided last; accounts on one device are one. */
  reports: number
  appeal: string | null
  /** When somebody should have looked at it; null where nobody has to. */
  dueAtMs: number | null
  createdAtMs: number
  judgedAtMs: number
}

export type ActorKind = 'policy' | 'author' | 'reader' | 'reviewer'

/** What happened to it: added once, never changed. */
export type Event = {
  reviewId: string
  actorKind: ActorKind
  /** A player's id, or a reviewer's name. */
  actor: string | null
  action: 'submit' | 'release' | 'reject' | 'report' | 'appeal' | 'withdraw'
  from: State | null
  to: State
  reason: Reason | null
  atMs: number
}

export type SubjectRef = { kind: Kind; subjectId: string }
type Voice = { reviewId: string; reporterId: string; deviceId: string | undefined; reason: Reason }

/** The tables of reviews. Lists are read one row past the page. */
export type ReviewRecord = {
  insert(tx: Tx, review: Review): Promise<void>
  find(tx: Tx, id: string): Promise<Review | undefined>
  /** As found after its row lock was taken. */
  lock(tx: Tx, id: string): Promise<Review | undefined>
  store(tx: Tx, review: Review): Promise<void>
  note(tx: Tx, event: Event): Promise<void>
  listEvents(tx: Tx, reviewId: string): Promise<Event[]>
  addReport(tx: Tx, report: Voice & { nowMs: number }): Promise<void>
  hasReported(tx: Tx, report: Pick<Voice, 'reviewId' | 'reporterId'>): Promise<boolean>
  /** Different people, as far as devices tell, since a moment. */
  countVoices(tx: Tx, asked: { reviewId: string; sinceMs: number }): Promise<number>
  countReportsBy(tx: Tx, asked: { reporterId: string; sinceMs: number }): Promise<number>
  /** How often somebody has written exactly that since a moment. */
  countSame(tx: Tx, asked: Pick<Review, 'authorId' | 'kind' | 'lines'> & { sinceMs: number }): Promise<number>
  /** Newest first. */
  listOwn(tx: Tx, authorId: string, page: PageRequest): Promise<Review[]>
  /** Those that wait in a state, the longest due first; only what was due before a moment, where one is named. */
  listDue(
    tx: Tx,
    asked: { state: State; dueBeforeMs?: number | undefined },
    page: PageRequest,
  ): Promise<Review[]>
}

const namespace = '5e0c7a52-6a1f-5b0e-9d0a-7e1c44b2f6d3'

/** One for each subject, so that nothing is submitted twice. */
export const reviewIdOf = ({ kind, subjectId }: SubjectRef): string =>
  uuidV5(`${kind}:${subjectId}`, namespace)

/** When somebody has to have looked at it, from the moment at which it came to this state. */
export function dueAtMsOf(kind: Kind, state: State, nowMs: number): number | null {
  const { heldMs, reportedMs, hiddenMs, appealedMs } = limits.review.due
  switch (state) {
    case 'held':
      return nowMs + heldMs[kind]
    case 'reported':
      return nowMs + reportedMs
    case 'hidden':
      return nowMs + hiddenMs
    case 'appealed':
      return nowMs + appealedMs
    default:
      return null
  }
}

/** In another state; a review that waits already waits no longer for being told again. */
export const moveTo = (review: Review, to: State, nowMs: number): Review => ({
  ...review,
  state: to,
  dueAtMs: to === review.state ? review.dueAtMs : dueAtMsOf(review.kind, to, nowMs),
})
