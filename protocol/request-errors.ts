/** The errors that are of service requests alone; `errors.ts` has them all. */
import { entry } from './error-entry.ts'

export const requestErrors = {
  minors_mode: entry({
    status: 403,
    title: 'Not for those who are under age',
    help:
      'The token says `minor`. cash: no share of money is won and nothing is paid out. strangers: no service ' +
      'requests of others are shown, offered on or taken, and none is posted.',
    reasons: ['cash', 'strangers'],
  }),
  trust_needed: entry({
    status: 403,
    title: 'This price asks for more trust',
    help:
      'reason is the level that it needs; GET /v1/me/trust tells yours, and what it follows from. Nothing else about ' +
      'you counts.',
    reasons: ['1', '2', '3'],
  }),
  review_refused: entry({
    status: 409,
    title: 'Somebody else has to do that',
    help:
      'own_text: one reports what others wrote. same_reviewer: an appeal is decided by another reviewer than the one ' +
      'who rejected. appeal_used: one appeal each.',
    reasons: ['own_text', 'same_reviewer', 'appeal_used'],
  }),
  review_state: entry({
    status: 409,
    title: 'The text is past that, or not there yet',
    help: 'reason is the state of its review; nothing was changed.',
    reasons: ['held', 'released', 'reported', 'hidden', 'rejected', 'appealed', 'withdrawn'],
  }),
  not_your_request: entry({
    status: 403,
    title: 'That is not yours to do with this service request',
    help: 'The poster accepts, confirms and disputes; the accepted provider delivers.',
  }),
  own_request: entry({
    status: 409,
    title: 'You posted this service request',
    help: 'Nobody takes on what they posted, from another account on the same device neither, nor is chosen for it.',
  }),
  request_limit: entry({
    status: 409,
    title: 'That is as many as there may be',
    help: 'unended: service requests of yours that have not ended. offers: for this request. top_ups: of this request.',
    reasons: ['unended', 'offers', 'top_ups'],
  }),
  request_refused: entry({
    status: 422,
    title: 'The service request breaks a rule of the game',
    help: 'reason names the rule: see the limits in the documentation.',
    reasons: [
      'currency_unknown',
      'price_too_low',
      'price_too_high',
      'expiry_past',
      'expiry_too_far',
      'text_refused',
      'too_far',
      'split_exceeds_price',
    ],
  }),
  wrong_state: entry({
    status: 409,
    title: 'The service request is past that, or not there yet',
    help: 'reason is the state that it is in; nothing was changed. Look at it again and go on from there.',
    reasons: [
      'draft',
      'review',
      'open',
      'offered',
      'accepted',
      'delivered',
      'confirmed',
      'disputed',
      'settled',
      'cancelled',
      'expired',
    ],
  }),
  chat_closed: entry({
    status: 409,
    title: 'This chat is not open',
    help:
      'not_open: no provider is accepted yet. ended: the service request is over. dropped: this provider is out of ' +
      'it. full: it has as many messages as a chat may have. expired: it was over too long ago to be read.',
    reasons: ['not_open', 'ended', 'dropped', 'full', 'expired'],
  }),
  chat_refused: entry({
    status: 422,
    title: 'This message was not passed on',
    help:
      'text_refused: blank, too long, of several lines or with characters that deceive. id_used: you have called ' +
      'another message by this clientId.',
    reasons: ['text_refused', 'id_used'],
  }),
  rating_refused: entry({
    status: 422,
    title: 'This rating does not count',
    help:
      'text_refused: blank, too long or with characters that deceive. rated_already: a rating is ' +
      'final, and you gave another one. too_late: seven days after the end nobody rates any more.',
    reasons: ['text_refused', 'rated_already', 'too_late'],
  }),
  wrong_mode: entry({
    status: 409,
    title: 'This service request is given away in another way',
    help: 'reason is its mode. choose: make an offer, the poster accepts one. first_taker: take it.',
    reasons: ['choose', 'first_taker'],
  }),
} as const
