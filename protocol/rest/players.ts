/** Players: sandbox sign-up, oneself, the wallet, the position for those without a socket. */
import { Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, operation, playerErrors } from '../operation.ts'
import { Amount, Balance, Fix, Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const { maxTimeScale } = limits.sandbox

export const Player = Shape({
  id: Uuid,
  createdAt: Timestamp,
  timeScale: Type.Integer({ minimum: 1, maximum: maxTimeScale }),
})

export const signUpPlayer = operation({
  id: 'signUpPlayer',
  method: 'POST',
  path: '/v1/players',
  tag: 'players',
  summary: 'Sign up a sandbox player',
  description:
    'Gives a player, a token and test money. In production players come with a token of your identity provider.',
  callers: [],
  sandboxOnly: true,
  idempotencyKey: 'refused',
  body: Shape({
    timeScale: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: maxTimeScale,
        description:
          "Multiplies the clock of this player's limits, so that a recorded walk is judged in its own time.",
      }),
    ),
    minor: Type.Optional(
      Type.Boolean({
        description: 'As a token with the claim `minor`: no cash, and no service requests of strangers.',
      }),
    ),
  }),
  answers: { 201: Shape({ player: Player, token: Type.String(), expiresAt: Timestamp }) },
  errors: [...commonErrors, ...bodyErrors, 'not_found'],
})

export const getMe = operation({
  id: 'getMe',
  method: 'GET',
  path: '/v1/me',
  tag: 'players',
  summary: 'The player behind the token',
  callers: ['player'],
  answers: { 200: Player },
  errors: [...commonErrors, ...playerErrors],
})

export const getWallet = operation({
  id: 'getWallet',
  method: 'GET',
  path: '/v1/wallet',
  tag: 'wallet',
  summary: 'Balances by currency',
  callers: ['player', 'merchant'],
  scope: 'finance',
  answers: { 200: Shape({ balances: Type.Array(Balance) }) },
  errors: [...commonErrors, ...playerErrors],
})

export const TransferKind = Type.Enum(
  [
    ...([
      'test_money',
      'deposit',
      'escrow',
      'claim',
      'refund',
      'payout',
      'payout_paid',
      'payout_returned',
    ] as const),
    ...(['request_escrow', 'request_top_up', 'request_pay', 'request_refund'] as const),
    ...(['campaign_funding', 'campaign_refund', 'drop', 'drop_returned'] as const),
  ],
  {
    description:
      'payout reserves what leaves; then it is payout_paid outside, or payout_returned. request_… is the money of a ' +
      'service request: its price, what was added, what the provider got and what went back. campaign_funding takes ' +
      'a budget, drop a part of it, and campaign_refund is what came back.',
  },
)

export const WalletTransfer = Shape({
  id: Uuid,
  kind: TransferKind,
  direction: Type.Enum(['in', 'out']),
  amount: Amount,
  envelopeId: Type.Optional(Uuid),
  payoutId: Type.Optional(Uuid),
  serviceRequestId: Type.Optional(Uuid),
  createdAt: Timestamp,
})

export const listWalletTransfers = operation({
  id: 'listWalletTransfers',
  method: 'GET',
  path: '/v1/wallet/transfers',
  tag: 'wallet',
  summary: 'Every movement of the wallet, newest first',
  callers: ['player', 'merchant'],
  scope: 'finance',
  query: PageQuery,
  answers: { 200: Page(WalletTransfer) },
  errors: [...commonErrors, ...playerErrors],
})

export const PositionAnswer = Shape({
  accepted: Type.Boolean({ description: 'False: the fix did not replace the last one; reason says why.' }),
  reason: Type.Optional(Type.Enum(['accuracy', 'stale', 'jump'])),
  paused: Type.Optional(
    Type.Enum(['speed', 'cells'], {
      description:
        'Hints pause. speed: you move faster than 16 km/h; claims are refused meanwhile. cells: you were in more new ' +
        'hint cells than position.newCellsPerHour or position.newCellsPerDay allow; claims are not affected.',
    }),
  ),
})

export const sendPosition = operation({
  id: 'sendPosition',
  method: 'POST',
  path: '/v1/positions',
  tag: 'positions',
  summary: 'Say where you stand',
  description:
    "The socket's `position` frame for clients without a socket. Lists, hiding and claims use the last accepted fix.",
  callers: ['player'],
  body: Shape({ fix: Fix }),
  answers: { 200: PositionAnswer },
  errors: [...commonErrors, ...bodyErrors, ...playerErrors],
})

const BanAnswer = Shape({
  playerId: Uuid,
  ban: Type.Optional(
    Shape({ bannedAt: Timestamp, reason: Type.String() }, { description: 'Absent: not banned.' }),
  ),
})

export const banPlayer = operation({
  id: 'banPlayer',
  method: 'POST',
  path: '/v1/operator/players/{id}/ban',
  tag: 'operator',
  summary: 'Ban a player',
  description:
    'Sockets close with 4403 and tokens are refused within 5 s on every server; no claim of the player is recorded ' +
    'after the ban. What was won stays. A second ban changes the reason.',
  callers: ['operator'],
  params: Shape({ id: Uuid }),
  body: Shape({ reason: Text(200, 'For the operators; the player is not told.') }),
  answers: { 200: BanAnswer },
  errors: [...commonErrors, ...bodyErrors, ...callerErrors, 'not_found'],
})

export const liftBan = operation({
  id: 'liftBan',
  method: 'DELETE',
  path: '/v1/operator/players/{id}/ban',
  tag: 'operator',
  summary: 'Lift the ban of a player',
  callers: ['operator'],
  params: Shape({ id: Uuid }),
  answers: { 200: BanAnswer },
  errors: [...commonErrors, ...callerErrors, 'not_found'],
})
