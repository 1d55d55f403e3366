/**
 * The composition root: every part of the game is made here, once, with what it needs, top to bottom. Nothing listens
 * and nothing runs until the caller says so.
 */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { ReadyConfig } from '#platform/config.ts'
import { openConnections } from '#platform/connections.ts'
import { registerDocuments } from '#platform/documents.ts'
import type { FleetMember } from '#platform/fleet.ts'
import { registerHealthRoutes } from '#platform/health.ts'
import { createBinder } from '#platform/http.ts'
import { createHttpServer } from '#platform/http-server.ts'
import { createForgettingJob, runOnce } from '#platform/idempotency.ts'
import { createJobs, type Jobs } from '#platform/jobs.ts'
import { createLimiter } from '#platform/limiter.ts'
import { createPost } from '#platform/outbound.ts'
import { attempt, isDatabaseDown, isRowError, type Tx } from '#platform/postgres.ts'
import { judgeUrl } from '#platform/public-address.ts'
import type { Random } from '#platform/random.ts'
import { createScriptRunner, defaultPrefix } from '#platform/redis.ts'
import { createSeal } from '#platform/seal.ts'
import { createSignatureCheck } from '#platform/signature.ts'
import { createBudgets } from './budgets/budgets.ts'
import { budgetRecord, isFrozen } from './budgets/postgres.ts'
import { createFreezeChannel } from './budgets/redis.ts'
import { registerBudgetRoutes } from './budgets/routes.ts'
import { composeCampaigns, composeFigures, isHolder, listStops } from './app-campaigns.ts'
import { composeMetrics } from './app-metrics.ts'
import { composeRequests } from './app-requests.ts'
import { areaRecord } from './areas/postgres.ts'
import { campaignLabels, campaignRecord, winLimits } from './campaigns/postgres.ts'
import { createChainJob } from './chain/extend.ts'
import { chainRecord } from './chain/postgres.ts'
import { registerChainRoutes } from './chain/routes.ts'
import { announceLateWin, createSettledAnnouncer } from './claims/announce.ts'
import { createClaims } from './claims/claims.ts'
import type { Reach } from './claims/failpoints.ts'
import { describeVerbs } from './claims/describe.ts'
import { countClaimsSince, createClaimRecord, deadLetterRecord, listClaimedLive } from './claims/postgres.ts'
import { createClaimGate } from './claims/redis.ts'
import { registerClaimRoutes, registerDeadLetterRoutes } from './claims/routes.ts'
import { couponStock } from './coupons/postgres.ts'
import { createEnvelopes } from './envelopes/envelopes.ts'
import { envelopeRecord, listEnds } from './envelopes/postgres.ts'
import { registerEnvelopeRoutes } from './envelopes/routes.ts'
import { tellHiders } from './envelopes/tell-end.ts'
import { createAround } from './hints/around.ts'
import { createLiveIndex } from './hints/live-index.ts'
import { createHintSelector } from './hints/order.ts'
import { findEnds, loadLiveEnvelopes } from './hints/postgres.ts'
import { registerHintRoutes } from './hints/routes.ts'
import { isInsufficientFunds, isReferenceUsed, postTransfers as post } from './ledger/postgres.ts'
import { statementRecord, walletRecord } from './ledger/postgres.ts'
import { createFreshPost } from './ledger/post-fresh.ts'
import { registerLedgerRoutes } from './ledger/routes.ts'
import { createActAs } from './merchants/act-as.ts'
import { createKeyVerifier } from './merchants/keys.ts'
import { merchantRecord } from './merchants/postgres.ts'
import { createRevocationChannel } from './merchants/redis.ts'
import { registerMerchantRoutes } from './merchants/routes.ts'
import { createActionLog } from './operator/postgres.ts'
import { registerOperatorRoutes } from './operator/routes.ts'
import { createAuthenticator } from './players/authenticator.ts'
import type { Caller } from './players/caller.ts'
import { deviceRecord, playerRecord } from './players/postgres.ts'
import { registerBanRoutes, registerPlayerRoutes } from './players/routes.ts'
import { createTokenIssuer } from './players/token.ts'
import { createHandOverJob } from './payouts/hand-over.ts'
import { payoutRecord } from './payouts/postgres.ts'
import { manualProvider, type PayoutProvider } from './payouts/provider.ts'
import { registerPayoutRoutes } from './payouts/routes.ts'
import { createPositions } from './positions/positions.ts'
import { createStandingStore } from './positions/redis.ts'
import { registerPositionRoutes } from './positions/routes.ts'
import { reportRecord } from './reports/postgres.ts'
import { registerReportRoutes } from './reports/routes.ts'
import type { TrustOf } from './requests/ports.ts'
import { createReviewDesk } from './reviews/desk.ts'
import { reviewRecord } from './reviews/postgres.ts'
import { registerReviewRoutes } from './reviews/routes.ts'
import { readTrustFacts } from './trust/postgres.ts'
import { registerTrustRoutes } from './trust/routes.ts'
import { trust } from './trust/trust.ts'
import { createAdmission } from './realtime/admission.ts'
import { createHub } from './realtime/hub.ts'
import { createAnnouncer, createChannels, createNotices } from './realtime/redis.ts'
import { registerPlaySocket } from './realtime/socket.ts'
import { createStrikes } from './strikes/give.ts'
import { appealRecord, strikeRecord } from './strikes/postgres.ts'
import { registerStrikeRoutes } from './strikes/routes.ts'
import { webhookRecord } from './webhooks/postgres.ts'
import { createInbox } from './webhooks/redis.ts'
import { registerInbox, registerWebhookRoutes } from './webhooks/routes.ts'
import { createWebhooks } from './webhooks/webhooks.ts'

