/**
 * Servers with real sockets over real PostgreSQL and Redis, and clients that hold every frame against the protocol.
 * Positions and claims are the test's own: whoever sends a fix stands there.
 */
import Fastify from 'fastify'
import type { Test } from 'tap'
import { Compile } from 'typebox/compile'
import { WebSocket } from 'ws'
import { type ServerFrame, serverFrames } from '#protocol/ws/server.ts'
import { type Clock, systemClock } from '#platform/clock.ts'
import { handleFaults } from '#platform/faults.ts'
import { createBinder } from '#platform/http.ts'
import { createId } from '#platform/id.ts'
import { createLogger } from '#platform/logger.ts'
import { refuse } from '#platform/problem.ts'
import { connectRedis } from '#platform/redis.ts'
import { type Cell, centreOf, coarsen, locateCell, toBigInt } from '../../src/geo/cell.ts'
import type { Point } from '../../src/geo/point.ts'
import { createAround } from '../../src/hints/around.ts'
import type { LiveEnvelope } from '../../src/hints/live-envelope.ts'
import { createLiveIndex } from '../../src/hints/live-index.ts'
import { createHintSelector } from '../../src/hints/order.ts'
import { findEnds, loadLiveEnvelopes } from '../../src/hints/postgres.ts'
import { registerHintRoutes } from '../../src/hints/routes.ts'
import type { Caller, PlayerCaller } from '../../src/players/caller.ts'
import type { EndReason } from '../../src/realtime/announcer.ts'
import { createHub } from '../../src/realtime/hub.ts'
import { createAnnouncer, createChannels } from '../../src/realtime/redis.ts'
import type { ClaimAnswer, ClaimRequest, MoveAnswer } from '../../src/realtime/session.ts'
import { registerPlaySocket } from '../../src/realtime/socket.ts'
import { addPlayer } from '../helpers/people.ts'
import { createWorld, type World } from '../helpers/world.ts'

export type PlayStage = Awaited<ReturnType<typeof createPlayStage>>
export type PlayServer = Awaited<ReturnType<PlayStage['startServer']>>
export type Client = ReturnType<typeof openClient>
export type Frame = ServerFrame

const log = createLogger(process.env.LOG_LEVEL ?? 'silent')

export async function createPlayStage(t: Test) {
  const world = await createWorld(t)
  const announcer = createAnnouncer(world.redis, { prefix: world.redisPrefix, log })
  const players = new Map<string, PlayerCaller>()
  const cells = new Map<string, Cell>()
  const claimed = new Map<string, string[]>()
  const rules = {
    move: (_player: PlayerCaller, point: Point): MoveAnswer => ({
      status: 'accepted',
      cell: locateCell(point),
    }),
    claim: async (_player: PlayerCaller, _request: ClaimRequest): Promise<ClaimAnswer> =>
      refuse('out_of_reach'),
  }

  /** A player; the token is the id. */
  async function signUp(timeScale = 1): Promise<string> {
    const player = await addPlayer(world, { timeScale })
    players.set(player.id, player)
    return player.id
  }

  const authenticatePlayerToken = async (token: string) => players.get(token) ?? refuse('unauthorized')
  const positions = {
    async move(player: PlayerCaller, point: Point) {
      const answer = rules.move(player, point)
      if (answer.status === 'accepted') cells.set(player.id, answer.cell)
      return answer
    },
    lastCell: async (playerId: string) => cells.get(playerId),
  }
  const claims = {
    claim: (player: PlayerCaller, request: ClaimRequest) => rules.claim(player, request),
    claimedIds: async (playerId: string) => claimed.get(playerId) ?? [],
  }

  async function startServer(options: { indexClock?: Clock; origins?: readonly string[] } = {}) {
    const onError = (error: Error) => log.warn({ err: error }, 'redis')
    const subscriber = connectRedis({ url: world.redisUrl, name: 'test-sub', onError, subscriber: true })
    const channels = createChannels(subscriber, { prefix: world.redisPrefix, log })
    const index = createLiveIndex({
      loadEnvelopes: cells7 => loadLiveEnvelopes(world.database, cells7),
      findEnds: ids => findEnds(world.database, ids),
      feed: channels,
      clock: options.indexClock ?? systemClock,
      log,
    })
    const around = createAround({ index, selectHints: createHintSelector('h'.repeat(32)) })
    const { random } = world
    const hub = createHub({
      ...{ clock: systemClock, random, log, isSandbox: true, around, index, channels, positions, claims },
    })
    const app = Fastify()
    handleFaults(app, { sandbox: true })
    const origins = options.origins ?? 'any'
    await registerPlaySocket(app, { hub, authenticator: { authenticatePlayerToken }, origins })
    const bind = createBinder<Caller>(app, {
      sandbox: true,
      authenticate: authorization => authenticatePlayerToken(authorization?.slice('Bearer '.length) ?? ''),
    })
    registerHintRoutes(bind, { index, around, positions, claims })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as { port: number }
    let isClosed = false
    const close = async () => {
      if (isClosed) return
      isClosed = true
      await app.close()
      index.close()
      await subscriber.quit()
    }
    t.teardown(close)
    return { app, index, subscriber, url: `ws://127.0.0.1:${port}/v1/play`, close }
  }

  return {
    world,
    announcer,
    rules,
    cells,
    claimed,
    signUp,
    startServer,
    plant: (where: Point | Cell, more?: Partial<LiveEnvelope>) => plantEnvelope(world, where, more),
    endInRecord: (id: string, reason: EndReason) => endEnvelope(world, id, reason),
  }
}

