/** How frames belong together: what answers a client's frame, and what the server sends of its own accord. */
import type { ErrorCode } from '../errors.ts'
import { claimErrors } from '../rest/claims.ts'
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
  claim: {
    summary: 'Grabs a share: the same checks and refusals as POST /v1/envelopes/{id}/claims.',
    answers: ['claim.result'],
    errors: [...frameErrors, ...claimErrors, 'banned'],
  },
  ping: { summary: 'Asks whether the session lives.', answers: ['pong'], errors: frameErrors },
}

/** What each server frame says. */
export const serverMeanings: Readonly<Record<ServerType, string>> = {
  welcome:
    'The session is open; the limits that hold for it. Its `seq` is where counting starts: drop every later frame ' +
    'whose `seq` is not larger than the last one.',
  snapshot: 'Every hint around you; forget the ones before.',
  hint: 'One hint is new, or its band changed.',
  warmth: 'How many envelopes lie further away, roughly.',
  gone: 'Forget this hint.',
  'position.ack': 'Whether the fix counts, and whether hints pause.',
  'claim.result': 'The claim is won, or pending: then `claim.settled` follows, or ask again.',
  'claim.settled': 'The final answer to a claim that was pending.',
  'envelope.found': 'To the hider: somebody found a share.',
  'wallet.changed': 'Money came in, or a payout ended; REST has the balance.',
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
  'wallet.changed',
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
