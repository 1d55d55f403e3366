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

export type Hub = {
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

export type HubPorts = { channels: Pick<Channels, 'followPlayer' | 'unfollowPlayer'>; random: Random }

/** Reconnections after a restart are spread over this time. */
const COME_BACK_MS = { min: 500, spread: 5_000 }

export function createHub({ channels, random }: HubPorts): Hub {
  const connections = new Set<Connection>()
  const sessionsOf = new Map<string, Session[]>()
  let onEmpty: (() => void) | undefined

  function leave(session: Session): void {
    const sessions = sessionsOf.get(session.playerId) ?? []
    const others = sessions.filter(other => other !== session)
    if (others.length === sessions.length) return
    if (others.length > 0) return void sessionsOf.set(session.playerId, others)
    sessionsOf.delete(session.playerId)
    channels.unfollowPlayer(session.playerId)
  }

  function dismiss(connection: Connection): void {
    const retryAfterMs = Math.round(COME_BACK_MS.min + COME_BACK_MS.spread * random.fraction())
    connection.send({ type: 'goodbye', reason: 'shutdown', retryAfterMs })
    connection.close(closeCodes.restarting, 'the server restarts')
  }

  return {
    async join(session) {
      const sessions = [...(sessionsOf.get(session.playerId) ?? []), session]
      sessionsOf.set(session.playerId, sessions)
      try {
        await channels.followPlayer(session.playerId)
      } catch (error) {
        leave(session)
        throw error
      }
      const [oldest] = sessionsOf.get(session.playerId) ?? []
      if (oldest === undefined || (sessionsOf.get(session.playerId)?.length ?? 0) <= limits.socket.perPlayer)
        return
      leave(oldest)
      oldest.replace()
    },
    leave,
    toPlayer(playerId, json) {
      const sessions = sessionsOf.get(playerId)
      if (sessions === undefined) return
      const frame = JSON.parse(json) as PlayerFrame
      for (const session of sessions) session.deliver(frame, json)
    },
    connected: connection => void connections.add(connection),
    disconnected(connection) {
      connections.delete(connection)
      if (connections.size === 0) onEmpty?.()
    },
    async close() {
      if (connections.size === 0) return
      const emptied = new Promise<void>(resolve => (onEmpty = resolve))
      connections.forEach(dismiss)
      await emptied
    },
  }
}
