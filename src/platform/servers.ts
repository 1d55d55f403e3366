/**
 * Whether servers run, seen from the services: what must have a quiet game refuses to start while somebody is in. A
 * server may have no session with PostgreSQL for a while, and always has its connections to Redis.
 */
import type { Redis } from 'ioredis'
import { loadStatements, type Tx } from './postgres.ts'

const sql = loadStatements(import.meta.url, ['list-sessions'])

/** One line for each connection of a server, or of a tool that looks into the database. */
export async function listServers({ database, redis }: { database: Tx; redis: Redis }): Promise<string[]> {
  const sessions = await database.query<{ pid: number; address: string }>(sql['list-sessions'])
  const clients = (await listClients(redis)).filter(({ name }) =>
    /^hexbao-(commands|sweeper|subscriber)$/.test(name),
  )
  return [
    ...sessions.map(({ pid, address }) => `PostgreSQL session ${pid} from ${address}`),
    ...clients.map(({ name, address }) => `Redis connection ${name} from ${address}`),
  ]
}

/** Nobody, where this user may not ask. */
async function listClients(redis: Redis): Promise<{ name: string; address: string }[]> {
  try {
    const lines = String(await redis.client('LIST')).split('\n')
    const field = (line: string, key: string) => new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1] ?? ''
    return lines.map(line => ({ name: field(line, 'name'), address: field(line, 'addr') }))
  } catch (error) {
    if ((error as Error).message.startsWith('NOPERM')) return []
    throw error
  }
}
