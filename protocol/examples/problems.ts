/** The example of every error, as problem+json and as a socket frame; made from the list of errors. */
import type { ErrorEntry } from '../error-entry.ts'
import { type ErrorCode, errorCodes, errors } from '../errors.ts'
import type { Problem } from '../problem.ts'
import type { ServerFrame } from '../ws/server.ts'

/** How long a refused client is told to wait, where waiting helps. */
const waits: Partial<Record<ErrorCode, number>> = {
  try_again: 400,
  idempotency_in_flight: 200,
  hints_paused: 1_800_000,
  too_many_requests: 1_000,
  too_many_tries: 600_000,
  unavailable: 1_000,
}

/** What goes beyond title and status: the first reason, the wait, the offending field. */
function detailsOf(code: ErrorCode) {
  const { reasons }: ErrorEntry = errors[code]
  const [reason] = reasons ?? []
  const retryAfterMs = waits[code]
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(code === 'bad_request' ? { errors: [{ pointer: '/body/shares', message: 'must be >= 1' }] } : {}),
    ...(code === 'bad_frame' ? { errors: [{ pointer: '/fix/lat', message: 'must be <= 90' }] } : {}),
  }
}

const problemOf = (code: ErrorCode): Problem => ({
  type: `/problems/${code}`,
  title: errors[code].title,
  status: errors[code].status,
  code,
  ...detailsOf(code),
  ...(code === 'already_redeemed' ? { at: '2026-02-18T03:20:44.030Z' } : {}),
})

export const problemExamples: ReadonlyMap<ErrorCode, Problem> = new Map(
  errorCodes.map(code => [code, problemOf(code)]),
)

export const errorFrameOf = (code: ErrorCode): Extract<ServerFrame, { type: 'error' }> => ({
  type: 'error',
  seq: 18,
  ref: 'c1',
  code,
  ...detailsOf(code),
})
