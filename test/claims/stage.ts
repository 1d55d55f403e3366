/** The claim path over real PostgreSQL and Redis: what a server composes, without HTTP, and servers can be many. */
import type { Test } from 'tap'
import { createJobs } from '#platform/jobs.ts'
import { createLogger } from '#platform/logger.ts'
import { isDatabaseDown, isRowError, type Tx } from '#platform/postgres.ts'
import { awaitRedis, closeRedis, connectRedis, createScriptRunner } from '#platform/redis.ts'
import { nameBudget } from '../../src/budgets/budget.ts'
import { createBudgets } from '../../src/budgets/budgets.ts'
import { budgetRecord, listFrozen } from '../../src/budgets/postgres.ts'
import { listStopped, winLimits } from '../../src/campaigns/postgres.ts'
import type { FreezeChannel } from '../../src/budgets/redis.ts'
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import { createSettledAnnouncer } from '../../src/claims/announce.ts'
import { type ClaimsPorts, createClaims } from '../../src/claims/claims.ts'
import { createSettle } from '../../src/claims/settle.ts'
import { passBy } from '../../src/claims/failpoints.ts'
import { createClaimRecord, countClaimsSince } from '../../src/claims/postgres.ts'
import type { ClaimGate } from '../../src/claims/gate.ts'
import { createClaimGate } from '../../src/claims/redis.ts'
import { partitionOf } from '../../src/claims/reservation.ts'
import type { RevealAnswer } from '../../src/claims/reveal.ts'
import { sweepLimits } from '../../src/claims/sweep.ts'
import { couponStock } from '../../src/coupons/postgres.ts'
import type { Point } from '../../src/geo/point.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import { createPositions } from '../../src/positions/positions.ts'
import { reseedPermits } from '../../src/positions/quotas.ts'
import { systemRandom } from '#platform/random.ts'
import { createStandingStore } from '../../src/positions/redis.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import type { Announcer } from '../../src/realtime/announcer.ts'
import { createStrikes } from '../../src/strikes/give.ts'
import { strikeRecord } from '../../src/strikes/postgres.ts'
import { createStage, square } from '../envelopes/stage.ts'
import type { World } from '../helpers/world.ts'

export const hmacSecret = 'a secret for tests, long enough.'

/** Freezes are heard of only by reading again. */
const silence: FreezeChannel = { announce: () => {}, follow: () => {} }

/** What the operator and the caps froze, and what campaigns stopped. */
const listStops = async (database: Tx) => [
  ...(await listFrozen(database)),
  ...(await listStopped(database)).map(ownerId => nameBudget({ kind: 'campaign', ownerId })),
]

/** Who counts, if anybody does. */
type Counting = Pick<ClaimsPorts<Tx>, 'onSettled' | 'onRevealed'>

/** A server over the world's PostgreSQL and Redis, with a memory of its own. */
function compose(world: World, announcer: Announcer, channel: FreezeChannel, counting: Counting) {
  const { database, redis, redisPrefix: prefix, clock, random } = world
  const runner = createScriptRunner(redis)
  const nowMs = () => clock.nowMs()
  const gate = createClaimGate({ redis, runner, prefix, nowMs })
  const record = createClaimRecord({ database, postTransfers, giveCoupons: couponStock.give })
  const store = createStandingStore({ redis, runner, prefix, random: systemRandom, clock })
  const log = createLogger('silent')
  const positions = createPositions({
    ...{ store, clock, hmacSecret },
    countClaimsSince: asked => countClaimsSince(database, asked),
    ...createStrikes({ strikes: strikeRecord, database, clock, random }),
    log,
  })
  const budgets = createBudgets({
    ...{ record: budgetRecord, listFrozen: () => listStops(database), channel, clock, random, log },
    ...{ isHolder: () => Promise.resolve(true), noteAction: createActionLog(world) },
  })
  const { findBanned } = playerRecord
  const outside = { announcer, clock, random, log, hmacSecret, isRowError, isOutage: isDatabaseDown }
  const claims = createClaims<Tx>({
    gate,
    sweepGate: gate,
    record,
    budgets,
    positions,
    findBanned,
    winLimits: { ...winLimits, count: pair => winLimits.count(database, pair) },
    ...outside,
    onSettled: batch => counting.onSettled?.(batch),
    onRevealed: reveal => counting.onRevealed?.(reveal),
  })
  const sweep = async (envelopeId: string) => {
    const job = claims.jobs.find(({ name }) => name === 'sweep')
    return job?.run(partitionOf(envelopeId))
  }
  const settleForgotten = async () => claims.jobs.find(({ name }) => name === 'settle-forgotten')?.run(0)
  return { ...claims, gate, record, budgets, positions, store, sweep, settleForgotten }
}

