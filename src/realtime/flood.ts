/**
 * How many frames a socket may send: 10 a second, 20 at once. The first frame too many is answered, the next 20 are
 * dropped unread, the one after that closes the socket; whoever falls silent long enough starts anew.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { takeToken } from '#platform/limiter.ts'

export type FloodVerdict =
  | { status: 'admitted' | 'dropped' | 'flooding' }
  | { status: 'warned'; retryAfterMs: number }

export type FloodGuard = {
  /** Judges one frame; `timeScale` multiplies the rate of a sandbox player. */
  admit(timeScale: number): FloodVerdict
}

const { framesPerSecond, frameBurst } = limits.socket
const EXCESS_FORGIVEN = 20

export const createFloodGuard = (clock: Pick<Clock, 'nowMs'>): FloodGuard => new SocketFloodGuard(clock)

const admitted: FloodVerdict = { status: 'admitted' }

/** A class, as there is one for each socket. */
class SocketFloodGuard implements FloodGuard {
  private readonly clock: Pick<Clock, 'nowMs'>
  /** Of the bucket, which is no object here: there is one for each socket. */
  private fullAtMs = 0
  private excess = 0

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.clock = clock
  }

  admit(timeScale: number): FloodVerdict {
    const nowMs = this.clock.nowMs()
    if (this.fullAtMs <= nowMs) this.excess = 0
    const [ratePerS, burst] = [framesPerSecond * timeScale, frameBurst * timeScale]
    const take = takeToken({ fullAtMs: this.fullAtMs }, { nowMs, ratePerS, burst })
    this.fullAtMs = take.bucket.fullAtMs
    if (take.status === 'taken') return admitted
    this.excess++
    if (this.excess === 1) return { status: 'warned', retryAfterMs: take.retryAfterMs }
    return { status: this.excess > EXCESS_FORGIVEN ? 'flooding' : 'dropped' }
  }
}
