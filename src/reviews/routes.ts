/** HTTP: reports and appeals of players, the queue and the decisions of reviewers. */
import type { Static } from 'typebox'
import {
  appealReview,
  getReview,
  listOwnReviews,
  listReviews,
  type OperatorReview,
  rejectText,
  releaseText,
  reportText as reportOperation,
  type Review as ReviewAnswer,
} from '#protocol/rest/reviews.ts'
import { answer, type Bind } from '#platform/http.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { appealAgainst, judgeText, type JudgePorts, reportText, type Verdict } from './judge.ts'
import type { Event, Review } from './review.ts'

export type ReviewRoutePorts = JudgePorts & { database: Tx }

export function registerReviewRoutes(bind: Bind<Caller>, ports: ReviewRoutePorts): void {
  const { database, record } = ports

  bind(reportOperation, async ({ caller, body: { kind, id, reason } }) => {
    const reported = await reportText(ports, { caller, kind, subjectId: id, reason })
    return isRefusal(reported) ? reported : answer(200, { kind, id, status: 'reported' as const })
  })

  bind(listOwnReviews, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const reviews = await record.listOwn(database, caller.id, page)
    const key = ({ createdAtMs, id }: Review) => ({ atMs: createdAtMs, id })
    const request = { path: listOwnReviews.path, limit: page.limit }
    return answer(200, toPage(reviews, request, { item: describeReview, key }))
  })

  bind(appealReview, async ({ caller, params, body }) => {
    const appealed = await appealAgainst(ports, { caller, id: params.id, text: body.text })
    return isRefusal(appealed) ? appealed : answer(200, describeReview(appealed.review))
  })

  bindReviewers(bind, ports)
}

function bindReviewers(bind: Bind<Caller>, ports: ReviewRoutePorts): void {
  const { database, record, clock } = ports

  bind(listReviews, async ({ query: { state = 'held', overdue, ...query } }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const dueBeforeMs = overdue === undefined ? undefined : clock.nowMs()
    const reviews = await record.listDue(database, { state, dueBeforeMs }, page)
    const filter = { state, ...(overdue !== undefined && { overdue }) }
    const key = ({ dueAtMs, id }: Review) => ({ atMs: dueAtMs ?? 0, id })
    const request = { path: listReviews.path, limit: page.limit, filter }
    return answer(200, toPage(reviews, request, { item: describeForOperator, key }))
  })

  bind(getReview, async ({ params: { id } }) => {
    const review = await record.find(database, id)
    if (review === undefined) return refuse('not_found')
    const events = await record.listEvents(database, id)
    return answer(200, { ...describeForOperator(review), events: events.map(describeEvent) })
  })

  async function judge(verdict: Verdict) {
    const judged = await judgeText(ports, verdict)
    return isRefusal(judged) ? judged : answer(200, describeForOperator(judged.review))
  }
  bind(releaseText, ({ params, body }) => judge({ id: params.id, ...body, verdict: 'release' }))
  bind(rejectText, ({ params, body }) => judge({ id: params.id, ...body, verdict: 'reject' }))
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString()

const describeReview = (review: Review): Static<typeof ReviewAnswer> => ({
  ...{ id: review.id, kind: review.kind, subjectId: review.subjectId, lines: [...review.lines] },
  state: review.state,
  ...(review.reason !== null && { reason: review.reason }),
  ...(review.appeal !== null && { appeal: review.appeal }),
  ...{ createdAt: timeOf(review.createdAtMs), judgedAt: timeOf(review.judgedAtMs) },
})

const describeForOperator = (review: Review): Static<typeof OperatorReview> => ({
  ...describeReview(review),
  ...{ authorId: review.authorId, reports: review.reports },
  ...(review.suspicion !== null && { suspicion: review.suspicion }),
  ...(review.decidedBy !== null && { decidedBy: review.decidedBy }),
  ...(review.dueAtMs !== null && { dueAt: timeOf(review.dueAtMs) }),
})

const describeEvent = ({ atMs, action, actorKind, actor, from, to, reason }: Event) => ({
  ...{ at: timeOf(atMs), action, actorKind, to },
  ...(actor !== null && { actor }),
  ...(from !== null && { from }),
  ...(reason !== null && { reason }),
})
