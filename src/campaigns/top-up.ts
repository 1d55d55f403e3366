/** More budget for a campaign that is launched: out of the wallet, once for each key, for drops to come. */
import { topUpCampaign as operation } from '#protocol/rest/campaigns.ts'
import { limits } from '#protocol/limits.ts'
import { createId } from '#platform/id.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { campaignOf } from '../ledger/account.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { CampaignView } from './edit.ts'
import { topUpBudget } from './money.ts'
import type { CampaignPorts } from './ports.ts'
import { takesDrops } from './state.ts'
import { viewCampaign } from './view.ts'

type TopUp = { caller: MerchantCaller; id: string; body: { amountMinor: string }; idempotencyKey: string }

export async function topUpCampaign(
  ports: CampaignPorts,
  { caller, id, body, idempotencyKey }: TopUp,
): Promise<{ status: 200; body: CampaignView } | Refusal> {
  const { record, ledger, budgets, clock } = ports
  const nowMs = clock.nowMs()
  const tenant = `merchant:${caller.id}`
  const request = { tenant, operation: operation.id, key: idempotencyKey, body: { ...body, id }, nowMs }
  return ports.runOnce<{ status: 200; body: CampaignView }>(request, async tx => {
    const campaign = await record.lock(tx, id)
    if (campaign?.merchantId !== caller.id) return refuse('not_found')
    const { state, currency, version } = campaign
    if (!takesDrops(state)) return refuse('campaign_state', { reason: state })
    if (campaign.couponPoolId !== null) return refuse('campaign_refused', { reason: 'holds_coupons' })
    const amountMinor = BigInt(body.amountMinor)
    const budgetMinor = campaign.budgetMinor + amountMinor
    if (budgetMinor > limits.money.maxMinor) return refuse('campaign_refused', { reason: 'budget_too_large' })
    const covered = { hiderKind: 'merchant', hiderId: caller.id, currency, campaignId: id } as const
    if (await budgets.isFrozen(tx, covered)) return refuse('frozen')
    const toppedUp = { ...campaign, budgetMinor, version: version + 1 }
    await record.storePlan(tx, toppedUp)
    try {
      await ledger.post(tx, [topUpBudget(campaign, { id: createId(ports), amountMinor, atMs: nowMs })])
    } catch (error) {
      if (ledger.isInsufficientFunds(error)) return refuse('insufficient_funds')
      throw error
    }
    const available = await ledger.balanceOf(tx, campaignOf(id, currency))
    return { status: 200, body: viewCampaign(toppedUp, available) }
  })
}
