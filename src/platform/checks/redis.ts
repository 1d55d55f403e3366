/**
 * Redis only reserves, yet a Redis that forgets or evicts while players claim sends everybody back to PostgreSQL at
 * once, and one that follows another cannot reserve at all.
 */
import { Redis } from 'ioredis'
import type { Clock } from '../clock.ts'
import { type Check, describeUrl, failed, passed, Unreachable, warned } from './check.ts'
import { judgeSkew, measureSkew } from './clock-skew.ts'

const money = { money: true }
const nuisance = { money: false }

/** Throws {@link Unreachable} when Redis does not answer or refuses the password. */
export async function checkRedis({ redisUrl, clock }: { redisUrl: string; clock: Clock }): Promise<Check[]> {
  const redis = await connect(redisUrl)
  try {
    const info = await readInfo(redis)
    const skewMs = await measureSkew(clock, async () => {
      const [seconds, microseconds] = await redis.time()
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000
    })
    return [
      ...(typeof info === 'string'
        ? [failed('Redis', `INFO is not allowed (${info}): let the user run it`, nuisance)]
        : [judgeVersion(info), judgeRole(info), judgeAppendOnly(info), judgeEviction(info)]),
      judgeSync(await readSync(redis)),
      judgePower(await readPower(redis)),
      judgeSkew('Redis', skewMs),
    ]
  } finally {
    redis.disconnect()
  }
}

async function connect(redisUrl: string): Promise<Redis> {
  const redis = new Redis(redisUrl, {
    connectionName: 'hexbao-doctor',
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  // The reason, such as a refused password, comes as an event; the command only learns that the connection closed.
  let reason: unknown
  redis.on('error', error => (reason = error))
  try {
    await redis.connect()
    await redis.ping()
    return redis
  } catch (error) {
    redis.disconnect()
    const cause = reason ?? error
    const { message, code } = cause as { message?: string; code?: string }
    const why = message || code || String(cause)
    throw new Unreachable(`Redis at ${describeUrl(redisUrl)} does not let us in: ${why}`, { cause })
  }
}

export type RedisInfo = ReadonlyMap<string, string>

/** INFO's fields, or why Redis does not give them. */
async function readInfo(redis: Redis): Promise<RedisInfo | string> {
  try {
    return parseInfo(await redis.info())
  } catch (error) {
    return (error as Error).message
  }
}

export const parseInfo = (text: string): RedisInfo =>
  new Map(
    text
      .split(/\r?\n/)
      .filter(line => line.includes(':'))
      .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )

type Version = readonly [number, number, number]

/** CVE-2025-49844 (a script may run any code in the server): the first release of each line that repairs it. */
const repaired: Readonly<Record<'Redis' | 'Valkey', readonly Version[]>> = {
  Redis: [
    [7, 2, 11],
    [7, 4, 6],
    [8, 0, 4],
    [8, 2, 2],
  ],
  Valkey: [
    [7, 2, 11],
    [8, 0, 6],
    [8, 1, 4],
  ],
}

/** Debian and Ubuntu repair 7.0.15 without renaming it, so its number alone does not tell. */
const backported = '7.0.15'

export function judgeVersion(info: RedisInfo): Check {
  const valkey = info.get('valkey_version')
  const title = valkey === undefined ? 'Redis' : 'Valkey'
  const found = valkey ?? info.get('redis_version') ?? 'unknown'
  const version = parseVersion(found)
  if (version[0] < 7) {
    return failed('Redis', `${found}, 7 or newer is needed for the scripts: upgrade it`, nuisance)
  }
  if (title === 'Redis' && found === backported) {
    const note =
      "CVE-2025-49844 is repaired in Debian's 7.0.15-1~deb12u6 and later: keep the package up to date"
    return passed('Redis', `${found}; ${note}`)
  }
  const line = repaired[title].find(([major, minor]) => major === version[0] && minor === version[1])
  const newest = repaired[title].at(-1) ?? version
  const isRepaired = line === undefined ? compare(version, newest) > 0 : compare(version, line) >= 0
  if (isRepaired) return passed('Redis', `${title} ${found}`)
  const wanted = (line ?? newest).join('.')
  return warned('Redis', `${title} ${found} has CVE-2025-49844: upgrade it to ${wanted} or newer`)
}

function parseVersion(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(part => Number.parseInt(part, 10) || 0)
  return [major, minor, patch]
}

const compare = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

function judgeRole(info: RedisInfo): Check {
  if (info.get('role') === 'master') return passed('Redis primary', 'takes writes')
  return failed('Redis primary', 'this is a replica: point REDIS_URL to the primary', money)
}

function judgeAppendOnly(info: RedisInfo): Check {
  if (info.get('aof_enabled') === '1') return passed('Redis appendonly', 'yes')
  const advice = 'set appendonly yes in redis.conf and with CONFIG SET'
  return failed('Redis appendonly', `no: a restart forgets every reservation, ${advice}`, money)
}

function judgeEviction(info: RedisInfo): Check {
  const policy = info.get('maxmemory_policy') ?? 'unknown'
  if (policy === 'noeviction') return passed('Redis memory', policy)
  const advice = 'set maxmemory-policy noeviction in redis.conf and with CONFIG SET'
  return failed('Redis memory', `${policy}: Redis may drop winners when memory runs out, ${advice}`, money)
}

/** The one setting that INFO does not tell; users without CONFIG GET, and managed services, refuse it. */
async function readSync(redis: Redis): Promise<{ value: string } | { refusal: string }> {
  try {
    const [, value] = (await redis.config('GET', 'appendfsync')) as string[]
    return value === undefined ? { refusal: 'no such setting' } : { value }
  } catch (error) {
    return { refusal: (error as Error).message }
  }
}

export function judgeSync(found: { value: string } | { refusal: string }): Check {
  const name = 'Redis appendfsync'
  if ('refusal' in found) {
    const advice = 'make sure that appendfsync is everysec or always'
    return warned(name, `could not be checked (${found.refusal}): ${advice}`)
  }
  if (found.value === 'everysec' || found.value === 'always') return passed(name, found.value)
  return warned(name, `${found.value}: a power cut forgets more than the last second, set it to everysec`)
}

type Power = { user: string; mayFlush: boolean } | { refusal: string }

/** Asks Redis what would happen, and never tries: some servers would do it. */
async function readPower(redis: Redis): Promise<Power> {
  try {
    const user = String(await redis.call('ACL', 'WHOAMI'))
    return { user, mayFlush: (await redis.call('ACL', 'DRYRUN', user, 'FLUSHALL')) === 'OK' }
  } catch (error) {
    return { refusal: (error as Error).message }
  }
}

export function judgePower(power: Power): Check {
  const name = 'Redis user'
  if ('refusal' in power) {
    if (power.refusal.startsWith('NOPERM')) return passed(name, 'may not administer Redis')
    return warned(
      name,
      `could not be checked (${power.refusal}): npm run redis-acl prints the rights it needs`,
    )
  }
  if (!power.mayFlush) return passed(name, `${power.user} may not empty Redis`)
  const advice =
    'one wrong command forgets every reservation; npm run redis-acl prints a user with fewer rights'
  return warned(name, `${power.user} may empty Redis: ${advice}`)
}
