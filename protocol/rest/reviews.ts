/** Reviews: what players write for others, who reports it, who decides, and how one appeals. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

export const reviewKinds = ['service_request', 'envelope'] as const
export const reviewReasons = [
  ...(['vulgar', 'begging', 'advert', 'attack', 'flooding', 'stolen', 'private_place', 'illegal'] as const),
] as const
export const reviewStates = [
  ...(['held', 'released', 'reported', 'hidden', 'rejected', 'appealed', 'withdrawn'] as const),
] as const

export const ReviewKind = Type.Enum([...reviewKinds], {
  description:
    "service_request: its text. envelope: its greeting and its clue. Merchants' texts are not reviewed.",
})
export const ReviewReason = Type.Enum([...reviewReasons], {
  description: 'The list is closed: what fits none of them is not removed.',
})
export const ReviewState = Type.Enum([...reviewStates], {
  description:
    'held: nobody else reads it yet. released: shown. reported: shown, and somebody objected. hidden: three did. ' +
    'rejected: not shown; its author may appeal once. appealed: another reviewer decides. withdrawn: what it ' +
    'belonged to was over first.',
})

const review = {
  id: Uuid,
  kind: ReviewKind,
  subjectId: Type.String({ format: 'uuid', description: 'The service request or the envelope.' }),
  lines: Type.Array(Type.String()),
  state: ReviewState,
  reason: Type.Optional(ReviewReason),
  appeal: Type.Optional(Type.String()),
  createdAt: Timestamp,
  judgedAt: Timestamp,
}
export const Review = Shape(review)

const operatorReview = {
  ...review,
  authorId: Uuid,
  suspicion: Type.Optional(ReviewReason),
  reports: Type.Integer({ minimum: 0, description: 'Different people, since it was judged last.' }),
  decidedBy: Type.Optional(Type.String()),
  dueAt: Type.Optional(Timestamp),
}
export const OperatorReview = Shape(operatorReview)

const OperatorReviewHistory = Shape({
  ...operatorReview,
  events: Type.Array(
    Shape({
      at: Timestamp,
      action: Type.Enum(['submit', 'release', 'reject', 'report', 'appeal', 'withdraw']),
      actorKind: Type.Enum(['policy', 'author', 'reader', 'reviewer']),
      actor: Type.Optional(Type.String()),
      from: Type.Optional(ReviewState),
      to: ReviewState,
      reason: Type.Optional(ReviewReason),
    }),
    { description: 'The latest 200, oldest first.' },
  ),
})

const Reviewer = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{1,39}$',
  description:
    'Who decides, as your own back office knows them: recorded, and compared where an appeal needs somebody else.',
})
const id = Shape({ id: Uuid })
const tag = 'reviews'
const operatorErrors = [...commonErrors, ...callerErrors, ...bodyErrors, 'not_found'] as const

export const reportText = operation({
  id: 'reportText',
  method: 'POST',
  path: '/v1/reports',
  tag,
  summary: 'Report what somebody wrote',
  description:
    'Of a service request or an envelope that you can see. Three reports by different people hide it at once, until ' +
    'a reviewer has looked; repeating yours changes nothing.',
  callers: ['player'],
  body: Shape({ kind: ReviewKind, id: Uuid, reason: ReviewReason }),
  answers: { 200: Shape({ kind: ReviewKind, id: Uuid, status: Type.Literal('reported') }) },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...playerErrors,
    'not_found',
    'review_refused',
    'review_state',
    'daily_limit',
  ],
})

export const listOwnReviews = operation({
  id: 'listOwnReviews',
  method: 'GET',
  path: '/v1/me/reviews',
  tag,
  summary: 'What you wrote for others, and what became of it, newest first',
  callers: ['player'],
  query: PageQuery,
  answers: { 200: Page(Review) },
  errors: [...commonErrors, ...playerErrors],
})

export const appealReview = operation({
  id: 'appealReview',
  method: 'POST',
  path: '/v1/me/reviews/{id}/appeal',
  tag,
  summary: 'Appeal against a rejection',
  description:
    'Once each; another reviewer decides. A service request that was cancelled stays so, and may be posted again; an ' +
    'envelope shows its text again. A rejection that is lifted no longer counts against your trust.',
  callers: ['player'],
  params: id,
  body: Shape({ text: Text(limits.review.appealChars, 'For the reviewer.') }),
  answers: { 200: Review },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors, 'not_found', 'review_refused', 'review_state'],
})

export const listReviews = operation({
  id: 'listReviews',
  method: 'GET',
  path: '/v1/operator/reviews',
  tag: 'operator',
  summary:
    'Texts that wait for a reviewer, the longest due first; those that are held where no state is named',
  callers: ['operator'],
  query: Shape({
    state: Type.Optional(Type.Enum(['held', 'reported', 'hidden', 'appealed'])),
    overdue: Type.Optional(Type.Literal('true', { description: 'Only those that are late.' })),
    ...PageQuery.properties,
  }),
  answers: { 200: Page(OperatorReview) },
  errors: [...commonErrors, ...callerErrors],
})

export const getReview = operation({
  id: 'getReview',
  method: 'GET',
  path: '/v1/operator/reviews/{id}',
  tag: 'operator',
  summary: 'One text, and everything that happened to it',
  callers: ['operator'],
  params: id,
  answers: { 200: OperatorReviewHistory },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const releaseText = operation({
  id: 'releaseText',
  method: 'POST',
  path: '/v1/operator/reviews/{id}/release',
  tag: 'operator',
  summary: 'Release a text',
  description: 'It is shown; a service request that waited opens. Of an appeal: by another reviewer.',
  callers: ['operator'],
  params: id,
  body: Shape({ reviewer: Reviewer }),
  answers: { 200: OperatorReview },
  errors: [...operatorErrors, 'review_refused', 'review_state'],
})

export const rejectText = operation({
  id: 'rejectText',
  method: 'POST',
  path: '/v1/operator/reviews/{id}/reject',
  tag: 'operator',
  summary: 'Reject a text',
  description:
    'It is not shown any more, and its author is told the reason. A service request that nobody has delivered is ' +
    'cancelled and paid back; an envelope is played without its text.',
  callers: ['operator'],
  params: id,
  body: Shape({ reviewer: Reviewer, reason: ReviewReason }),
  answers: { 200: OperatorReview },
  errors: [...operatorErrors, 'review_refused', 'review_state'],
})
