/** The tables of service requests. What is locked is read in a statement after the lock: as the last holder left it. */
import assert from 'node:assert/strict'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, lockNumber, type Row, type Statement, type Tx } from '#platform/postgres.ts'
import { type Cell, fromBigInt, toBigInt } from '../geo/cell.ts'
import type { DutyRecord } from './duty.ts'
import type { LiveRequest } from './live-request.ts'
import type { AcceptanceRecord, RequestRecord } from './ports.ts'
import type { Offer, RequestCategory, ServiceRequest } from './request.ts'
import type { RequestMode, RequestState } from './state.ts'

const sql = loadStatements(import.meta.url, [
  ...(['insert-request', 'find-requests', 'lock-request', 'store-request', 'list-own-requests'] as const),
  ...(['list-taken-requests', 'list-requests-by-state', 'list-due-requests'] as const),
  ...(['list-widening-requests', 'lock-player-count', 'count-unended', 'find-nth-post'] as const),
  ...(['find-nth-place', 'find-nth-drop', 'add-offer', 'find-offer', 'withdraw-offer'] as const),
  ...(['find-duty', 'set-duty'] as const),
  ...(['hold-request', 'list-acceptances', 'find-states', 'list-standing-offers'] as const),
  ...(['list-offers', 'add-acceptance', 'drop-acceptance', 'find-drop', 'live-requests'] as const),
])

const toDate = (atMs: number | null): Date | null => (atMs === null ? null : new Date(atMs))
const toMs = (at: Date | null): number | null => at?.getTime() ?? null

export const requestRecord: RequestRecord = {
  async insert(tx, request) {
    const { id, posterId, deviceId, mode, category, text, instructions, place, cell } = request
    const what = [id, posterId, deviceId, mode, category, text, instructions]
    const where = [place.lng, place.lat, toBigInt(cell)]
    const money = [request.currency, request.priceMinor, request.reachM]
    const times = [toDate(request.widensAtMs), toDate(request.dueAtMs), request.deliverWithinS]
    const life = [request.createdAtMs, request.expiresAtMs, request.fundedAtMs].map(toDate)
    await tx.query(sql['insert-request'], [...what, ...where, ...money, ...times, ...life, request.state])
  },

  find: async (tx, id) => (await findRequests(tx, [id]))[0],
  lock: async (tx, id) => (await findBy(tx, sql['lock-request'], [id]))[0],

  async findStates(tx, ids) {
    const rows = await tx.query<{ id: string; state: RequestState }>(sql['find-states'], [ids])
    return new Map(rows.map(({ id, state }) => [id, state]))
  },

  async store(tx, before, after) {
    const { priceMinor, topUps, state, offers, providerId, reachM } = after
    const times = [after.widensAtMs, after.dueAtMs, after.acceptedAtMs, after.deliveredAtMs].map(toDate)
    const [row] = await tx.query<{ version: bigint }>(sql['store-request'], [
      ...[before.id, before.state, before.version],
      ...[priceMinor, topUps, state, offers, providerId, reachM, ...times],
      ...[after.disputeReason, toDate(after.endedAtMs), after.paidMinor],
      ...[toDate(after.expiresAtMs), toDate(after.fundedAtMs), after.deviceId],
    ])
    assert(row, 'a locked request is as it was read')
    return row.version
  },

  listOwn: (tx, posterId, page) => findBy(tx, sql['list-own-requests'], [posterId, ...keysetParams(page)]),
  listTaken: (tx, providerId, page) =>
    findBy(tx, sql['list-taken-requests'], [providerId, ...keysetParams(page)]),
  listByState: (tx, state, page) => findBy(tx, sql['list-requests-by-state'], [state, ...keysetParams(page)]),
  listDue: (tx, { states, nowMs, limit }) =>
    listIds(tx, sql['list-due-requests'], [states, new Date(nowMs), limit]),
  listWidening: (tx, { nowMs, limit }) =>
    listIds(tx, sql['list-widening-requests'], [new Date(nowMs), limit]),

  async lockPlayer(tx, what, playerId) {
    const lock = lockNumber({ scope: `service-requests:${what}`, id: playerId })
    await tx.query(sql['lock-player-count'], [lock])
  },

  async countUnended(tx, posterId) {
    const [row] = await tx.query<{ unended: number }>(sql['count-unended'], [posterId])
    assert(row, 'a count is one row')
    return row.unended
  },

  findNthNewestPostMs: (tx, which) => findNthMs(tx, sql['find-nth-post'], which),
  findNthNewestPlaceMs: (tx, which) => findNthMs(tx, sql['find-nth-place'], which),
  findNthNewestDropMs: (tx, which) => findNthMs(tx, sql['find-nth-drop'], which),

  async offer(tx, offer) {
    const { id, requestId, providerId, note, deviceId, createdAtMs } = offer
    await tx.query(sql['add-offer'], [id, requestId, providerId, note, deviceId, new Date(createdAtMs)])
    return offer
  },

  async findOffer(tx, id) {
    const [row] = await tx.query<OfferRow>(sql['find-offer'], [id])
    return row && toOffer(row)
  },

  async withdrawOffer(tx, { requestId, providerId, nowMs }) {
    await tx.query(sql['withdraw-offer'], [requestId, providerId, new Date(nowMs)])
  },

  listStanding: async (tx, { id, providerId }) =>
    (await tx.query<OfferRow>(sql['list-standing-offers'], [id, providerId])).map(toOffer),

  async listOffers(tx, requestId, { limit, after }) {
    const params = [requestId, after ? new Date(after.atMs) : null, after?.id ?? null, limit + 1]
    return (await tx.query<OfferRow>(sql['list-offers'], params)).map(toOffer)
  },

  async addAcceptance(tx, { requestId, providerId, nowMs }) {
    await tx.query(sql['add-acceptance'], [requestId, providerId, new Date(nowMs)])
  },

  async dropAcceptance(tx, { requestId, providerId, nowMs }) {
    await tx.query(sql['drop-acceptance'], [requestId, providerId, new Date(nowMs)])
  },

  hasDropped: async (tx, { requestId, providerId }) =>
    (await tx.query(sql['find-drop'], [requestId, providerId])).length > 0,
}

