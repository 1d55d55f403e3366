/** The gate's port over Redis in memory: what `src/claims/redis.ts` is over the real one, call by call. */
import type { GateReader } from '../../src/claims/audit.ts'
import type { ClaimGate, GateLoad } from '../../src/claims/gate.ts'
import { partitionOf, type Reservation } from '../../src/claims/reservation.ts'
import type { MemoryRedis } from './memory-redis.ts'

/** One command and its reply, over whatever lies between the two. */
export type AskRedis = <V>(command: (redis: MemoryRedis) => V) => Promise<V>

export type RedisLine = {
  ask: AskRedis
  /** As the runner knows it: read once a connection. */
  identity(): Promise<string>
}

const loadChunk = 1_000

export function createMemoryGate({ ask, identity }: RedisLine): ClaimGate & GateReader {
  return {
    identity,
    reserve: (partition, requests, atMs) => ask(redis => redis.reserve(partition, requests, atMs)),
    findHeld: (envelopeId, epoch, playerIds) => ask(redis => redis.findHeld(envelopeId, epoch, playerIds)),
    async mark(reservations) {
      for (const group of byPartition(reservations).values()) await ask(redis => redis.mark(group))
    },
    async void(reservations) {
      for (const [partition, group] of byPartition(reservations)) {
        const entries = group.map(({ entryId }) => entryId).filter(id => id !== '0-0')
        if (entries.length > 0) await ask(redis => redis.void(partition, entries))
      }
    },
    storedEpoch: envelopeId => ask(redis => redis.storedEpoch(envelopeId)),
    async load(load: GateLoad) {
      const { envelopeId, epoch, freeShares, winners } = load
      const chunks = Math.max(1, Math.ceil(Math.max(freeShares.length, winners.length) / loadChunk))
      for (let i = 0; i < chunks; i++) {
        const [from, to] = [i * loadChunk, (i + 1) * loadChunk]
        const chunk = { freeShares: freeShares.slice(from, to), winners: winners.slice(from, to) }
        await ask(redis => redis.loadChunk({ envelopeId, epoch, ...chunk, isFirst: i === 0 }))
      }
      return ask(redis => redis.switchTo(load))
    },
    readOutbox: (partition, cursor, options) => ask(redis => redis.readOutbox(partition, cursor, options)),
    findPending: (cursors, minAgeMs) => ask(redis => redis.findPending(cursors, minAgeMs)),
    oldestPendingMs: cursors => ask(redis => redis.oldestPendingMs(cursors)),
    async trimOutbox(partition, cursor, keptMs) {
      const oldest = Number(cursor.split('-')[0]) - keptMs
      if (oldest > 0) await ask(redis => redis.trimOutbox(partition, oldest))
    },
    findUnsettled: (envelopeId, epoch, minAgeMs) =>
      ask(redis => redis.findUnsettled(envelopeId, epoch, minAgeMs)),
    async retire(envelopeId) {
      // The real one lets the keys go a day later, which no run lives to see.
      await ask(redis => redis.storedEpoch(envelopeId))
    },
    inspect: (envelopeId, epoch) => ask(redis => redis.inspect(envelopeId, epoch)),
  }
}

function byPartition(reservations: readonly Reservation[]): Map<number, Reservation[]> {
  const groups = new Map<number, Reservation[]>()
  for (const reservation of reservations) {
    const partition = partitionOf(reservation.envelopeId)
    const group = groups.get(partition)
    if (group === undefined) groups.set(partition, [reservation])
    else group.push(reservation)
  }
  return groups
}
