/** What the verbs of this folder need from outside; the real ones are composed in app.ts. */
import type { Clock } from '#platform/clock.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import type { AreaRecord } from '../areas/area.ts'
import type { ExclusionRecord } from '../areas/exclusion.ts'
import type { Covered } from '../budgets/budget.ts'
import type { CouponStock } from '../coupons/stock.ts'
import type { AccountRef } from '../ledger/account.ts'
import type { Box } from '../geo/box.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import type { Campaign, Standing } from './campaign.ts'
import type { Drop, NewDrop } from './drop.ts'
import type { Placed, PlaceRequest } from './placing.ts'
import type { CodeRecord } from './show-code.ts'
import type { SiteCodes } from './site-code.ts'

/** The tables of campaigns and drops. Lists are read one row past the page. */
export type CampaignRecord = {
  insert(tx: Tx, campaign: Campaign): Promise<void>
  /** Locks the row, then reads it. Only campaigns with a plan are found. */
  lock(tx: Tx, id: string): Promise<Campaign | undefined>
  find(tx: Tx, id: string): Promise<Campaign | undefined>
  list(tx: Tx, merchantId: string, page: PageRequest): Promise<Campaign[]>
  storePlan(tx: Tx, campaign: Campaign): Promise<void>
  storeStanding(tx: Tx, id: string, standing: Standing): Promise<void>
  /** Scheduled, live or paused. */
  listInPlay(tx: Tx): Promise<Pick<Campaign, 'id' | 'state' | 'schedule' | 'isStopped'>[]>
  /** Ended, with money or envelopes still out; those behind `after` first. */
  listUnsettled(tx: Tx, limit: number, after: string | undefined): Promise<string[]>
  settle(tx: Tx, id: string, nowMs: number): Promise<void>

  insertDrop(tx: Tx, drop: NewDrop): Promise<void>
  lockDrop(tx: Tx, id: string): Promise<Drop | undefined>
  findDrop(tx: Tx, id: string): Promise<Drop | undefined>
  /** Filling or undoing; those behind `after` first. */
  listUnderWay(tx: Tx, limit: number, after: string | undefined): Promise<string[]>
  countUnderWay(tx: Tx, campaignId: string): Promise<number>
  /** Live, with envelopes that are still to open although their campaign has begun. */
  listToOpen(tx: Tx, nowMs: number): Promise<{ id: string; campaignId: string }[]>
  readPlaces(
    tx: Tx,
    id: string,
    range: { from: number; count: number },
  ): Promise<{ lng: number; lat: number }[]>
  storeDrop(
    tx: Tx,
    drop: Pick<Drop, 'id' | 'state' | 'placed' | 'fault' | 'isOpened' | 'endedAtMs' | 'expiresAtMs'>,
  ): Promise<void>
  /** Live, of campaigns that were extended since; those behind `after` first. */
  listToExtend(tx: Tx, limit: number, after: string | undefined): Promise<string[]>
  /** Where drops of a merchant that are filling will place envelopes. */
  listPlacesToCome(tx: Tx, which: Around): Promise<{ lng: number; lat: number }[]>
  /** Of an ended campaign: those that are filling are to be undone. */
  stopFilling(tx: Tx, campaignId: string): Promise<void>
}

export type Around = { merchantId: string; box: Box }

export type CampaignPorts = {
  database: Tx & { transact: Transact }
  runOnce: RunOnce
  record: CampaignRecord
  areas: AreaRecord & ExclusionRecord
  codes: CodeRecord
  siteCodes: SiteCodes
  ledger: Ledger & { balanceOf(tx: Tx, account: AccountRef): Promise<bigint> }
  coupons: Pick<CouponStock, 'findPool' | 'lockPool' | 'take' | 'putBack' | 'place'>
  budgets: {
    isFrozen(tx: Tx, covered: Covered): Promise<boolean>
    /** Other servers read again what is stopped. */
    announce(): void
  }
  envelopes: {
    /** Where a merchant's envelopes are that are live or to open. */
    listPlaces(tx: Tx, which: Around): Promise<{ lng: number; lat: number }[]>
  }
  uploads: Pick<UploadRecord, 'find' | 'forget'>
  /** In a worker: it would keep everybody else waiting. */
  place: (request: PlaceRequest) => Promise<Placed>
  clock: Clock
  random: Random
  settings: { isSandbox: boolean; currencies: ReadonlyMap<string, number>; vertices: number }
}
