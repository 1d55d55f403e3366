/**
 * Moving a launched campaign: pause and resume are one row, which every settlement reads, so they stop and start 50,000
 * envelopes at once; the end is the same row, after which the envelopes are closed in batches (end.ts). The schedule
 * moves it by the same means (turn).
 */
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { campaignOf } from '../ledger/account.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { Campaign, Standing } from './campaign.ts'
import type { CampaignView } from './edit.ts'
import type { CampaignPorts } from './ports.ts'
import { isInWindow } from './schedule.ts'
import { type CampaignState, canMove } from './state.ts'
import { viewCampaign } from './view.ts'

export type MovePorts = Pick<CampaignPorts, 'database' | 'record' | 'ledger' | 'budgets' | 'clock'>

/** To a state, unless it has it already; `campaign_state` where no move leads there. */
export async function moveCampaign(
  ports: MovePorts,
  { caller, id, to }: { caller: MerchantCaller; id: string; to: 'paused' | 'live' | 'ended' },
): Promise<{ status: 200; body: CampaignView } | Refusal> {
  const { database, record, ledger, budgets } = ports
  const nowMs = ports.clock.nowMs()
  const outcome = await database.transact<{ status: 200; body: CampaignView } | Refusal>(async tx => {
    const campaign = await record.lock(tx, id)
    if (campaign?.merchantId !== caller.id) return refuse('not_found')
    // Only the schedule starts a campaign; its merchant resumes one.
    const isTooEarly = to === 'live' && campaign.state === 'scheduled'
    if (campaign.state !== to && (isTooEarly || !canMove(campaign.state, to))) {
      return refuse('campaign_state', { reason: campaign.state })
    }
    const moved = campaign.state === to ? campaign : await store(ports, tx, { campaign, to, nowMs })
    const available = await ledger.balanceOf(tx, campaignOf(id, campaign.currency))
    return { status: 200, body: viewCampaign(moved, available) }
  })
  budgets.announce()
  return outcome
}

async function store(
  { record }: Pick<MovePorts, 'record'>,
  tx: Tx,
  { campaign, to, nowMs }: { campaign: Campaign; to: CampaignState; nowMs: number },
): Promise<Campaign> {
  const standing: Standing = {
    state: to,
    isStopped: to !== 'live' || !isInWindow(campaign.schedule, nowMs),
    endedAtMs: to === 'ended' ? nowMs : null,
  }
  await record.storeStanding(tx, campaign.id, standing)
  if (to === 'ended') await record.stopFilling(tx, campaign.id)
  return { ...campaign, ...standing }
}

/** What the schedule says that it should be by now; undefined where that is what it is. */
export function dueStanding(
  { state, schedule, isStopped }: Pick<Campaign, 'state' | 'schedule' | 'isStopped'>,
  nowMs: number,
): CampaignState | undefined {
  if (nowMs >= schedule.endsAtMs) return 'ended'
  if (state === 'scheduled') return nowMs >= schedule.startsAtMs ? 'live' : undefined
  return state === 'live' && isStopped === isInWindow(schedule, nowMs) ? 'live' : undefined
}

/** Starts, ends, and opens and closes windows, as the schedules say. */
export async function turnCampaigns(ports: MovePorts): Promise<{ more: boolean }> {
  const { database, record, budgets } = ports
  const nowMs = ports.clock.nowMs()
  const due = (await record.listInPlay(database)).filter(
    campaign => dueStanding(campaign, nowMs) !== undefined,
  )
  for (const { id } of due) {
    await database.transact(async tx => {
      const campaign = await record.lock(tx, id)
      const to = campaign && dueStanding(campaign, nowMs)
      if (campaign !== undefined && to !== undefined && campaign.state !== 'ended') {
        await store(ports, tx, { campaign, to, nowMs })
      }
    })
  }
  if (due.length > 0) budgets.announce()
  return { more: false }
}
