/**
 * Every connection and session of this server. A player may hold five sockets; what happens to a player is sent to each
 * of them, and this server listens for a player exactly as long as one of their sessions is here.
 */
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Random } from '#platform/random.ts'
import type { PlayerFrame } from './announcer.ts'
import type { Connection } from './connection.ts'
import type { Channels } from './redis.ts'
import type { Session } from './session.ts'

export type Roster = {
  /** Resolves when the server hears of the player; a sixth socket takes the place of the oldest. */
  join(session: Session): Promise<void>
  leave(session: Session): void
  /** A frame for all sockets of a player, as the announcer serialised it. */
  toPlayer(playerId: string, json: string): void
  /** Connections are counted from the handshake on. */
  connected(connection: Connection): void
  disconnected(connection: Connection): void
  /** Says goodbye to everyone; resolves when all connections are gone. */
  close(): Promise<void>
}

export type RosterPorts = { channels: Pick<Channels, 'followPlayer' | 'unfollowPlayer'>; random: Random }

/** Reconnections after a restart are spread over this time. */
const COME_BACK_MS = { min: 500, spread: 5_000 }

export function createRoster({ channels, random }: RosterPorts): Roster {
  const connections = new Set<Connection>()
  /** By player, oldest first. */
  const sessionsOf = new Map<string, readonly Session[]>()
  let onEmpty: (() => void) | undefined
  let isClosing = false

  async function join(session: Session): Promise<void> {
    const { playerId } = session
    sessionsOf.set(playerId, [...(sessionsOf.get(playerId) ?? []), session])
    try {
      await channels.followPlayer(playerId)
    } catch (error) {
      leave(session)
      throw error
    }
    for (const oldest of (sessionsOf.get(playerId) ?? []).slice(0, -limits.socket.perPlayer)) {
      leave(oldest)
      oldest.replace()
    }
  }

  function leave(session: Session): void {
    const sessions = sessionsOf.get(session.playerId)
    if (!sessions?.includes(session)) return
    const others = sessions.filter(other => other !== session)
    if (others.length > 0) {
      sessionsOf.set(session.playerId, others)
      return
    }
    sessionsOf.delete(session.playerId)
    channels.unfollowPlayer(session.playerId)
  }

  function dismiss(connection: Connection): void {
    const retryAfterMs = Math.round(COME_BACK_MS.min + COME_BACK_MS.spread * random.fraction())
    connection.send({ type: 'goodbye', reason: 'shutdown', retryAfterMs })
    connection.close(closeCodes.restarting, 'the server restarts')
  }

  return {
    join,
    leave,
    toPlayer(playerId, json) {
      const sessions = sessionsOf.get(playerId)
      if (sessions === undefined) return
      const frame = JSON.parse(json) as PlayerFrame
      for (const session of sessions) session.deliver(frame, json)
    },
    connected(connection) {
      connections.add(connection)
      if (isClosing) dismiss(connection)
    },
    disconnected(connection) {
      connections.delete(connection)
      if (connections.size === 0) onEmpty?.()
    },
    async close() {
      isClosing = true
      if (connections.size === 0) return
      const emptied = new Promise<void>(resolve => (onEmpty = resolve))
      connections.forEach(dismiss)
      await emptied
    },
  }
}
