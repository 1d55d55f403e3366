/** What a drop would be: places, cost and warnings. The preview shows it; the drop refuses where the preview warns. */
import type { DropOrder, Preview as PreviewSchema } from '#protocol/rest/drops.ts'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import { breathe } from '#platform/breathe.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Tx } from '#platform/postgres.ts'
import { polygonsOf } from '../areas/area.ts'
import { toMoney } from '../envelopes/view.ts'
import { coarsen, locateCell } from '../geo/cell.ts'
import { estimateFill } from '../geo/fill.ts'
import type { Polygons } from '../geo/spread.ts'
import type { Point } from '../geo/point.ts'
import type { Campaign } from './campaign.ts'
import { couponsOf, type DropTerms } from './drop.ts'
import { type Placed, placeEnvelopes } from './place.ts'
import type { CampaignPorts } from './ports.ts'

const rules = limits.campaign

export type DropPlan = {
  seed: string
  terms: DropTerms
  placed: Placed
  costMinor: bigint
  /** Of the campaign, without the exclusion areas. */
  areaM2: number
}

type PlanPorts = Pick<CampaignPorts, 'areas' | 'envelopes' | 'random'>

const broken = (reason: string, figures?: Record<string, number>): Refusal =>
  refuse('drop_refused', { reason, ...(figures !== undefined && { figures }) })

/** The plan, or why there can be none: `shares_exceed_total`, `no_room`, `too_many_cells`, `points_refused`. */
export async function planDrop(
  ports: PlanPorts,
  tx: Tx,
  { campaign, order }: { campaign: Campaign; order: DropOrder },
): Promise<{ status: 'ok'; plan: DropPlan } | Refusal> {
  const { strategy, spacingM } = order
  const worth = judgeWorth(campaign, order)
  if (worth.status === 'refused') return worth
  const { area, areaM2 } = await ports.areas.subtractExclusions(tx, campaign.area)
  const free = polygonsOf(area)
  if (!(areaM2 > 0)) return broken('no_room')
  const tooMany = refuseFill(strategy, free)
  if (tooMany !== undefined) return tooMany
  const which = { merchantId: campaign.merchantId, area: campaign.area }
  const others = spacingM === undefined ? [] : await ports.envelopes.listPlaces(tx, which)
  const seed = order.seed ?? ports.random.bytes(16).toString('hex')
  const placed = await placeEnvelopes({ strategy, seed, spacingM, free, others })
  if (placed.points.length === 0) return broken(placed.missing > 0 ? 'spacing_impossible' : 'no_room')
  if (strategy.type === 'points') {
    const refusal = await refusePoints(ports, tx, { campaign, placed })
    if (refusal !== undefined) return refusal
  }
  const costMinor = worth.amountMinor * BigInt(placed.points.length)
  if (costMinor > limits.money.maxMinor) return broken('too_expensive')
  const claimRadiusM = order.claimRadiusM ?? limits.envelope.claimRadiusM.default
  const { amountMinor, split } = worth
  const terms = { amountMinor, shares: order.shares, split, claimRadiusM }
  return { status: 'ok', plan: { seed, terms, placed, costMinor, areaM2 } }
}

type Worth = { status: 'ok' } & Pick<DropTerms, 'amountMinor' | 'split'>

/** Money is split as the order says; of coupons each share has one, and there is nothing to say. */
function judgeWorth({ couponPoolId }: Campaign, { amountMinor, split, shares }: DropOrder): Worth | Refusal {
  const wrong = (name: string, message: string) =>
    refuse('bad_request', { errors: [{ pointer: `/body/${name}`, message }] })
  if (couponPoolId !== null) {
    if (amountMinor !== undefined) return wrong('amountMinor', 'is for money')
    if (split !== undefined) return wrong('split', 'is for money')
    const { sharesPerEnvelope } = limits.coupon
    if (shares > sharesPerEnvelope) return wrong('shares', `must be <= ${sharesPerEnvelope}`)
    return { status: 'ok', amountMinor: 0n, split: 'equal' }
  }
  if (amountMinor === undefined) return wrong('amountMinor', 'is what each envelope holds')
  if (split === undefined) return wrong('split', 'is how it is shared out')
  if (BigInt(shares) > BigInt(amountMinor)) return broken('shares_exceed_total')
  return { status: 'ok', amountMinor: BigInt(amountMinor), split }
}

