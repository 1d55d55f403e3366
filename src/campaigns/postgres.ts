/** The tables of campaigns, their drops, and the wins of players where a campaign limits them. */
import assert from 'node:assert/strict'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, type Row, type Tx } from '#platform/postgres.ts'
import type { Area } from '#protocol/rest/areas.ts'
import type { Presence } from '../envelopes/envelope.ts'
import type { Campaign } from './campaign.ts'
import type { Drop, DropState, DropTerms } from './drop.ts'
import type { CampaignRecord } from './ports.ts'
import type { Window } from './schedule.ts'
import type { CodeRecord } from './show-code.ts'
import type { SiteCode } from './site-code.ts'
import type { CampaignState } from './state.ts'

const sql = loadStatements(import.meta.url, [
  ...([
    'take-campaign',
    'hold-campaign',
    'find-campaign',
    'insert-campaign',
    'store-plan',
    'lock-campaign',
  ] as const),
  ...(['read-campaigns', 'list-campaigns', 'store-standing', 'list-in-play', 'list-unsettled'] as const),
  ...(['settle-campaign', 'insert-drop', 'lock-drop', 'find-drop', 'list-under-way'] as const),
  ...(['count-under-way', 'list-to-open', 'read-places', 'store-drop', 'stop-filling'] as const),
  ...(['open-code', 'find-code', 'lock-code', 'store-code'] as const),
  ...(['list-to-extend', 'list-places-to-come'] as const),
  ...(['list-stopped', 'lock-limits', 'open-limits', 'count-wins', 'find-wins'] as const),
])

type HolderRow = { merchant_id: string; state: CampaignState | null }

/** A campaign that is only an id, for caps and freezes of envelopes that are hidden one by one. */
export const campaignLabels = {
  async openCode(tx: Tx, campaignId: string, { secret, changesAtMs }: SiteCode): Promise<void> {
    await tx.query(sql['open-code'], [campaignId, secret, new Date(changesAtMs)])
  },

  /** Makes it the merchant's unless it is somebody's; one that has not ended stays so until the transaction ends. */
  async take(
    tx: Tx,
    { id, merchantId, nowMs }: { id: string; merchantId: string; nowMs: number },
  ): Promise<'taken' | 'unknown' | 'ended'> {
    await tx.query(sql['take-campaign'], [id, merchantId, new Date(nowMs)])
    await tx.query(sql['hold-campaign'], [id])
    const [row] = await tx.query<HolderRow>(sql['find-campaign'], [id])
    if (row?.merchant_id !== merchantId) return 'unknown'
    return row.state === 'ended' ? 'ended' : 'taken'
  },

  async findMerchant(tx: Tx, id: string): Promise<string | undefined> {
    const [row] = await tx.query<HolderRow>(sql['find-campaign'], [id])
    return row?.merchant_id
  },
}

/** Campaigns that pay nothing now, paused or outside of their windows. */
export const listStopped = async (tx: Tx): Promise<string[]> =>
  (await tx.query<{ id: string }>(sql['list-stopped'])).map(({ id }) => id)