export const dutyRecord: DutyRecord = {
  async find(tx, playerId) {
    type DutyRow = { is_on_duty: boolean; category: RequestCategory | null }
    const [row] = await tx.query<DutyRow>(sql['find-duty'], [playerId])
    return row && { isOnDuty: row.is_on_duty, ...(row.category !== null && { category: row.category }) }
  },

  async set(tx, { playerId, isOnDuty, category, nowMs }) {
    await tx.query(sql['set-duty'], [playerId, isOnDuty, category ?? null, new Date(nowMs)])
  },
}

type AcceptanceRow = Row & { provider_id: string; accepted_at: Date; dropped_at: Date | null }

export const acceptanceRecord: AcceptanceRecord = {
  find: requestRecord.find,
  hold: async (tx, id) => (await findBy(tx, sql['hold-request'], [id]))[0],
  async listAcceptances(tx, requestId) {
    const rows = await tx.query<AcceptanceRow>(sql['list-acceptances'], [requestId])
    return rows.map(row => ({
      ...{ providerId: row.provider_id, acceptedAtMs: row.accepted_at.getTime() },
      droppedAtMs: toMs(row.dropped_at),
    }))
  },
}

async function listIds(tx: Tx, statement: Statement, params: readonly unknown[]): Promise<string[]> {
  return (await tx.query<{ id: string }>(statement, params)).map(({ id }) => id)
}

/** Runs a statement that yields ids (and may lock them), then reads their rows as they are now. */
async function findBy(tx: Tx, statement: Statement, params: readonly unknown[]): Promise<ServiceRequest[]> {
  const ids = await listIds(tx, statement, params)
  return ids.length === 0 ? [] : findRequests(tx, ids)
}

