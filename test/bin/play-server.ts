/** The whole server in this process, listening, with a merchant who has a key: what the tools play against. */
import type { Test } from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { createWorld, type World } from '../helpers/world.ts'

export type PlayServer = { url: string; world: World; merchantKey: string }

export async function startPlayServer(t: Test): Promise<PlayServer> {
  const world = await createWorld(t)
  const operatorKey = `hbo_${'o'.repeat(40)}`
  const config = requireReady(
    loadConfig({
      MODE: 'sandbox',
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      JWT_SECRET: 's'.repeat(40),
      HMAC_SECRET: 'h'.repeat(40),
      OPERATOR_KEY: operatorKey,
      LOG_LEVEL: 'silent',
    }),
  )
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  const url = await app.http.listen({ port: 0, host: '127.0.0.1' })
  const created = await app.http.inject({
    method: 'POST',
    url: '/v1/operator/merchants',
    headers: { authorization: `Bearer ${operatorKey}`, 'idempotency-key': 'the-merchant' },
    payload: { name: 'Tea house' },
  })
  return { url, world, merchantKey: created.json<{ secret: string }>().secret }
}
