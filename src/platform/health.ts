/** Liveness and readiness; a server that shuts down is alive and not ready, so that balancers look elsewhere first. */
import type { Redis } from 'ioredis'
import { getLiveness, getReadiness } from '#protocol/rest/health.ts'
import type { CallerKind } from '#protocol/operation.ts'
import { answer, type Bind } from './http.ts'
import { type Database, loadStatements } from './postgres.ts'
import { refuse } from './problem.ts'

const sql = loadStatements(import.meta.url, ['ping'])

/** Throws where PostgreSQL does not answer. */
export async function pingDatabase(database: Pick<Database, 'query'>): Promise<void> {
  await database.query(sql.ping)
}

export function registerHealthRoutes<C extends { kind: CallerKind }>(
  bind: Bind<C>,
  { database, redis }: { database: Database; redis: Redis },
): { drain(): void } {
  let isDraining = false

  bind(getLiveness, async () => answer(200, { status: 'alive' as const }))

  bind(getReadiness, async () => {
    if (isDraining) return refuse('unavailable', { detail: 'The server is shutting down.' })
    await Promise.all([pingDatabase(database), redis.ping()])
    return answer(200, { status: 'ready' as const })
  })

  return { drain: () => (isDraining = true) }
}