async function findRequests(tx: Tx, ids: readonly string[]): Promise<ServiceRequest[]> {
  return (await tx.query<RequestRow>(sql['find-requests'], [ids])).map(toRequest)
}

async function findNthMs(
  tx: Tx,
  statement: Statement,
  { playerId, nth }: { playerId: string; nth: number },
): Promise<number | undefined> {
  const [row] = await tx.query<{ at: Date }>(statement, [playerId, nth - 1])
  return row?.at.getTime()
}

type RequestRow = Row & {
  id: string
  poster_id: string
  device_id: string | null
  mode: RequestMode
  category: RequestCategory
  text: string
  instructions: string | null
  lng: number
  lat: number
  cell_r12: bigint
  currency: string
  price: bigint
  top_ups: number
  state: RequestState
  version: bigint
  offers: number
  provider_id: string | null
  reach_m: number
  widens_at: Date | null
  due_at: Date | null
  deliver_within_s: number
  created_at: Date
  funded_at: Date | null
  expires_at: Date
  accepted_at: Date | null
  delivered_at: Date | null
  dispute_reason: string | null
  ended_at: Date | null
  paid: bigint | null
}

const toRequest = (row: RequestRow): ServiceRequest => ({
  ...{ id: row.id, posterId: row.poster_id, deviceId: row.device_id, mode: row.mode },
  ...{ category: row.category, text: row.text, instructions: row.instructions },
  place: { lat: row.lat, lng: row.lng },
  cell: fromBigInt(row.cell_r12),
  ...{ currency: row.currency, priceMinor: row.price, topUps: row.top_ups, state: row.state },
  ...{ version: row.version, offers: row.offers, providerId: row.provider_id, reachM: row.reach_m },
  ...{ widensAtMs: toMs(row.widens_at), dueAtMs: toMs(row.due_at), deliverWithinS: row.deliver_within_s },
  ...{ createdAtMs: row.created_at.getTime(), fundedAtMs: toMs(row.funded_at) },
  expiresAtMs: row.expires_at.getTime(),
  ...{ acceptedAtMs: toMs(row.accepted_at), deliveredAtMs: toMs(row.delivered_at) },
  ...{ disputeReason: row.dispute_reason, endedAtMs: toMs(row.ended_at), paidMinor: row.paid },
})

type OfferRow = Row & {
  id: string
  request_id: string
  provider_id: string
  note: string | null
  device_id: string | null
  created_at: Date
  withdrawn_at: Date | null
}

const toOffer = (row: OfferRow): Offer => ({
  ...{ id: row.id, requestId: row.request_id, providerId: row.provider_id, note: row.note },
  deviceId: row.device_id,
  createdAtMs: row.created_at.getTime(),
  withdrawnAtMs: toMs(row.withdrawn_at),
})

type LiveRow = Row & {
  id: string
  poster_id: string
  mode: RequestMode
  category: RequestCategory
  text: string
  currency: string
  price: bigint
  reach_m: number
  expires_at: Date
  cell_r9: bigint
  cell_r7: bigint
  version: bigint
}

/** The open requests of some res-7 cells, in one query. The place is never selected. */
export async function loadLiveRequests(tx: Tx, cells7: readonly Cell[]): Promise<LiveRequest[]> {
  const rows = await tx.query<LiveRow>(sql['live-requests'], [cells7.map(toBigInt)])
  return rows.map(row => ({
    ...{ id: row.id, posterId: row.poster_id, mode: row.mode, category: row.category, text: row.text },
    ...{ currency: row.currency, priceMinor: String(row.price), reachM: row.reach_m },
    ...{ cell9: fromBigInt(row.cell_r9), cell7: fromBigInt(row.cell_r7), version: Number(row.version) },
    expiresAtMs: row.expires_at.getTime(),
  }))
}
