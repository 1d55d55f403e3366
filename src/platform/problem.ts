/** Refusals are values: verbs return them, the edges turn them into problem+json or `error` frames. */
import { type ErrorCode, errors } from '#protocol/errors.ts'
import type { Problem } from '#protocol/problem.ts'

export type Refusal = {
  status: 'refused'
  code: ErrorCode
  reason?: string
  detail?: string
  /** When what is in the way happened; RFC 3339. */
  at?: string
  retryAfterMs?: number
  /** The numbers behind the refusal; only the sandbox sends them. */
  figures?: Record<string, number>
  errors?: { pointer: string; message: string }[]
}

export const refuse = (code: ErrorCode, more: Omit<Refusal, 'status' | 'code'> = {}): Refusal => ({
  status: 'refused',
  code,
  ...more,
})

export const isRefusal = (value: { status: unknown }): value is Refusal => value.status === 'refused'

/** A part that we depend on is down or full: the caller answers 503 and nothing was half-done. */
export class Unavailable extends Error {
  override name = 'Unavailable'
  readonly retryAfterMs: number
  constructor(message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs ?? 1_000
  }
}

/** The body of a refusal; `sandbox` decides whether figures leave the server. */
export function toProblem(refusal: Refusal, sandbox: boolean): Problem {
  const { status, title } = errors[refusal.code]
  return {
    type: `/problems/${refusal.code}`,
    title,
    status,
    code: refusal.code,
    ...(refusal.reason === undefined ? {} : { reason: refusal.reason }),
    ...(refusal.at === undefined ? {} : { at: refusal.at }),
    ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    ...(refusal.figures === undefined || !sandbox ? {} : { figures: refusal.figures }),
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  }
}
