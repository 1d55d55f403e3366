/**
 * Going on longer than planned. The campaign ends later at once; the envelopes that are there follow by the hundred,
 * because each has its own end in its gate. A merchant who comes in the last minute is told that it is too late: some
 * envelopes would be over before their turn comes.
 */
import type { CampaignExtension } from '#protocol/rest/campaigns.ts'
import { limits } from '#protocol/limits.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { extendSome } from '../envelopes/dropped.ts'
import { campaignOf } from '../ledger/account.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { CampaignView } from './edit.ts'
import type { FillPorts } from './fill.ts'
import type { MovePorts } from './move.ts'
import { judgeEnd } from './schedule.ts'
import { takesDrops } from './state.ts'
import type { NextIds } from './turns.ts'
import { viewCampaign } from './view.ts'

type Extension = { caller: MerchantCaller; id: string; version: number; body: CampaignExtension }

/** By whoever saw the newest version. */
export function extendCampaign(
  { database, record, ledger, clock }: MovePorts,
  { caller, id, version, body }: Extension,
): Promise<{ status: 200; body: CampaignView } | Refusal> {
  const nowMs = clock.nowMs()
  return database.transact<{ status: 200; body: CampaignView } | Refusal>(async tx => {
    const campaign = await record.lock(tx, id)
    if (campaign?.merchantId !== caller.id) return refuse('not_found')
    if (campaign.version !== version) return refuse('edited_meanwhile')
    if (!takesDrops(campaign.state)) return refuse('campaign_state', { reason: campaign.state })
    if (campaign.schedule.endsAtMs - nowMs < limits.campaign.extendBeforeMs) {
      return refuse('campaign_refused', { reason: 'too_late' })
    }
    const judged = judgeEnd(campaign.schedule, body.endsAt)
    if (judged.status === 'refused') return judged
    const extended = { ...campaign, schedule: judged.schedule, version: version + 1 }
    await record.storePlan(tx, extended)
    const available = await ledger.balanceOf(tx, campaignOf(id, campaign.currency))
    return { status: 200, body: viewCampaign(extended, available) }
  })
}

/** A batch of each live drop that its campaign outlives; after the last one those near are told, once a cell. */
export async function extendDrops(ports: FillPorts, next: NextIds): Promise<{ more: boolean }> {
  const { database, record, dropped } = ports
  let more = false
  for (const dropId of await next()) {
    const drop = await record.findDrop(database, dropId)
    const campaign = drop && (await record.find(database, drop.campaignId))
    if (drop === undefined || campaign === undefined) continue
    const which = { dropId, toMs: campaign.schedule.endsAtMs }
    if ((await extendSome(dropped, which)) > 0) {
      more = true
      continue
    }
    // Those that a settlement holds: at the next turn.
    if ((await dropped.record.countToExtend(database, which)) > 0) continue
    await database.transact(async tx => {
      const locked = await record.lockDrop(tx, dropId)
      if (locked?.state === 'live') await record.storeDrop(tx, { ...locked, expiresAtMs: which.toMs })
    })
    dropped.announcer.cellsChanged(await dropped.record.listCellsOfDrop(database, dropId))
  }
  return { more }
}
