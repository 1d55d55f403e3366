/** What a merchant plans, judged from the request alone; its geometry is for PostGIS. The first broken rule answers. */
import { limits } from '#protocol/limits.ts'
import type { CampaignPlan } from '#protocol/rest/campaigns.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { refuseShape } from '../areas/area.ts'
import { checkText } from '../envelopes/text.ts'
import type { Plan } from './campaign.ts'
import { describeSchedule, judgeSchedule } from './schedule.ts'

export type PlanContext = {
  currencies: ReadonlyMap<string, number>
  /** Corners that an area may have on this server. */
  vertices: number
  nowMs: number
}

const broken = (reason: string, detail?: string): Refusal =>
  refuse('campaign_refused', { reason, ...(detail !== undefined && { detail }) })

export function judgePlan(
  sent: CampaignPlan,
  { currencies, vertices, nowMs }: PlanContext,
): { status: 'ok'; plan: Plan } | Refusal {
  const { area, winsPerPlayer, presence = 'gps' } = sent
  const shape = refuseShape(area, { vertices })
  if (shape !== undefined) return shape
  const judged = judgeSchedule(sent.schedule, nowMs)
  if (judged.status === 'refused') return judged
  const content = judgeContent(sent, currencies)
  if (content.status === 'refused') return content
  const texts = judgeTexts(sent)
  if (texts.status === 'refused') return texts
  const { schedule } = judged
  return {
    status: 'ok',
    plan: {
      ...texts.texts,
      area,
      ...content.content,
      winsPerPlayer: winsPerPlayer ?? null,
      presence,
      schedule,
    },
  }
}

/** What ISO 4217 has for no currency at all. */
const noCurrency = 'XXX'

type Content = Pick<Plan, 'currency' | 'budgetMinor' | 'couponPoolId'>

/** Money out of a budget, or coupons out of a pool; whose pool it is, the record knows. */
function judgeContent(
  { content, budget }: CampaignPlan,
  currencies: PlanContext['currencies'],
): { status: 'ok'; content: Content } | Refusal {
  if (content?.type === 'coupon') {
    if (budget !== undefined) return misplaced('is for money')
    return {
      status: 'ok',
      content: { currency: noCurrency, budgetMinor: 0n, couponPoolId: content.poolId },
    }
  }
  if (budget === undefined) return misplaced('is what the envelopes hold')
  const { currency, amountMinor } = budget
  if (!currencies.has(currency)) return broken('currency_unknown')
  return { status: 'ok', content: { currency, budgetMinor: BigInt(amountMinor), couponPoolId: null } }
}

const misplaced = (message: string): Refusal =>
  refuse('bad_request', { errors: [{ pointer: '/body/budget', message }] })

type Texts = Pick<Plan, 'name' | 'greeting' | 'clue' | 'brand'>

function judgeTexts({ name, greeting, clue, brand }: CampaignPlan): { status: 'ok'; texts: Texts } | Refusal {
  const texts: Texts = { name, greeting: null, clue: null, brand: null }
  const sent = [
    { key: 'name', text: name, maxChars: limits.campaign.nameChars },
    { key: 'greeting', text: greeting, maxChars: limits.envelope.greetingChars },
    { key: 'clue', text: clue?.text, maxChars: limits.envelope.clueChars },
    { key: 'brand', text: brand, maxChars: limits.envelope.brandChars },
  ] as const
  for (const { key, text, maxChars } of sent) {
    if (text === undefined) continue
    const verdict = checkText(text, { maxChars, allowContact: true })
    if (verdict.status === 'refused') return broken('text_refused', `${key} ${verdict.detail}`)
    texts[key] = verdict.text
  }
  return { status: 'ok', texts }
}

/** The plan as the protocol writes it, for an answer and for an edit to lie over. */
export const describePlan = (plan: Plan): CampaignPlan => ({
  name: plan.name,
  area: plan.area,
  ...(plan.couponPoolId === null
    ? { budget: { amountMinor: String(plan.budgetMinor), currency: plan.currency } }
    : { content: { type: 'coupon', poolId: plan.couponPoolId } }),
  schedule: describeSchedule(plan.schedule),
  ...(plan.winsPerPlayer !== null && { winsPerPlayer: plan.winsPerPlayer }),
  ...(plan.presence === 'code' && { presence: plan.presence }),
  ...(plan.greeting !== null && { greeting: plan.greeting }),
  ...(plan.clue !== null && { clue: { text: plan.clue } }),
  ...(plan.brand !== null && { brand: plan.brand }),
})
