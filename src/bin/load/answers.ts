/** What an answer to a claim counts as, over HTTP and over the socket alike. */
import { Check } from 'typebox/value'
import { errorCodes, type ErrorCode } from '#protocol/errors.ts'
import { Problem } from '#protocol/problem.ts'
import { ClaimedAnswer, PendingAnswer } from '#protocol/rest/claims.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'

export type Answer =
  | ClaimedAnswer
  | { status: 'pending' }
  | { status: 'refused'; code: ErrorCode; reason?: string | undefined; retryAfterMs?: number | undefined }
  /** No answer came, or none that the protocol knows. */
  | { status: 'lost' | 'strange' }
  /** We hung up before we read it. */
  | { status: 'dropped' }

/** In the order of the report. */
export const meanings = {
  won: 'a win, after its commit; the same one however often it is asked for',
  promised: 'reserved, the commit takes longer than 1.5 s; asked again until it is a win or not',
  ended: 'the envelope is over: final',
  again: 'a share is being settled: asked again',
  shed: 'the server or the limit of requests says "later": asked again after Retry-After',
  refused: 'a rule of the game says no: final',
  failed: 'a fault of the server, no answer, or not one of the protocol: asked again',
  dropped: 'the client hung up on the reply, on purpose: asked again',
} as const
export type Meaning = keyof typeof meanings

export const isFinal = (meaning: Meaning): boolean => ['won', 'ended', 'refused'].includes(meaning)

const codes: Partial<Record<ErrorCode, Meaning>> = {
  ended: 'ended',
  try_again: 'again',
  unavailable: 'shed',
  too_many_requests: 'shed',
  internal: 'failed',
}

export function meaningOf(answer: Answer): Meaning {
  switch (answer.status) {
    case 'claimed':
      return 'won'
    case 'pending':
      return 'promised'
    case 'refused':
      return codes[answer.code] ?? 'refused'
    case 'dropped':
      return 'dropped'
    default:
      return 'failed'
  }
}

/** What the report lists under a meaning: the code and its reason, or what there was instead. */
export const reasonOf = (answer: Answer): string =>
  answer.status !== 'refused'
    ? answer.status
    : answer.reason === undefined
      ? answer.code
      : `${answer.code} ${answer.reason}`

const USUAL_WAIT_MS = 200

/** How long a good client waits before it asks again. */
export const waitAfter = (answer: Answer): number =>
  answer.status === 'dropped' ? 0 : (answer.status === 'refused' && answer.retryAfterMs) || USUAL_WAIT_MS

export function readHttp({ status, body }: { status: number; body: string }): Answer {
  const content = parse(body)
  if (status === 200 && Check(ClaimedAnswer, content)) return content
  if (status === 202 && Check(PendingAnswer, content)) return { status: 'pending' }
  return Check(Problem, content) ? readRefusal(content) : { status: 'strange' }
}

export function readFrame(frame: ServerFrame): Answer {
  if (frame.type === 'error') return readRefusal(frame)
  if (frame.type !== 'claim.result') return { status: 'strange' }
  return frame.result.status === 'claimed' ? frame.result : { status: 'pending' }
}

function readRefusal(refusal: { code: string; reason?: string; retryAfterMs?: number }): Answer {
  const code = errorCodes.find(known => known === refusal.code)
  if (code === undefined) return { status: 'strange' }
  return { status: 'refused', code, reason: refusal.reason, retryAfterMs: refusal.retryAfterMs }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
