/**
 * A primary and a replica, with a proxy between them that can hold replication up, so that a promoted replica is as old
 * as the test wants. Redis 7 with an append-only file written every second, and no eviction.
 */
import { execFile } from 'node:child_process'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { formatRedisAdminUrl, formatRedisUrl, redisServer } from '#platform/embedded/redis-server.ts'
import { createFaultProxy } from './fault-proxy.ts'
import { createStore, type Store, type StoreOptions } from './store.ts'

export type RedisPair = {
  /** Whom the servers should talk to. */
  primary(): Store
  url(): string
  /** Commands on a connection of their own, straight to the primary. */
  ask<T>(work: (redis: Redis) => Promise<T>): Promise<T>
  /** Starts the primary again after it was killed, and gives it its settings. */
  restart(): Promise<void>
  /** Holds replication up while it waits, and then makes the replica a second primary. */
  promoteStale(wait: () => Promise<void>): Promise<void>
  /** Ends two primaries: the old one follows the new one and forgets what only it knew. */
  demoteOld(): Promise<void>
  close(): Promise<void>
}

/** Small, so that rewriting the append-only file happens in the middle of faults, too. */
const settings = {
  'auto-aof-rewrite-min-size': '16mb',
  'repl-diskless-sync-delay': '0',
  'repl-timeout': '10',
}

export async function createRedisPair(options: Omit<StoreOptions, 'name'>): Promise<RedisPair> {
  const first = await createStore(redisServer, { ...options, name: 'redis-a' })
  const second = await createStore(redisServer, { ...options, name: 'redis-b', password: first.password })
  let [primary, replica] = [first, second]
  await Promise.all([first.start(), second.start()])
  const link = await createFaultProxy(first.port())

  async function configure(store: Store): Promise<void> {
    await askStore(store, async redis => {
      for (const [name, value] of Object.entries({ ...settings, masterauth: store.password })) {
        await redis.config('SET', name, value)
      }
    })
  }
  const follow = async () => {
    link.retarget(primary.port())
    await askStore(replica, redis => redis.replicaof('127.0.0.1', link.port))
  }
  async function close(): Promise<void> {
    await Promise.all([first.kill(), second.kill()])
    await link.close()
  }
  try {
    await Promise.all([configure(first), configure(second)])
    await follow()
  } catch (error) {
    await close()
    throw error
  }

  return {
    close,
    primary: () => primary,
    url: () => formatRedisUrl({ password: primary.password, port: primary.port() }),
    ask: work => askStore(primary, work),
    async restart() {
      await primary.start()
      await configure(primary)
      link.retarget(primary.port())
    },
    async promoteStale(wait) {
      const release = link.hold()
      await wait()
      await askStore(replica, redis => redis.replicaof('NO', 'ONE'))
      link.reset()
      release()
      ;[primary, replica] = [replica, primary]
    },
    demoteOld: follow,
  }
}

async function askStore<T>(store: Store, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(formatRedisAdminUrl({ password: store.password, port: store.port() }), {
    lazyConnect: true,
    commandTimeout: 10_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** What Redis has on disk: to be kept, taken away, or put back while it does not run. */
export function openDisk(folder: string) {
  const [data, kept] = [join(folder, 'appendonlydir'), join(folder, 'kept')]
  return {
    /** As it is at this moment, in the middle of writing. */
    async keep(): Promise<void> {
      await rm(kept, { recursive: true, force: true })
      await promisify(execFile)('cp', ['-a', data, kept])
    },
    empty: () => rm(data, { recursive: true, force: true }),
    async putBack(): Promise<void> {
      await rm(data, { recursive: true, force: true })
      await rename(kept, data)
    },
  }
}

/** Cuts up to `bytes` off the end of the append-only file, as a crash of the machine would; how many it were. */
export async function cutAppendOnlyFile(folder: string, bytes: number): Promise<number> {
  const parts = (await readdir(join(folder, 'appendonlydir'))).filter(name => name.endsWith('.incr.aof'))
  const numberOf = (name: string) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1])
  const newest = parts.sort((a, b) => numberOf(a) - numberOf(b)).at(-1)
  if (newest === undefined) return 0
  const path = join(folder, 'appendonlydir', newest)
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  await file.truncate(Math.max(0, size - bytes))
  await file.close()
  return Math.min(size, bytes)
}
