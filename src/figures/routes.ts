/** Figures over HTTP. What belongs to another merchant is not there. */
import { limits } from '#protocol/limits.ts'
import {
  exportClaims,
  exportClaimsMap,
  exportEnvelopes,
  exportEnvelopesMap,
  getFigures,
  getFigureSeries,
  getHeatMap,
  streamFigures,
} from '#protocol/rest/figures.ts'
import { answer, type Bind } from '#platform/http.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Campaign } from '../campaigns/campaign.ts'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import { cellPolygon } from '../geo/polygon.ts'
import type { Caller, MerchantCaller } from '../players/caller.ts'
import type { Form } from './export.ts'
import type { FiguresOfCampaigns } from './figures.ts'
import type { FiguresRecord } from './ports.ts'
import { foldQuarters } from './series.ts'
import { viewFigures } from './view.ts'

export type FiguresRoutePorts = {
  figures: FiguresOfCampaigns
  database: Tx
  record: Pick<FiguresRecord, 'listQuarters' | 'countByCell'>
  findCampaign: (tx: Tx, id: string) => Promise<Campaign | undefined>
}

/** Quarters of an hour from which the steps are made: more than a campaign of thirty days has. */
const mostQuarters = 4 * limits.figures.steps

export function registerFiguresRoutes(bind: Bind<Caller>, ports: FiguresRoutePorts): void {
  const { figures, database, record } = ports

  async function findOwn(id: string, merchantId: string): Promise<Campaign | undefined> {
    const campaign = await ports.findCampaign(database, id)
    return campaign?.merchantId === merchantId ? campaign : undefined
  }

  bind(getFigures, async ({ caller, params }) => {
    const campaign = await findOwn(params.id, caller.id)
    const reading = campaign && (await figures.read(campaign.id))
    return reading === undefined ? refuse('not_found') : answer(200, viewFigures(reading))
  })

  bind(streamFigures, async ({ caller, params, lastEventId }) => {
    const campaign = await findOwn(params.id, caller.id)
    if (campaign === undefined) return refuse('not_found')
    const request = { keyId: caller.keyId, campaignId: campaign.id, merchantId: caller.id, lastEventId }
    const opened = await figures.streams.open(request)
    return isRefusal(opened) ? opened : answer(200, opened.stream)
  })

  bind(getFigureSeries, async ({ caller, params, query }) => {
    const campaign = await findOwn(params.id, caller.id)
    if (campaign === undefined) return refuse('not_found')
    const { by = 'hour' } = query
    const quarters = await record.listQuarters(database, campaign.id, mostQuarters)
    const { timeZone } = campaign.schedule
    const steps = foldQuarters(quarters, { by, timeZone, most: limits.figures.steps })
    return answer(200, {
      ...{ campaignId: campaign.id, by },
      steps: steps.map(({ name, revealed, claimed, amountMinor }) => ({
        ...{ [by]: name, revealed, claimed, amount: toMoney(amountMinor, campaign.currency) },
      })),
    })
  })

  bind(getHeatMap, async ({ caller, params }) => {
    const campaign = await findOwn(params.id, caller.id)
    if (campaign === undefined) return refuse('not_found')
    const { asOfMs, finders } = await figures.heatMap(campaign.id)
    const features = (await record.countByCell(database, campaign.id)).map(({ cell, envelopes }) => {
      const found = finders.get(cell)
      const properties = { hex_id: cell, envelopes, ...(found !== undefined && { finders: found }) }
      return { type: 'Feature' as const, geometry: cellPolygon(cell), properties }
    })
    return answer(200, {
      ...{ type: 'FeatureCollection' as const, features, numberReturned: features.length },
      ...(asOfMs !== undefined && { asOf: toTimestamp(asOfMs) }),
    })
  })

  const exporting =
    (what: 'envelopes' | 'claims', form: Form) =>
    async ({ caller, params }: { caller: MerchantCaller; params: { id: string } }) => {
      const campaign = await findOwn(params.id, caller.id)
      if (campaign === undefined) return refuse('not_found')
      const begun = figures.export(what, form, { campaignId: campaign.id, merchantId: caller.id })
      return isRefusal(begun) ? begun : answer(200, begun.pieces)
    }
  bind(exportEnvelopes, exporting('envelopes', 'csv'))
  bind(exportEnvelopesMap, exporting('envelopes', 'geojson'))
  bind(exportClaims, exporting('claims', 'csv'))
  bind(exportClaimsMap, exporting('claims', 'geojson'))
}
