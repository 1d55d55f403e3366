/**
 * What people do to a text: readers report it, reviewers decide, its author appeals once, and another reviewer decides
 * on that. Each is one transaction: lock what the text belongs to, lock the review, decide by the table, note it, and
 * let the owner of the subject make it so.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { type Event, type Kind, moveTo, type Reason, type Review, reviewIdOf } from './review.ts'
import type { ReviewRecord } from './review.ts'
import { type Action, type Actor, type Attempt, decide, isShown } from './state.ts'
import type { Fate, Subject } from './subject.ts'

export type JudgePorts = {
  record: ReviewRecord
  transact: Transact
  subjects: Readonly<Record<Kind, Subject>>
  announcer: Pick<Announcer, 'toPlayer'>
  clock: Clock
}

type Judged = { status: 'ok'; review: Review } | Refusal

type Act = Pick<Event, 'actorKind' | 'actor' | 'action'> & {
  by: Actor
  attempt?: Pick<Attempt, 'reports' | 'hasAppealed'>
  nowMs: number
  reason?: Reason
  /** What else changes. */
  change: Partial<Review>
}

/** What the move means for the subject; nothing where its text is as visible as before. */
function fateOf(before: Review, after: Review): Fate | undefined {
  if (after.state === 'hidden') return 'hidden'
  if (after.state === 'rejected') return before.state === 'appealed' ? undefined : 'rejected'
  return isShown(after.state) && !isShown(before.state) ? 'shown' : undefined
}

/** On a locked review; what is to be told comes back. */
async function act(
  ports: JudgePorts,
  tx: Tx,
  { review, ...how }: Act & { review: Review },
): Promise<{ status: 'ok'; review: Review; announce: () => void } | Refusal> {
  const { record, subjects, announcer } = ports
  const { by: actor, action, nowMs, change } = how
  const decision = decide({ state: review.state, actor, action: action as Action, ...how.attempt })
  if (decision.status === 'refused') return decision
  if (decision.status === 'again') return { status: 'ok', review, announce: () => {} }
  const after = { ...moveTo(review, decision.to, nowMs), ...change }
  await record.store(tx, after)
  await record.note(tx, {
    ...{ reviewId: review.id, actorKind: how.actorKind, actor: how.actor, action },
    ...{ from: review.state, to: after.state, reason: how.reason ?? null, atMs: nowMs },
  })
  const fate = fateOf(review, after)
  const { kind, subjectId, authorId } = review
  const told = fate && (await subjects[kind].become(tx, { id: subjectId, fate, nowMs }))
  const announce = () => {
    told?.()
    const { id: reviewId, state, reason } = after
    if (state === review.state || state === 'reported' || state === 'appealed') return
    const news = { type: 'review.changed' as const, reviewId, kind, subjectId, state }
    announcer.toPlayer(authorId, { ...news, ...(reason !== null && { reason }) })
  }
  return { status: 'ok', review: after, announce }
}

async function inOne(
  { transact }: JudgePorts,
  work: (tx: Tx) => Promise<{ status: 'ok'; review: Review; announce: () => void } | Refusal>,
): Promise<Judged> {
  const done = await transact(work)
  if (done.status === 'refused') return done
  done.announce()
  return done
}

export type Report = { caller: PlayerCaller; kind: Kind; subjectId: string; reason: Reason }

/**
 * `not_found` where there is nothing that this player could read, `review_refused` own_text, `daily_limit`. The same
 * player's second report is their first one.
 */
export function reportText(ports: JudgePorts, { caller, reason, ...subject }: Report): Promise<Judged> {
  const { record, subjects, clock } = ports
  const nowMs = clock.nowMs()
  return inOne(ports, async tx => {
    const isReadable = await subjects[subject.kind].lock(tx, { id: subject.subjectId, readerId: caller.id })
    const review = await record.lock(tx, reviewIdOf(subject))
    if (review === undefined) return refuse('not_found')
    const { id: reviewId, judgedAtMs } = review
    const report = { reviewId, reporterId: caller.id, deviceId: caller.deviceId, reason }
    if (await record.hasReported(tx, report)) return { status: 'ok', review, announce: () => {} }
    const isOwn = review.authorId === caller.id
    if (!isReadable && !isOwn) return refuse('not_found')
    const sinceMs = nowMs - limits.review.reportsWithinMs / caller.timeScale
    const sent = await record.countReportsBy(tx, { reporterId: caller.id, sinceMs })
    if (!isOwn && sent >= limits.review.reportsPerReader) return refuse('daily_limit')
    if (!isOwn) await record.addReport(tx, { ...report, nowMs })
    const reports = await record.countVoices(tx, { reviewId, sinceMs: judgedAtMs })
    return act(ports, tx, {
      ...{ review, by: isOwn ? 'author' : 'reader', actorKind: 'reader', actor: caller.id, action: 'report' },
      ...{ attempt: { reports }, nowMs, reason, change: { reports } },
    })
  })
}

export type Appeal = { caller: PlayerCaller; id: string; text: string }

/** `bad_request`, `not_found`, `review_refused` appeal_used, `review_state`. */
export async function appealAgainst(ports: JudgePorts, { caller, id, text }: Appeal): Promise<Judged> {
  const { record, clock } = ports
  const checked = checkText(text, { maxChars: limits.review.appealChars, allowContact: true })
  if (checked.status === 'refused') {
    return refuse('bad_request', { errors: [{ pointer: '/body/text', message: checked.detail }] })
  }
  return inOne(ports, async tx => {
    const review = await record.lock(tx, id)
    if (review === undefined || review.authorId !== caller.id) return refuse('not_found')
    return act(ports, tx, {
      ...{ review, by: 'author', actorKind: 'author', actor: caller.id, action: 'appeal' },
      ...{ attempt: { hasAppealed: review.appeal !== null }, nowMs: clock.nowMs() },
      change: { appeal: checked.text },
    })
  })
}

export type Verdict = { id: string; reviewer: string } & (
  | { verdict: 'release' }
  | { verdict: 'reject'; reason: Reason }
)

/** `not_found`, `review_refused` same_reviewer, `review_state`. */
export function judgeText(ports: JudgePorts, order: Verdict): Promise<Judged> {
  const { record, subjects, clock } = ports
  const { id, reviewer, verdict } = order
  const nowMs = clock.nowMs()
  return inOne(ports, async tx => {
    const seen = await record.find(tx, id)
    if (seen === undefined) return refuse('not_found')
    await subjects[seen.kind].lock(tx, { id: seen.subjectId })
    const review = await record.lock(tx, id)
    if (review === undefined) return refuse('not_found')
    const isTheirs = review.state === 'appealed' && review.decidedBy === reviewer
    const reason = verdict === 'reject' ? order.reason : null
    return act(ports, tx, {
      ...{ review, by: isTheirs ? 'rejecter' : 'reviewer', actorKind: 'reviewer', actor: reviewer },
      ...{ action: verdict, nowMs, ...(reason !== null && { reason }) },
      change: { reason, decidedBy: reviewer, reports: 0, judgedAtMs: nowMs },
    })
  })
}
