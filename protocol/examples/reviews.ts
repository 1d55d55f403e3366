/** Examples of reviews: Lin's errand waited for a reviewer, and one of them took it for an advert. */
import { getDuty, setDuty } from '../rest/duty.ts'
import {
  appealReview,
  getReview,
  listOwnReviews,
  listReviews,
  rejectText,
  releaseText,
  reportText,
} from '../rest/reviews.ts'
import { getTrust } from '../rest/trust.ts'
import { exampleOf } from './example.ts'
import { envelopeId, lin } from './story.ts'

export const reviewId = '6c1b1d3e-93c5-5a0b-8a5e-1f6d3c7b2a90'
const params = { id: reviewId }
const times = {
  written: '2026-02-17T04:20:00.080Z',
  due: '2026-02-17T04:50:00.080Z',
  judged: '2026-02-17T04:31:22.512Z',
  appealDue: '2026-02-18T04:40:00.000Z',
}
const text = 'Queue for me at the tea house, about half an hour'
const appeal = 'It is my own errand; I sell nothing.'

const held = {
  ...{ id: reviewId, kind: 'service_request' as const, subjectId: '019c69d0-7a10-7d2e-8a41-5b1f2f9d6c30' },
  ...{ lines: [text], state: 'held' as const, createdAt: times.written, judgedAt: times.written },
}
const released = { ...held, state: 'released' as const, judgedAt: times.judged }
const rejected = { ...released, state: 'rejected' as const, reason: 'advert' as const }
const appealed = { ...rejected, state: 'appealed' as const, appeal }
const forOperator = { authorId: lin, reports: 0 }
const pageOf = <I>(item: I, self: string) => ({ items: [item], numberReturned: 1, links: { self } })

export const reviewExamples = [
  exampleOf(reportText, {
    body: { kind: 'envelope', id: envelopeId, reason: 'vulgar' },
    answers: { 200: { kind: 'envelope', id: envelopeId, status: 'reported' } },
  }),
  exampleOf(listOwnReviews, { answers: { 200: pageOf(rejected, listOwnReviews.path) } }),
  exampleOf(appealReview, { params, body: { text: appeal }, answers: { 200: appealed } }),
  exampleOf(listReviews, {
    query: { state: 'held', overdue: 'true' },
    answers: { 200: pageOf({ ...held, ...forOperator, dueAt: times.due }, listReviews.path) },
  }),
  exampleOf(getReview, {
    params,
    answers: {
      200: {
        ...{ ...appealed, ...forOperator, decidedBy: 'wang', dueAt: times.appealDue },
        events: [
          { at: times.written, action: 'submit', actorKind: 'policy', to: 'held' },
          {
            ...{ at: times.judged, action: 'reject', actorKind: 'reviewer', actor: 'wang' },
            ...{ from: 'held', to: 'rejected', reason: 'advert' },
          },
        ],
      },
    },
  }),
  exampleOf(releaseText, {
    params,
    body: { reviewer: 'zhao' },
    answers: { 200: { ...released, ...forOperator, decidedBy: 'zhao' } },
  }),
  exampleOf(rejectText, {
    params,
    body: { reviewer: 'wang', reason: 'advert' },
    answers: { 200: { ...rejected, ...forOperator, decidedBy: 'wang' } },
  }),
  exampleOf(getTrust, {
    answers: {
      200: {
        ...{ trust: 1, accountAgeDays: 4, settledClaims: 6, confirmedRequests: 2, upheldReports: 0 },
        mostMinor: '100000',
      },
    },
  }),
  exampleOf(getDuty, { answers: { 200: { onDuty: false } } }),
  exampleOf(setDuty, {
    body: { onDuty: true, category: 'queueing' },
    answers: { 200: { onDuty: true, category: 'queueing' } },
  }),
]
