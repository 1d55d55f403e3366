/** A PostgreSQL and a Redis for one bench, as `npm start` runs them, and databases in it; all is gone at the end. */
import type { Redis } from 'ioredis'
import { Client } from 'pg'
import { startThrowawayServices } from '#platform/embedded/throwaway.ts'
import { awaitRedis, connectRedis } from '#platform/redis.ts'
import { cloneDatabase } from '../helpers/test-database.ts'
import { describeStores } from './machine.ts'

export type Stores = {
  redis: Redis
  redisUrl: string
  /** A migrated database, and a connection of its owner. */
  createDatabase(): Promise<{ url: string; client: Client }>
  describe(client: Client): Promise<string>
  /** Takes down something of the bench's own first, the latest before the others. */
  undo(step: () => unknown): void
}

export async function withStores<T>(measure: (stores: Stores) => Promise<T>): Promise<T> {
  const steps: (() => unknown)[] = []
  try {
    const services = await startThrowawayServices()
    steps.push(services.leave)
    const onError = (error: Error) => process.stderr.write(`${error.message}\n`)
    const redis = connectRedis({ url: services.redisAdminUrl, name: 'bench', onError })
    steps.push(() => redis.quit())
    await awaitRedis(redis)
    return await measure({
      redis,
      redisUrl: services.redisUrl,
      async createDatabase() {
        const { url, drop } = await cloneDatabase(services.databaseUrl)
        steps.push(drop)
        const client = new Client({ connectionString: url })
        await client.connect()
        steps.push(() => client.end())
        return { url, client }
      },
      describe: client => describeStores(client, redis),
      undo: step => void steps.push(step),
    })
  } finally {
    for (const step of steps.reverse()) await step()
  }
}
