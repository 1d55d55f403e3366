/**
 * Ordering a drop: the places are decided, then one transaction takes the cost out of the campaign and leaves the drop
 * to be filled by whichever server comes first. A repeated key is the same drop.
 */
import type { DropOrder, Preview, Drop as DropSchema } from '#protocol/rest/drops.ts'
import { dropEnvelopes as operation } from '#protocol/rest/drops.ts'
import { limits } from '#protocol/limits.ts'
import type { Static } from 'typebox'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { campaignOf } from '../ledger/account.ts'
import { takeForDrop } from '../coupons/stock.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { Campaign } from './campaign.ts'
import { couponsOf, type NewDrop } from './drop.ts'
import { fundDrop } from './money.ts'
import { describeDropPlan, type DropPlan, planDrop } from './plan-drop.ts'
import type { CampaignPorts } from './ports.ts'
import { takesDrops } from './state.ts'
import { viewDrop } from './view.ts'

type Order = { caller: MerchantCaller; id: string; body: DropOrder }

export async function previewDrop(
  ports: CampaignPorts,
  { caller, id, body }: Order,
): Promise<{ status: 200; body: Static<typeof Preview> } | Refusal> {
  const { database, record, ledger, coupons } = ports
  const campaign = await record.find(database, id)
  if (campaign?.merchantId !== caller.id) return refuse('not_found')
  const planned = await planDrop(ports, database, { campaign, order: body })
  if (planned.status === 'refused') return planned
  const { currency, presence, state, budgetMinor, couponPoolId } = campaign
  const pool = couponPoolId === null ? undefined : await coupons.findPool(database, couponPoolId)
  const held = await ledger.balanceOf(database, campaignOf(id, currency))
  const availableMinor = state === 'draft' ? budgetMinor : held
  const available = { currency, presence, availableMinor, freeCoupons: pool?.free ?? 0 }
  return { status: 200, body: describeDropPlan(planned.plan, available) }
}

type Ordered = { status: 202; body: Static<typeof DropSchema> }

export async function orderDrop(
  ports: CampaignPorts,
  { caller, id, body, idempotencyKey }: Order & { idempotencyKey: string },
): Promise<Ordered | Refusal> {
  const { database, record, clock } = ports
  const seen = await record.find(database, id)
  if (seen?.merchantId !== caller.id) return refuse('not_found')
  const planned = await planDrop(ports, database, { campaign: seen, order: body })
  const nowMs = clock.nowMs()
  const tenant = `merchant:${caller.id}`
  const request = { tenant, operation: operation.id, key: idempotencyKey, body: { ...body, id }, nowMs }
  // A retry gets its first answer even where a new request would be refused by now.
  return ports.runOnce<Ordered>(request, async tx => {
    if (planned.status === 'refused') return planned
    if (planned.plan.placed.missing > 0) return refuse('drop_refused', { reason: 'spacing_impossible' })
    // Planned as it was seen: of a draft that was launched meanwhile, the area may be another one by now.
    const campaign = takesDrops(seen.state) ? await record.lock(tx, id) : seen
    if (campaign === undefined || !takesDrops(campaign.state)) {
      return refuse('campaign_state', { reason: campaign?.state ?? seen.state })
    }
    return keep(ports, tx, { campaign, plan: planned.plan, nowMs })
  })
}

async function keep(
  ports: CampaignPorts,
  tx: Tx,
  { campaign, plan, nowMs }: { campaign: Campaign; plan: DropPlan; nowMs: number },
): Promise<Ordered | Refusal> {
  const { record, ledger, budgets } = ports
  const { currency, merchantId, id: campaignId } = campaign
  const isFrozen = await budgets.isFrozen(tx, {
    hiderKind: 'merchant',
    hiderId: merchantId,
    currency,
    campaignId,
  })
  if (isFrozen) return refuse('frozen')
  if ((await record.countUnderWay(tx, campaignId)) >= limits.campaign.dropsUnderWay) {
    return refuse('drop_refused', { reason: 'too_many_drops' })
  }
  const { lngs, lats } = plan.placed.places
  const drop: NewDrop = {
    ...{ id: createId(ports), campaignId, currency, state: 'filling', terms: plan.terms, placed: 0 },
    ...{ envelopes: lngs.length, costMinor: plan.costMinor, fault: null, isOpened: false },
    ...{ createdAtMs: nowMs, endedAtMs: null, expiresAtMs: campaign.schedule.endsAtMs },
    ...{ lngs, lats },
  }
  if (campaign.couponPoolId !== null) {
    const until = { untilMs: campaign.schedule.endsAtMs, nowMs }
    const asked = { poolId: campaign.couponPoolId, merchantId, ...until, coupons: couponsOf(drop) }
    const refusal = await takeForDrop(ports.coupons, tx, asked)
    if (refusal !== undefined) return refusal
    await record.insertDrop(tx, drop)
    return { status: 202, body: viewDrop(drop) }
  }
  await record.insertDrop(tx, drop)
  try {
    await ledger.post(tx, [fundDrop(campaign, { dropId: drop.id, amountMinor: drop.costMinor, atMs: nowMs })])
  } catch (error) {
    if (ledger.isInsufficientFunds(error)) return refuse('insufficient_funds')
    throw error
  }
  return { status: 202, body: viewDrop(drop) }
}