/** A live envelope in the record, which nobody has announced. */
async function plantEnvelope(
  world: World,
  where: Point | Cell,
  more: Partial<LiveEnvelope> = {},
): Promise<LiveEnvelope> {
  const cell = typeof where === 'string' ? where : locateCell(where)
  const point = typeof where === 'string' ? centreOf(where) : where
  const envelope: LiveEnvelope = {
    id: createId(world),
    cell10: coarsen(cell, 10),
    cell7: coarsen(cell, 7),
    kind: 'player',
    hiderId: createId(world),
    audience: 'anyone',
    ...more,
  }
  const { id, kind, hiderId, audience, greeting = null, brand = null, clue = null } = envelope
  await world.ownerDatabase.transact(async tx => {
    await tx.query({ name: 'plant-envelope', text: plantText }, [
      ...[id, kind, hiderId, point.lng, point.lat, toBigInt(cell), audience, greeting, brand, clue],
    ])
    await tx.query({ name: 'plant-share', text: 'insert into envelope_shares values ($1, 1, 100)' }, [id])
    const guests = 'insert into envelope_guests select $1, unnest($2::uuid[])'
    await tx.query({ name: 'plant-guests', text: guests }, [id, envelope.guestIds ?? []])
  })
  return envelope
}

const plantText = `insert into envelopes (id, hider_kind, hider_id, place, cell_r12, audience, greeting, brand, clue,
  passphrase_mac, claim_radius_m, currency, total, share_count, split, seed, commitment, state, opens_at, expires_at, created_at)
values ($1, $2, $3, st_makepoint($4, $5)::geography, $6, $7, $8, $9, $10,
  case when $7 = 'passphrase' then decode(repeat('00', 32), 'hex') end,
  60, 'CNY', 100, 1, 'equal', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 'live', now(),
  now() + interval '1 hour', now())`

async function endEnvelope(world: World, id: string, reason: EndReason): Promise<void> {
  const text = `update envelopes set state = $2::text, epoch = epoch + 1,
    ended_at = case when $2::text = 'frozen' then null else now() end where id = $1`
  await world.ownerDatabase.query({ name: 'end-planted', text }, [id, reason])
}

const checks = new Map(Object.entries(serverFrames).map(([type, schema]) => [type, Compile(schema)]))

type ClientOptions = { protocols?: readonly string[]; origin?: string; playerId?: string }

/** A client; with `playerId` it says hello at once. */
export function openClient(t: Test, server: { url: string }, options: ClientOptions = {}) {
  const socket = new WebSocket(server.url, [...(options.protocols ?? ['hexbao.v1'])], {
    ...(options.origin === undefined ? {} : { origin: options.origin }),
  })
  const frames: Frame[] = []
  const texts: string[] = []
  const waiting = new Set<() => void>()
  let closed: { code: number } | undefined
  const wake = () => [...waiting].forEach(check => check())
  socket.on('message', (data: Buffer) => {
    const text = data.toString()
    const frame = JSON.parse(text) as Frame
    if (!checks.get(frame.type)?.Check(frame)) t.fail(`not a frame of the protocol: ${text}`)
    if (frame.seq !== frames.length + 1) t.fail(`frame ${frames.length + 1} is numbered ${frame.seq}`)
    texts.push(text)
    frames.push(frame)
    wake()
  })
  socket.on('close', code => {
    closed = { code }
    wake()
  })
  socket.on('error', () => undefined)
  socket.on('open', () => {
    if (options.playerId !== undefined) send({ type: 'hello', id: 'hello', token: options.playerId })
  })
  t.teardown(() => socket.terminate())

  const send = (frame: object | string | Buffer) =>
    socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame))

  function until<V>(what: string, find: () => V | undefined, withinMs = 5_000): Promise<V> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check)
        reject(new Error(`no ${what}; got ${texts.join('\n')}${closed ? ` and close ${closed.code}` : ''}`))
      }, withinMs)
      const check = () => {
        const found = find()
        if (found === undefined) return
        clearTimeout(timer)
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
    })
  }

  /** The first frame of a type, from `frames[from]` on, that matches. */
  const frame = <T extends Frame['type']>(
    type: T,
    is: (frame: Extract<Frame, { type: T }>) => boolean = () => true,
    from = 0,
  ) =>
    until(type, () =>
      frames
        .slice(from)
        .filter((one): one is Extract<Frame, { type: T }> => one.type === type)
        .find(is),
    )

  let asked = 0
  return {
    socket,
    frames,
    texts,
    send,
    frame,
    closed: () => until('close', () => closed).then(({ code }) => code),
    /** Stands somewhere; resolves when all that it led to has arrived. Returns what arrived. */
    async stand({ lat, lng }: Point): Promise<Frame[]> {
      const [from, id] = [frames.length, `p${++asked}`]
      send({ type: 'position', id, fix: { lat, lng, accuracyM: 8 } })
      await frame('position.ack', ({ ref }) => ref === id, from)
      send({ type: 'ping', id })
      await frame('pong', ({ ref }) => ref === id, from)
      return frames.slice(from).filter(({ type }) => type !== 'pong')
    },
  }
}
