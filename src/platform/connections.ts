/** The connections of one server: a pool to PostgreSQL, and three to Redis, so that none of them holds up another. */
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { ReadyConfig } from './config.ts'
import { createDatabase, type Database } from './postgres.ts'
import { awaitRedis, closeRedis, connectRedis } from './redis.ts'

export type Connections = {
  database: Database
  /** Commands of players. */
  redis: Redis
  sweepRedis: Redis
  /** Receives announcements. */
  subscriber: Redis
  close(): Promise<void>
}

/** Resolves when Redis answers. */
export async function openConnections(
  { databaseUrl, databaseConnections, redisUrl }: ReadyConfig,
  log: Pick<Logger, 'warn'>,
): Promise<Connections> {
  const onError = (error: Error) => log.warn({ err: error }, 'connection')
  const database = createDatabase({
    url: databaseUrl,
    role: 'hexbao_game',
    connections: databaseConnections,
    onIdleError: onError,
  })
  const redis = connectRedis({ url: redisUrl, name: 'commands', onError })
  const sweepRedis = connectRedis({ url: redisUrl, name: 'sweeper', onError })
  const subscriber = connectRedis({ url: redisUrl, name: 'subscriber', onError, subscriber: true })
  await Promise.all([awaitRedis(redis), awaitRedis(sweepRedis)])
  return {
    ...{ database, redis, sweepRedis, subscriber },
    async close() {
      await Promise.all([redis, sweepRedis, subscriber].map(closeRedis))
      await database.close()
    },
  }
}