export const campaignRecord: CampaignRecord = {
  async insert(tx, campaign) {
    const { id, merchantId, state, version, isStopped, createdAtMs } = campaign
    const params = [id, merchantId, state, version, isStopped, ...planParams(campaign), new Date(createdAtMs)]
    await tx.query(sql['insert-campaign'], params)
  },

  async storePlan(tx, campaign) {
    await tx.query(sql['store-plan'], [campaign.id, campaign.version, ...planParams(campaign)])
  },

  async lock(tx, id) {
    const rows = await tx.query(sql['lock-campaign'], [id])
    return rows.length === 0 ? undefined : campaignRecord.find(tx, id)
  },

  find: async (tx, id) => (await readCampaigns(tx, [id]))[0],

  async list(tx, merchantId, page) {
    const params = [merchantId, ...keysetParams(page)]
    const rows = await tx.query<{ id: string }>(sql['list-campaigns'], params)
    return readCampaigns(
      tx,
      rows.map(({ id }) => id),
    )
  },

  async storeStanding(tx, id, { state, isStopped, endedAtMs }) {
    await tx.query(sql['store-standing'], [id, state, isStopped, toDate(endedAtMs)])
  },

  async listInPlay(tx) {
    const rows = await tx.query<ScheduleRow>(sql['list-in-play'])
    return rows.map(row => ({
      ...{ id: row.id, state: row.state, isStopped: row.is_stopped },
      schedule: toSchedule(row),
    }))
  },

  listUnsettled: async (tx, limit, after) =>
    (await tx.query<{ id: string }>(sql['list-unsettled'], [limit, after ?? null])).map(({ id }) => id),

  async settle(tx, id, nowMs) {
    await tx.query(sql['settle-campaign'], [id, new Date(nowMs)])
  },

  async insertDrop(tx, drop) {
    const { id, campaignId, state, terms, envelopes, costMinor, createdAtMs, expiresAtMs } = drop
    const kept = JSON.stringify({ ...terms, amountMinor: String(terms.amountMinor) })
    const places = [drop.lngs, drop.lats].map(list => `{${list.join(',')}}`)
    const params = [id, campaignId, state, kept, ...places, envelopes, costMinor]
    await tx.query(sql['insert-drop'], [...params, new Date(createdAtMs), new Date(expiresAtMs)])
  },

  async lockDrop(tx, id) {
    await tx.query(sql['lock-drop'], [id])
    return campaignRecord.findDrop(tx, id)
  },

  async findDrop(tx, id) {
    const [row] = await tx.query<DropRow>(sql['find-drop'], [id])
    return row && toDrop(row)
  },

  listUnderWay: async (tx, limit, after) =>
    (await tx.query<{ id: string }>(sql['list-under-way'], [limit, after ?? null])).map(({ id }) => id),

  async countUnderWay(tx, campaignId) {
    const [row] = await tx.query<{ drops: bigint }>(sql['count-under-way'], [campaignId])
    return Number(row?.drops)
  },

  async listToOpen(tx, nowMs) {
    const rows = await tx.query<{ id: string; campaign_id: string }>(sql['list-to-open'], [new Date(nowMs)])
    return rows.map(row => ({ id: row.id, campaignId: row.campaign_id }))
  },

  readPlaces: (tx, id, { from, count }) =>
    tx.query<{ lng: number; lat: number }>(sql['read-places'], [id, from, count]),

  async storeDrop(tx, { id, state, placed, fault, isOpened, endedAtMs, expiresAtMs }) {
    const params = [id, state, placed, fault, isOpened, toDate(endedAtMs), new Date(expiresAtMs)]
    await tx.query(sql['store-drop'], params)
  },

  listToExtend: async (tx, limit, after) =>
    (await tx.query<{ id: string }>(sql['list-to-extend'], [limit, after ?? null])).map(({ id }) => id),

  listPlacesToCome: (tx, { merchantId, box: { west, south, east, north } }) =>
    tx.query<{ lng: number; lat: number }>(sql['list-places-to-come'], [
      merchantId,
      west,
      south,
      east,
      north,
    ]),

  async stopFilling(tx, campaignId) {
    await tx.query(sql['stop-filling'], [campaignId])
  },
}

/** On-site codes, of campaigns with a plan and without. */
export const codeRecord: CodeRecord = {
  openCode: campaignLabels.openCode,
  async findCode(tx, { campaignId, merchantId }) {
    type CodeRow = { secret: string; former_secret: string | null; changes_at: Date }
    const [row] = await tx.query<CodeRow>(sql['find-code'], [campaignId, merchantId])
    const { secret, former_secret: formerSecret, changes_at: changesAt } = row ?? {}
    if (secret === undefined || changesAt === undefined) return undefined
    return { secret, formerSecret: formerSecret ?? null, changesAtMs: changesAt.getTime() }
  },
  async lockCode(tx, which) {
    await tx.query(sql['lock-code'], [which.campaignId])
    return codeRecord.findCode(tx, which)
  },
  async storeCode(tx, campaignId, { secret, formerSecret, changesAtMs }) {
    await tx.query(sql['store-code'], [campaignId, secret, formerSecret, new Date(changesAtMs)])
  },
}

export type PlayerOf = { campaignId: string; playerId: string }

