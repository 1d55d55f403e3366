/**
 * A world for one test file: its own clone of the migrated database, its own prefix in Redis, a clock that stands
 * still. Both servers are real. Whatever a test forgets to close, or leaves in Redis, fails it at the end.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { startThrowawayServices } from '#platform/embedded/throwaway.ts'
import { createDatabase, type Database } from '#platform/postgres.ts'
import { followTenants, tenantConnections } from '#platform/tenant-database.ts'
import { type Random, systemRandom } from '#platform/random.ts'
import { awaitRedis, connectRedis } from '#platform/redis.ts'
import { createTestClock, type TestClock } from './test-clock.ts'
import { cloneDatabase } from './test-database.ts'

export type World = {
  databaseUrl: string
  /** As the server connects: with the user that may touch the game's keys only. */
  redisUrl: string
  /** As the server connects: with roles that cannot rewrite money, and a merchant's request with the merchant's. */
  database: Database
  /** Without that role: the owner of the tables, to plant what the server could not. */
  ownerDatabase: Database
  /** A command connection of the user who may do everything, ready. */
  redis: Redis
  /** Before every key and every channel: pub/sub crosses Redis databases. Ends in a colon. */
  redisPrefix: string
  clock: TestClock
  random: Random
}

export type WorldOverrides = {
  startMs?: number
  random?: Random
  /** Of `database`; the default is 8. */
  connections?: number
}

/** Everything is closed and dropped at the teardown of `t`, after the teardowns that `t` adds later. */
export async function createWorld(t: Test, overrides: WorldOverrides = {}): Promise<World> {
  const services = await startThrowawayServices()
  const clone = await cloneDatabase(services.databaseUrl)
  const onError = (error: Error) => t.comment(error.message)
  const redisPrefix = `hx-${randomBytes(6).toString('hex')}:`
  const redis = connectRedis({ url: services.redisAdminUrl, name: 'test', onError })
  await awaitRedis(redis)
  const common = { url: clone.url, onIdleError: onError }
  const game = createDatabase({
    ...{ ...common, role: 'hexbao_game', connections: overrides.connections ?? 8 },
  })
  const tenants = createDatabase({ ...common, role: 'hexbao_merchant', connections: tenantConnections })
  const database = followTenants({ game, tenants })
  const ownerDatabase = createDatabase({ url: clone.url, connections: 2, onIdleError: onError })
  t.teardown(async () => {
    // A transaction that is still open would hold its pool for ever; the clone names it when it is dropped.
    const closed = Promise.all([database.close(), ownerDatabase.close()])
    await Promise.race([closed, sleep(2_000, undefined, { ref: false })])
    const channels = await redis.pubsub('CHANNELS', `${redisPrefix}*`)
    await removeKeys(redis, redisPrefix)
    await redis.quit()
    try {
      await clone.drop()
    } finally {
      await services.leave()
    }
    if (channels.length > 0) throw new Error(`subscriptions left: ${channels.join(', ')}`)
  })
  return {
    databaseUrl: clone.url,
    redisUrl: services.redisUrl,
    database,
    ownerDatabase,
    redis,
    redisPrefix,
    clock: createTestClock(overrides.startMs),
    random: overrides.random ?? systemRandom,
  }
}

async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 500 })) {
    if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys.map(String))
  }
}
