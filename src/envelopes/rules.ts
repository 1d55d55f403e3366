/**
 * What may be hidden, judged from the request alone: no database, no position, no other envelope. The first rule that
 * is broken is the answer, in the order of {@link judgeHide}; the database checks what matters for money once more.
 */
import { limits } from '#protocol/limits.ts'
import type { Audience, HideBody } from '#protocol/rest/envelopes.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint, parsePosition, type Point } from '../geo/point.ts'
import type { HiderKind, Presence, SplitKind } from './envelope.ts'
import { checkText } from './text.ts'

const rules = limits.envelope

/** A request to hide with every default filled in and every unit fixed. */
export type HideDraft = {
  /** WGS-84. */
  place: Point
  currency: string
  totalMinor: bigint
  shareCount: number
  split: SplitKind
  shareCapMinor: bigint | null
  audience: Audience
  claimRadiusM: number
  opensAtMs: number
  expiresAtMs: number
  greeting: string | null
  clue: string | null
  brand: string | null
  campaignId: string | null
  presence: Presence
}

export type HideContext = {
  hiderKind: HiderKind
  /** Only its keys matter: the codes that this server knows. */
  currencies: ReadonlyMap<string, number>
  nowMs: number
}

/** A part of the draft, or why there is none. */
type Judged<T> = ({ status: 'ok' } & T) | Refusal

/**
 * The draft, or the first of: `bad_request` (a field of the other kind of hider, an impossible time or place), then
 * `envelope_refused` with `currency_unknown`, `too_many_shares`, `shares_exceed_total`, `share_too_large`,
 * `opens_after_expiry`, `expiry_past` (or open for less than a minute), `expiry_too_far` (or opening too far ahead),
 * `text_refused`.
 */
export function judgeHide(body: HideBody, context: HideContext): Judged<{ draft: HideDraft }> {
  const misplaced = refuseMisplaced(body, context.hiderKind)
  if (misplaced !== undefined) return misplaced
  const place = judgePlace(body)
  if (place.status === 'refused') return place
  const sent = readTimes(body)
  if (sent.status === 'refused') return sent

  const money = judgeMoney(body, context)
  if (money.status === 'refused') return money
  const window = judgeWindow(sent.times, context)
  if (window.status === 'refused') return window
  const texts = judgeTexts(body, context.hiderKind)
  if (texts.status === 'refused') return texts

  const draft = {
    place: place.point,
    ...money.money,
    ...window.window,
    ...texts.texts,
    audience: body.audience ?? { type: 'anyone' as const },
    claimRadiusM: body.claimRadiusM ?? rules.claimRadiusM.default,
    campaignId: body.campaignId ?? null,
    presence: body.presence ?? ('gps' as const),
  }
  return { status: 'ok', draft }
}

const invalid = (pointer: string, message: string): Refusal =>
  refuse('bad_request', { errors: [{ pointer, message }] })

const broken = (reason: string, more: Pick<Refusal, 'detail' | 'figures'> = {}): Refusal =>
  refuse('envelope_refused', { reason, ...more })

function refuseMisplaced(body: HideBody, hiderKind: HiderKind): Refusal | undefined {
  if (hiderKind === 'player' && body.brand !== undefined) return invalid('/body/brand', 'is for merchants')
  if (hiderKind === 'player' && body.campaignId !== undefined) {
    return invalid('/body/campaignId', 'is for merchants')
  }
  if (hiderKind === 'player' && body.presence === 'code') return invalid('/body/presence', 'is for merchants')
  if (body.presence === 'code' && body.campaignId === undefined) {
    return invalid('/body/campaignId', 'is whose code counts')
  }
  if (hiderKind === 'merchant' && body.fix !== undefined) return invalid('/body/fix', 'is for players')
  return undefined
}

function judgePlace({ place, crs }: HideBody): Judged<{ point: Point }> {
  const sent = parsePosition(place.coordinates)
  const point = sent && parsePoint(toWgs84(sent, crs ?? 'wgs84'))
  return point ? { status: 'ok', point } : invalid('/body/place', 'is not on Earth')
}

