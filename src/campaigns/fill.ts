/**
 * Filling drops, undoing them and opening them: periodic work of every server, one of them at a time. Each batch is a
 * transaction that holds the drop's row, so a server may die anywhere and another goes on behind the last commit. A row
 * that PostgreSQL refuses can only be ours; then the drop is undone: what was made is closed unseen, the cost returns.
 */
import type { Logger } from 'pino'
import { createId } from '#platform/id.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import {
  type BatchEnvelope,
  type BatchRecord,
  type BatchTerms,
  drawBatch,
  insertBatch,
} from '../envelopes/batch.ts'
import {
  closeSome,
  type DroppedPorts,
  type LastClosed,
  type OfCampaign,
  openSome,
} from '../envelopes/dropped.ts'
import { campaignOf, dropOf } from '../ledger/account.ts'
import type { Campaign } from './campaign.ts'
import { couponsOf, type Drop, placedCouponsOf } from './drop.ts'
import { refundCampaign, returnDrop } from './money.ts'
import type { CampaignPorts } from './ports.ts'
import type { NextIds } from './turns.ts'

export type FillPorts = Pick<CampaignPorts, 'database' | 'record' | 'ledger' | 'uploads' | 'coupons'> & {
  /** The envelopes of campaigns. */
  dropped: DroppedPorts
  batches: BatchRecord
  isRowError: (error: unknown) => boolean
  clock: Clock
  random: Random
  log: Pick<Logger, 'error'>
}

/** A batch is 500 envelopes, or as many as have 4,000 shares: some 100 ms, and never 50 ms of computing at once. */
const most = { envelopes: 500, shares: 4_000 }

/**
 * The batch that comes next, of each drop that is filling: drawn while PostgreSQL was busy with the rows of the one
 * before, since the two take about as long.
 */
export type Ahead = Map<string, Batch>

type Batch = {
  /** How many of the drop come before it. */
  from: number
  envelopes: readonly BatchEnvelope[]
}

/** The last envelope that this server closed, of each drop that is undone or each campaign that ended. */
export type Closed = Map<string, LastClosed>

/** One batch of each drop whose turn it is, so that a large one does not keep a small one waiting. */
export async function fillDrops(
  ports: FillPorts,
  next: NextIds,
  { ahead, closed }: { ahead: Ahead; closed: Closed },
): Promise<{ more: boolean }> {
  const { database, record } = ports
  let more = false
  const ids = await next()
  forgetOthers(ahead, ids)
  forgetOthers(closed, ids)
  for (const id of ids) {
    try {
      const drop = await record.findDrop(database, id)
      if (drop?.state === 'filling') more = (await fillOrGiveUp(ports, drop, ahead)) || more
      if (drop?.state === 'undoing') more = (await undo(ports, drop, closed)) || more
    } catch (error) {
      // Others are not to wait for it; it comes again with the next turn.
      ports.log.error({ err: error, dropId: id }, 'a drop makes no progress')
    }
  }
  return { more }
}

async function fillOrGiveUp(ports: FillPorts, drop: Drop, ahead: Ahead): Promise<boolean> {
  const { database, record, isRowError, log } = ports
  try {
    await fill(ports, drop, ahead)
  } catch (error) {
    if (!isRowError(error)) throw error
    log.error({ err: error, dropId: drop.id }, 'a drop cannot be made; it is undone')
    await database.transact(async tx => {
      const locked = await record.lockDrop(tx, drop.id)
      if (locked?.state !== 'filling') return
      await record.storeDrop(tx, { ...locked, state: 'undoing', fault: 'an envelope could not be recorded' })
    })
  }
  return true
}

