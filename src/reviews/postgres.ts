/** The tables of reviews. What is locked is read in a statement after the lock: as the last holder left it. */
import assert from 'node:assert/strict'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, type Row, type Statement, type Tx } from '#platform/postgres.ts'
import type { Event, Kind, Reason, Review, ReviewRecord, State } from './review.ts'

const sql = loadStatements(import.meta.url, [
  ...(['insert-review', 'find-review', 'lock-review', 'store-review', 'list-own', 'list-due'] as const),
  ...(['add-event', 'list-events', 'add-report', 'find-report', 'count-voices'] as const),
  ...(['count-reports-by', 'count-same'] as const),
])

export const reviewRecord: ReviewRecord = {
  async insert(tx, review) {
    const { id, kind, subjectId, authorId, lines, suspicion, state, dueAtMs, createdAtMs } = review
    const what = [id, kind, subjectId, authorId, lines, suspicion, state]
    await tx.query(sql['insert-review'], [...what, toDate(dueAtMs), new Date(createdAtMs)])
  },

  find: async (tx, id) => (await list(tx, sql['find-review'], [id]))[0],

  async lock(tx, id) {
    await tx.query(sql['lock-review'], [id])
    return (await list(tx, sql['find-review'], [id]))[0]
  },

  async store(tx, review) {
    const { id, state, reason, decidedBy, reports, appeal, dueAtMs, judgedAtMs } = review
    const values = [state, reason, decidedBy, reports, appeal, toDate(dueAtMs), new Date(judgedAtMs)]
    await tx.query(sql['store-review'], [id, ...values])
  },

  async note(tx, { reviewId, actorKind, actor, action, from, to, reason, atMs }) {
    const what = [reviewId, actorKind, actor, action, from, to, reason]
    await tx.query(sql['add-event'], [...what, new Date(atMs)])
  },

  async listEvents(tx, reviewId) {
    return (await tx.query<EventRow>(sql['list-events'], [reviewId])).map(toEvent)
  },

  async addReport(tx, { reviewId, reporterId, deviceId, reason, nowMs }) {
    await tx.query(sql['add-report'], [reviewId, reporterId, deviceId ?? null, reason, new Date(nowMs)])
  },

  hasReported: async (tx, { reviewId, reporterId }) =>
    (await tx.query(sql['find-report'], [reviewId, reporterId])).length > 0,

  countVoices: (tx, { reviewId, sinceMs }) => count(tx, sql['count-voices'], [reviewId, new Date(sinceMs)]),
  countReportsBy: (tx, { reporterId, sinceMs }) =>
    count(tx, sql['count-reports-by'], [reporterId, new Date(sinceMs)]),

  countSame: (tx, { authorId, kind, lines, sinceMs }) =>
    count(tx, sql['count-same'], [authorId, kind, lines, new Date(sinceMs)]),

  listOwn: (tx, authorId, page) => list(tx, sql['list-own'], [authorId, ...keysetParams(page)]),

  listDue(tx, { state, dueBeforeMs }, { limit, after }) {
    const before = dueBeforeMs === undefined ? null : new Date(dueBeforeMs)
    const keyset = after === undefined ? [null, null] : [new Date(after.atMs), after.id]
    return list(tx, sql['list-due'], [state, before, ...keyset, limit + 1])
  },
}

const toDate = (atMs: number | null): Date | null => (atMs === null ? null : new Date(atMs))

async function list(tx: Tx, statement: Statement, params: readonly unknown[]): Promise<Review[]> {
  return (await tx.query<ReviewRow>(statement, params)).map(toReview)
}

async function count(tx: Tx, statement: Statement, params: readonly unknown[]): Promise<number> {
  const [row] = await tx.query<{ found: number }>(statement, params)
  assert(row, 'a count is one row')
  return row.found
}

type ReviewRow = Row & {
  id: string
  kind: Kind
  subject_id: string
  author_id: string
  lines: string[]
  suspicion: Reason | null
  state: State
  reason: Reason | null
  decided_by: string | null
  reports: number
  appeal: string | null
  due_at: Date | null
  created_at: Date
  judged_at: Date
}

const toReview = (row: ReviewRow): Review => ({
  ...{ id: row.id, kind: row.kind, subjectId: row.subject_id, authorId: row.author_id, lines: row.lines },
  ...{ suspicion: row.suspicion, state: row.state, reason: row.reason, decidedBy: row.decided_by },
  ...{ reports: row.reports, appeal: row.appeal, dueAtMs: row.due_at?.getTime() ?? null },
  ...{ createdAtMs: row.created_at.getTime(), judgedAtMs: row.judged_at.getTime() },
})

type EventRow = Row & {
  review_id: string
  actor_kind: Event['actorKind']
  actor: string | null
  action: Event['action']
  from_state: State | null
  to_state: State
  reason: Reason | null
  at: Date
}

const toEvent = (row: EventRow): Event => ({
  ...{ reviewId: row.review_id, actorKind: row.actor_kind, actor: row.actor, action: row.action },
  ...{ from: row.from_state, to: row.to_state, reason: row.reason, atMs: row.at.getTime() },
})
