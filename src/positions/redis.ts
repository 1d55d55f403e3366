/**
 * Standings in Redis, compare-and-set by version. A server remembers the standings that it saw last, so the usual
 * update is one trip: it reads nothing, parses nothing and sends the new standing only. A version is of one writing, by
 * one server, and never comes again; so whoever judged by it judged by exactly what is there.
 */
import type { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { Unavailable } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import type { Owner, Standing, StandingStore } from './standing.ts'

const replace = loadScript(import.meta.url, 'replace')

/** Long enough for the quotas of a day; positions older than that are gone. */
const ttlMs = 26 * 3_600_000
const attempts = 32
const rememberedStandings = 20_000

/** A standing that is nowhere has the empty version. */
type Version = { version: string; standing: Standing | undefined }

const nowhere: Version = { version: '', standing: undefined }

export function createStandingStore(ports: {
  redis: Redis
  runner: ScriptRunner
  prefix: string
  /** Of this server alone. */
  random: Pick<Random, 'bytes'>
}): StandingStore {
  const { redis, runner, prefix, random } = ports
  const seen = new LRUCache<string, Version>({ max: rememberedStandings })
  const keyOf = ({ kind, id }: Owner) => `${prefix}${kind === 'account' ? 'p' : 'd'}:{${id}}`
  const writer = Buffer.from(random.bytes(9)).toString('base64url')
  let writings = 0

  return {
    async update(owner, fresh, change) {
      const key = keyOf(owner)
      for (let attempt = 0; attempt < attempts; attempt++) {
        const known = seen.get(key) ?? parseVersion(await redis.get(key))
        const current = known.standing ?? (await fresh())
        const { standing, answer } = change(current)
        if (standing === known.standing) return answer
        const version = `${writer}${(++writings).toString(36)}`
        const args = [known.version, version, JSON.stringify(standing), ttlMs]
        const reply = (await runner.run(replace, [key], args)) as [string, string?]
        if (reply[0] === 'REPLACED') {
          seen.set(key, { version, standing })
          return answer
        }
        if (reply[1]) seen.set(key, parseVersion(reply[1]))
        else seen.delete(key)
      }
      throw new Unavailable('a standing changed too often', { retryAfterMs: 100 })
    },

    async read(owner) {
      const key = keyOf(owner)
      const found = parseVersion(await redis.get(key))
      if (found.standing !== undefined) seen.set(key, found)
      return found.standing
    },
  }
}

function parseVersion(text: string | null): Version {
  if (text === null) return nowhere
  const colon = text.indexOf(':')
  return { version: text.slice(0, colon), standing: JSON.parse(text.slice(colon + 1)) as Standing }
}