export type AppOptions = {
  config: ReadyConfig
  clock: Clock
  random: Random
  log: Logger
  /** Before every Redis key and channel. */
  redisPrefix?: string
  /** Who moves money outside; without one, the operator by hand. */
  payoutProvider?: PayoutProvider
  /** Where a test lets the process die. */
  reach?: Reach
  /** Where several workers share a port: what shows the figures of all. */
  fleet?: FleetMember | undefined
}

export type App = {
  /** Ready to listen or to be injected into. */
  http: FastifyInstance
  jobs: Jobs
  /** Says goodbye to the sockets, settles what is reserved, closes every connection. */
  close(how?: { isReplaced?: boolean }): Promise<void>
}

/** How long balancers are told first, one that is replaced still answers, and PostgreSQL may take what is reserved. */
const closing = { noticeMs: 2_000, handOverMs: 500, drainMs: 5_000 }

export async function createApp({
  config,
  clock,
  random,
  log,
  redisPrefix = defaultPrefix,
  payoutProvider = manualProvider,
  reach,
  fleet,
}: AppOptions): Promise<App> {
  const { isSandbox, currencies, dayZone, hmacSecret } = config
  const postTransfers = createFreshPost(post, clock)

  // Connections
  const connections = await openConnections(config, log)
  const { database, game, redis, sweepRedis, subscriber } = connections
  const runner = createScriptRunner(redis)

  // What operators watch
  const metrics = composeMetrics({ config, connections, clock, log, fleet })

  // What the rest of the game tells the sockets
  const channel = createAnnouncer(redis, { prefix: redisPrefix, log })
  const announcer = tellHiders(channel, {
    listEnds: ids => listEnds(game, ids),
    ...{ hmacSecret, log },
  })
  const notices = createNotices(redis, { prefix: redisPrefix, log })

  // What is told over HTTP
  const { timeoutMs, responseChars } = limits.webhook
  const webhooks = createWebhooks({
    ...{ database, record: webhookRecord, hmacSecret, clock, random, log },
    post: createPost({ isSandbox, timeoutMs, textChars: responseChars }),
    judgeUrl: url => judgeUrl(url, { isSandbox }),
    seal: createSeal(hmacSecret, { purpose: 'webhook secrets', random }),
  })

  // Where players are
  const positions = createPositions({
    store: createStandingStore({ redis, runner, prefix: redisPrefix, random, clock }),
    countClaimsSince: asked => countClaimsSince(database, asked),
    ...createStrikes({ strikes: strikeRecord, database, clock, random }),
    ...{ hmacSecret, clock, log },
  })

  // What stops payouts
  const noteAction = createActionLog({ clock, random })
  const isMerchant = async (tx: Tx, id: string) => (await merchantRecord.find(tx, id)) !== undefined
  const budgets = createBudgets({
    record: budgetRecord,
    listFrozen: () => listStops(game),
    channel: createFreezeChannel({ redis, subscriber, prefix: redisPrefix, log }),
    ...{ isHolder, noteAction, clock, random, log },
  })
  await budgets.start()

  // What merchants see of their campaigns
  const figures = composeFigures({
    ...{ database, game, redis, subscriber, prefix: redisPrefix },
    ...{ hmacSecret, clock, log },
  })

  // Claims: Redis reserves, PostgreSQL decides
  const createGate = (connection: typeof redis, scripts: typeof runner) =>
    createClaimGate({ redis: connection, runner: scripts, prefix: redisPrefix, nowMs: () => clock.nowMs() })
  const record = createClaimRecord({ database, postTransfers, giveCoupons: couponStock.give })
  const claims = createClaims<Tx>({
    gate: createGate(redis, runner),
    sweepGate: createGate(sweepRedis, createScriptRunner(sweepRedis)),
    record,
    ...{ budgets, positions },
    ...{ announcer, clock, random, log, hmacSecret, isRowError },
    findBanned: playerRecord.findBanned,
    ...{ onSettled: figures.onSettled, onRevealed: figures.onRevealed, onRebuilt: metrics.onRebuilt },
    winLimits: { ...winLimits, count: pair => winLimits.count(database, pair) },
    isOutage: isDatabaseDown,
    ...(reach !== undefined && { reach }),
  })
  const claimedIds = (playerId: string) => listClaimedLive(database, playerId)

  // What players write for others
  const trustOf: TrustOf = async (tx, who) => trust(await readTrustFacts(tx, who))
  const reviews = createReviewDesk({ record: reviewRecord, trustOf, isSandbox })

  // Envelopes
  const envelopes = createEnvelopes({
    database,
    runOnce: (request, act) => runOnce(database, request, act),
    record: envelopeRecord,
    ledger: { post: postTransfers, isInsufficientFunds },
    ...{ positions, merchants: merchantRecord, budgets: { isFrozen } },
    ...{ exclusions: areaRecord, campaigns: { ...campaignLabels, lockDrop: campaignRecord.lockDrop } },
    ...{ reviews, noteAction, gates: claims },
    giveBackCoupons: couponStock.giveBack,
    ...{ announcer, clock, random, log, isRowError },
    settings: { isSandbox, currencies, dayZone, hmacSecret },
  })

  // Campaigns and their drops
  const parts = { config, database, clock, random, log, postTransfers, announcer, noteAction }
  const campaigns = composeCampaigns({
    ...parts,
    announceStops: budgets.announce,
    noteEvent: webhooks.noteEvent,
  })

  // Service requests
  const channels = createChannels(subscriber, { prefix: redisPrefix, log })
  const requests = composeRequests({
    ...{ ...parts, redis, runner, positions, trustOf, reviews },
    ...{ prefix: redisPrefix, announcer: channel, feed: channels.requests },
  })

  // Hints
  const index = createLiveIndex({
    loadEnvelopes: cells7 => loadLiveEnvelopes(database, cells7),
    findEnds: ids => findEnds(database, ids),
    ...{ feed: channels, clock, log },
  })
  const around = createAround({ index, selectHints: createHintSelector(hmacSecret) })

  // Who is calling
  const keys = createKeyVerifier({
    ...{ sandbox: isSandbox, merchants: merchantRecord, database: game, clock, log },
  })
  const revocations = createRevocationChannel({ redis, subscriber, prefix: redisPrefix, log })
  revocations.follow({ revoked: keys.forget, missed: keys.forgetAll })
  const authenticator = createAuthenticator({
    jwt: config.jwt,
    operatorKey: config.operatorKey,
    verifyApiKey: keys.verify,
    players: playerRecord,
    devices: deviceRecord,
    ...{ database, clock, random },
  })

  // HTTP and the socket
  const anyOrigin = isSandbox && config.origins.length === 0
  const http = await createHttpServer(config, { log, anyOrigin, overload: metrics.overload, random })
  metrics.observe(http)
  const hub = createHub({
    ...{ clock, random, log, isSandbox, around, index, channels, notices, positions },
    ...requests.forSockets,
    authenticate: authenticator.authenticatePlayerToken,
    forgetTokens: authenticator.forget,
    claims: { ...describeVerbs(claims), claimedIds },
    onTick: metrics.onTick,
  })
  const perAddress = isSandbox ? Infinity : limits.socket.perAddress
  await registerPlaySocket(http, {
    hub,
    origins: anyOrigin ? 'any' : config.origins,
    admission: createAdmission({ clock, random, perAddress }),
  })
  await registerDocuments(http)
  const bind = createBinder<Caller>(http, {
    sandbox: isSandbox,
    authenticate: authenticator.authenticate,
    admit: createLimiter({ clock, sandbox: isSandbox }),
    actAs: createActAs({ noteAction: merchantRecord.noteAction, clock, random }),
    ...createSignatureCheck({ secret: config.payoutCallbackSecret, clock }),
  })
  const money = { sandbox: isSandbox, database, clock, random, currencies, postTransfers }
  const issueToken = createTokenIssuer(config.jwt, { clock })
  registerPlayerRoutes(bind, { ...money, players: playerRecord, issuer: config.jwt.issuer, issueToken })
  registerBanRoutes(bind, {
    ...{ players: playerRecord, database, clock, noteAction },
    onBanned(playerId) {
      // Here at once, whether Redis answers or not.
      hub.ban(playerId)
      notices.playerBanned(playerId)
    },
  })
  registerPositionRoutes(bind, { positions })
  registerStrikeRoutes(bind, {
    ...{ strikes: strikeRecord, appeals: appealRecord, players: playerRecord },
    ...{ database, clock, random, noteAction, allowanceOf: positions.allowance, onPause: positions.pause },
  })
  registerLedgerRoutes(bind, {
    ...money,
    wallets: walletRecord,
    statements: statementRecord,
    isReferenceUsed,
    isPlayer: async (tx, id) => (await playerRecord.find(tx, id)) !== undefined,
    isMerchant,
  })
  const payouts = { ...money, record: payoutRecord, isInsufficientFunds, announcer }
  registerPayoutRoutes(bind, payouts)
  registerMerchantRoutes(bind, {
    ...money,
    ...{ merchants: merchantRecord, areas: areaRecord, noteAction },
    seal: createSeal(hmacSecret, { purpose: 'kept answers', random }),
    onRevoked(keyId) {
      // Here at once, whether Redis answers or not.
      keys.forget(keyId)
      revocations.announce(keyId)
    },
  })
  registerEnvelopeRoutes(bind, { envelopes })
  campaigns.register(bind)
  figures.register(bind)
  requests.register(bind)
  registerReportRoutes(bind, {
    ...{ database, envelopes: envelopeRecord, reports: reportRecord, ledger: { post: postTransfers } },
    ...{ positions, noteAction, announcer, clock, random, dayZone },
    claims: { hasWon: async pair => (await record.findClaims([pair])).length > 0 },
  })
  registerReviewRoutes(bind, {
    ...{ record: reviewRecord, database, transact: database.transact, announcer: channel, clock },
    subjects: { service_request: requests.reviewed, envelope: envelopes.reviewed },
  })
  registerTrustRoutes(bind, { database, readFacts: readTrustFacts, clock })
  registerHintRoutes(bind, { index, around, positions, claims: { claimedIds } })
  registerClaimRoutes(bind, { ...claims, database, announcer, clock, hmacSecret })
  registerBudgetRoutes(bind, { ...money, record: budgetRecord, isHolder: budgets.isHolder, noteAction })
  const announceFreezes = budgets.announce
  registerOperatorRoutes(bind, {
    ...{ database, clock },
    freeze: { moveBudget: budgets.freeze, moveEnvelope: envelopes.freeze, announceFreezes },
    unfreeze: { moveBudget: budgets.unfreeze, moveEnvelope: envelopes.unfreeze, announceFreezes },
  })
  registerDeadLetterRoutes(bind, {
    ...{ database, clock, noteAction, attempt, letters: deadLetterRecord },
    settle: { record, budgets, isRowError, winLimits },
    onSettled: createSettledAnnouncer({ announcer, hmacSecret }),
    onLateWin: claim => announceLateWin(announcer, claim),
  })
  registerChainRoutes(bind, { record: chainRecord, database })
  const inbox = createInbox({ redis, prefix: redisPrefix })
  const webhookRoutes = { manage: webhooks.manage, database, hmacSecret, inbox }
  registerWebhookRoutes(bind, webhookRoutes)
  if (isSandbox) registerInbox(http, webhookRoutes)
  const health = registerHealthRoutes(bind, { database, redis })
  metrics.show(http, { claims, hub })

  const handOver = createHandOverJob({ ...payouts, provider: payoutProvider, log })
  const jobs = createJobs(
    [
      ...claims.jobs,
      ...envelopes.jobs,
      ...campaigns.jobs,
      ...requests.jobs,
      ...webhooks.jobs,
      handOver,
      createForgettingJob({ database, clock }),
      createChainJob({ database, record: chainRecord, clock, log }),
    ],
    { clock, database, log, onTurn: metrics.onTurn },
  )

  return {
    http,
    jobs,
    async close({ isReplaced = false } = {}) {
      // A successor listens on the same port: no balancer has to look elsewhere, and nobody new comes here.
      if (isReplaced) http.server.close()
      else health.drain()
      if (!isSandbox || isReplaced) await clock.sleep(isReplaced ? closing.handOverMs : closing.noticeMs)
      figures.stop()
      // Closing HTTP says goodbye to the sockets first.
      await http.close()
      await jobs.stop()
      await campaigns.close()
      const drained = Promise.all([claims.drain(), webhooks.drain(), figures.drain()])
      await Promise.race([drained, clock.sleep(closing.drainMs)])
      index.close()
      requests.close()
      budgets.stop()
      await metrics.close()
      await connections.close()
    },
  }
}
