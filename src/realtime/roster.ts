/**
 * Every connection and session of this server. A player may hold five sessions; what happens to a player is sent to
 * each of them, and this server listens for a player exactly as long as one of their sessions is here, with a socket or
 * waiting for one.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { PlayerFrame } from './announcer.ts'
import type { Connection } from './connection.ts'
import { createFarewell } from './farewell.ts'
import { createParking } from './parking.ts'
import type { Channels } from './redis.ts'
import type { Session } from './session.ts'

export type Roster = {
  /** Resolves when the server hears of the player. */
  join(session: Session): Promise<void>
  /** For a session that has begun: a sixth takes the place of one that waits, or the oldest. */
  makeRoom(playerId: string): void
  /** Ends the session. */
  leave(session: Session): void
  /** The player's own session, with a socket or waiting for one. */
  find(player: PlayerCaller, sessionId: string): Session | undefined
  /** Its socket is gone; the client has a minute to come back. */
  park(session: Session): void
  /** Goes on over this connection; false where the session does not hold what the client has missed. */
  resume(session: Session, connection: Connection, from: { seq: number; ref: string | undefined }): boolean
  /** Ends the session with a goodbye. */
  drop(session: Session, reason: 'replaced' | 'banned'): void
  /** The client has another session now, elsewhere. */
  endSession(playerId: string, sessionId: string): void
  ban(playerId: string): void
  /** A frame for all sessions of a player, as the announcer serialised it. */
  toPlayer(playerId: string, json: string): void
  /** Connections are counted from the handshake on. */
  connected(connection: Connection): void
  disconnected(connection: Connection): void
  count(): { sockets: number; players: number }
  /** Says goodbye to everyone, in waves; resolves when all connections are gone. */
  close(): Promise<void>
}

export type RosterPorts = {
  channels: Pick<Channels, 'followPlayer' | 'unfollowPlayer'>
  clock: Clock
  random: Random
}

/** Sessions that wait for a socket make room first, then the oldest. */
function findExcess(sessions: readonly Session[], isParked: (session: Session) => boolean): Session[] {
  const byNeed = [...sessions.filter(isParked), ...sessions.filter(session => !isParked(session))]
  return byNeed.slice(0, Math.max(0, sessions.length - limits.socket.perPlayer))
}

export function createRoster({ channels, clock, random }: RosterPorts): Roster {
  const farewell = createFarewell({ clock, random })
  const parking = createParking(clock, leave)
  /** By player, oldest first. */
  const sessionsOf = new Map<string, readonly Session[]>()
  const ofPlayer = (playerId: string) => sessionsOf.get(playerId) ?? []

  async function join(session: Session): Promise<void> {
    const { playerId } = session
    sessionsOf.set(playerId, [...ofPlayer(playerId), session])
    try {
      await channels.followPlayer(playerId)
    } catch (error) {
      leave(session)
      throw error
    }
  }

  function leave(session: Session): void {
    const sessions = ofPlayer(session.playerId)
    if (!sessions.includes(session)) return
    parking.take(session)
    session.end()
    const others = sessions.filter(other => other !== session)
    if (others.length > 0) return void sessionsOf.set(session.playerId, others)
    sessionsOf.delete(session.playerId)
    channels.unfollowPlayer(session.playerId)
  }

  function drop(session: Session, reason: 'replaced' | 'banned'): void {
    session.dismiss(reason)
    leave(session)
  }

  return {
    join,
    makeRoom: id => findExcess(ofPlayer(id), parking.has).forEach(other => drop(other, 'replaced')),
    leave,
    drop,
    find: (player, sessionId) =>
      ofPlayer(player.id).find(session => session.id === sessionId && session.isOf(player)),
    park(session) {
      if (!ofPlayer(session.playerId).includes(session)) return
      session.cut()
      parking.park(session)
    },
    resume(session, connection, { seq, ref }) {
      parking.take(session)
      return session.resume(connection, seq, ref)
    },
    endSession(playerId, sessionId) {
      for (const session of ofPlayer(playerId)) if (session.id === sessionId) drop(session, 'replaced')
    },
    ban: playerId => ofPlayer(playerId).forEach(session => drop(session, 'banned')),
    toPlayer(playerId, json) {
      const sessions = ofPlayer(playerId)
      if (sessions.length === 0) return
      const frame = JSON.parse(json) as PlayerFrame
      for (const session of sessions) session.deliver(frame, json)
    },
    connected: farewell.connected,
    disconnected: farewell.disconnected,
    count: () => ({ sockets: farewell.count(), players: sessionsOf.size }),
    async close() {
      parking.close()
      await farewell.close()
    },
  }
}
