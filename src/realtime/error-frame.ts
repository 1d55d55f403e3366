/** Refusals as `error` frames: the same codes and fields as problem+json. */
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Refusal } from '#platform/problem.ts'

type ErrorFrame = Unnumbered<Extract<ServerFrame, { type: 'error' }>>

/** The frame that a frame answers, where the client named it. */
export const refer = (ref: string | undefined): { ref?: string } => (ref === undefined ? {} : { ref })

/** Figures leave the server in the sandbox only. */
export function describeRefusal(
  { code, reason, retryAfterMs, figures, errors }: Refusal,
  ref: string | undefined,
  { isSandbox }: { isSandbox: boolean },
): ErrorFrame {
  return {
    type: 'error',
    ...refer(ref),
    code,
    ...(reason !== undefined && { reason }),
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
    ...(figures !== undefined && isSandbox && { figures }),
    ...(errors !== undefined && { errors }),
  }
}
