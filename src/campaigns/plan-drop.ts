/** What a drop would be: places, cost and warnings. The preview shows it; the drop refuses where the preview warns. */
import type { DropOrder, Preview as PreviewSchema } from '#protocol/rest/drops.ts'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Tx } from '#platform/postgres.ts'
import { polygonsOf } from '../areas/area.ts'
import { toMoney } from '../envelopes/view.ts'
import { boxAround } from '../geo/box.ts'
import { estimateFill } from '../geo/fill-cost.ts'
import { type Places, toPlaces } from '../geo/places.ts'
import { parsePosition } from '../geo/point.ts'
import type { Polygons } from '../geo/spread.ts'
import { type Fault, findMisplaced, listFaults } from '../uploads/misplaced.ts'
import { pointerOf } from '../uploads/upload.ts'
import type { Campaign } from './campaign.ts'
import { couponsOf, type DropTerms } from './drop.ts'
import type { Placed, PlaceRequest } from './placing.ts'
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

type PlanPorts = Pick<CampaignPorts, 'areas' | 'envelopes' | 'record' | 'uploads' | 'place' | 'random'>

const broken = (reason: string, figures?: Record<string, number>): Refusal =>
  refuse('drop_refused', { reason, ...(figures !== undefined && { figures }) })

/**
 * The plan, or why there can be none: `shares_exceed_total`, `upload_unknown`, `no_room`, `too_many_cells`,
 * `points_refused`, `spacing_impossible`, `too_expensive`.
 */
export async function planDrop(
  ports: PlanPorts,
  tx: Tx,
  { campaign, order }: { campaign: Campaign; order: DropOrder },
): Promise<{ status: 'ok'; plan: DropPlan } | Refusal> {
  const { spacingM } = order
  const worth = judgeWorth(campaign, order)
  if (worth.status === 'refused') return worth
  const wanted = await readStrategy(ports, tx, { campaign, order })
  if (isRefusal(wanted)) return wanted
  const { area, areaM2 } = await ports.areas.subtractExclusions(tx, campaign.area)
  const free = polygonsOf(area)
  if (!(areaM2 > 0)) return broken('no_room')
  const tooMany = refuseFill(order.strategy, free)
  if (tooMany !== undefined) return tooMany
  const others = spacingM === undefined ? toPlaces([]) : await listOthers(ports, tx, { campaign, spacingM })
  const seed = order.seed ?? ports.random.bytes(16).toString('hex')
  const placed = await ports.place({ strategy: wanted.strategy, seed, spacingM, free, others })
  const envelopes = placed.places.lngs.length
  if (envelopes === 0) return broken(placed.missing > 0 ? 'spacing_impossible' : 'no_room')
  if (wanted.strategy.type === 'given') {
    const refusal = await refusePlaces(ports, tx, { campaign, placed, pointer: wanted.pointer })
    if (refusal !== undefined) return refusal
  }
  const costMinor = worth.amountMinor * BigInt(envelopes)
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

type Wanted = { status: 'ok'; strategy: PlaceRequest['strategy']; pointer: (index: number) => string }

/** Given places, wherever they come from, with the name that each has there. */
async function readStrategy(
  { uploads }: PlanPorts,
  tx: Tx,
  { campaign, order: { strategy } }: { campaign: Campaign; order: DropOrder },
): Promise<Wanted | Refusal> {
  if (strategy.type === 'points') {
    const points = strategy.points.coordinates.map(parsePosition)
    const places = toPlaces(points.filter(point => point !== undefined))
    const pointer = (index: number) => `/body/strategy/points/coordinates/${index}`
    return { status: 'ok', strategy: { type: 'given', places }, pointer }
  }
  if (strategy.type === 'uploaded') {
    const uploaded = await uploads.find(tx, { id: strategy.uploadId, campaignId: campaign.id })
    if (uploaded === undefined) return broken('upload_unknown')
    const pointer = (index: number) => pointerOf(uploaded, index)
    return { status: 'ok', strategy: { type: 'given', places: uploaded.places }, pointer }
  }
  return { status: 'ok', strategy, pointer: String }
}

/** Those of drops that are filling first: what is made meanwhile is found twice rather than not at all. */
async function listOthers(
  { record, envelopes }: PlanPorts,
  tx: Tx,
  { campaign: { merchantId, area }, spacingM }: { campaign: Campaign; spacingM: number },
): Promise<Places> {
  const which = { merchantId, box: boxAround(polygonsOf(area), spacingM) }
  const coming = await record.listPlacesToCome(tx, which)
  return toPlaces([...coming, ...(await envelopes.listPlaces(tx, which))])
}

/** Some hundred milliseconds of a worker. */
const fillSteps = 10_000_000

function refuseFill(strategy: DropOrder['strategy'], free: Polygons): Refusal | undefined {
  if (strategy.type !== 'cells') return undefined
  const { cells, steps } = estimateFill(free, strategy.resolution)
  const limit = rules.cellsPerDrop
  if (cells <= limit && steps <= fillSteps) return undefined
  return broken('too_many_cells', { cells: Math.round(cells), limit })
}

async function refusePlaces(
  { areas }: PlanPorts,
  tx: Tx,
  { campaign, placed, pointer }: { campaign: Campaign; placed: Placed; pointer: Wanted['pointer'] },
): Promise<Refusal | undefined> {
  const faults: Fault[] = [
    ...(await findMisplaced(areas, tx, { places: placed.places, area: campaign.area })),
    ...placed.crowded.map(index => ({ index, message: 'is nearer to another than the spacing' })),
  ]
  if (faults.length === 0) return undefined
  const errors = listFaults(faults, pointer)
  return refuse('drop_refused', { reason: 'points_refused', errors, figures: { faults: faults.length } })
}

type Warning = Static<typeof PreviewSchema>['warnings'][number]

export function describeDropPlan(
  { seed, terms, placed, costMinor, areaM2 }: DropPlan,
  {
    currency,
    presence,
    availableMinor,
    freeCoupons,
  }: Pick<Campaign, 'currency' | 'presence'> & { availableMinor: bigint; freeCoupons: number },
): Static<typeof PreviewSchema> {
  const { missing, cellsWithoutRoom, cells } = placed
  const { lngs, lats } = placed.places
  const envelopes = lngs.length
  const warnings: Warning[] = []
  if (missing > 0) {
    warnings.push({
      code: 'spacing_impossible',
      detail: `${missing} of ${envelopes + missing} find no room`,
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
  const coupons = couponsOf({ envelopes, terms })
  if (coupons > freeCoupons) {
    warnings.push({ code: 'coupons_short', detail: `${freeCoupons} of ${coupons} coupons are free` })
  }
  return {
    seed,
    envelopes,
    cost: toMoney(costMinor, currency),
    ...(coupons > 0 && { coupons }),
    areaM2: Math.round(areaM2),
    perKm2: Math.round((envelopes / areaM2) * 1_000_000),
    cells,
    points: {
      type: 'MultiPoint',
      coordinates: [...lngs.subarray(0, rules.previewPoints)].map((lng, i) => [lng, lats[i] ?? 0]),
    },
    warnings,
  }
}