export async function createClaimStage(t: Test) {
  const stage = await createStage(t, { connections: 20 })
  const { world } = stage
  const redis = await connectAsServer(t, world)
  const announced: unknown[] = []
  const announce = (event: unknown) => void announced.push(event)
  const announcer: Announcer = {
    envelopeOpened: announce,
    envelopeEnded: announce,
    cellsChanged: announce,
    toPlayer: (playerId, frame) => announce({ playerId, ...frame }),
  }

  const counting: Counting = {}
  /** One more server over the same PostgreSQL and Redis. */
  const createServer = (channel = silence) => compose({ ...world, redis }, announcer, channel, counting)
  const server = createServer()
  const fixAt = (point: Point, accuracyM = 8) => ({ ...point, accuracyM })
  const claim = (
    player: PlayerCaller,
    envelopeId: string,
    { at = square, on = server, ...more }: { at?: Point; on?: typeof server; passphrase?: string } = {},
  ): Promise<ClaimAnswer> => on.claim(player, { envelopeId, fix: fixAt(at), ...more })

  const reveal = (
    player: PlayerCaller,
    envelopeId: string,
    { at = square, on = server, ...more }: { at?: Point; on?: typeof server; passphrase?: string } = {},
  ): Promise<RevealAnswer> => on.reveal(player, { envelopeId, fix: fixAt(at), ...more })

  const standingOf = ({ id }: PlayerCaller) => server.store.read({ kind: 'account', id })
  /** As if the player had won so often today. */
  const usePermits = ({ id }: PlayerCaller, count: number) =>
    server.store.update(
      { kind: 'account', id },
      () => Promise.reject(new Error('the player has stood somewhere')),
      standing => {
        const quotas = reseedPermits(standing.quotas, count, { nowMs: world.clock.nowMs(), timeScale: 1 })
        return { standing: { ...standing, quotas }, answer: undefined }
      },
    )

  return {
    ...stage,
    ...createRemains(world, server.gate),
    announced,
    /** What envelopes announce, apart from claims. */
    announcedByEnvelopes: stage.announced,
    ...{ counting, createServer, server },
    ...createOutsiders(world, announcer, server),
    claim,
    reveal,
    standingOf,
    usePermits,
    ...createPatience(world),
    ...createCrowds(stage),
    fixAt,
    createJobs,
  }
}

function createPatience({ clock }: World) {
  /** Whoever is told to come back later has to come later by the clock, too: otherwise they are sent away for ever. */
  async function comeBack(ms: number): Promise<void> {
    await clock.sleep(ms)
    clock.advance(ms)
  }
  return { comeBack }
}

function createCrowds({ ask }: Pick<Awaited<ReturnType<typeof createStage>>, 'ask'>) {
  /** Players without money, made in one statement. */
  async function createCrowd(size: number): Promise<PlayerCaller[]> {
    const rows = await ask<{ id: string }>(
      `insert into players (id, issuer, subject, created_at)
       select gen_random_uuid(), 'crowd', gen_random_uuid(), now() from generate_series(1, $1) returning id`,
      [size],
    )
    return rows.map(({ id }) => ({ kind: 'player', id, timeScale: 1 }))
  }
  return { createCrowd }
}

/** What settles and sweeps outside of a server. */
function createOutsiders({ clock }: World, announcer: Announcer, server: ReturnType<typeof compose>) {
  const settlePorts = {
    ...{
      record: server.record,
      budgets: server.budgets,
      isRowError,
      nowMs: () => clock.nowMs(),
      reach: passBy,
    },
    onSettled: createSettledAnnouncer({ announcer, hmacSecret }),
  }
  const sweepPorts = {
    ...settlePorts,
    ...{
      gate: server.gate,
      settle: createSettle(settlePorts),
      log: createLogger('silent'),
      onLateWin: () => {},
    },
  }
  return { settlePorts, sweepPorts }
}

/** What a server leaves in Redis, and what one does that dies. */
function createRemains({ redis, redisPrefix: prefix, clock }: World, gate: ClaimGate) {
  const keysOf = async (envelopeId: string) =>
    redis.keys(`${prefix}e:{${partitionOf(envelopeId)}}:${envelopeId}*`)
  const outboxOf = (envelopeId: string) => `${prefix}o:{${partitionOf(envelopeId)}}`
  /** Reserves from a gate that is loaded, as a server does that dies before it settles. */
  async function reserveAndDie(id: string, player: PlayerCaller) {
    const epoch = await gate.storedEpoch(id)
    if (epoch === undefined) throw new Error('no gate')
    const request = { envelopeId: id, playerId: player.id, epoch }
    const [verdict] = await gate.reserve(partitionOf(id), [request], clock.nowMs())
    if (verdict?.status !== 'won') throw new Error(`not reserved: ${verdict?.status}`)
    return verdict.reservation
  }
  /** Outbox entries are swept when they are old by Redis' own time: these, of its partition, are rewritten as older. */
  async function age(envelopeId: string) {
    const key = outboxOf(envelopeId)
    const entries = await redis.xrange(key, '-', '+')
    const pipeline = redis.pipeline().del(key)
    for (const [entryId, fields] of entries) {
      const [ms, n] = entryId.split('-')
      pipeline.xadd(key, `${Number(ms) - sweepLimits.minAgeMs - 1}-${n}`, ...fields)
    }
    await pipeline.exec()
  }
  return { keysOf, outboxOf, reserveAndDie, age }
}

/** Not with the world's own connection, whose user may do everything. */
async function connectAsServer(t: Test, { redisUrl }: World) {
  const onError = (error: Error) => t.comment(error.message)
  const redis = connectRedis({ url: redisUrl, name: 'test-server', onError })
  await awaitRedis(redis)
  t.teardown(() => closeRedis(redis))
  return redis
}

export const outcomeOf = (answer: ClaimAnswer | RevealAnswer): string =>
  answer.status === 'refused' ? [answer.code, answer.reason].filter(Boolean).join(':') : answer.status