/** A million corners looked at are some 20 ms: nobody else waits longer for a fill. */
const fillSteps = 1_000_000

function refuseFill(strategy: DropOrder['strategy'], free: Polygons): Refusal | undefined {
  if (strategy.type !== 'cells') return undefined
  const { cells, steps } = estimateFill(free, strategy.resolution)
  const limit = rules.cellsPerDrop
  if (cells <= limit && steps <= fillSteps) return undefined
  return broken('too_many_cells', { cells: Math.round(cells), limit })
}

/** One line for each point, as many as help. */
const mostErrors = 100

async function refusePoints(
  { areas }: PlanPorts,
  tx: Tx,
  { campaign, placed }: { campaign: Campaign; placed: Placed },
): Promise<Refusal | undefined> {
  const misplaced = await areas.findExcluding(tx, placed.points, campaign.area)
  const faults = [
    ...misplaced.map(({ index, isOutside }) => ({
      index,
      message: isOutside ? 'lies outside of the campaign' : 'lies in an exclusion area',
    })),
    ...placed.crowded.map(index => ({ index, message: 'is nearer to another than the spacing' })),
  ].sort((a, b) => a.index - b.index)
  if (faults.length === 0) return undefined
  const errors = faults
    .slice(0, mostErrors)
    .map(({ index, message }) => ({ pointer: `/body/strategy/points/coordinates/${index}`, message }))
  return refuse('drop_refused', { reason: 'points_refused', errors, figures: { faults: faults.length } })
}

type Warning = Static<typeof PreviewSchema>['warnings'][number]

export async function describeDropPlan(
  { seed, terms, placed, costMinor, areaM2 }: DropPlan,
  {
    currency,
    presence,
    availableMinor,
    freeCoupons,
  }: Pick<Campaign, 'currency' | 'presence'> & { availableMinor: bigint; freeCoupons: number },
): Promise<Static<typeof PreviewSchema>> {
  const { points, missing, cellsWithoutRoom } = placed
  const warnings: Warning[] = []
  if (missing > 0) {
    warnings.push({
      code: 'spacing_impossible',
      detail: `${missing} of ${points.length + missing} find no room`,
    })
  }
  if (cellsWithoutRoom > 0) {
    warnings.push({ code: 'cells_without_room', detail: `${cellsWithoutRoom} cells stay empty` })
  }
  // With a code, the radius plays no part.
  if (presence === 'gps' && terms.claimRadiusM < rules.phoneAccuracyM) {
    const detail = `phones between houses are ${rules.phoneAccuracyM} m off; some will stand there in vain`
    warnings.push({ code: 'radius_below_accuracy', detail })
  }
  if (costMinor > availableMinor) {
    warnings.push({ code: 'budget_exceeded', detail: `${availableMinor} minor units are available` })
  }
  const coupons = couponsOf({ envelopes: points.length, terms })
  if (coupons > freeCoupons) {
    warnings.push({ code: 'coupons_short', detail: `${freeCoupons} of ${coupons} coupons are free` })
  }
  return {
    seed,
    envelopes: points.length,
    cost: toMoney(costMinor, currency),
    ...(coupons > 0 && { coupons }),
    areaM2: Math.round(areaM2),
    perKm2: Math.round((points.length / areaM2) * 1_000_000),
    cells: await countByCell(points),
    points: {
      type: 'MultiPoint',
      coordinates: points.slice(0, rules.previewPoints).map(({ lng, lat }): [number, number] => [lng, lat]),
    },
    warnings,
  }
}

async function countByCell(points: readonly Point[]): Promise<{ hex_id: string; envelopes: number }[]> {
  const counts = new Map<string, number>()
  for (const [i, point] of points.entries()) {
    if (i % 1_000 === 0) await breathe()
    const cell = coarsen(locateCell(point), 9)
    counts.set(cell, (counts.get(cell) ?? 0) + 1)
  }
  return [...counts]
    .map(([hex_id, envelopes]) => ({ hex_id, envelopes }))
    .sort((a, b) => b.envelopes - a.envelopes || (a.hex_id < b.hex_id ? -1 : 1))
}
