/** The server that ships, on real services, with a clock of the fuzzer's and a log that is read. */
import type { Readable } from 'node:stream'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import type { Random } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { createTestClock, type TestClock } from '../helpers/test-clock.ts'
import type { World } from '../helpers/world.ts'
import { createDice } from '../simulation/dice.ts'
import type { Answer } from './oracle.ts'
import type { Request } from './request.ts'
import { sendBytes, writeRequest } from './wire.ts'

export const operatorKey = `hbo_${'o'.repeat(40)}`
export const callbackSecret = 'c'.repeat(40)

export type Stage = {
  clock: TestClock
  send(request: Request): Promise<Answer | undefined>
  /** Lines that the server has logged since the last time this was asked. */
  takeLog(): string[]
}

/** Every id and secret of the server follows from the seed, too. */
function createSeededRandom(seed: number): Random {
  const dice = createDice(seed)
  return {
    bytes: size => Buffer.from(Array.from({ length: size }, () => dice.between(0, 255))),
    fraction: dice.fraction,
  }
}

export async function startStage(t: Test, world: World, { seed }: { seed: number }): Promise<Stage> {
  const secrets = { JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40), OPERATOR_KEY: operatorKey }
  const urls = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl }
  const config = requireReady(
    loadConfig({ MODE: 'sandbox', PAYOUT_CALLBACK_SECRET: callbackSecret, ...secrets, ...urls }),
  )
  let lines: string[] = []
  const log = createLogger('info', { write: line => void lines.push(line) })
  const clock = createTestClock()
  const random = createSeededRandom(seed)
  const app = await createApp({ config, clock, random, log, redisPrefix: world.redisPrefix })
  await app.http.listen({ port: 0, host: '127.0.0.1' })
  app.jobs.start()
  t.teardown(app.close)
  const { port } = app.http.server.address() as AddressInfo

  async function inject({ method, target, headers, body }: Request): Promise<Answer> {
    const reply = await app.http.inject({
      ...{
        method: method as 'GET',
        url: target,
        headers: Object.fromEntries(headers),
        payloadAsStream: true,
      },
      ...(body !== undefined && { payload: body }),
    })
    const told = Object.entries(reply.headers).map(([name, value]) => [name, String(value)])
    const isCut = String(reply.headers['content-type']).startsWith('text/event-stream')
    const text = await readText(reply.stream(), isCut)
    return { status: reply.statusCode, headers: Object.fromEntries(told), text, ...(isCut && { isCut }) }
  }

  return {
    clock,
    send(request) {
      if (request.via === 'inject') return inject(request)
      return request.raw === undefined
        ? sendBytes(port, writeRequest(request))
        : sendBytes(port, request.raw, true)
    },
    takeLog() {
      const taken = lines
      lines = []
      return taken
    },
  }
}

/** Of events the first is enough. */
async function readText(stream: Readable, isCut: boolean): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece as Uint8Array))
    if (isCut) break
  }
  return Buffer.concat(pieces).toString('utf8')
}