type SentTimes = { opensAtMs: number | undefined; expiresAtMs: number | undefined }

function readTimes({ opensAt, expiresAt }: HideBody): Judged<{ times: SentTimes }> {
  const times = {
    opensAtMs: opensAt === undefined ? undefined : Date.parse(opensAt),
    expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt),
  }
  // RFC 3339 knows leap seconds, Date does not.
  if (Number.isNaN(times.opensAtMs)) return invalid('/body/opensAt', 'is not a time')
  if (Number.isNaN(times.expiresAtMs)) return invalid('/body/expiresAt', 'is not a time')
  return { status: 'ok', times }
}

type Money = Pick<HideDraft, 'currency' | 'totalMinor' | 'shareCount' | 'split' | 'shareCapMinor'>

/** The share cap is a player's [WeChat: 200 yuan]: a total above cap × shares could not be split under it. */
function judgeMoney(
  { total, shares, split }: HideBody,
  { hiderKind, currencies }: HideContext,
): Judged<{ money: Money }> {
  const isPlayer = hiderKind === 'player'
  const totalMinor = BigInt(total.amountMinor)
  const mostShares = isPlayer ? rules.playerShares : rules.merchantShares
  const mostMinor = rules.playerShareMinor * BigInt(shares)
  if (!currencies.has(total.currency)) return broken('currency_unknown')
  if (shares > mostShares) return broken('too_many_shares', { figures: { shares, limit: mostShares } })
  if (BigInt(shares) > totalMinor) return broken('shares_exceed_total')
  if (isPlayer && totalMinor > mostMinor) {
    return broken('share_too_large', { figures: { limitMinor: Number(rules.playerShareMinor) } })
  }
  const shareCapMinor = isPlayer && split === 'lucky' ? rules.playerShareMinor : null
  return {
    status: 'ok',
    money: { currency: total.currency, totalMinor, shareCount: shares, split, shareCapMinor },
  }
}

/**
 * What should have opened already opens now. The longest life counts from opening; opening itself may lie as far ahead
 * and no farther, so that nobody holds a place for years.
 */
function judgeWindow(
  sent: SentTimes,
  { hiderKind, nowMs }: HideContext,
): Judged<{ window: Pick<HideDraft, 'opensAtMs' | 'expiresAtMs'> }> {
  const { min, default: usual, playerMax, merchantMax } = rules.lifetimeMs
  const limitMs = hiderKind === 'player' ? playerMax : merchantMax
  const opensAtMs = Math.max(sent.opensAtMs ?? nowMs, nowMs)
  const expiresAtMs = sent.expiresAtMs ?? opensAtMs + usual
  if (sent.opensAtMs !== undefined && expiresAtMs <= sent.opensAtMs) return broken('opens_after_expiry')
  if (expiresAtMs < opensAtMs + min) return broken('expiry_past', { figures: { limitMs: min } })
  if (Math.max(expiresAtMs - opensAtMs, opensAtMs - nowMs) > limitMs) {
    return broken('expiry_too_far', { figures: { limitMs } })
  }
  return { status: 'ok', window: { opensAtMs, expiresAtMs } }
}

function judgeTexts(
  { greeting, clue, brand }: HideBody,
  hiderKind: HiderKind,
): Judged<{ texts: Pick<HideDraft, 'greeting' | 'clue' | 'brand'> }> {
  const texts: Pick<HideDraft, 'greeting' | 'clue' | 'brand'> = { greeting: null, clue: null, brand: null }
  const sent = [
    { name: 'greeting', text: greeting, maxChars: rules.greetingChars },
    { name: 'clue', text: clue?.text, maxChars: rules.clueChars },
    { name: 'brand', text: brand, maxChars: rules.brandChars },
  ] as const
  for (const { name, text, maxChars } of sent) {
    if (text === undefined) continue
    const verdict = checkText(text, { maxChars, allowContact: hiderKind === 'merchant' })
    if (verdict.status === 'refused') return broken('text_refused', { detail: `${name} ${verdict.detail}` })
    texts[name] = verdict.text
  }
  return { status: 'ok', texts }
}
