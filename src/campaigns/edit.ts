/**
 * Planning: a draft is made, changed by whoever saw its newest version, and launched, which escrows the whole budget.
 * Nothing of a campaign is seen by players before that, and nothing of its plan changes after.
 */
import type { CampaignPlan, Campaign as CampaignAnswer } from '#protocol/rest/campaigns.ts'
import {
  createCampaign as createOperation,
  launchCampaign as launchOperation,
} from '#protocol/rest/campaigns.ts'
import type { Static } from 'typebox'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { refuseGeometry } from '../areas/area.ts'
import { refuseStock } from '../coupons/stock.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { Campaign, Plan } from './campaign.ts'
import { fundCampaign } from './money.ts'
import { describePlan, judgePlan } from './plan.ts'
import type { CampaignPorts } from './ports.ts'
import { isInWindow } from './schedule.ts'
import { viewCampaign } from './view.ts'

export type CampaignView = Static<typeof CampaignAnswer>
type Edited = { caller: MerchantCaller; id: string }

export async function createCampaign(
  ports: CampaignPorts,
  { caller, body, idempotencyKey }: { caller: MerchantCaller; body: CampaignPlan; idempotencyKey: string },
): Promise<{ status: 201; body: CampaignView } | Refusal> {
  const nowMs = ports.clock.nowMs()
  const request = {
    tenant: `merchant:${caller.id}`,
    operation: createOperation.id,
    key: idempotencyKey,
    body,
    nowMs,
  }
  return ports.runOnce<{ status: 201; body: CampaignView }>(request, async tx => {
    const judged = await judge(ports, tx, { merchantId: caller.id, body, nowMs })
    if (judged.status === 'refused') return judged
    const campaign: Campaign = {
      ...judged.plan,
      ...{ id: createId(ports), merchantId: caller.id, state: 'draft', version: 1, isStopped: true },
      ...{ createdAtMs: nowMs, endedAtMs: null, settledAtMs: null },
    }
    await ports.record.insert(tx, campaign)
    await openCode(ports, tx, { campaign, nowMs })
    return { status: 201, body: viewCampaign(campaign, 0n) }
  })
}

/** The draft with what was sent laid over it. */
export function editCampaign(
  ports: CampaignPorts,
  { caller, id, version, body }: Edited & { version: number; body: Partial<CampaignPlan> },
): Promise<{ status: 200; body: CampaignView } | Refusal> {
  const { database, record } = ports
  const nowMs = ports.clock.nowMs()
  return database.transact<{ status: 200; body: CampaignView } | Refusal>(async tx => {
    const campaign = await record.lock(tx, id)
    if (campaign?.merchantId !== caller.id) return refuse('not_found')
    if (campaign.version !== version) return refuse('edited_meanwhile')
    if (campaign.state !== 'draft') return refuse('campaign_state', { reason: campaign.state })
    const judged = await judge(ports, tx, {
      ...{ merchantId: caller.id, nowMs },
      body: layOver(describePlan(campaign), body),
    })
    if (judged.status === 'refused') return judged
    const edited = { ...campaign, ...judged.plan, version: version + 1 }
    await record.storePlan(tx, edited)
    await openCode(ports, tx, { campaign: edited, nowMs })
    return { status: 200, body: viewCampaign(edited, 0n) }
  })
}

/** What is sent over what there is; who changes the content says what the new one needs. */
function layOver({ budget, content, ...plan }: CampaignPlan, body: Partial<CampaignPlan>): CampaignPlan {
  const isOther = body.content !== undefined && body.content.type !== (content?.type ?? 'cash')
  const worth = { ...(budget !== undefined && { budget }), ...(content !== undefined && { content }) }
  return { ...plan, ...(!isOther && worth), ...body }
}

