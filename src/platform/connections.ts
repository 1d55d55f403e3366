/** The connections of one server: two pools to PostgreSQL, and three to Redis, so that none holds up another. */
import type { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Logger } from 'pino'
import type { ReadyConfig } from './config.ts'
import { createDatabase, type Database, lockConnections } from './postgres.ts'
import { awaitRedis, closeRedis, connectRedis } from './redis.ts'
import { followTenants, tenantConnections } from './tenant-database.ts'

export type Connections = {
  /** As the request under way may see it: a merchant's sees that merchant's rows. */
  database: Database
  /** As the game itself sees it, whoever asks: for what a server knows and does for all. */
  game: Database
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
  const game = createDatabase({
    url: databaseUrl,
    role: 'hexbao_game',
    connections: databaseConnections,
    onIdleError: onError,
  })
  const tenants = createDatabase({
    url: databaseUrl,
    role: 'hexbao_merchant',
    connections: tenantConnections,
    onIdleError: onError,
  })
  const database = followTenants({ game, tenants })
  const redis = connectRedis({ url: redisUrl, name: 'commands', onError })
  const sweepRedis = connectRedis({ url: redisUrl, name: 'sweeper', onError })
  const subscriber = connectRedis({ url: redisUrl, name: 'subscriber', onError, subscriber: true })
  await Promise.all([redis, sweepRedis, subscriber].map(connection => awaitRedis(connection)))
  return {
    ...{ database, game, redis, sweepRedis, subscriber },
    async close() {
      await Promise.all([redis, sweepRedis, subscriber].map(closeRedis))
      await database.close()
    },
  }
}

/** Beside the servers' own there are tools, and whoever counts the books. */
const spareConnections = 10

/** Throws where PostgreSQL takes fewer connections than so many servers, and one that replaces another, may open. */
export async function checkBudget(
  { databaseUrl, databaseConnections }: Pick<ReadyConfig, 'databaseUrl' | 'databaseConnections'>,
  servers: number,
): Promise<void> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  const setting = "select current_setting('max_connections')::int as most"
  const { rows } = await client.query<{ most: number }>(setting)
  await client.end()
  const most = rows[0]?.most ?? 0
  const each = databaseConnections + lockConnections + tenantConnections
  const wanted = (servers + 1) * each + spareConnections
  if (wanted <= most) return
  throw new Error(
    `${servers} workers and a successor want ${each} connections each, ${wanted} with the tools, and PostgreSQL ` +
      `takes ${most}: lower DATABASE_CONNECTIONS (${databaseConnections}), or raise max_connections`,
  )
}
