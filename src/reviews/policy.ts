/** What is released at once and what waits for a reviewer: by kind and trust, and nothing else about the author. */
import type { Trust } from '../trust/trust.ts'
import type { Kind } from './review.ts'

export type Verdict = 'release' | 'hold'

/**
 * By kind, for trust 0 to 3. A service request brings a stranger to a place: more is asked of whoever posts one than of
 * who writes a line on an envelope that others find by walking.
 */
export const policy: Readonly<Record<Kind, readonly [Verdict, Verdict, Verdict, Verdict]>> = {
  service_request: ['hold', 'hold', 'release', 'release'],
  envelope: ['hold', 'release', 'release', 'release'],
}

/** A word of the list holds it whoever writes; the sandbox releases everything. */
export function judgeByPolicy(
  kind: Kind,
  { trust, isSuspicious, isSandbox }: { trust: Trust; isSuspicious: boolean; isSandbox: boolean },
): Verdict {
  if (isSandbox) return 'release'
  return isSuspicious ? 'hold' : policy[kind][trust]
}