/** A campaign whose envelopes ask for a code has one from its first draft on. */
async function openCode(
  { codes, siteCodes }: Pick<CampaignPorts, 'codes' | 'siteCodes'>,
  tx: Tx,
  { campaign: { id, presence }, nowMs }: { campaign: Campaign; nowMs: number },
): Promise<void> {
  if (presence === 'code') await codes.openCode(tx, id, siteCodes.create(nowMs))
}

async function judge(
  { settings, areas, coupons }: CampaignPorts,
  tx: Tx,
  { merchantId, body, nowMs }: { merchantId: string; body: CampaignPlan; nowMs: number },
): Promise<{ status: 'ok'; plan: Plan } | Refusal> {
  const { currencies, vertices } = settings
  const judged = judgePlan(body, { currencies, vertices, nowMs })
  if (judged.status === 'refused') return judged
  const { area, couponPoolId, schedule } = judged.plan
  if (couponPoolId !== null) {
    const pool = await coupons.findPool(tx, couponPoolId)
    const reason = refuseStock(pool, { merchantId, untilMs: schedule.endsAtMs, nowMs })
    if (reason !== undefined) return refuse('campaign_refused', { reason })
  }
  return (await refusePlace({ settings, areas }, tx, { area, merchantId })) ?? judged
}

/** Inside of the verified area, outside of the sandbox. */
const refusePlace = (
  { settings, areas }: Pick<CampaignPorts, 'settings' | 'areas'>,
  tx: Tx,
  { area, merchantId }: Pick<Campaign, 'area' | 'merchantId'>,
): Promise<Refusal | undefined> =>
  refuseGeometry(areas, tx, { area, merchantId: settings.isSandbox ? undefined : merchantId })

/** Repeated with its key it is the same launch; with another one, 409: the budget leaves the wallet once. */
export async function launchCampaign(
  ports: CampaignPorts,
  { caller, id, idempotencyKey }: Edited & { idempotencyKey: string },
): Promise<{ status: 200; body: CampaignView } | Refusal> {
  const { record, ledger, budgets, clock } = ports
  const nowMs = clock.nowMs()
  const tenant = `merchant:${caller.id}`
  const request = { tenant, operation: launchOperation.id, key: idempotencyKey, body: { id }, nowMs }
  const outcome = await ports.runOnce<{ status: 200; body: CampaignView }>(request, async tx => {
    const campaign = await record.lock(tx, id)
    if (campaign?.merchantId !== caller.id) return refuse('not_found')
    if (campaign.state !== 'draft') return refuse('campaign_state', { reason: campaign.state })
    const { schedule, currency, budgetMinor } = campaign
    if (schedule.endsAtMs <= nowMs) return refuse('campaign_refused', { reason: 'schedule_past' })
    // The operator may have verified another area since it was planned.
    const outside = await refusePlace(ports, tx, campaign)
    if (outside !== undefined) return outside
    const covered = { hiderKind: 'merchant', hiderId: caller.id, currency, campaignId: undefined } as const
    if (await budgets.isFrozen(tx, covered)) return refuse('frozen')
    const scheduled = { state: 'scheduled', isStopped: true, endedAtMs: null } as const
    await record.storeStanding(tx, id, scheduled)
    const hasBegun = schedule.startsAtMs <= nowMs
    const live = { state: 'live', isStopped: !isInWindow(schedule, nowMs), endedAtMs: null } as const
    if (hasBegun) await record.storeStanding(tx, id, live)
    const moved = hasBegun ? live : scheduled
    // Coupons are taken out of their pool by the drops.
    if (budgetMinor === 0n) return { status: 200, body: viewCampaign({ ...campaign, ...moved }, 0n) }
    try {
      await ledger.post(tx, [fundCampaign(campaign, { amountMinor: budgetMinor, atMs: nowMs })])
    } catch (error) {
      if (ledger.isInsufficientFunds(error)) return refuse('insufficient_funds')
      throw error
    }
    return { status: 200, body: viewCampaign({ ...campaign, ...moved }, budgetMinor) }
  })
  budgets.announce()
  return outcome
}
