/** What the operator stops, limits and sets right: caps, freezes, dead letters, and the log of it all. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { Currency, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const Minor = Type.String({ pattern: '^(0|[1-9][0-9]{0,17})$', description: 'Minor units.' })
const Reason = Text(limits.operator.reasonChars, 'For the log.')

const platform = Shape({ platform: Type.Literal(true) })
const merchant = Shape({ merchantId: Uuid })
const campaign = Shape({ campaignId: Uuid })
const envelope = Shape({ envelopeId: Uuid })

const BudgetTarget = Type.Union([platform, merchant, campaign])
const FreezeTarget = Type.Union([platform, merchant, campaign, envelope])
export type FreezeTarget = Static<typeof FreezeTarget>

const BudgetState = Type.Enum(['open', 'frozen'])

export const Budget = Shape({
  target: BudgetTarget,
  currency: Type.Optional(Currency),
  state: BudgetState,
  reason: Type.Optional(
    Type.String({ description: "Of the state: the operator's, or `cap_total` or `cap_hour`." }),
  ),
  since: Timestamp,
  totalMinor: Type.Optional(Minor),
  perHourMinor: Type.Optional(Minor),
  countedSince: Type.Optional(Timestamp),
  usedTotalMinor: Minor,
  usedHourMinor: Minor,
})

const changing = [...commonErrors, ...bodyErrors, ...callerErrors, ...idempotencyErrors] as const

export const setCap = operation({
  id: 'setCap',
  method: 'POST',
  path: '/v1/operator/caps',
  tag: 'operator',
  summary: 'Cap the payouts of the platform, a merchant or a campaign in one currency',
  description:
    'A cap that is left out is lifted. The first payout that does not fit is not made, and freezes what it does not ' +
    'fit under until the operator unfreezes it. Counted from the moment of the first cap; hours are those of UTC.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({
    target: BudgetTarget,
    currency: Currency,
    totalMinor: Type.Optional(Minor),
    perHourMinor: Type.Optional(Minor),
    reason: Reason,
  }),
  answers: { 200: Budget },
  errors: [...changing, 'not_found'],
})

export const listBudgets = operation({
  id: 'listBudgets',
  method: 'GET',
  path: '/v1/operator/budgets',
  tag: 'operator',
  summary: 'What has a cap or was ever frozen, newest first, with what is used',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(Budget) },
  errors: [...commonErrors, ...callerErrors],
})

const Frozen = Shape({
  target: FreezeTarget,
  state: Type.Enum(['open', 'frozen', 'funded', 'live', 'expired'], {
    description: 'Of an envelope its own state.',
  }),
  changed: Type.Boolean({ description: 'False: it was so already, and nothing was noted.' }),
})

export const freeze = operation({
  id: 'freeze',
  method: 'POST',
  path: '/v1/operator/freezes',
  tag: 'operator',
  summary: 'Stop the payouts of the platform, a merchant, a campaign or an envelope',
  description:
    'Claims and hides answer 503 `frozen` on every server within 5 s, and nothing is settled. What is reserved ' +
    'keeps its share until it is unfrozen, except in an envelope that is frozen itself. Closing, expiry and ' +
    'refunds go on; a frozen envelope waits.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({ target: FreezeTarget, reason: Reason }),
  answers: { 200: Frozen },
  errors: [...changing, 'not_found', 'ended'],
})

export const unfreeze = operation({
  id: 'unfreeze',
  method: 'POST',
  path: '/v1/operator/unfreezes',
  tag: 'operator',
  summary: 'Let payouts go on',
  description:
    'Also what a cap has frozen: raise the cap first, or the next payout freezes it again. An envelope whose time ' +
    'has passed meanwhile expires and is refunded.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({ target: FreezeTarget, reason: Reason }),
  answers: { 200: Frozen },
  errors: [...changing, 'not_found', 'ended'],
})

export const Action = Shape({
  id: Uuid,
  actor: Type.Enum(['operator', 'cap', 'reports']),
  action: Type.Enum([
    ...(['set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'exclude', 'lift_exclusion'] as const),
    ...(['uphold_appeal', 'reject_appeal', 'cancel_request', 'split_request'] as const),
    ...(['read_chat', 'close_reported'] as const),
    ...(['set_area', 'replace_keys'] as const),
  ]),
  target: Type.Record(Type.String(), Type.Unknown()),
  reason: Type.String(),
  before: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  after: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  at: Timestamp,
})

export const listActions = operation({
  id: 'listOperatorActions',
  method: 'GET',
  path: '/v1/operator/actions',
  tag: 'operator',
  summary: 'What the operator and the caps did, newest first',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(Action) },
  errors: [...commonErrors, ...callerErrors],
})

export const DeadLetter = Shape({
  id: Uuid,
  envelopeId: Uuid,
  playerId: Uuid,
  shareNo: Type.Integer(),
  fault: Type.String({ description: 'What PostgreSQL said.' }),
  attempts: Type.Integer(),
  buriedAt: Type.Optional(Timestamp),
  updatedAt: Timestamp,
})

export const listDeadLetters = operation({
  id: 'listDeadLetters',
  method: 'GET',
  path: '/v1/operator/dead-letters',
  tag: 'operator',
  summary: 'Reservations that could not be settled, newest first',
  description: 'Without `buriedAt` it is still tried again by itself; with it, its envelope was frozen.',
  callers: ['operator'],
  query: PageQuery,
  answers: { 200: Page(DeadLetter) },
  errors: [...commonErrors, ...callerErrors],
})

export const Replayed = Shape({
  id: Uuid,
  status: Type.Enum(['settled', 'duplicate', 'ended', 'conflict', 'banned', 'frozen', 'failed', 'unknown']),
  claimId: Type.Optional(Uuid),
  fault: Type.Optional(Type.String()),
})

export const replayDeadLetters = operation({
  id: 'replayDeadLetters',
  method: 'POST',
  path: '/v1/operator/dead-letters/replay',
  tag: 'operator',
  summary: 'Settle dead letters again, once their cause is gone',
  description:
    'Those named, or the oldest ones; at most 200 a request, and `left` says how many remain. Settled, duplicate and ' +
    'ended ones are final and leave the list; the others stay. Envelopes stay frozen until they are unfrozen.',
  callers: ['operator'],
  idempotencyKey: 'required',
  body: Shape({
    ids: Type.Optional(
      Type.Array(Uuid, { minItems: 1, maxItems: limits.operator.replayedAtOnce, uniqueItems: true }),
    ),
    reason: Reason,
  }),
  answers: { 200: Shape({ items: Type.Array(Replayed), left: Type.Integer() }) },
  errors: [...changing],
})
