/**
 * The private Redis (or Valkey): 127.0.0.1 only, with passwords that never show in the process list, an append-only
 * file instead of snapshots, and writes refused rather than keys evicted when memory runs out. The game has a user of
 * its own there; the default user, who may do everything, is left to whoever administers it.
 */
import { createHash } from 'node:crypto'
import { chown, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { defaultPrefix } from '../redis.ts'
import { formatAclLine, redisUser } from '../redis-acl.ts'
import { identifyProcess, readCommandLine } from './process-identity.ts'
import type { Place, ServerKind } from './server-process.ts'
import { makePrivateFolder } from './service-account.ts'
import { tolerate } from './tolerate.ts'

const CONNECT_MS = 5_000

export const redisServer: ServerKind = {
  title: 'Redis',
  accounts: ['redis', 'valkey', 'nobody'],
  prepare: async place => {
    await makePrivateFolder(place.folder, place.account)
    await writeConfig(place)
  },
  launch: ({ folder }, binary) => ({ file: binary, args: [`${folder}.conf`] }),
  listening: /Ready to accept connections/,
  probe,
  isFinal: failure => /WRONGPASS|NOAUTH/.test(String(failure)),
  complete: async () => {},
  findForgotten: async folder => {
    const pid = Number(await readText(join(folder, 'redis.pid')))
    // Redis shows where it listens as its command line: `redis-server 127.0.0.1:6379`.
    const port = Number(/(?:redis|valkey)-server 127\.0\.0\.1:(\d+)/.exec(readCommandLine(pid))?.[1])
    const config = await readText(`${folder}.conf`)
    const process = config.includes(`\nport ${port}\n`) ? identifyProcess(pid) : undefined
    return process && { process, port }
  },
  findRemedy: log => (/Address already in use|Failed listening on port/.test(log) ? 'other_port' : undefined),
  stopSteps: [
    { signal: 'SIGTERM', waitMs: 30_000 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
}

type Address = { password: string; port: number }

/** The game's user. */
export function formatRedisUrl({ password, port }: Address): string {
  return `redis://${redisUser}:${derivePassword(password)}@127.0.0.1:${port}`
}

/** The default user, who may do everything. */
export function formatRedisAdminUrl({ password, port }: Address): string {
  return `redis://:${password}@127.0.0.1:${port}`
}

/** The game's password follows from the administrator's, and not the other way round. */
function derivePassword(password: string): string {
  return createHash('sha256').update(`${redisUser}:${password}`).digest('base64url')
}

/** Tests share one server, each under a prefix of its own that begins like this. */
const testPrefix = 'hx-'

function formatConfig({ folder, password, port, throwaway }: Place): string {
  const prefixes = throwaway ? [defaultPrefix, testPrefix] : [defaultPrefix]
  return [
    '# Written at each start.',
    'bind 127.0.0.1',
    `port ${port}`,
    'protected-mode yes',
    'loglevel notice',
    `requirepass ${password}`,
    formatAclLine(redisUser, derivePassword(password), prefixes),
    `dir ${JSON.stringify(folder)}`,
    `pidfile ${JSON.stringify(join(folder, 'redis.pid'))}`,
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    '',
  ].join('\n')
}

async function probe({ port, password }: Place): Promise<void> {
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    password,
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  // The reason, such as a refused password, comes as an event; the command only learns that the connection closed.
  let reason: unknown
  redis.on('error', error => {
    reason = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw reason ?? error
  } finally {
    redis.disconnect()
  }
}

/** Beside the folder, not in it: root writes this file, and the folder belongs to the server's account. */
async function writeConfig(place: Place): Promise<void> {
  const path = `${place.folder}.conf`
  await writeFile(path, formatConfig(place), { mode: 0o600 })
  if (place.account) await chown(path, place.account.uid, place.account.gid)
}

async function readText(path: string): Promise<string> {
  return (await tolerate(['ENOENT'], readFile(path, 'utf8'))) ?? ''
}
