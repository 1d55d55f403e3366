/** How frames belong together: what answers a client's frame, and what the server sends of its own accord. */
import type { ErrorCode } from '../errors.ts'
import { chatErrors } from '../rest/chats.ts'
import { claimErrors, revealErrors } from '../rest/claims.ts'
import type { clientFrames } from './client.ts'
import type { closeCodes } from './frame.ts'
import type { serverFrames } from './server.ts'

type ClientType = keyof typeof clientFrames
type ServerType = keyof typeof serverFrames

export type Exchange = {
  summary: string
  /** One of these comes back with `ref`, or an `error` with one of the codes. */
  answers: readonly ServerType[]
  errors: readonly ErrorCode[]
}

/** Errors that any frame may be answered with. */
const frameErrors = ['bad_frame', 'too_many_requests', 'unavailable', 'internal'] as const

export const exchanges: Readonly<Record<ClientType, Exchange>> = {
  hello: {
    summary:
      'Opens the session, or resumes one: the first frame where the handshake carried no token. A session that this ' +
      'server does not hold (any more) cannot be resumed: then `welcome` opens a new one without `resumed`, one ' +
      'snapshot follows, and what happened to the wallet meanwhile is read over REST.',
    answers: ['welcome'],
    errors: [...frameErrors, 'device_refused'],
  },
  position: {
    summary: 'Where you stand now. Hints follow as `snapshot`, `hint`, `gone` and `warmth`.',
    answers: ['position.ack'],
    errors: frameErrors,
  },
  reveal: {
    summary:
      'Shows the envelope before it is grabbed: the same checks and refusals as POST /v1/envelopes/{id}/reveal.',
    answers: ['reveal.result'],
    errors: [...frameErrors, ...revealErrors],
  },
  claim: {
    summary: 'Grabs a share: the same checks and refusals as POST /v1/envelopes/{id}/claims.',
    answers: ['claim.result'],
    errors: [...frameErrors, ...claimErrors, 'banned'],
  },
  watch: {
    summary:
      'Turns your duty on or off, and with it what is told of service requests within 3 km: everything that is near ' +
      'at first, then what changes. It is kept: your other sessions follow, and a new one begins with `watching` ' +
      'where you are on duty. POST /v1/me/duty is the same switch.',
    answers: ['watching'],
    errors: [...frameErrors, 'minors_mode'],
  },
  'chat.send': {
    summary:
      'Says something in the chat of a service request: the same checks and refusals as POST ' +
      '/v1/service-requests/{id}/messages. Sent again with the same `clientId` it is the same message.',
    answers: ['chat.message'],
    errors: [...frameErrors, ...chatErrors],
  },
  'chat.read': {
    summary: 'Tells the other one how far you have read, and your own sessions, too.',
    answers: ['chat.seen'],
    errors: [...frameErrors, 'not_found', 'chat_closed'],
  },
  ping: { summary: 'Asks whether the session lives.', answers: ['pong'], errors: frameErrors },
}

/** What each server frame says. */
export const serverMeanings: Readonly<Record<ServerType, string>> = {
  welcome:
    'The session is open; the limits that hold for it. Its `seq` is where counting starts: drop every later frame ' +
    'whose `seq` is not larger than the last one.',
  snapshot:
    'The hints around you, nearest first; forget the ones before. What does not fit in hint.bytesPerTick follows as ' +
    '`hint` on the next ticks.',
  hint: 'One hint is new, or its band changed.',
  warmth: 'How many envelopes lie further away, roughly.',
  gone: 'Forget this hint.',
  'position.ack': 'Whether the fix counts, and whether hints pause.',
  'reveal.result': 'Where to draw the envelope, and the ticket to claim with; or the win of whoever has won.',
  'claim.result': 'The claim is won, or pending: then `claim.settled` follows, or ask again.',
  'claim.settled': 'The final answer to a claim that was pending.',
  'envelope.found': 'To the hider: somebody found a share.',
  'envelope.ended': 'To the hider: it is over, what was found, and who had the best luck.',
  'envelope.thanked': 'To the hider: a winner says thanks.',
  'envelope.reported': 'To the hider: a player says that it cannot, or should not, be reached.',
  'wallet.changed': 'Money came in, or a payout ended; REST has the balance.',
  watching:
    'Whether service requests are told from now on; forget those that were. Without `ref`: a new session begins as ' +
    'you left the last one, or you turned it elsewhere.',
  'request.opened': 'A service request is near.',
  'request.changed': 'It is shown otherwise: another price, or another circle.',
  'request.gone': 'Forget this service request: it is not open any more, or not near.',
  'request.state': 'To the poster and the provider: where their service request is now.',
  'request.waiting':
    'To the poster: nobody has got it; it is shown farther away, and a higher price may help.',
  'review.changed': 'To its author: what others read, or were to read, was released, hidden or rejected.',
  'offer.made': 'To the poster: somebody offers to do it.',
  'offer.withdrawn': 'To the poster: an offer does not stand any more.',
  'offer.accepted': 'To the provider: the poster has chosen you; REST has the place.',
  'offer.declined': 'To the provider of an offer: another one was chosen, or it is cancelled or expired.',
  'offer.renewed': 'To the provider of an offer that was declined: it is open again, and the offer stands.',
  'chat.message':
    'Something was said in a chat of yours, by the other one or in another session of yours; with `ref`, what you ' +
    'have just said. Drop what you know by its id.',
  'chat.seen': 'How far one of the two has read.',
  error: 'A frame was refused; `ref` names it.',
  goodbye: 'The socket closes now; connect again after retryAfterMs.',
  pong: 'The answer to a ping.',
}

/** What the server sends of its own accord. */
export const pushedFrames = [
  'snapshot',
  'hint',
  'warmth',
  'gone',
  'claim.settled',
  'envelope.found',
  'envelope.ended',
  'envelope.thanked',
  'envelope.reported',
  'wallet.changed',
  'watching',
  'request.opened',
  'request.changed',
  'request.gone',
  'request.state',
  'request.waiting',
  'review.changed',
  'offer.made',
  'offer.withdrawn',
  'offer.accepted',
  'offer.declined',
  'offer.renewed',
  'chat.message',
  'chat.seen',
  'goodbye',
] as const satisfies readonly ServerType[]

/** Why the server closes a socket. */
export const closeMeanings: Readonly<Record<keyof typeof closeCodes, string>> = {
  tooManyPieces: 'A frame came in more than 16 fragments.',
  tooBig: 'A frame was larger than socket.payloadBytes.',
  restarting: 'The server restarts; `goodbye` says when to come back.',
  badFrame: 'A frame was binary or not JSON.',
  unauthorized: 'No valid token, or none in time.',
  banned: 'The player is banned.',
  tooSlow: 'Too much was unread for too long.',
  replaced: 'A newer socket of the same player took its place, or the session went on on another one.',
  flood: 'More frames than socket.framesPerSecond and socket.frameBurst allow.',
}
