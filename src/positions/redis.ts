/**
 * Standings in Redis, compare-and-set by version. A server remembers the standings that it saw last, so the usual
 * update is one trip: it reads nothing, parses nothing and sends the new standing only. A version is of one writing, by
 * one server, and never comes again; so whoever judged by it judged by exactly what is there. The filter of cells is
 * most of a standing and mostly stays as it is: then it is not sent again.
 */
import type { Redis } from 'ioredis'
import { createGathering } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { createFading, type Fading } from '#platform/fading.ts'
import { Unavailable } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { loadScript, type ScriptRunner } from '#platform/redis.ts'
import { type Judged, type Owner, type Standing, type StandingStore, unusedStanding } from './standing.ts'

const replace = loadScript(import.meta.url, 'replace')

/** Long enough for the quotas of a day; positions older than that are gone. */
const ttlMs = 26 * 3_600_000
const attempts = 32
/** Who neither walks nor claims is not remembered for long: a server holds many who do nothing. */
const rememberedStandings = { most: 40_000, afterMs: 20_000 }
/** Standings whose keys a cluster would keep together. */
const partitions = 16
/** So many leave before the turn ends: Redis is at work while the others are read. */
const mostAtOnce = 128

/** A standing that is nowhere has the empty version. */
type Version = { version: string; standing: Standing | undefined }

const nowhere: Version = { version: '', standing: undefined }

type StorePorts = {
  redis: Redis
  runner: ScriptRunner
  prefix: string
  /** Of this server alone. */
  random: Pick<Random, 'bytes'>
  clock: Pick<Clock, 'after'>
}

/** One standing to be replaced, and who wants to hear whether it was. */
type Writing = {
  key: string
  known: Version
  next: { version: string; standing: Standing }
  /** With what is there instead, empty for nothing; without it where it was replaced. */
  onDone: (current: string | undefined) => void
  onFault: (error: unknown) => void
}

type Update<A> = { fresh: () => Promise<Standing>; change: (standing: Standing) => Judged<A> }

export function createStandingStore({ redis, runner, prefix, random, clock }: StorePorts): StandingStore {
  const seen = createFading<string, Version>({ ...rememberedStandings, clock })
  const writer = Buffer.from(random.bytes(9)).toString('base64url')
  let writings = 0

  const write = createGathering<Writing>(mostAtOnce, writings => void replaceAll(runner, seen, writings))
  const versionOf = (standing: Standing) => ({
    version: `${writer}${(++writings).toString(36)}`,
    standing,
  })

  /** Whatever is there by now is judged, until nobody else was faster; `found` was there a moment ago. */
  async function keepTrying<A>(key: string, { fresh, change }: Update<A>, found?: string): Promise<A> {
    let current = found
    for (let attempt = 0; attempt < attempts; attempt++) {
      const known =
        current === undefined ? (seen.get(key) ?? parseVersion(await redis.get(key))) : parseVersion(current)
      const { standing, answer } = change(known.standing ?? (await fresh()))
      if (standing === known.standing) return answer
      current = await new Promise<string | undefined>((onDone, onFault) =>
        write({ key, known, next: versionOf(standing), onDone, onFault }),
      )
      if (current === undefined) return answer
    }
    throw new Unavailable('a standing changed too often', { retryAfterMs: 100 })
  }

  return {
    update(owner, fresh, change) {
      const key = standingKey(prefix, owner)
      const known = seen.get(key)
      if (known?.standing === undefined) return keepTrying(key, { fresh, change })
      // The usual way, without a promise more than it needs: everybody who walks comes by here each second.
      const { standing, answer } = change(known.standing)
      if (standing === known.standing) return Promise.resolve(answer)
      return new Promise((resolve, reject) => {
        const onDone = (current: string | undefined) =>
          resolve(current === undefined ? answer : keepTrying(key, { fresh, change }, current))
        write({ key, known, next: versionOf(standing), onDone, onFault: reject })
      })
    },

    async read(owner) {
      const key = standingKey(prefix, owner)
      const found = parseVersion(await redis.get(key))
      if (found.standing !== undefined) seen.set(key, found)
      return found.standing
    },
  }
}

async function replaceAll(
  runner: ScriptRunner,
  seen: Fading<string, Version>,
  writings: readonly Writing[],
): Promise<void> {
  const keys: string[] = []
  const args: (string | number)[] = [ttlMs]
  for (const { key, known, next } of writings) {
    keys.push(key)
    args.push(known.version, next.version, filterFor(known, next), restOf(next.standing))
  }
  try {
    const changed = (await runner.runNow(replace, keys, args)) as (string | number)[]
    const current = new Map<number, string>()
    for (let i = 0; i < changed.length; i += 2) current.set(changed[i] as number, changed[i + 1] as string)
    for (const [i, { key, next, onDone }] of writings.entries()) {
      const text = current.get(i + 1)
      if (text === undefined) seen.set(key, next)
      else seen.delete(key)
      onDone(text)
    }
  } catch (error) {
    for (const { onFault } of writings) onFault(error)
  }
}

/** Tagged by partition, so that those of one could be replaced together in a cluster as well. */
export const standingKey = (prefix: string, { kind, id }: Owner): string =>
  `${prefix}${kind === 'account' ? 'p' : 'd'}:{${partitionOf(id)}}:${id}`

function partitionOf(id: string): number {
  let sum = 0
  for (let at = 0; at < id.length; at++) sum = (31 * sum + id.charCodeAt(at)) | 0
  return (sum >>> 0) % partitions
}

const SAME = '='

function filterFor(known: Version, { standing }: Writing['next']): string {
  const filter = standing.cells?.known ?? ''
  return filter !== '' && filter === known.standing?.cells?.known ? SAME : filter
}

function restOf(standing: Standing): string {
  const { cells } = standing
  if (cells?.known === undefined) return JSON.stringify(standing)
  return JSON.stringify({ ...standing, cells: { hour: cells.hour, day: cells.day } })
}

function parseVersion(text: string | null): Version {
  if (text === null || text === '') return nowhere
  const [afterVersion, afterFilter] = [text.indexOf(':'), text.indexOf(':', text.indexOf(':') + 1)]
  const filter = text.slice(afterVersion + 1, afterFilter)
  const { cells, ...rest } = JSON.parse(text.slice(afterFilter + 1)) as Standing
  const known = filter === '' ? undefined : filter
  const counted = cells && { hour: cells.hour, day: cells.day, known }
  const standing = { ...unusedStanding, ...rest, cells: counted }
  return { version: text.slice(0, afterVersion), standing }
}