async function fill(ports: FillPorts, drop: Drop, ahead: Ahead): Promise<void> {
  const { database, record } = ports
  const campaign = await record.find(database, drop.campaignId)
  if (campaign === undefined) return
  const known = ahead.get(drop.id)
  ahead.delete(drop.id)
  const batch = known?.from === drop.placed ? known : await drawFrom(ports, drop, drop.placed)
  await database.transact(async tx => {
    const locked = await record.lockDrop(tx, drop.id)
    if (locked?.state !== 'filling' || locked.placed !== batch.from) return
    const { from, envelopes } = batch
    const couponIds = await placeCoupons(ports, tx, { campaign, drop, envelopes })
    const terms = termsOf(campaign, drop, ports.clock.nowMs())
    const ofBatch = { record: ports.batches, ledger: ports.ledger }
    const placed = from + envelopes.length
    const isLast = placed === drop.envelopes
    const [, next] = await Promise.all([
      insertBatch(ofBatch, tx, { terms, envelopes, couponIds }),
      isLast ? undefined : drawFrom(ports, drop, placed),
    ])
    if (next !== undefined) ahead.set(drop.id, next)
    await record.storeDrop(tx, { ...locked, placed, state: isLast ? 'live' : 'filling' })
  })
}

async function drawFrom(ports: FillPorts, drop: Drop, from: number): Promise<Batch> {
  const { amountMinor: totalMinor, shares: shareCount, split } = drop.terms
  const count = Math.min(most.envelopes, Math.max(1, Math.floor(most.shares / shareCount)))
  const places = await ports.record.readPlaces(ports.database, drop.id, { from, count })
  return { from, envelopes: drawBatch(ports, { totalMinor, shareCount, split }, places) }
}

async function placeCoupons(
  { coupons }: Pick<FillPorts, 'coupons'>,
  tx: Tx,
  { campaign, drop, envelopes }: { campaign: Campaign; drop: Drop; envelopes: readonly BatchEnvelope[] },
): Promise<string[] | undefined> {
  const { couponPoolId: poolId } = campaign
  if (poolId === null) return undefined
  const envelopeIds = envelopes.map(({ id }) => id)
  return coupons.place(tx, { poolId, envelopeIds, shareCount: drop.terms.shares })
}

function termsOf(campaign: Campaign, drop: Drop, nowMs: number): BatchTerms {
  const { startsAtMs } = campaign.schedule
  const { expiresAtMs } = drop
  const { amountMinor, shares, split, claimRadiusM } = drop.terms
  return {
    ...{ merchantId: campaign.merchantId, campaignId: campaign.id, dropId: drop.id, currency: drop.currency },
    ...{ totalMinor: amountMinor, shareCount: shares, split, claimRadiusM },
    opensAtMs: Math.min(Math.max(startsAtMs, drop.createdAtMs), expiresAtMs - 1),
    expiresAtMs,
    ...{ greeting: campaign.greeting, clue: campaign.clue, brand: campaign.brand, createdAtMs: nowMs },
    presence: campaign.presence,
  }
}

/** Of what is not this server's turn now, it may be another's by then. */
function forgetOthers(known: Map<string, unknown>, ids: readonly string[]): void {
  for (const id of known.keys()) if (!ids.includes(id)) known.delete(id)
}

/** Closes what was made; when nothing is left, the money goes back. */
async function undo(ports: FillPorts, { id: dropId, campaignId }: Drop, closed: Closed): Promise<boolean> {
  const { database, record, ledger, coupons, dropped } = ports
  const nowMs = ports.clock.nowMs()
  if (await closeMore(ports, { campaignId, dropId, nowMs }, closed)) return true
  return database.transact(async tx => {
    const drop = await record.lockDrop(tx, dropId)
    const campaign = await record.find(tx, campaignId)
    if (drop?.state !== 'undoing' || campaign === undefined) return true
    // Frozen by the operator, or held by a settlement: at the next turn.
    if ((await dropped.record.countOfCampaign(tx, { campaignId, dropId })) > 0) return false
    const amountMinor = await ledger.balanceOf(tx, dropOf(dropId, drop.currency))
    if (amountMinor > 0n) await ledger.post(tx, [returnDrop(campaign, { dropId, amountMinor, atMs: nowMs })])
    const { couponPoolId: poolId } = campaign
    if (poolId !== null)
      await coupons.putBack(tx, { poolId, coupons: couponsOf(drop) - placedCouponsOf(drop) })
    await record.storeDrop(tx, { ...drop, state: 'undone', endedAtMs: nowMs })
    return true
  })
}

