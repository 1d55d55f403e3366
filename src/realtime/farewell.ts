/**
 * The end of a server, seen from its sockets. They close in waves, so that the others do not get everyone at once, and
 * each client is told a moment of its own to come back: the more there are, the wider these are spread. Sessions end
 * with the process that holds them: whoever comes back gets a new one and a snapshot.
 */
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'
import type { Connection } from './connection.ts'

export type Farewell = {
  connected(connection: Connection): void
  disconnected(connection: Connection): void
  count(): number
  /** Resolves when all connections are gone. */
  close(): Promise<void>
}

const WAVES = { most: 20, sockets: 100, everyMs: 200 }
/** When clients are to come back: at 200 a second or fewer, so 5,000 of them take 30 s. */
const COME_BACK_MS = { first: 500, leastSpread: 5_000, mostSpread: 30_000, perSocket: 6 }

export function createFarewell({ clock, random }: { clock: Clock; random: Random }): Farewell {
  const connections = new Set<Connection>()
  let onEmpty: (() => void) | undefined
  let isClosing = false
  let spreadMs = COME_BACK_MS.leastSpread

  function dismiss(connection: Connection): void {
    const retryAfterMs = Math.round(COME_BACK_MS.first + spreadMs * random.fraction())
    connection.send({ type: 'goodbye', reason: 'shutdown', retryAfterMs, resume: false })
    connection.close(closeCodes.restarting, 'the server restarts')
  }

  return {
    count: () => connections.size,
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
      const all = [...connections]
      const { leastSpread, mostSpread, perSocket } = COME_BACK_MS
      spreadMs = Math.min(mostSpread, Math.max(leastSpread, all.length * perSocket))
      const waveSize = Math.max(WAVES.sockets, Math.ceil(all.length / WAVES.most))
      for (let from = 0; from < all.length; from += waveSize) {
        if (from > 0) await clock.sleep(WAVES.everyMs)
        all.slice(from, from + waveSize).forEach(dismiss)
      }
      await emptied
    },
  }
}
