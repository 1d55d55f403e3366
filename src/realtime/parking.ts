/**
 * Sessions whose socket is gone and whose client may come back: each for 60 s, and together no more than a server can
 * hold; past that the one that has waited longest ends first.
 */
import { limits } from '#protocol/limits.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import type { Session } from './session.ts'

export type Parking = {
  park(session: Session): void
  /** The session is wanted again, or not any more; true where it was here. */
  take(session: Session): boolean
  has(session: Session): boolean
  /** Ends all of them. */
  close(): void
}

const { resumeMs, resumableSessions } = limits.socket

export function createParking(clock: Clock, onExpired: (session: Session) => void): Parking {
  /** Oldest first. */
  const parked = new Map<Session, Cancel>()

  function take(session: Session): boolean {
    parked.get(session)?.()
    return parked.delete(session)
  }

  function expire(session: Session): void {
    if (take(session)) onExpired(session)
  }

  return {
    park(session) {
      parked.set(
        session,
        clock.after(resumeMs, () => expire(session)),
      )
      const [oldest] = parked.keys()
      if (parked.size > resumableSessions && oldest !== undefined) expire(oldest)
    },
    take,
    has: session => parked.has(session),
    close: () => [...parked.keys()].forEach(expire),
  }
}
