/** Service requests over the real record and the real gate, with positions and sockets that the test holds. */
import type { Test } from 'tap'
import type { PostBody } from '#protocol/rest/service-requests.ts'
import { runOnce } from '#platform/idempotency.ts'
import { createLogger } from '#platform/logger.ts'
import { isRowError } from '#platform/postgres.ts'
import { connectRedis, createScriptRunner } from '#platform/redis.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { isInsufficientFunds, postTransfers, walletRecord } from '../../src/ledger/postgres.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import type { PlayerCaller } from '../../src/players/caller.ts'
import { playerRecord } from '../../src/players/postgres.ts'
import { ratingRecord } from '../../src/ratings/postgres.ts'
import type { PlayerFrame } from '../../src/realtime/announcer.ts'
import { actOnDue, expiring, widenDue } from '../../src/requests/due.ts'
import type { LiveRequest } from '../../src/requests/live-request.ts'
import { dutyRecord, requestRecord } from '../../src/requests/postgres.ts'
import { createTakeGate } from '../../src/requests/redis.ts'
import { createServiceRequests } from '../../src/requests/requests.ts'
import type { TrustOf } from '../../src/requests/ports.ts'
import { createReviewDesk } from '../../src/reviews/desk.ts'
import { reviewRecord } from '../../src/reviews/postgres.ts'
import { readTrustFacts } from '../../src/trust/postgres.ts'
import { trust } from '../../src/trust/trust.ts'
import { addPlayer } from '../helpers/people.ts'
import { createWorld } from '../helpers/world.ts'

export const place = { lat: 31.2304, lng: 121.4737 }
export const hour = 3_600_000

const trustOf: TrustOf = async (tx, who) => trust(await readTrustFacts(tx, who))

/** The ports of the verbs, and what a test may turn on them. */
async function openPorts(t: Test, isSandbox: boolean) {
  const world = await createWorld(t, { connections: 16 })
  const { clock, random, redisUrl, redisPrefix } = world
  const onError = (error: Error) => t.comment(error.message)
  const redis = connectRedis({ url: redisUrl, name: 'test-requests', onError })
  t.teardown(() => redis.quit())
  const told: { playerId: string; frame: PlayerFrame }[] = []
  const near: { opened?: LiveRequest; closed?: string }[] = []
  const stops = { isFrozen: false }
  const gate = createTakeGate({ redis, runner: createScriptRunner(redis), prefix: redisPrefix })
  const ports = {
    ...{ clock, random, isRowError, gate, record: requestRecord, players: playerRecord },
    ...{ duties: dutyRecord, trustOf },
    ledger: { post: postTransfers, isInsufficientFunds },
    budgets: { isFrozen: async () => stops.isFrozen },
    noteAction: createActionLog({ clock, random }),
    announcer: {
      requestOpened: (opened: LiveRequest) => void near.push({ opened }),
      requestClosed: ({ id }: { id: string }) => void near.push({ closed: id }),
      toPlayer: (playerId: string, frame: PlayerFrame) => void told.push({ playerId, frame }),
    },
    reputations: ratingRecord,
    log: createLogger('silent'),
    reviews: createReviewDesk({ record: reviewRecord, trustOf, isSandbox }),
    /** Everybody stands on the square. */
    positions: {
      standing: async () => ({ status: 'ok', cell: locateCell(place) }) as const,
      lastCell: async () => locateCell(place),
    },
  }
  return { world, ports, told, near, stops, gate }
}

const bodyOf = (more: Partial<PostBody>): PostBody => ({
  place: { type: 'Point', coordinates: [place.lng, place.lat] },
  ...{ mode: 'choose', category: 'queueing', text: 'Queue for me' },
  instructions: 'Door 7',
  price: { amountMinor: '3000', currency: 'CNY' },
  ...more,
})

export async function createRequestStage(
  t: Test,
  options: { cancelFeePercent?: number; isSandbox?: boolean } = {},
) {
  const { isSandbox = true } = options
  const opened = await openPorts(t, isSandbox)
  const { world, ports } = opened
  const { database } = world
  const requests = createServiceRequests({
    ...{ ...ports, database },
    runOnce: (request, act) => runOnce(database, request, act),
    settings: {
      isSandbox,
      currencies: new Map([['CNY', 2]]),
      dayZone: 'UTC',
      hmacSecret: 'h'.repeat(40),
      cancelFeePercent: options.cancelFeePercent ?? 0,
    },
  })
  let keys = 0

  const post = (caller: PlayerCaller, more: Partial<PostBody> = {}, key = `post-${keys++}`) =>
    requests.post({ caller, body: bodyOf(more), idempotencyKey: key })

  /** The id of a new request. */
  async function open(caller: PlayerCaller, more: Partial<PostBody> = {}): Promise<string> {
    const posted = await post(caller, more)
    if (posted.status !== 201) throw new Error(JSON.stringify(posted))
    return posted.body.id
  }

  /** A new request that this provider has in hand. */
  async function openAccepted(poster: PlayerCaller, provider: PlayerCaller): Promise<string> {
    const id = await open(poster, { mode: 'first_taker' })
    const taken = await requests.take({ caller: provider, id })
    if (taken.status !== 200) throw new Error(JSON.stringify(taken))
    return id
  }

  const topUp = (caller: PlayerCaller, id: string, amountMinor: string, key = `top-up-${keys++}`) =>
    requests.topUp({ caller, id, amount: { amountMinor, currency: 'CNY' }, idempotencyKey: key })
  const split = (id: string, providerMinor: string) =>
    requests.split({ id, providerMinor, reason: 'heard both', idempotencyKey: `split-${keys++}` })

  const due = { ...ports, transact: database.transact }
  /** Everything that the clock does by now. */
  async function tick(): Promise<void> {
    await actOnDue(due, expiring)
    await actOnDue(due, ['delivered'])
    await widenDue(due)
  }

  const find = async (id: string) => {
    const request = await requestRecord.find(database, id)
    if (request === undefined) throw new Error(`no request ${id}`)
    return request
  }
  const balanceOf = async ({ id }: PlayerCaller) =>
    (await walletRecord.listBalances(database, id))[0]?.amountMinor ?? 0n
  const add = (walletMinor = 0n, deviceId?: string): Promise<PlayerCaller> =>
    addPlayer(world, { walletMinor }).then(player => ({
      ...player,
      ...(deviceId !== undefined && { deviceId }),
    }))

  return {
    ...{ ...opened, requests, post, open, openAccepted, topUp, split, tick },
    ...{ find, balanceOf, add, due, ports, trustOf },
  }
}
