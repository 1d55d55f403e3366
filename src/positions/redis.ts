/** Standings in Redis, compare-and-set; a server remembers the last value it saw, so the usual update is one trip. */
import type { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { Unavailable } from '#platform/problem.ts'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import type { Standing, StandingStore } from './standing.ts'

const replace = loadScript(import.meta.url, 'replace')

/** Long enough for the quotas of a day; positions older than that are gone. */
const ttlMs = 26 * 3_600_000
const attempts = 32

export function createStandingStore(ports: {
  redis: Redis
  runner: ScriptRunner
  prefix: string
}): StandingStore {
  const { redis, runner, prefix } = ports
  const seen = new LRUCache<string, string>({ max: 20_000 })
  const keyOf = (playerId: string) => `${prefix}p:{${playerId}}`

  return {
    async update(playerId, fresh, change) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const expected = seen.get(playerId) ?? (await redis.get(keyOf(playerId))) ?? ''
        const current = expected === '' ? await fresh() : (JSON.parse(expected) as Standing)
        const { standing, answer } = change(current)
        const next = JSON.stringify(standing)
        if (next === expected) return answer
        const reply = (await runner.run(replace, [keyOf(playerId)], [expected, next, ttlMs])) as [
          string,
          string?,
        ]
        if (reply[0] === 'REPLACED') {
          seen.set(playerId, next)
          return answer
        }
        if (reply[1]) seen.set(playerId, reply[1])
        else seen.delete(playerId)
      }
      throw new Unavailable('a standing changed too often', { retryAfterMs: 100 })
    },

    async read(playerId) {
      const value = await redis.get(keyOf(playerId))
      if (value === null) return undefined
      seen.set(playerId, value)
      return JSON.parse(value) as Standing
    },
  }
}
