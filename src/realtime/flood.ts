/**
 * How many frames a socket may send: 10 a second, 20 at once. The first frame too many is answered, the next 20 are
 * dropped unread, the one after that closes the socket; whoever falls silent long enough starts anew.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { type Bucket, takeToken } from '#platform/limiter.ts'

export type FloodVerdict =
  | { status: 'admitted' | 'dropped' | 'flooding' }
  | { status: 'warned'; retryAfterMs: number }

export type FloodGuard = {
  /** Judges one frame; `timeScale` multiplies the rate of a sandbox player. */
  admit(timeScale: number): FloodVerdict
}

const { framesPerSecond, frameBurst } = limits.socket
const EXCESS_FORGIVEN = 20

export function createFloodGuard(clock: Clock): FloodGuard {
  let bucket: Bucket | undefined
  let excess = 0

  return {
    admit(timeScale) {
      const nowMs = clock.nowMs()
      if (bucket !== undefined && bucket.fullAtMs <= nowMs) excess = 0
      const rate = { ratePerS: framesPerSecond * timeScale, burst: frameBurst * timeScale }
      const take = takeToken(bucket, { nowMs, ...rate })
      bucket = take.bucket
      if (take.status === 'taken') return { status: 'admitted' }
      excess++
      if (excess === 1) return { status: 'warned', retryAfterMs: take.retryAfterMs }
      return { status: excess > EXCESS_FORGIVEN ? 'flooding' : 'dropped' }
    },
  }
}
