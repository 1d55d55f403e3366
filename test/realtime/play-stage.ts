/**
 * Servers with real sockets over real PostgreSQL and Redis. Positions and claims are the test's own: whoever sends a
 * fix stands there, and what a claim is answered is what the test says.
 */
import Fastify from 'fastify'
import type { Test } from 'tap'
import { type Clock, systemClock } from '#platform/clock.ts'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import { createLogger } from '#platform/logger.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { awaitRedis, connectRedis } from '#platform/redis.ts'
import { createChats } from '../../src/chats/chats.ts'
import { chatRecord } from '../../src/chats/postgres.ts'
import { type Cell, locateCell } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import { createAround } from '../../src/hints/around.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import { createLiveIndex } from '../../src/hints/live-index.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import { findEnds, loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import { registerHintRoutes } from '../../src/hints/routes.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import type { Caller, PlayerCaller } from '../../src/players/caller.ts'
import type { EndReason } from '../../src/realtime/announcer.ts'
import { createAdmission } from '../../src/realtime/admission.ts'
import { createLiveRequests } from '../../src/requests/live-requests.ts'
import { createNearby } from '../../src/requests/nearby.ts'
import { acceptanceRecord, loadLiveRequests } from '../../src/requests/postgres.ts'
import { createHub, type HubPorts } from '../../src/realtime/hub.ts'
import { createAnnouncer, createChannels, createNotices } from '../../src/realtime/redis.ts'
import type { MoveAnswer, Viewpoint } from '../../src/positions/positions.ts'
import type { ClaimAnswer, ClaimRequest, RevealAnswer, RevealRequest } from '../../src/realtime/answering.ts'
import { type Duty, type DutyRecord, findDuty, setDuty } from '../../src/requests/duty.ts'
import { registerPlaySocket } from '../../src/realtime/socket.ts'
import { addPlayer } from '../helpers/people.ts'
import { createWorld, type World } from '../helpers/world.ts'
import { endPlanted, plantEnvelope } from './planting.ts'

export type PlayServer = Awaited<ReturnType<typeof startServer>>

type ServerOptions = {
  indexClock?: Clock
  hubClock?: Clock
  random?: Random
  /** Where announcements come from. */
  announcements?: { url: string; pulseMs: number }
  port?: number
  admissionClock?: Clock
  perAddress?: number
  origins?: readonly string[]
}

const log = createLogger('silent')

export async function createPlayStage(t: Test) {
  const world = await createWorld(t)
  const people = createPeople(world)
  return {
    world,
    announcer: createAnnouncer(world.redis, { prefix: world.redisPrefix, log }),
    rules: people.rules,
    claimed: people.claimed,
    banned: people.banned,
    notices: createNotices(world.redis, { prefix: world.redisPrefix, log }),
    signUp: people.signUp,
    duties: people.duties,
    startServer: (options: ServerOptions = {}) => startServer(t, world, people, options),
    plant: (where: Point | Cell, more?: Partial<LiveEnvelope>) => plantEnvelope(world, where, more),
    endInRecord: (id: string, reason: EndReason) => endPlanted(world, id, reason),
  }
}

type People = ReturnType<typeof createPeople>

function createPeople(world: World) {
  const players = new Map<string, PlayerCaller>()
  const banned = new Set<string>()
  const cells = new Map<string, Cell>()
  const claimed = new Map<string, string[]>()
  const rules = {
    move: (_player: PlayerCaller, point: Point): MoveAnswer => ({
      status: 'accepted',
      cell: locateCell(point),
    }),
    claim: async (_player: PlayerCaller, _request: ClaimRequest): Promise<ClaimAnswer> =>
      refuse('out_of_reach'),
    reveal: async (_player: PlayerCaller, _request: RevealRequest): Promise<RevealAnswer> =>
      refuse('out_of_reach'),
  }
  return {
    rules,
    claimed,
    duties: createDuties(),
    /** The new player's id, which is the token too. */
    async signUp(timeScale = 1): Promise<string> {
      const player = await addPlayer(world, { timeScale })
      players.set(player.id, player)
      return player.id
    },
    banned,
    authenticate: async (token: string, device?: string): Promise<PlayerCaller | Refusal> => {
      if (banned.has(token)) return refuse('banned')
      if (device !== undefined) return refuse('device_refused', { reason: 'too_many' })
      return players.get(token) ?? refuse('unauthorized')
    },
    positions: {
      async move(player: PlayerCaller, point: Point) {
        const answer = rules.move(player, point)
        if (answer.status === 'accepted') cells.set(player.id, answer.cell)
        return answer
      },
      lastCell: async (playerId: string) => cells.get(playerId),
      async viewpoint({ id }: PlayerCaller): Promise<Viewpoint> {
        const cell = cells.get(id)
        return cell === undefined ? { status: 'unknown' } : { status: 'open', cell }
      },
    },
    claims: {
      claim: (player: PlayerCaller, request: ClaimRequest) => rules.claim(player, request),
      reveal: (player: PlayerCaller, request: RevealRequest) => rules.reveal(player, request),
      claimedIds: async (playerId: string) => claimed.get(playerId) ?? [],
    },
  }
}

/** Kept here like everything about the players, so that a welcome waits for no database. */
function createDuties(): DutyRecord {
  const kept = new Map<string, Duty>()
  return {
    find: async (_tx, playerId) => kept.get(playerId),
    set: async (_tx, { playerId, isOnDuty, category }) =>
      void kept.set(playerId, { isOnDuty, ...(category !== undefined && { category }) }),
  }
}

function bindDuties({ world, people }: { world: World; people: People }): HubPorts['duties'] {
  const announcer = createAnnouncer(world.redis, { prefix: world.redisPrefix, log })
  const ports = { duties: people.duties, tx: world.database, clock: systemClock, announcer }
  return {
    find: caller => findDuty(ports, caller),
    set: (caller, duty) => setDuty(ports, { caller, duty }),
  }
}

/** Of service requests that are in the record. */
const openChats = (world: World) =>
  createChats({
    ...{ database: world.database, record: chatRecord, requests: acceptanceRecord, clock: world.clock },
    announcer: createAnnouncer(world.redis, { prefix: world.redisPrefix, log }),
    noteAction: createActionLog(world),
    settings: { hmacSecret: 'h'.repeat(40) },
  })

async function startServer(t: Test, world: World, people: People, options: ServerOptions) {
  const { database, redisUrl, redisPrefix: prefix, random } = world
  const { positions, claims, authenticate } = people
  const onError = (error: Error) => log.warn({ err: error }, 'redis')
  const subscriber = connectRedis({
    ...{ url: redisUrl, name: 'test-subscriber', onError, subscriber: true },
    ...options.announcements,
  })
  await awaitRedis(subscriber)
  const channels = createChannels(subscriber, { prefix, log })
  const index = createLiveIndex({
    loadEnvelopes: cells7 => loadLiveEnvelopes(database, cells7),
    findEnds: ids => findEnds(database, ids),
    feed: channels,
    clock: options.indexClock ?? systemClock,
    log,
  })
  const live = createLiveRequests({
    loadRequests: cells7 => loadLiveRequests(database, cells7),
    ...{ feed: channels.requests, clock: options.indexClock ?? systemClock, log },
  })
  const requests = { live, nearby: createNearby(live) }
  const around = createAround({ index, selectHints: createHintSelector('h'.repeat(32)) })
  const notices = createNotices(world.redis, { prefix, log })
  const forgetTokens = (): void => undefined
  const chats = openChats(world)
  const seen = { around, index, requests, channels, positions, claims, chats, notices, forgetTokens }
  const hub = createHub({
    ...{ clock: options.hubClock ?? systemClock, random: options.random ?? random },
    ...{ log, isSandbox: true, authenticate, ...seen },
    duties: bindDuties({ world, people }),
  })
  const app = Fastify()
  handleFaults(app, { sandbox: true })
  const admission = createAdmission({
    ...{ clock: options.admissionClock ?? systemClock, random },
    perAddress: options.perAddress ?? Infinity,
  })
  await registerPlaySocket(app, { hub, origins: options.origins ?? 'any', admission })
  const bind = createBinder<Caller>(app, {
    sandbox: true,
    authenticate: authorization => authenticate(authorization?.slice('Bearer '.length) ?? ''),
  })
  registerHintRoutes(bind, { index, around, positions, claims })
  await app.listen({ port: options.port ?? 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }

  let closing: Promise<void> | undefined
  async function closeAll(): Promise<void> {
    await app.close()
    index.close()
    live.close()
    await subscriber.quit()
  }
  const close = () => (closing ??= closeAll())
  t.teardown(close)
  return {
    app,
    hub,
    admission,
    index,
    requests,
    around,
    subscriber,
    url: `ws://127.0.0.1:${port}/v1/play`,
    close,
  }
}
