/**
 * What follows from an attempt: for its delivery (done, again later, or given up), by the schedule of the Standard
 * Webhooks specification, and for its endpoint, which is disabled where it says that it is gone, or has failed at
 * everything for days.
 */
import { limits } from '#protocol/limits.ts'
import type { Attempt } from './delivery.ts'
import { disable, type Endpoint } from './endpoint.ts'

const { retriesAfterMs, jitterPercent, disabledAfterMs } = limits.webhook
/** What an endpoint may ask for itself. */
const longestWaitMs = 86_400_000

type Answer = Pick<Attempt, 'status' | 'retryAfterMs'>

export type Outcome =
  | { state: 'delivered'; failures: number }
  | { state: 'waiting'; failures: number; dueAtMs: number }
  | { state: 'dead'; failures: number }

export const isSuccess = ({ status = 0 }: Answer): boolean => status >= 200 && status < 300

const isGone = ({ status }: Answer): boolean => status === 410

/** `failures` before this attempt; `fraction` from 0 to 1 draws the jitter. */
export function judgeAttempt(
  answer: Answer,
  { failures, nowMs, fraction }: { failures: number; nowMs: number; fraction: number },
): Outcome {
  if (isSuccess(answer)) return { state: 'delivered', failures }
  // It waits for its endpoint to come back, and nothing of its schedule is used up.
  if (isGone(answer)) return { state: 'waiting', failures, dueAtMs: nowMs }
  const delayMs = retriesAfterMs[failures]
  if (delayMs === undefined) return { state: 'dead', failures: failures + 1 }
  const jittered = delayMs * (1 + ((2 * fraction - 1) * jitterPercent) / 100)
  const askedMs = Math.min(answer.retryAfterMs ?? 0, longestWaitMs)
  return {
    ...{ state: 'waiting', failures: failures + 1 },
    dueAtMs: nowMs + Math.round(Math.max(jittered, askedMs)),
  }
}

/** The endpoint behind the attempt; the same object where nothing changed. */
export function judgeEndpoint(endpoint: Endpoint, answer: Answer, nowMs: number): Endpoint {
  const { failingSinceMs } = endpoint
  if (isSuccess(answer)) return failingSinceMs === null ? endpoint : { ...endpoint, failingSinceMs: null }
  const failing = failingSinceMs === null ? { ...endpoint, failingSinceMs: nowMs } : endpoint
  if (isGone(answer)) return disable(failing, 'gone', nowMs)
  const isTooLong = nowMs - (failing.failingSinceMs ?? nowMs) >= disabledAfterMs
  return isTooLong ? disable(failing, 'failing', nowMs) : failing
}
