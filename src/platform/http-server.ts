/** The HTTP server before it has any route: what it accepts at all, and how it refuses the rest. */
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import type { Config } from './config.ts'
import { describeEarlyFaults, handleFaults } from './faults.ts'
import { sendRefusal } from './http.ts'
import { acceptJsonOnly } from './json-body.ts'
import { refuse } from './problem.ts'

export async function createHttpServer(
  { isSandbox, trustedProxies, origins }: Pick<Config, 'isSandbox' | 'trustedProxies' | 'origins'>,
  { log, anyOrigin }: { log: Logger; anyOrigin: boolean },
): Promise<FastifyInstance> {
  const http = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.http.bodyBytes,
    requestTimeout: limits.http.requestTimeoutMs,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    return503OnClosing: false,
    ...describeEarlyFaults({ sandbox: isSandbox }),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  handleFaults(http, { sandbox: isSandbox })
  refuseWhileClosing(http, { sandbox: isSandbox })
  acceptJsonOnly(http)
  await http.register(helmet, { contentSecurityPolicy: false, strictTransportSecurity: false })
  await http.register(cors, { origin: anyOrigin ? true : [...origins] })
  return http
}

/** Whoever comes while the server closes is refused as everywhere else; Fastify would answer in words of its own. */
function refuseWhileClosing(http: FastifyInstance, { sandbox }: { sandbox: boolean }): void {
  let isClosing = false
  http.addHook('preClose', async () => {
    isClosing = true
  })
  http.addHook('onRequest', async (_request, reply) =>
    isClosing ? sendRefusal(reply, refuse('unavailable', { retryAfterMs: 1_000 }), sandbox) : undefined,
  )
}
