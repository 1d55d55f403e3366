/** What may be posted, judged from the request alone; the first rule that is broken is the answer. */
import { limits } from '#protocol/limits.ts'
import type { PostBody } from '#protocol/rest/service-requests.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { checkText } from '../envelopes/text.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint, parsePosition, type Point } from '../geo/point.ts'
import type { RequestCategory } from './request.ts'
import type { RequestMode } from './state.ts'

const rules = limits.serviceRequest

/** A request with every default filled in and every unit fixed. */
export type PostDraft = {
  /** WGS-84. */
  place: Point
  mode: RequestMode
  category: RequestCategory
  text: string
  instructions: string | null
  currency: string
  priceMinor: bigint
  deliverWithinS: number
  expiresAtMs: number
}

export const broken = (reason: string, more: Pick<Refusal, 'detail' | 'figures'> = {}): Refusal =>
  refuse('request_refused', { reason, ...more })

const invalid = (pointer: string, message: string): Refusal =>
  refuse('bad_request', { errors: [{ pointer, message }] })

/**
 * The draft, or the first of: `bad_request` (an impossible place or time), then `request_refused` with
 * `currency_unknown`, `price_too_low`, `price_too_high`, `expiry_past` (or in less than ten minutes), `expiry_too_far`,
 * `text_refused`.
 */
export function judgePost(
  body: PostBody,
  { currencies, nowMs }: { currencies: ReadonlyMap<string, number>; nowMs: number },
): { status: 'ok'; draft: PostDraft } | Refusal {
  const sent = parsePosition(body.place.coordinates)
  const place = sent && parsePoint(toWgs84(sent, body.crs ?? 'wgs84'))
  if (place === undefined) return invalid('/body/place', 'is not on Earth')
  const isDraft = body.draft === true
  if (isDraft && body.expiresAt !== undefined) return invalid('/body/expiresAt', 'is told when it is posted')
  const expiry = isDraft
    ? ({ status: 'ok', expiresAtMs: nowMs + rules.draftMs } as const)
    : judgeExpiry(body.expiresAt, nowMs)
  if (expiry.status === 'refused' && expiry.code === 'bad_request') return expiry

  const { amountMinor, currency } = body.price
  if (!currencies.has(currency)) return broken('currency_unknown')
  const priceMinor = BigInt(amountMinor)
  const refusal = refusePrice(priceMinor)
  if (refusal !== undefined) return refusal
  if (expiry.status === 'refused') return expiry

  const text = readText('text', body.text)
  if (text.status === 'refused') return text
  // An instruction is for one person who has been chosen: a number to call is what it is for.
  const instructions = readText('instructions', body.instructions, { allowContact: true })
  if (instructions.status === 'refused') return instructions
  const draft = {
    ...{ place, mode: body.mode, category: body.category, text: text.text ?? '', currency, priceMinor },
    ...{ instructions: instructions.text ?? null, expiresAtMs: expiry.expiresAtMs },
    deliverWithinS: body.deliverWithinS ?? rules.deliverWithinS.default,
  }
  return { status: 'ok', draft }
}

/** Whether a price, with all its top-ups, is inside the bounds [1 to 99,999.99 yuan]. */
export function refusePrice(priceMinor: bigint): Refusal | undefined {
  const { minMinor, maxMinor } = rules
  if (priceMinor < minMinor) return broken('price_too_low', { figures: { limitMinor: Number(minMinor) } })
  if (priceMinor > maxMinor) return broken('price_too_high', { figures: { limitMinor: Number(maxMinor) } })
  return undefined
}

/** When a request that is posted now is over. */
export function judgeExpiry(
  expiresAt: string | undefined,
  nowMs: number,
): { status: 'ok'; expiresAtMs: number } | Refusal {
  const { min, max, default: usual } = rules.lifetimeMs
  const expiresAtMs = expiresAt === undefined ? nowMs + usual : Date.parse(expiresAt)
  // RFC 3339 knows leap seconds, Date does not.
  if (Number.isNaN(expiresAtMs)) return invalid('/body/expiresAt', 'is not a time')
  const lifetimeMs = expiresAtMs - nowMs
  if (lifetimeMs < min) return broken('expiry_past', { figures: { limitMs: min } })
  if (lifetimeMs > max) return broken('expiry_too_far', { figures: { limitMs: max } })
  return { status: 'ok', expiresAtMs }
}

/** Plain text where there is any; contact details in what strangers read are masked. */
export function readText(
  name: string,
  raw: string | undefined,
  { allowContact = false }: { allowContact?: boolean } = {},
): { status: 'ok'; text: string | undefined } | Refusal {
  if (raw === undefined) return { status: 'ok', text: undefined }
  const verdict = checkText(raw, { maxChars: rules.textChars, allowContact })
  if (verdict.status === 'ok') return verdict
  return broken('text_refused', { detail: `${name} ${verdict.detail}` })
}
