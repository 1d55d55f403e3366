/**
 * The closed list of errors. REST answers them as problem+json (RFC 9457), the socket as `error` frames with
 * the same codes; each has a page at /problems/<code>. Nothing else is ever sent as an error.
 */
import { type Static, Type } from 'typebox'
import { Shape, Text } from './scalars.ts'

export type ErrorEntry = {
  status: number
  title: string
  /** What happened and what the client does next, for the error's page. */
  help: string
  /** The closed list of `reason` values, where the code has any. */
  reasons?: readonly string[]
}

const entry = <const E extends ErrorEntry>(e: E): E => e

export const errors = {
  bad_request: entry({
    status: 400,
    title: 'The request does not fit its schema',
    help: 'errors[] names each offending field by JSON pointer. Unknown fields are refused and nothing is coerced.',
  }),
  bad_frame: entry({
    status: 400,
    title: 'The socket frame does not fit its schema',
    help:
      'Frames are JSON text objects with a known `type`. Text that is not JSON and binary frames also close' +
      ' the socket with 4400.',
  }),
  idempotency_key_missing: entry({
    status: 400,
    title: 'This operation needs an Idempotency-Key header',
    help: 'Send any unique printable string of at most 255 characters; send the same one when you retry.',
  }),
  unauthorized: entry({
    status: 401,
    title: 'No valid credential',
    help: 'Send `Authorization: Bearer …` with a player token, a merchant key (hbk_…) or the operator key (hbo_…).',
  }),
  forbidden: entry({
    status: 403,
    title: 'This credential may not do that',
    help: 'The operation is for another kind of caller, or the merchant key lacks the scope.',
  }),
  banned: entry({
    status: 403,
    title: 'This player is banned',
    help: 'An operator banned the player; tokens count again when the ban is lifted. Money that was won stays.',
  }),
  out_of_reach: entry({
    status: 403,
    title: 'You are not where this envelope is',
    help:
      'One answer for every case that depends on the envelope: unknown, too far, fix too coarse, not for ' +
      'you, wrong passphrase, not open yet. Walk, follow the hints, try again.',
  }),
  not_found: entry({
    status: 404,
    title: 'No such thing',
    help: 'It does not exist, or it is not yours to see.',
  }),
  claim_not_settled: entry({
    status: 404,
    title: 'This claim is not settled',
    help: 'A pending claim has no record yet, and may never get one. POST the claim again or wait for claim.settled.',
  }),
  position_needed: entry({
    status: 409,
    title: 'No recent position',
    help:
      'Send a position first (POST /v1/positions or a `position` frame): the last accepted fix may be 60 s ' +
      'old at most.',
  }),
  ended: entry({
    status: 409,
    title: 'The envelope has ended',
    help: 'This is final: every share is gone, it expired, or it was closed.',
    reasons: ['empty', 'expired', 'closed'],
  }),
  try_again: entry({
    status: 409,
    title: 'Every share is reserved, not all are settled',
    help: 'A share may come back. Retry after retryAfterMs.',
  }),
  own_envelope: entry({
    status: 409,
    title: 'You hid this envelope',
    help: 'A hider cannot claim their own.',
  }),
  insufficient_funds: entry({
    status: 409,
    title: 'The wallet holds less than that',
    help: 'The total of an envelope and the amount of a payout leave the wallet at once. Nothing was taken.',
  }),
  payout_ended: entry({
    status: 409,
    title: 'The payout has ended otherwise',
    help: 'reason is how: it is final, and nothing was changed. Ask the other side what it did with the money.',
    reasons: ['paid', 'failed'],
  }),
  idempotency_in_flight: entry({
    status: 409,
    title: 'The first request with this key is still running',
    help: 'Retry after a moment; you will get its answer.',
  }),
  key_limit: entry({
    status: 409,
    title: 'Two keys are live already',
    help: 'Revoke one key before you make another: two live keys are what a rotation needs.',
  }),
  campaign_state: entry({
    status: 409,
    title: 'The campaign is not in a state for that',
    help: 'reason is its state. Drafts are changed and launched, launched ones take drops, pauses and an end.',
    reasons: ['draft', 'scheduled', 'live', 'paused', 'ended'],
  }),
  player_limit: entry({
    status: 409,
    title: 'You have won all that this campaign gives one player',
    help: 'Others may still win here. Your wins of before stay yours.',
  }),
  edited_meanwhile: entry({
    status: 412,
    title: 'It is another version by now',
    help: 'Somebody changed it since you read it. Read it again, and send your change with its ETag.',
  }),
  payload_too_large: entry({ status: 413, title: 'The body is too large', help: 'At most 32 KiB.' }),
  unsupported_media_type: entry({
    status: 415,
    title: 'The body is not application/json',
    help: 'Send exactly `Content-Type: application/json`.',
  }),
  idempotency_mismatch: entry({
    status: 422,
    title: 'This Idempotency-Key was used with another body',
    help: 'A key belongs to one request. Use a new key for a new request.',
  }),
  position_refused: entry({
    status: 422,
    title: 'Your position does not count right now',
    help:
      'accuracy: worse than 120 m. stale: older than your last fix. jump: too far from your last fix. ' +
      'speed: faster than 16 km/h. cooldown: too soon after a reward elsewhere.',
    reasons: ['accuracy', 'stale', 'jump', 'speed', 'cooldown'],
  }),
  envelope_refused: entry({
    status: 422,
    title: 'The envelope breaks a rule of the game',
    help: 'reason names the rule: see the limits in the documentation.',
    reasons: [
      'shares_exceed_total',
      'too_many_shares',
      'share_too_large',
      'expiry_past',
      'expiry_too_far',
      'opens_after_expiry',
      'currency_unknown',
      'text_refused',
      'audience_unknown',
      'campaign_unknown',
    ],
  }),
  deposit_refused: entry({
    status: 422,
    title: 'The deposit cannot be booked',
    help: 'currency_unknown: not in CURRENCIES. reference_used: this reference is booked already; nothing was added.',
    reasons: ['currency_unknown', 'reference_used'],
  }),
  payout_refused: entry({
    status: 422,
    title: 'The payout cannot be made',
    help: 'currency_unknown: not in CURRENCIES. too_small, too_large: see the limits of a payout.',
    reasons: ['currency_unknown', 'too_small', 'too_large'],
  }),
  statement_refused: entry({
    status: 422,
    title: 'There is no statement of that period',
    help:
      'currency_unknown: not in CURRENCIES. period_empty: `to` is not after `from`. period_too_long: more than ' +
      '366 days. period_not_over: `to` is less than 60 s ago. account_unclear: name exactly one account.',
    reasons: ['currency_unknown', 'period_empty', 'period_too_long', 'period_not_over', 'account_unclear'],
  }),
  merchant_refused: entry({
    status: 422,
    title: 'The merchant cannot be made',
    help: 'area_invalid: the polygon is open, crosses itself or has no area.',
    reasons: ['area_invalid'],
  }),
  campaign_refused: entry({
    status: 422,
    title: 'The campaign breaks a rule',
    help:
      'area_…: rings are closed, outer ones counter-clockwise, cut at the antimeridian, in your verified area. ' +
      'schedule_…: see the limits. The others: as they say.',
    reasons: [
      'area_open',
      'area_vertices',
      'area_crossing',
      'area_clockwise',
      'area_antimeridian',
      'area_polar',
      'area_too_large',
      'area_outside',
      'schedule_empty',
      'schedule_past',
      'schedule_too_far',
      'schedule_too_long',
      'zone_unknown',
      'window_empty',
      'currency_unknown',
      'text_refused',
    ],
  }),
  drop_refused: entry({
    status: 422,
    title: 'The drop cannot be made like that',
    help:
      'points_refused: errors[] names each point that lies outside, in an exclusion area or too near another. ' +
      'too_many_cells: take coarser ones. too_many_drops: wait until one is live. The others: as they say.',
    reasons: [
      'no_room',
      'spacing_impossible',
      'too_many_cells',
      'points_refused',
      'too_many_drops',
      'too_expensive',
      'shares_exceed_total',
    ],
  }),
  if_match_missing: entry({
    status: 428,
    title: 'This operation needs an If-Match header',
    help: 'Send the ETag of the version that you read, as it came.',
  }),
  place_refused: entry({
    status: 422,
    title: 'An envelope cannot be hidden there',
    help:
      'too_far: players hide within 500 m of their last fix. crowded: the hint cell is full. outside_area: ' +
      "outside the merchant's verified area. excluded: the operator lets nobody hide there.",
    reasons: ['too_far', 'crowded', 'outside_area', 'excluded'],
  }),
  daily_limit: entry({
    status: 429,
    title: "The day's limit is used up",
    help:
      'A player hides 50 envelopes and wins 200 shares a day at most; the day ends as DAY_ZONE of the ' +
      'server says.',
  }),
  too_many_tries: entry({
    status: 429,
    title: 'Too many failed tries',
    help:
      'At most 10 per envelope and hour and 150 a day; the try was not evaluated. Claim in `here` and ' +
      '`hot`, 20 m from your last try.',
  }),
  too_many_requests: entry({
    status: 429,
    title: 'Too many requests',
    help: 'Wait for Retry-After; the limits are in RateLimit-Policy and RateLimit.',
  }),
  frozen: entry({
    status: 503,
    title: 'Payouts are frozen here',
    help: 'An operator looks into it. Nothing is lost.',
  }),
  unavailable: entry({
    status: 503,
    title: 'Not now',
    help: 'A part of the service is down or full. Retry after retryAfterMs: claims are safe to repeat.',
  }),
  internal: entry({
    status: 500,
    title: 'Internal error',
    help: 'A fault on our side, logged with the request id.',
  }),
} as const

export type ErrorCode = keyof typeof errors
export const errorCodes = Object.keys(errors) as ErrorCode[]

/** RFC 9457 problem+json as this server sends it. */
export const Problem = Shape({
  type: Type.String({ description: "Address of the error's page on this server." }),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Enum(errorCodes),
  reason: Type.Optional(Type.String()),
  detail: Type.Optional(Text(500)),
  retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  figures: Type.Optional(
    Type.Record(Type.String(), Type.Number(), { description: 'Sandbox only: the numbers behind a refusal.' }),
  ),
  errors: Type.Optional(Type.Array(Shape({ pointer: Type.String(), message: Type.String() }))),
})
export type Problem = Static<typeof Problem>
