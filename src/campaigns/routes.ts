/** Campaigns over HTTP. What belongs to another merchant is not there. */
import {
  closeCampaign,
  createCampaign,
  editCampaign,
  getCampaign,
  launchCampaign,
  listCampaignEnvelopes,
  listCampaigns,
  pauseCampaign,
  resumeCampaign,
} from '#protocol/rest/campaigns.ts'
import { rotateCampaignCode, showCampaignCode } from '#protocol/rest/codes.ts'
import { dropEnvelopes, getDrop, previewDrop } from '#protocol/rest/drops.ts'
import { answer, type Bind } from '#platform/http.ts'
import { readPage, toPage } from '#platform/page.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Clock } from '#platform/clock.ts'
import type { CampaignEnvelopes } from '../envelopes/ports.ts'
import { viewEnvelope } from '../envelopes/view.ts'
import { campaignOf } from '../ledger/account.ts'
import type { Caller } from '../players/caller.ts'
import type { Campaign } from './campaign.ts'
import type { Campaigns } from './campaigns.ts'
import type { CampaignPorts, CampaignRecord } from './ports.ts'
import { viewCampaign, viewDrop } from './view.ts'

export type CampaignRoutePorts = {
  campaigns: Campaigns
  database: Tx
  record: CampaignRecord
  ledger: Pick<CampaignPorts['ledger'], 'balanceOf'>
  envelopes: CampaignEnvelopes
  clock: Clock
}

export function registerCampaignRoutes(bind: Bind<Caller>, ports: CampaignRoutePorts): void {
  const { campaigns } = ports
  bind(createCampaign, request => campaigns.create(request))
  bind(editCampaign, ({ caller, params, body, ifMatch }) =>
    campaigns.edit({ caller, id: params.id, body, version: ifMatch }),
  )
  bind(launchCampaign, ({ caller, params, idempotencyKey }) =>
    campaigns.launch({ caller, id: params.id, idempotencyKey }),
  )
  bind(pauseCampaign, ({ caller, params }) => campaigns.move({ caller, id: params.id, to: 'paused' }))
  bind(resumeCampaign, ({ caller, params }) => campaigns.move({ caller, id: params.id, to: 'live' }))
  bind(closeCampaign, ({ caller, params }) => campaigns.move({ caller, id: params.id, to: 'ended' }))
  bind(previewDrop, ({ caller, params, body }) => campaigns.preview({ caller, id: params.id, body }))
  bind(dropEnvelopes, ({ caller, params, body, idempotencyKey }) =>
    campaigns.drop({ caller, id: params.id, body, idempotencyKey }),
  )
  bind(showCampaignCode, ({ caller, params }) => campaigns.showCode({ caller, id: params.id }))
  bind(rotateCampaignCode, ({ caller, params }) => campaigns.rotateCode({ caller, id: params.id }))
  registerReading(bind, ports)
}

function registerReading(bind: Bind<Caller>, ports: CampaignRoutePorts): void {
  const { database, record, ledger, envelopes, clock } = ports

  const view = async (campaign: Campaign) =>
    viewCampaign(campaign, await ledger.balanceOf(database, campaignOf(campaign.id, campaign.currency)))

  async function findOwn(id: string, merchantId: string): Promise<Campaign | undefined> {
    const campaign = await record.find(database, id)
    return campaign?.merchantId === merchantId ? campaign : undefined
  }

  bind(listCampaigns, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const found = await record.list(database, caller.id, page)
    const listed = await Promise.all(found.map(view))
    const request = { path: listCampaigns.path, limit: page.limit }
    const key = ({ createdAt, id }: (typeof listed)[number]) => ({ atMs: Date.parse(createdAt), id })
    return answer(200, toPage(listed, request, { item: campaign => campaign, key }))
  })

  bind(getCampaign, async ({ caller, params }) => {
    const campaign = await findOwn(params.id, caller.id)
    return campaign === undefined ? refuse('not_found') : answer(200, await view(campaign))
  })

  bind(getDrop, async ({ caller, params }) => {
    const campaign = await findOwn(params.id, caller.id)
    const drop = await record.findDrop(database, params.dropId)
    if (campaign === undefined || drop?.campaignId !== campaign.id) return refuse('not_found')
    return answer(200, viewDrop(drop))
  })

  bind(listCampaignEnvelopes, async ({ caller, params, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const campaign = await findOwn(params.id, caller.id)
    if (campaign === undefined) return refuse('not_found')
    const found = await envelopes.listOfCampaign(database, campaign.id, page)
    const request = { path: listCampaignEnvelopes.path.replace('{id}', campaign.id), limit: page.limit }
    const nowMs = clock.nowMs()
    return answer(
      200,
      toPage(found, request, {
        item: envelope => viewEnvelope(envelope, { kind: 'hider' }, nowMs),
        key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
      }),
    )
  })
}
