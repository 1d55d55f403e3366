/**
 * The composition root: every part of the game is made here, once, with what it needs, top to bottom. Nothing listens
 * and nothing runs until the caller says so.
 */
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import { registerDocuments } from '#platform/documents.ts'
import { describeEarlyFaults, handleFaults } from '#platform/faults.ts'
import { registerHealthRoutes } from '#platform/health.ts'
import { createBinder } from '#platform/http.ts'
import { createForgettingJob, runOnce } from '#platform/idempotency.ts'
import { acceptJsonOnly } from '#platform/json-body.ts'
import { createJobs, type Jobs } from '#platform/jobs.ts'
import { createLimiter } from '#platform/limiter.ts'
import { createDatabase, isDatabaseDown, isRowError, type Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { awaitRedis, closeRedis, connectRedis, createScriptRunner, defaultPrefix } from '#platform/redis.ts'
import { createSeal } from '#platform/seal.ts'
import { createClaims } from './claims/claims.ts'
import type { Reach } from './claims/failpoints.ts'
import { describeAnswer } from './claims/describe.ts'
import { countClaimsSince, createClaimRecord, listClaimedLive } from './claims/postgres.ts'
import { createClaimGate } from './claims/redis.ts'
import { registerClaimRoutes } from './claims/routes.ts'
import { createEnvelopes } from './envelopes/envelopes.ts'
import { envelopeRecord } from './envelopes/postgres.ts'
import { registerEnvelopeRoutes } from './envelopes/routes.ts'
import { createAround } from './hints/around.ts'
import { createLiveIndex } from './hints/live-index.ts'
import { createHintSelector } from './hints/order.ts'
import { findEnds, loadLiveEnvelopes } from './hints/postgres.ts'
import { registerHintRoutes } from './hints/routes.ts'
import { isInsufficientFunds, isReferenceUsed, postTransfers, walletRecord } from './ledger/postgres.ts'
import { registerLedgerRoutes } from './ledger/routes.ts'
import { createKeyVerifier } from './merchants/keys.ts'
import { merchantRecord } from './merchants/postgres.ts'
import { registerMerchantRoutes } from './merchants/routes.ts'
import { createAuthenticator } from './players/authenticator.ts'
import type { Caller } from './players/caller.ts'
import { deviceRecord, playerRecord } from './players/postgres.ts'
import { registerPlayerRoutes } from './players/routes.ts'
import { createTokenIssuer } from './players/token.ts'
import { createPositions } from './positions/positions.ts'
import { createStandingStore } from './positions/redis.ts'
import { registerPositionRoutes } from './positions/routes.ts'
import { createHub } from './realtime/hub.ts'
import { createAnnouncer, createChannels } from './realtime/redis.ts'
import { registerPlaySocket } from './realtime/socket.ts'

export type AppOptions = {
  config: ReadyConfig
  clock: Clock
  random: Random
  log: Logger
  /** Before every Redis key and channel. */
  redisPrefix?: string
  /** Where a test lets the process die. */
  reach?: Reach
}

export type App = {
  /** Ready to listen or to be injected into. */
  http: FastifyInstance
  jobs: Jobs
  /** Says goodbye to the sockets, settles what is reserved, closes every connection. */
  close(): Promise<void>
}

/** So long balancers are told before anything closes; a sandbox has none. */
const noticeMs = 2_000
/** How long a shutdown waits for PostgreSQL to take what is reserved; the rest is another server's sweeper's. */
const drainMs = 5_000

export async function createApp({
  config,
  clock,
  random,
  log,
  redisPrefix = defaultPrefix,
  reach,
}: AppOptions): Promise<App> {
  const { isSandbox, currencies, dayZone, hmacSecret } = config

  // Connections
  const onError = (error: Error) => log.warn({ err: error }, 'connection')
  const connections = config.databaseConnections
  const database = createDatabase({
    url: config.databaseUrl,
    role: 'hexbao_game',
    connections,
    onIdleError: onError,
  })
  const redis = connectRedis({ url: config.redisUrl, name: 'commands', onError })
  const sweepRedis = connectRedis({ url: config.redisUrl, name: 'sweeper', onError })
  const subscriber = connectRedis({ url: config.redisUrl, name: 'subscriber', onError, subscriber: true })
  await Promise.all([awaitRedis(redis), awaitRedis(sweepRedis)])
  const runner = createScriptRunner(redis)

  // What the rest of the game tells the sockets
  const announcer = createAnnouncer(redis, { prefix: redisPrefix, log })

  // Where players are
  const positions = createPositions({
    store: createStandingStore({ redis, runner, prefix: redisPrefix }),
    clock,
    countClaimsSince: asked => countClaimsSince(database, asked),
    hmacSecret,
  })

  // Claims: Redis reserves, PostgreSQL decides
  const nowMs = () => clock.nowMs()
  const claims = createClaims<Tx>({
    gate: createClaimGate({ redis, runner, prefix: redisPrefix, nowMs }),
    sweepGate: createClaimGate({
      redis: sweepRedis,
      runner: createScriptRunner(sweepRedis),
      prefix: redisPrefix,
      nowMs,
    }),
    record: createClaimRecord({ database, postTransfers }),
    positions,
    announcer,
    clock,
    random,
    log,
    hmacSecret,
    isRowError,
    isOutage: isDatabaseDown,
    ...(reach !== undefined && { reach }),
  })
  const claimedIds = (playerId: string) => listClaimedLive(database, playerId)

  // Envelopes
  const envelopes = createEnvelopes({
    database,
    runOnce: (request, act) => runOnce(database, request, act),
    record: envelopeRecord,
    ledger: { post: postTransfers, isInsufficientFunds },
    positions,
    merchants: merchantRecord,
    announcer,
    clock,
    random,
    settings: { isSandbox, currencies, dayZone, hmacSecret },
  })

  // Hints
  const channels = createChannels(subscriber, { prefix: redisPrefix, log })
  const index = createLiveIndex({
    loadEnvelopes: cells7 => loadLiveEnvelopes(database, cells7),
    findEnds: ids => findEnds(database, ids),
    feed: channels,
    clock,
    log,
  })
  const around = createAround({ index, selectHints: createHintSelector(hmacSecret) })

  // Who is calling
  const authenticator = createAuthenticator({
    jwt: config.jwt,
    operatorKey: config.operatorKey,
    verifyApiKey: createKeyVerifier({ sandbox: isSandbox, merchants: merchantRecord, database, clock, log }),
    players: playerRecord,
    devices: deviceRecord,
    database,
    clock,
    random,
  })

  // HTTP and the socket
  const http = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.http.bodyBytes,
    requestTimeout: limits.http.requestTimeoutMs,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    return503OnClosing: true,
    ...describeEarlyFaults({ sandbox: isSandbox }),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  handleFaults(http, { sandbox: isSandbox })
  acceptJsonOnly(http)
  await http.register(helmet, { contentSecurityPolicy: false, strictTransportSecurity: false })
  const anyOrigin = isSandbox && config.origins.length === 0
  await http.register(cors, { origin: anyOrigin ? true : [...config.origins] })
  const hub = createHub({
    ...{ clock, random, log, isSandbox, around, index, channels, positions },
    claims: {
      claim: async (player, request) => describeAnswer(await claims.claim(player, request)),
      claimedIds,
    },
  })
  await registerPlaySocket(http, { hub, authenticator, origins: anyOrigin ? 'any' : config.origins })
  await registerDocuments(http)
  const bind = createBinder<Caller>(http, {
    sandbox: isSandbox,
    authenticate: authenticator.authenticate,
    admit: createLimiter({ clock, sandbox: isSandbox }),
  })
  const money = { sandbox: isSandbox, database, clock, random, currencies, postTransfers }
  const issueToken = createTokenIssuer(config.jwt, { clock })
  registerPlayerRoutes(bind, { ...money, players: playerRecord, issuer: config.jwt.issuer, issueToken })
  registerPositionRoutes(bind, { positions })
  registerLedgerRoutes(bind, {
    ...money,
    wallets: walletRecord,
    isReferenceUsed,
    isPlayer: async (tx, id) => (await playerRecord.find(tx, id)) !== undefined,
    isMerchant: async (tx, id) => (await merchantRecord.find(tx, id)) !== undefined,
  })
  registerMerchantRoutes(bind, {
    ...money,
    merchants: merchantRecord,
    seal: createSeal(hmacSecret, { purpose: 'kept answers', random }),
  })
  registerEnvelopeRoutes(bind, { envelopes })
  registerHintRoutes(bind, { index, around, positions, claims: { claimedIds } })
  registerClaimRoutes(bind, { claim: claims.claim, database })
  const health = registerHealthRoutes(bind, { database, redis })

  const jobs = createJobs([...claims.jobs, ...envelopes.jobs, createForgettingJob({ database, clock })], {
    clock,
    database,
    log,
  })

  return {
    http,
    jobs,
    async close() {
      health.drain()
      if (!isSandbox) await clock.sleep(noticeMs)
      // Closing HTTP says goodbye to the sockets first.
      await http.close()
      await jobs.stop()
      await Promise.race([claims.drain(), clock.sleep(drainMs)])
      index.close()
      await Promise.all([redis, sweepRedis, subscriber].map(closeRedis))
      await database.close()
    },
  }
}
