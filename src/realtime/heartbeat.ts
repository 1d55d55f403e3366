/**
 * Is anybody there? A phone that lost its network says nothing, so the server asks: every 20 s with jitter, so that
 * thousands of sockets do not answer at once, but after a miss without it. A dead peer is gone within 24 + 20 + 20 s.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'

export type Heartbeat = { pong(): void; stop(): void }

const { pingEveryMs, missedPings } = limits.socket
const JITTER = 0.2

export function startHeartbeat(
  peer: { ping(): void; terminate(): void },
  { clock, random }: { clock: Clock; random: Random },
): Heartbeat {
  let unanswered = 0
  let cancel = clock.after(jitter(), beat)

  function jitter(): number {
    return pingEveryMs * (1 - JITTER + 2 * JITTER * random.fraction())
  }

  function beat(): void {
    if (unanswered >= missedPings) return peer.terminate()
    unanswered++
    cancel = clock.after(pingEveryMs, beat)
    peer.ping()
  }

  return {
    pong() {
      unanswered = 0
      cancel()
      cancel = clock.after(jitter(), beat)
    },
    stop: () => cancel(),
  }
}
