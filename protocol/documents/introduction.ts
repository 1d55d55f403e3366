/** The prose of the documents: what a reader must know before the first request. */
import { closeMeanings } from '../ws/exchanges.ts'
import { closeCodes, subprotocol, tokenProtocolPrefix } from '../ws/frame.ts'
import { tabulateLimits } from './limits.ts'

export const tags: Record<string, string> = {
  players: 'Who plays.',
  positions: 'Where a player stands.',
  wallet: 'Balances and every movement of money, of players and merchants.',
  payouts: 'Money on its way out of a wallet.',
  envelopes: 'Hide, find as hint cells, look at, close, verify.',
  'service requests':
    'What somebody needs at a place, with the pay in escrow: post, take on, talk, deliver, confirm, rate.',
  reviews: 'What players write for others: report it, see what became of yours, appeal.',
  claims: 'Grab a share, look back.',
  coupons: 'Given out in envelopes, redeemed once at the till.',
  campaigns: 'Plans of many envelopes: launched, dropped on the map, paused, ended.',
  figures: 'What became of a campaign: counters, live and over time, by cell, and as rows.',
  merchants: 'The merchant behind a key, and its keys.',
  webhooks: 'What the server sends to you: endpoints, deliveries, replays.',
  operator: 'What the operator does for merchants and wallets.',
  health: 'For load balancers.',
}

const restLimits = [
  ...(['money', 'envelope', 'serviceRequest', 'chat', 'rating', 'review', 'trust', 'claim'] as const),
  ...(['code', 'report'] as const),
  ...(['position', 'strike', 'device', 'hint', 'http', 'idempotency'] as const),
  ...(['payout', 'statement', 'figures', 'coupon', 'merchant', 'webhook', 'sandbox'] as const),
]

export const restIntroduction = `Hide money at real places, walk, get warmer and colder hints, claim exactly once.

- **Money** is a decimal string of minor units with a currency: \`{"amountMinor": "8800", "currency": "CNY"}\`.
- **Places** are GeoJSON, longitude first. An envelope's place is never shown to those who seek it: hints are H3 cells.
- **Times** are RFC 3339 in UTC and end in \`At\`; durations end in \`Ms\` or \`S\`, distances in \`M\`.
- **Lists** are pages: follow \`links.next\` until it is absent.
- **Strict**: unknown fields are refused and nothing is coerced; bodies are exactly \`application/json\`.
- **Errors** are \`application/problem+json\` with a \`code\` from one closed list, the same on the socket; \`type\` is
  the address of the [error's page](/problems).
- **Retries**: claims, positions and signed callbacks are safe to repeat, and a key that comes with them changes
  nothing. Other operations that move money require \`Idempotency-Key\`; its stored answer is given again. Where a
  repetition would act twice and no answer is kept, the header is refused.
- **Live**: hints and wins arrive on the socket, described in [asyncapi.json](/asyncapi.json).
  Money is never only there.

## Limits
${tabulateLimits(restLimits)}
`

const closeRows = Object.entries(closeMeanings).map(
  ([name, meaning]) => `| ${closeCodes[name as keyof typeof closeCodes]} | ${meaning} |`,
)

export const socketIntroduction = `Hints, wins and positions, live. Frames are JSON text objects with a \`type\`.

- **Connect** with the subprotocol \`${subprotocol}\`. The token stands beside it
  (\`Sec-WebSocket-Protocol: ${subprotocol}, ${tokenProtocolPrefix}<token>\`) or in the first frame,
  \`hello\`; never in the URL.
- **Origin**: a browser's origin must be on the server's list, otherwise 403 before the upgrade.
- **Answers** carry \`ref\`, the \`id\` that you gave your frame. Server frames carry \`seq\`, counted up within
  a session.
- **Errors** have the codes of REST; each has a [page](/problems).
- **Money** is never only on the socket: REST has it.

## Close codes
| code | meaning |
| --- | --- |
${closeRows.join('\n')}

## Limits
${tabulateLimits(['socket', 'position', 'device', 'hint', 'claim', 'code', 'serviceRequest', 'chat'])}
`
