/** Payouts: money on its way out of a wallet, and who says how it ended. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import {
  bodyErrors,
  callerErrors,
  commonErrors,
  idempotencyErrors,
  operation,
  playerErrors,
} from '../operation.ts'
import { Amount, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const { destinationChars, reasonChars, referenceChars } = limits.payout

export const PayoutState = Type.Enum(['reserved', 'submitted', 'paid', 'failed'], {
  description:
    'reserved: out of the wallet, on its way. submitted: a payment provider has it. paid: it left. failed: the ' +
    'money is back in the wallet, and reason says why. The last two are final.',
})

export const Payout = Shape({
  id: Uuid,
  status: PayoutState,
  amount: Amount,
  destination: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  reference: Type.Optional(Type.String({ description: 'What the provider or the bank calls it.' })),
  createdAt: Timestamp,
  endedAt: Type.Optional(Timestamp),
})

export const OperatorPayout = Shape({
  ...Payout.properties,
  owner: Type.Union([Shape({ playerId: Uuid }), Shape({ merchantId: Uuid })]),
  tries: Type.Integer({ minimum: 0, description: 'How often handing it over to the provider was begun.' }),
})

const Destination = Text(destinationChars, 'Where to: an account or an address, as agreed with the operator.')
const Reference = Text(referenceChars, 'What the provider or the bank calls it.')
const Reason = Text(reasonChars, 'Why it failed, for the owner to read. Only with a failed one.')

export const requestPayout = operation({
  id: 'requestPayout',
  method: 'POST',
  path: '/v1/payouts',
  tag: 'payouts',
  summary: 'Ask for money out of the wallet',
  description:
    'The money leaves the wallet at once and is reserved until it is paid, or failed and returned. Sockets of a ' +
    'player hear `wallet.changed` then.',
  callers: ['player', 'merchant'],
  scope: 'finance',
  idempotencyKey: 'required',
  body: Shape({ amount: Amount, destination: Type.Optional(Destination) }),
  answers: { 201: Payout },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...playerErrors,
    ...idempotencyErrors,
    'minors_mode',
    'insufficient_funds',
    'payout_refused',
  ],
})

export const listPayouts = operation({
  id: 'listPayouts',
  method: 'GET',
  path: '/v1/payouts',
  tag: 'payouts',
  summary: 'Your payouts, newest first',
  callers: ['player', 'merchant'],
  scope: 'finance',
  query: PageQuery,
  answers: { 200: Page(Payout) },
  errors: [...commonErrors, ...playerErrors],
})

export const getPayout = operation({
  id: 'getPayout',
  method: 'GET',
  path: '/v1/payouts/{id}',
  tag: 'payouts',
  summary: 'One of your payouts',
  callers: ['player', 'merchant'],
  scope: 'finance',
  params: Shape({ id: Uuid }),
  answers: { 200: Payout },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})

export const listPayoutsByStatus = operation({
  id: 'listPayoutsByStatus',
  method: 'GET',
  path: '/v1/operator/payouts',
  tag: 'operator',
  summary: 'Payouts of everybody by status, newest first',
  callers: ['operator'],
  query: Shape({ status: Type.Optional(PayoutState), ...PageQuery.properties }),
  answers: { 200: Page(OperatorPayout) },
  errors: [...commonErrors, ...callerErrors],
})

export const endPayout = operation({
  id: 'endPayout',
  method: 'POST',
  path: '/v1/operator/payouts/{id}/outcome',
  tag: 'operator',
  summary: 'Say that a payout is paid, or failed and returned',
  description: 'The same outcome again changes nothing and is answered alike; the other one is refused.',
  callers: ['operator'],
  idempotencyKey: 'required',
  params: Shape({ id: Uuid }),
  body: Shape({
    outcome: Type.Enum(['paid', 'failed']),
    reason: Type.Optional(Reason),
    reference: Type.Optional(Reference),
  }),
  answers: { 200: OperatorPayout },
  errors: [
    ...commonErrors,
    ...bodyErrors,
    ...callerErrors,
    ...idempotencyErrors,
    'not_found',
    'payout_ended',
  ],
})

export const reportPayout = operation({
  id: 'reportPayout',
  method: 'POST',
  path: '/v1/payouts/callback',
  tag: 'payouts',
  summary: "The payment provider's word on a payout",
  description:
    'Signed by the Standard Webhooks specification with PAYOUT_CALLBACK_SECRET: `webhook-signature` holds ' +
    '`v1,` and the base64 of HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, several of them separated by ' +
    'blanks; the timestamp is 5 minutes off at most. Safe to repeat; an outcome that contradicts an earlier one is ' +
    'refused. 404 where no secret is set.',
  callers: [],
  signed: true,
  body: Shape({
    type: Type.Enum(['payout.paid', 'payout.failed']),
    timestamp: Timestamp,
    data: Shape({
      payoutId: Uuid,
      reason: Type.Optional(Reason),
      reference: Type.Optional(Reference),
    }),
  }),
  answers: { 200: Payout },
  errors: [...commonErrors, ...bodyErrors, 'unauthorized', 'not_found', 'payout_ended'],
})
