/** How a player stands with the rules: strikes and when they expire, what is left of the quotas, appeals. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const { appealChars } = limits.strike

/** What a strike is given for; the list is closed. */
export const strikeReasons = ['teleport', 'fake_walk'] as const
export type StrikeReason = (typeof strikeReasons)[number]

const Left = (description: string) => Type.Integer({ minimum: 0, description })

const strike = {
  reason: Type.Enum([...strikeReasons], {
    description:
      'teleport: claims were tried again and again a long way from where you just were. fake_walk: your fixes ' +
      'looked drawn, not received.',
  }),
  givenAt: Timestamp,
  expiresAt: Timestamp,
}

const AppealState = Type.Enum(['open', 'upheld', 'rejected'], {
  description: 'upheld: the strikes that it is about are lifted.',
})

const appeal = {
  id: Uuid,
  status: AppealState,
  text: Type.String(),
  sentAt: Timestamp,
  endedAt: Type.Optional(Timestamp),
}
export const Appeal = Shape(appeal)
const OperatorAppeal = Shape({
  ...appeal,
  playerId: Uuid,
  reason: Type.Optional(Type.String({ description: "The operator's." })),
})

const allowance = {
  left: Shape({
    tries: Left('Failed tries of claims, today.'),
    claims: Left('Wins, today.'),
    newCellsOfHour: Left('Hint cells that are new to you, this hour.'),
    newCellsOfDay: Left('Hint cells that are new to you, today.'),
  }),
  cooldownMs: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Until a claim is possible where you were last.' }),
  ),
  rewardsPausedUntil: Type.Optional(Timestamp),
}

export const Standing = Shape({
  ...allowance,
  strikes: Type.Array(Shape(strike), { description: 'Those that count, newest first.' }),
  appeal: Type.Optional(Appeal),
})

export const PlayerStanding = Shape({
  ...allowance,
  playerId: Uuid,
  strikes: Type.Array(
    Shape({
      ...strike,
      figures: Type.Record(Type.String(), Type.Number(), { description: 'What was measured; no places.' }),
      liftedAt: Type.Optional(Timestamp),
    }),
    { description: 'The latest 100, newest first; also those that count no longer.' },
  ),
  appeal: Type.Optional(OperatorAppeal),
})

export const getStanding = operation({
  id: 'getStanding',
  method: 'GET',
  path: '/v1/me/standing',
  tag: 'players',
  summary: 'Your strikes, and what is left of your quotas',
  description:
    'The stricter of account and device. Three strikes that have neither expired nor been lifted pause rewards: ' +
    'claims are refused `position_refused` with reason `strikes`. `appeal` is the latest one.',
  callers: ['player'],
  answers: { 200: Standing },
  errors: [...commonErrors, ...playerErrors],
})

export const sendAppeal = operation({
  id: 'sendAppeal',
  method: 'POST',
  path: '/v1/me/appeals',
  tag: 'players',
  summary: 'Ask the operator to look at your strikes',
  description:
    'One is open at a time: sent again, the open one is answered with 200 and stays as it is. It is about all ' +
    'strikes that count and were given before it.',
  callers: ['player'],
  body: Shape({ text: Text(appealChars, 'For the operator.') }),
  answers: { 200: Appeal, 201: Appeal },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors, 'appeal_refused'],
})

export const getPlayerStanding = operation({
  id: 'getPlayerStanding',
  method: 'GET',
  path: '/v1/operator/players/{id}/standing',
  tag: 'operator',
  summary: 'Strikes of a player with their figures, and what is left of the quotas',
  callers: ['operator'],
  params: Shape({ id: Uuid }),
  answers: { 200: PlayerStanding },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})

export const listAppeals = operation({
  id: 'listAppeals',
  method: 'GET',
  path: '/v1/operator/appeals',
  tag: 'operator',
  summary: 'Appeals by status, newest first; the open ones where none is named',
  callers: ['operator'],
  query: Shape({ status: Type.Optional(AppealState), ...PageQuery.properties }),
  answers: { 200: Page(OperatorAppeal) },
  errors: [...commonErrors, ...callerErrors],
})

export const endAppeal = operation({
  id: 'endAppeal',
  method: 'POST',
  path: '/v1/operator/appeals/{id}/outcome',
  tag: 'operator',
  summary: 'Uphold an appeal, which lifts the strikes, or reject it',
  description:
    'Strikes given after the appeal stay. The same outcome again changes nothing and is answered alike; the other ' +
    'one is refused.',
  callers: ['operator'],
  params: Shape({ id: Uuid }),
  body: Shape({
    outcome: Type.Enum(['upheld', 'rejected']),
    reason: Text(limits.operator.reasonChars, 'For the log; the player is not told.'),
  }),
  answers: { 200: OperatorAppeal },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'not_found', 'appeal_ended'],
})
