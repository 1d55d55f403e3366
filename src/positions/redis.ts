/** Standings in Redis, compare-and-set; a server remembers the last value it saw, so the usual update is one trip. */
import type { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { Unavailable } from '#platform/problem.ts'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import type { Owner, Standing, StandingStore } from './standing.ts'

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
  const keyOf = ({ kind, id }: Owner) => `${prefix}${kind === 'account' ? 'p' : 'd'}:{${id}}`

  return {
    async update(owner, fresh, change) {
      const key = keyOf(owner)
      for (let attempt = 0; attempt < attempts; attempt++) {
        const expected = seen.get(key) ?? (await redis.get(key)) ?? ''
        const current = expected === '' ? await fresh() : (JSON.parse(expected) as Standing)
        const { standing, answer } = change(current)
        const next = JSON.stringify(standing)
        if (next === expected) return answer
        const reply = (await runner.run(replace, [key], [expected, next, ttlMs])) as [string, string?]
        if (reply[0] === 'REPLACED') {
          seen.set(key, next)
          return answer
        }
        if (reply[1]) seen.set(key, reply[1])
        else seen.delete(key)
      }
      throw new Unavailable('a standing changed too often', { retryAfterMs: 100 })
    },

    async read(owner) {
      const key = keyOf(owner)
      const value = await redis.get(key)
      if (value === null) return undefined
      seen.set(key, value)
      return JSON.parse(value) as Standing
    },
  }
}
