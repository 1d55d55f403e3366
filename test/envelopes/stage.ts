/** Envelopes over a real database, with people who have money and stand where the test puts them. */
import type { Logger } from 'pino'
import type { Test } from 'tap'
import { v5 as uuidV5 } from 'uuid'
import type { HideBody } from '#protocol/rest/envelopes.ts'
import { runOnce } from '#platform/idempotency.ts'
import { isRowError, type Row, type Tx } from '#platform/postgres.ts'
import { refuse } from '#platform/problem.ts'
import { isFrozen } from '../../src/budgets/postgres.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { campaignLabels, campaignRecord } from '../../src/campaigns/postgres.ts'
import { couponStock } from '../../src/coupons/postgres.ts'
import { createEnvelopes } from '../../src/envelopes/envelopes.ts'
import type { Positions } from '../../src/positions/positions.ts'
import { envelopeRecord } from '../../src/envelopes/postgres.ts'
import { locateCell } from '../../src/geo/cell.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { escrowOf, walletOf } from '../../src/ledger/account.ts'
import { isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import type { Announcer } from '../../src/realtime/announcer.ts'
import { createReviewDesk } from '../../src/reviews/desk.ts'
import { reviewRecord } from '../../src/reviews/postgres.ts'
import { readTrustFacts } from '../../src/trust/postgres.ts'
import { type Trust, trust } from '../../src/trust/trust.ts'
import { addMerchant, addPlayer, testCurrencies } from '../helpers/people.ts'
import { createWorld, type World } from '../helpers/world.ts'

const trustOf = async (tx: Tx, who: { playerId: string; nowMs: number }): Promise<Trust> =>
  trust(await readTrustFacts(tx, who))

/** People's Square, Shanghai. */
export const square: Point = { lat: 31.2304, lng: 121.4737 }
export const goEast = (distanceM: number, from = square): Point =>
  travelFrom(from, { bearingDeg: 90, distanceM })

export const pointOf = ({ lat, lng }: Point): HideBody['place'] => ({
  type: 'Point',
  coordinates: [lng, lat],
})

export function hideBody({ place, ...changes }: Partial<HideBody> = {}): HideBody {
  return {
    place: place ?? pointOf(square),
    total: { amountMinor: '1000', currency: 'CNY' },
    shares: 10,
    split: 'equal',
    ...changes,
  }
}

export async function createStage(t: Test, options: { isSandbox?: boolean; connections?: number } = {}) {
  const world = await createWorld(t, { connections: options.connections ?? 12 })
  const { database, clock, random } = world
  const { standing, positions } = createStanding()
  const { announced, announcer } = createRecorder()
  const { logged, log } = createLogRecorder()
  const { isSandbox = true } = options
  const prepared: string[] = []
  const envelopes = createEnvelopes({
    database,
    runOnce: (request, act) => runOnce(database, request, act),
    record: envelopeRecord,
    ledger: { post: postTransfers, isInsufficientFunds },
    positions,
    merchants: merchantRecord,
    budgets: { isFrozen },
    exclusions: areaRecord,
    campaigns: { ...campaignLabels, lockDrop: campaignRecord.lockDrop },
    reviews: createReviewDesk({ record: reviewRecord, trustOf, isSandbox }),
    noteAction: createActionLog(world),
    giveBackCoupons: couponStock.giveBack,
    announcer,
    gates: { prepare: ({ id }) => void prepared.push(id) },
    clock,
    random,
    log,
    isRowError,
    settings: {
      isSandbox,
      currencies: testCurrencies,
      dayZone: 'Asia/Shanghai',
      hmacSecret: 'a secret for tests, long enough.',
    },
  })

  /** A player with money who stands on the square. */
  async function createPlayer({ minor = 1_000_000n, at = square as Point | null, timeScale = 1 } = {}) {
    const player = await addPlayer(world, { walletMinor: minor, timeScale })
    if (at !== null) standing.set(player.id, at)
    return player
  }

  let keys = 0
  const hide = (
    caller: PlayerCaller | MerchantCaller,
    changes: Partial<HideBody> = {},
    idempotencyKey = `key-${++keys}`,
  ) => envelopes.hide({ caller, body: hideBody(changes), idempotencyKey })

  /** Hides what must not be refused. */
  async function hideWell(caller: PlayerCaller | MerchantCaller, changes: Partial<HideBody> = {}) {
    const answer = await hide(caller, changes)
    if (answer.status === 'refused') throw new Error(`refused: ${answer.code} ${answer.reason ?? ''}`)
    return answer.body
  }

  const createMerchant = () => addShop(world)
  const people = { createPlayer, createMerchant, standing, hide, hideWell, settle: createSettle(world) }
  const heard = { announcer, announced, prepared, log, logged }
  return { world, clock, envelopes, ...heard, ...people, ...createQuestions(world) }
}

/** Where everybody stands, in place of the position gate. */
function createStanding() {
  const standing = new Map<string, Point>()
  const positions: Pick<Positions, 'standing' | 'lastCell'> = {
    async standing({ id }, fix) {
      if (fix !== undefined) standing.set(id, fix)
      const point = standing.get(id)
      return point ? { status: 'ok', cell: locateCell(point) } : refuse('position_needed')
    },
    async lastCell(playerId) {
      const point = standing.get(playerId)
      return point && locateCell(point)
    },
  }
  return { standing, positions }
}

/** Keeps what is announced, in order. */
function createRecorder() {
  const announced: unknown[] = []
  const announce = (event: unknown) => void announced.push(event)
  const announcer: Announcer = {
    envelopeOpened: ({ id, ...rest }) => announce({ event: 'opened', id, ...rest }),
    envelopeEnded: ({ id, reason }) => announce({ event: 'ended', id, reason }),
    cellsChanged: cells7 => announce({ event: 'changed', cells7 }),
    toPlayer: (playerId, frame) => announce({ event: 'frame', playerId, frame }),
  }
  return { announced, announcer }
}

/** Keeps what is logged as an error. */
function createLogRecorder() {
  const logged: unknown[] = []
  const log = { error: (fields: object, message?: string) => void logged.push({ ...fields, message }) }
  return { logged, log: log as Pick<Logger, 'error'> }
}

/** A merchant with money who may hide up to a kilometre from the square. */
function addShop(world: World): Promise<MerchantCaller> {
  const [west, east] = [goEast(-1_000).lng, goEast(1_000).lng]
  const [south, north] = [square.lat - 0.01, square.lat + 0.01]
  const ring: [number, number][] = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  const area = { type: 'Polygon' as const, coordinates: [ring] }
  return addMerchant(world, { walletMinor: 99_999_999n, area })
}

/** What the tables say, asked as their owner. */
function createQuestions({ ownerDatabase }: World) {
  const ask = <R extends Row>(text: string, params: unknown[] = []): Promise<R[]> =>
    ownerDatabase.query<R>({ name: '', text }, params)

  async function balanceOf(ownerId: string): Promise<bigint> {
    const query = 'select credits - debits as balance from accounts where owner_id = $1'
    const [row] = await ask<{ balance: bigint }>(query, [ownerId])
    return row?.balance ?? 0n
  }

  async function stateOf(id: string) {
    const query = 'select state, epoch from envelopes where id = $1'
    const [row] = await ask<{ state: string; epoch: bigint }>(query, [id])
    return row
  }

  return { ask, balanceOf, stateOf }
}

type Settled = { playerId: string; shareNo: number }

/** Settles a share for a player, as the claims do: rows, counters and money in one transaction. */
function createSettle({ ownerDatabase, clock }: World) {
  async function settle(envelopeId: string, { playerId, shareNo }: Settled, within?: Tx): Promise<void> {
    if (within === undefined) {
      return ownerDatabase.transact(tx => settle(envelopeId, { playerId, shareNo }, tx))
    }
    const amountMinor = (await envelopeRecord.listShares(within, envelopeId))[shareNo - 1] ?? 0n
    const id = uuidV5(playerId, envelopeId)
    const now = new Date(clock.nowMs())
    await within.query({ name: '', text: insertClaim }, [id, envelopeId, playerId, shareNo, amountMinor, now])
    await within.query({ name: '', text: countClaim }, [envelopeId, amountMinor, now])
    const accounts = { debit: escrowOf(envelopeId, 'CNY'), credit: walletOf(playerId, 'CNY') }
    const money = { amountMinor, currency: 'CNY', envelopeId, createdAtMs: clock.nowMs() }
    await postTransfers(within, [{ id, kind: 'claim', ...accounts, ...money }])
  }
  return settle
}

const insertClaim = `
  insert into claims (id, envelope_id, player_id, share_no, amount, currency, claimed_at)
  values ($1, $2, $3, $4, $5, 'CNY', $6)`

const countClaim = `
  update envelopes set claimed_shares = claimed_shares + 1, claimed_amount = claimed_amount + $2,
    state = case when claimed_shares + 1 = share_count then 'empty' else state end,
    ended_at = case when claimed_shares + 1 = share_count then $3::timestamptz end,
    epoch = epoch + case when claimed_shares + 1 = share_count then 1 else 0 end
  where id = $1`