/** A batch behind the last one; false when it went by all of them and closed none. */
async function closeMore(
  { dropped }: Pick<FillPorts, 'dropped'>,
  which: OfCampaign & { nowMs: number },
  closed: Closed,
): Promise<boolean> {
  const id = which.dropId ?? which.campaignId
  const after = closed.get(id)
  const last = await closeSome(dropped, { ...which, after })
  if (last !== undefined) closed.set(id, last)
  // What a settlement held as the others went by: once more from the first on.
  else closed.delete(id)
  return last !== undefined || after !== undefined
}

/** The last envelope that this server opened, of each drop that is opening. */
export type Opened = Map<string, string>

/** A batch of each drop that is live and whose campaign has begun; at its end, those near are told, once a cell. */
export async function openDrops(ports: FillPorts, opened: Opened): Promise<{ more: boolean }> {
  const { database, record, dropped, clock } = ports
  const toOpen = await record.listToOpen(database, clock.nowMs())
  forgetOthers(
    opened,
    toOpen.map(({ id }) => id),
  )
  for (const { id } of toOpen) {
    const last = await openSome(dropped, { dropId: id, after: opened.get(id) })
    if (last !== undefined) {
      opened.set(id, last)
      continue
    }
    opened.delete(id)
    const cells7 = await dropped.record.listCellsOfDrop(database, id)
    const isOpened = await database.transact(async tx => {
      const drop = await record.lockDrop(tx, id)
      if (drop?.state !== 'live') return false
      // What came back behind those that opened, as an envelope that was frozen: once more from the first on.
      const left = await dropped.record.lockDropped(tx, { dropId: id, after: undefined, limit: 1 })
      if (left.length > 0) return false
      await record.storeDrop(tx, { ...drop, isOpened: true })
      return true
    })
    if (isOpened) dropped.announcer.cellsChanged(cells7)
  }
  return { more: toOpen.length > 0 }
}

/** Closes the envelopes of campaigns that ended, and takes home what came back; a frozen envelope is waited for. */
export async function settleEnded(
  ports: FillPorts,
  next: NextIds,
  closed: Closed,
): Promise<{ more: boolean }> {
  const { database, log } = ports
  const nowMs = ports.clock.nowMs()
  let more = false
  const ids = await next()
  forgetOthers(closed, ids)
  for (const campaignId of ids) {
    try {
      if (await closeMore(ports, { campaignId, nowMs }, closed)) more = true
      else await database.transact(tx => takeHome(ports, tx, { campaignId, nowMs }))
    } catch (error) {
      log.error({ err: error, campaignId }, 'a campaign that ended makes no progress')
    }
  }
  return { more }
}

async function takeHome(
  ports: FillPorts,
  tx: Tx,
  { campaignId, nowMs }: { campaignId: string; nowMs: number },
): Promise<void> {
  const { record, ledger, dropped, uploads } = ports
  const campaign = await record.lock(tx, campaignId)
  if (campaign?.state !== 'ended' || campaign.settledAtMs !== null) return
  const left =
    (await record.countUnderWay(tx, campaignId)) + (await dropped.record.countOfCampaign(tx, { campaignId }))
  const amountMinor = await ledger.balanceOf(tx, campaignOf(campaignId, campaign.currency))
  if (amountMinor > 0n) {
    await ledger.post(tx, [refundCampaign(campaign, { id: createId(ports), amountMinor, atMs: nowMs })])
  }
  if (left > 0) return
  await record.settle(tx, campaignId, nowMs)
  await uploads.forget(tx, campaignId)
}
