/**
 * The whole server in this process, in production mode, and people who play on it over REST and sockets. The clock of
 * all of them runs fast, which changes how often they are answered and nothing of what they are told.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { limits } from '#protocol/limits.ts'
import { createApp } from '../../src/app.ts'
import { addPlayer } from '../helpers/people.ts'
import { createWorld } from '../helpers/world.ts'
import { openClient } from '../realtime/client.ts'
import { createSigner, drawAddress } from './game.ts'

export type Sent = { method: 'GET' | 'POST' | 'DELETE'; url: string; body?: object }

export type Person = {
  id: string
  /** The whole answer as text: status, headers and body. */
  send(request: Sent): Promise<string>
  /** The body of an answer that has to be a good one. */
  demand(request: Sent): Promise<Record<string, unknown>>
  /** A new socket, once it is welcome. */
  play(): Promise<Client>
}

export type Client = ReturnType<typeof openClient>

export type TranscriptStage = {
  recruit(walletMinor?: bigint): Promise<Person>
  /** All that the server has logged. */
  logged(): string
}

const draw = (name: string) => createHash('sha256').update(name).digest()
const jwtSecret = draw('tokens').toString('hex')
export const hmacSecret = draw('hmac').toString('hex')

export async function createTranscriptStage(t: Test): Promise<TranscriptStage> {
  const world = await createWorld(t)
  const config = requireReady(
    loadConfig({
      ...{ MODE: 'production', DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
      ...{
        JWT_SECRET: jwtSecret,
        HMAC_SECRET: hmacSecret,
        OPERATOR_KEY: `hbo_${draw('operator').toString('hex')}`,
      },
      COUPON_KEYS: `k1:${draw('coupons').toString('base64')}`,
      ...{ LOG_LEVEL: 'trace', TRUST_PROXY: '127.0.0.1' },
    }),
  )
  let lines = ''
  const log = createLogger(config.logLevel, { write: line => void (lines += line) })
  const app = await createApp({
    ...{ config, clock: systemClock, random: systemRandom, log, redisPrefix: world.redisPrefix },
  })
  t.teardown(app.close)
  const url = await app.http.listen({ port: 0, host: '127.0.0.1' })
  const sign = createSigner(jwtSecret)

  async function recruit(walletMinor = 0n): Promise<Person> {
    const { id } = await addPlayer(world, { walletMinor, timeScale: limits.sandbox.maxTimeScale })
    const token = await sign(id)
    const address = { 'x-forwarded-for': drawAddress() }
    async function inject({ method, url, body }: Sent) {
      return await app.http.inject({
        ...{ method, url },
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID(), ...address },
        ...(body !== undefined && { payload: body }),
      })
    }
    return {
      id,
      async send(request) {
        const { statusCode, headers, body } = await inject(request)
        return `${statusCode} ${JSON.stringify(headers)}\n${body}`
      },
      async demand(request) {
        const answer = await inject(request)
        if (answer.statusCode < 300) return answer.json<Record<string, unknown>>()
        throw new Error(`${request.method} ${request.url}: ${answer.body}`)
      },
      async play() {
        const socketUrl = `${url.replace('http', 'ws')}/v1/play`
        const client = openClient(t, { url: socketUrl }, { playerId: token, headers: address })
        await client.frame('welcome')
        return client
      },
    }
  }

  return { recruit, logged: () => lines }
}
