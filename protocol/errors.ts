/**
 * The closed list of errors. REST answers them as problem+json (RFC 9457), the socket as `error` frames with
 * the same codes; each has a page at /problems/<code>. Nothing else is ever sent as an error.
 */
import { campaignErrors } from './campaign-errors.ts'
import { couponErrors } from './coupon-errors.ts'
import { entry } from './error-entry.ts'
import { requestErrors } from './request-errors.ts'
import { webhookErrors } from './webhook-errors.ts'

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
    help:
      'wrong_caller: the operation is for another kind of caller. scope_missing: the merchant key lacks the scope ' +
      'that the operation names; make one that has it.',
    reasons: ['wrong_caller', 'scope_missing'],
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
      'you, wrong passphrase, wrong or used code, not open yet. Walk, follow the hints, try again.',
  }),
  ticket_refused: entry({
    status: 403,
    title: 'This ticket does not count',
    help:
      'It is older than 60 s, or was not given to this player, on this device, for this envelope. Nothing was ' +
      'counted: reveal again, or claim with a fix.',
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
    title: 'Reserved for others, and not settled yet',
    help: 'A share, or a service request that somebody else is just taking, may come back. Retry after retryAfterMs.',
  }),
  own_envelope: entry({
    status: 409,
    title: 'You hid this envelope',
    help: 'A hider cannot claim their own.',
  }),
  offer_gone: entry({
    status: 409,
    title: 'This offer does not stand any more',
    help:
      'withdrawn: by the provider, who does not offer twice. dropped: the provider had this request before and ' +
      'did not deliver. provider_limit: they have learned enough exact places today.',
    reasons: ['withdrawn', 'dropped', 'provider_limit'],
  }),
  insufficient_funds: entry({
    status: 409,
    title: 'The wallet holds less than that',
    help:
      'The total of an envelope, the price of a service request and the amount of a payout leave the wallet at ' +
      'once. Nothing was taken.',
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
  appeal_ended: entry({
    status: 409,
    title: 'The appeal has ended otherwise',
    help: 'reason is how: it is final, and nothing was changed.',
    reasons: ['upheld', 'rejected'],
  }),
  key_limit: entry({
    status: 409,
    title: 'Two keys are live already',
    help:
      'Revoke one key before you make another: two live keys are what a rotation needs. Keys with the scope `till` ' +
      'alone are counted apart: 20.',
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
      'accuracy: worse than 120 m, with a `code` 500 m. stale: older than your last fix. jump: too far from it. ' +
      'speed: faster than 16 km/h. cooldown: too soon after a reward elsewhere. strikes: three strikes pause ' +
      'rewards; GET /v1/me/standing says until when, and how to appeal.',
    reasons: ['accuracy', 'stale', 'jump', 'speed', 'cooldown', 'strikes'],
  }),
  device_refused: entry({
    status: 422,
    title: 'This device does not count',
    help:
      'malformed: send a UUID in Hexbao-Device, or in `device` of hello. too_many: this player used five other ' +
      'devices within 30 days; play on one of them.',
    reasons: ['malformed', 'too_many'],
  }),
  appeal_refused: entry({
    status: 422,
    title: 'There is nothing to appeal against',
    help: 'no_strikes: no strike that counts was given since your last appeal.',
    reasons: ['no_strikes'],
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
      'campaign_ended',
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
  if_match_missing: entry({
    status: 428,
    title: 'This operation needs an If-Match header',
    help: 'Send the ETag of the version that you read, as it came.',
  }),
  thanks_refused: entry({
    status: 422,
    title: 'These thanks were not passed on',
    help:
      'text_refused: blank, too long, or with characters that deceive. said_already: thanks are said ' +
      'once, and this claim has others.',
    reasons: ['text_refused', 'said_already'],
  }),
  place_refused: entry({
    status: 422,
    title: 'An envelope cannot be hidden there',
    help:
      'too_far: players hide within 500 m of their last fix. crowded: the hint cell is full. outside_area: ' +
      "outside the merchant's verified area. excluded: the operator lets nobody hide there.",
    reasons: ['too_far', 'crowded', 'outside_area', 'excluded'],
  }),
  hints_paused: entry({
    status: 429,
    title: 'Hints pause for you',
    help:
      'speed: you move faster than 16 km/h; send positions until their answer says no `paused`. cells: you looked ' +
      'around in more new hint cells than the limits allow; wait for retryAfterMs. Claims are not affected by cells.',
    reasons: ['speed', 'cells'],
  }),
  daily_limit: entry({
    status: 429,
    title: "The day's limit is used up",
    help:
      'A player hides 50 envelopes, wins 200 shares, posts 50 service requests, learns 50 exact places of others, ' +
      'reports 20 envelopes and drops 5 accepted requests a day at most; the day ends as DAY_ZONE of the server ' +
      'says. Texts are reported 20 times within 24 hours.',
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
  ...requestErrors,
  ...campaignErrors,
  ...couponErrors,
  ...webhookErrors,
} as const

export type ErrorCode = keyof typeof errors
export const errorCodes = Object.keys(errors) as ErrorCode[]
