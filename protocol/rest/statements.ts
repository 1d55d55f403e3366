/** Statements: what moved on one account in one period, as CSV, and nothing that can change later. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { callerErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Currency, Shape, Timestamp, Uuid } from '../scalars.ts'

const { settledMs, periodMs } = limits.statement

const period = {
  currency: Currency,
  from: Timestamp,
  to: Timestamp,
}

const Statement = Type.String({
  description:
    'CSV by RFC 4180, in UTF-8: a line `opening`, one `transfer` line for each transfer in the order of time, a line ' +
    '`closing` with the sums. Opening + credits - debits = closing. `…Minor` are minor units, the last three columns ' +
    'the same as decimals. A statement without its `closing` line was cut off.',
})

const statementNotes =
  'The period is from `from`, inclusive, to `to`, exclusive: ' +
  `${periodMs / 86_400_000} days at most, and over for ${settledMs / 1_000} s at least, because a transfer is ` +
  'committed up to that long after its time: so a statement never changes. Encode `+` in a time as `%2B`.'

export const getStatement = operation({
  id: 'getStatement',
  method: 'GET',
  path: '/v1/wallet/statement',
  tag: 'wallet',
  summary: "The wallet's statement for a period, as CSV",
  description: statementNotes,
  callers: ['player', 'merchant'],
  scope: 'finance',
  query: Shape(period),
  produces: 'text/csv',
  answers: { 200: Statement },
  errors: [...commonErrors, ...playerErrors, 'statement_refused'],
})

export const getAccountStatement = operation({
  id: 'getAccountStatement',
  method: 'GET',
  path: '/v1/operator/statements',
  tag: 'operator',
  summary: "Any account's statement for a period, as CSV",
  description:
    'Name one account: the wallet of `playerId` or `merchantId`, the escrow of `envelopeId` or `serviceRequestId`, ' +
    'what is held for `payoutId`, or `external=all`, the outside world, whose balance is what the game owes, below ' +
    'zero. ' +
    statementNotes,
  callers: ['operator'],
  query: Shape({
    playerId: Type.Optional(Uuid),
    merchantId: Type.Optional(Uuid),
    envelopeId: Type.Optional(Uuid),
    payoutId: Type.Optional(Uuid),
    serviceRequestId: Type.Optional(Uuid),
    external: Type.Optional(Type.Enum(['all'])),
    ...period,
  }),
  produces: 'text/csv',
  answers: { 200: Statement },
  errors: [...commonErrors, ...callerErrors, 'not_found', 'statement_refused'],
})