/** How often players have won where a campaign limits it. */
export const winLimits = {
  /** Locks the pairs, in order, until the transaction ends; their wins so far, by `campaign:player`. */
  async lock(tx: Tx, pairs: readonly PlayerOf[]): Promise<Map<string, number>> {
    const params = [pairs.map(p => p.campaignId), pairs.map(p => p.playerId)]
    await tx.query(sql['open-limits'], params)
    const rows = await tx.query<{ campaign_id: string; player_id: string; wins: number }>(
      sql['lock-limits'],
      params,
    )
    return new Map(rows.map(row => [`${row.campaign_id}:${row.player_id}`, row.wins]))
  },

  async add(tx: Tx, won: readonly (PlayerOf & { wins: number })[]): Promise<void> {
    const params = [won.map(w => w.campaignId), won.map(w => w.playerId), won.map(w => w.wins)]
    await tx.query(sql['count-wins'], params)
  },

  async count(tx: Tx, { campaignId, playerId }: PlayerOf): Promise<number> {
    const [row] = await tx.query<{ wins: number }>(sql['find-wins'], [campaignId, playerId])
    return row?.wins ?? 0
  },
}

const planParams = (plan: Campaign): unknown[] => {
  const { startsAtMs, endsAtMs, timeZone, windows } = plan.schedule
  return [
    ...[plan.name, JSON.stringify(plan.area), plan.currency, plan.budgetMinor, plan.winsPerPlayer],
    ...[new Date(startsAtMs), new Date(endsAtMs), timeZone, JSON.stringify(windows)],
    ...[plan.greeting, plan.clue, plan.brand, plan.presence, plan.couponPoolId],
  ]
}

const toDate = (atMs: number | null): Date | null => (atMs === null ? null : new Date(atMs))

type ScheduleRow = Row & {
  id: string
  state: CampaignState
  is_stopped: boolean
  starts_at: Date
  ends_at: Date
  time_zone: string
  windows: Window[]
}

type CampaignRow = ScheduleRow & {
  merchant_id: string
  version: number
  name: string
  area: Area
  currency: string
  budget: bigint
  wins_per_player: number | null
  greeting: string | null
  clue: string | null
  brand: string | null
  coupon_pool_id: string | null
  presence: Presence
  created_at: Date
  ended_at: Date | null
  settled_at: Date | null
}

const toSchedule = ({ starts_at, ends_at, time_zone, windows }: ScheduleRow) => ({
  ...{ startsAtMs: starts_at.getTime(), endsAtMs: ends_at.getTime() },
  ...{ timeZone: time_zone, windows },
})

async function readCampaigns(tx: Tx, ids: readonly string[]): Promise<Campaign[]> {
  if (ids.length === 0) return []
  const rows = await tx.query<CampaignRow>(sql['read-campaigns'], [ids])
  return rows.map(row => ({
    ...{ id: row.id, merchantId: row.merchant_id, state: row.state, version: row.version },
    ...{ isStopped: row.is_stopped, name: row.name, area: row.area, currency: row.currency },
    ...{ budgetMinor: row.budget, winsPerPlayer: row.wins_per_player, schedule: toSchedule(row) },
    ...{ greeting: row.greeting, clue: row.clue, brand: row.brand, presence: row.presence },
    couponPoolId: row.coupon_pool_id,
    createdAtMs: row.created_at.getTime(),
    endedAtMs: row.ended_at?.getTime() ?? null,
    settledAtMs: row.settled_at?.getTime() ?? null,
  }))
}

type DropRow = Row & {
  id: string
  campaign_id: string
  currency: string
  state: DropState
  terms: Omit<DropTerms, 'amountMinor'> & { amountMinor: string }
  envelopes: number
  placed: number
  cost: bigint
  fault: string | null
  is_opened: boolean
  created_at: Date
  ended_at: Date | null
  expires_at: Date
}

function toDrop(row: DropRow): Drop {
  const amountMinor = BigInt(row.terms.amountMinor)
  assert(amountMinor * BigInt(row.envelopes) === row.cost, 'a drop costs its envelopes')
  return {
    ...{ id: row.id, campaignId: row.campaign_id, currency: row.currency, state: row.state },
    terms: { ...row.terms, amountMinor },
    ...{ envelopes: row.envelopes, placed: row.placed, costMinor: row.cost, fault: row.fault },
    isOpened: row.is_opened,
    createdAtMs: row.created_at.getTime(),
    endedAtMs: row.ended_at?.getTime() ?? null,
    expiresAtMs: row.expires_at.getTime(),
  }
}
