/**
 * Hiding: one transaction inserts the envelope, its shares and its guests and moves the total into escrow; only then
 * can anybody see it. Refusals, in order, and whom each speaks about:
 *
 *   1 `bad_request`, `envelope_refused`         the request alone (rules.ts)
 *   2 `position_needed`, `position_refused`     the player alone
 *   3 `place_refused` too_far                   the player and the place
 *   4 `envelope_refused` campaign_unknown, _ended   the merchant alone
 *   5 `frozen`                                  the platform, the merchant or the campaign
 *   6 `place_refused` excluded, outside_area    the place alone, the merchant and the place
 *   7 `daily_limit`                             the player alone
 *   8 `place_refused` crowded                   others' envelopes, by res-10 and res-9 cell
 *   9 `envelope_refused` audience_unknown       the request alone
 *  10 `insufficient_funds`                      the hider's wallet
 *
 * What a player writes on it may have to wait for a reviewer; the envelope does not. It is played without its text
 * until then: the money is there, the hunt is the same for everybody, and a hider who asked for an hour gets it.
 *
 * Only the eighth depends on what others hid, and on no cell finer than the hint cell: hiding is no way to search.
 */
import { hideEnvelope as hideOperation, type HiddenEnvelope } from '#protocol/rest/envelopes.ts'
import type { HideBody } from '#protocol/rest/envelopes.ts'
import type { DatumSuspect } from '#protocol/rest/warnings.ts'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { dayOf } from '#platform/day.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { centreOf, coarsen, locateCell } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { findMisreading } from '../geo/misread.ts'
import { parsePosition } from '../geo/point.ts'
import type { SiteCodes } from '../campaigns/site-code.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { sealPassphrase } from './audience.ts'
import { commitSplit } from './commitment.ts'
import { toLiveEnvelope } from './envelope.ts'
import { fundEscrow } from './escrow.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { ReviewDesk } from '../reviews/desk.ts'
import type { Budgets, Campaigns, EnvelopeRecord, Exclusions, Gates, Merchants } from './ports.ts'
import type { Positions } from '../positions/positions.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { NewEnvelope } from './ports.ts'
import { type HideDraft, judgeHide } from './rules.ts'
import { SEED_BYTES, splitEqual, splitLucky } from './split.ts'
import { viewEnvelope } from './view.ts'

export type HidePorts = {
  runOnce: RunOnce
  record: Pick<EnvelopeRecord, 'lockHiding' | 'countAround' | 'findNthNewestHideMs' | 'insertEnvelope'>
  ledger: Ledger
  positions: Pick<Positions, 'standing'>
  merchants: Merchants
  exclusions: Exclusions
  budgets: Budgets
  campaigns: Campaigns
  siteCodes: Pick<SiteCodes, 'create'>
  reviews: Pick<ReviewDesk, 'submit'>
  announcer: Pick<Announcer, 'envelopeOpened'>
  gates: Gates
  clock: Clock
  random: Random
  settings: HideSettings
}

export type HideSettings = {
  /** In the sandbox merchants hide anywhere. */
  isSandbox: boolean
  currencies: ReadonlyMap<string, number>
  dayZone: string
  hmacSecret: string
}

export type HideRequest = {
  caller: PlayerCaller | MerchantCaller
  body: HideBody
  idempotencyKey: string
}

type Hidden = { status: 201; body: HiddenEnvelope }

/**
 * The envelope as its hider sees it, the same again for a repeated key. The request is judged before the transaction
 * but answered inside: a retry gets its first answer even where a new request would be refused by now.
 */
export async function hideEnvelope(ports: HidePorts, request: HideRequest): Promise<Hidden | Refusal> {
  const nowMs = ports.clock.nowMs()
  const judged = await judge(ports, request, nowMs)
  let opened: NewEnvelope | undefined
  const answer = await ports.runOnce<Hidden>(identify(ports, request, nowMs), async tx => {
    if (judged.status === 'refused') return judged
    const refusal = await refuseByRecord(ports, tx, { caller: request.caller, draft: judged.draft, nowMs })
    if (refusal !== undefined) return refusal
    const created = createEnvelope(ports, { caller: request.caller, draft: judged.draft, nowMs })
    const envelope = { ...created, showsText: await isReleased(ports, tx, created) }
    const unfunded = await keep(ports, tx, envelope)
    if (unfunded !== undefined) return unfunded
    if (envelope.state === 'live') opened = envelope
    const { warnings } = judged
    const shown = viewEnvelope(envelope, { kind: 'hider' }, nowMs)
    return { status: 201, body: { ...shown, ...(warnings.length > 0 && { warnings }) } }
  })
  if (opened !== undefined && !isRefusal(answer)) {
    ports.gates.prepare(opened)
    ports.announcer.envelopeOpened(toLiveEnvelope(opened, opened.guestIds))
  }
  return answer
}

/** The kept fingerprint of the body holds the passphrase sealed: from the plain one, it could be guessed. */
function identify({ settings }: HidePorts, { caller, body, idempotencyKey }: HideRequest, nowMs: number) {
  const { audience } = body
  const passphrase =
    audience?.type === 'passphrase'
      ? sealPassphrase(settings.hmacSecret, { envelopeId: caller.id, passphrase: audience.passphrase })
      : undefined
  return {
    tenant: `${caller.kind}:${caller.id}`,
    operation: hideOperation.id,
    key: idempotencyKey,
    body: passphrase ? { ...body, audience: passphrase.toString('hex') } : body,
    nowMs,
  }
}

type Judged = { status: 'ok'; draft: HideDraft; warnings: DatumSuspect[] } | Refusal

/** What follows from the request and from where the player stands. */
async function judge(ports: HidePorts, { caller, body }: HideRequest, nowMs: number): Promise<Judged> {
  const { currencies } = ports.settings
  const judged = judgeHide(body, { hiderKind: caller.kind, currencies, nowMs })
  if (judged.status === 'refused') return judged
  if (caller.kind === 'merchant') return { ...judged, warnings: [] }
  const standing = await ports.positions.standing(caller, body.fix)
  if (standing.status === 'refused') return standing
  const stands = centreOf(standing.cell)
  const sent = parsePosition(body.place.coordinates) ?? judged.draft.place
  const { accuracyM = 0 } = body.fix ?? {}
  const misreading = findMisreading({ sent, crs: body.crs ?? 'wgs84', stands, accuracyM })
  const distanceM = measureM(judged.draft.place, stands)
  const limitM = limits.envelope.hideReachM
  if (distanceM <= limitM) {
    const warnings = misreading === undefined ? [] : [{ code: 'datum_suspect' as const, ...misreading }]
    return { ...judged, warnings }
  }
  return refuse('place_refused', {
    reason: 'too_far',
    figures: { distanceM: Math.round(distanceM), limitM },
    ...(misreading !== undefined && { detail: `in ${misreading.crs} the place would be where you stand` }),
  })
}

type Placing<C = PlayerCaller | MerchantCaller> = { caller: C; draft: HideDraft; nowMs: number }

async function refuseByRecord(
  ports: HidePorts,
  tx: Tx,
  { caller, draft, nowMs }: Placing,
): Promise<Refusal | undefined> {
  const stop = await refuseStopped(ports, tx, { caller, draft, nowMs })
  if (stop !== undefined) return stop
  const excluding = await ports.exclusions.findExcluding(tx, [draft.place])
  if (excluding.length > 0) return refuse('place_refused', { reason: 'excluded' })
  if (caller.kind === 'player') return refusePlayer(ports, tx, { caller, draft, nowMs })
  const isAllowed =
    ports.settings.isSandbox || (await ports.merchants.coversPlace(tx, caller.id, draft.place))
  return isAllowed ? undefined : refuse('place_refused', { reason: 'outside_area' })
}

async function refuseStopped(
  { budgets, campaigns, siteCodes }: HidePorts,
  tx: Tx,
  { caller, draft: { campaignId, currency, presence }, nowMs }: Placing,
): Promise<Refusal | undefined> {
  if (campaignId !== null) {
    const taken = await campaigns.take(tx, { id: campaignId, merchantId: caller.id, nowMs })
    if (taken !== 'taken') return refuse('envelope_refused', { reason: `campaign_${taken}` })
    if (presence === 'code') await campaigns.openCode(tx, campaignId, siteCodes.create(nowMs))
  }
  const hider = { hiderKind: caller.kind, hiderId: caller.id }
  const isFrozen = await budgets.isFrozen(tx, { ...hider, currency, campaignId: campaignId ?? undefined })
  return isFrozen ? refuse('frozen') : undefined
}

/** Counted under locks on the res-9 cell and the player: of hides that run together, none is counted too late. */
async function refusePlayer(
  { record, settings }: HidePorts,
  tx: Tx,
  { caller, draft, nowMs }: Placing<PlayerCaller>,
): Promise<Refusal | undefined> {
  const { hidesPerDay, perCell9, perCell10 } = limits.envelope
  const cell = locateCell(draft.place)
  await record.lockHiding(tx, { cell9: coarsen(cell, 9), playerId: caller.id })
  const nthHideMs = await record.findNthNewestHideMs(tx, { hider: caller, nth: hidesPerDay })
  // The sandbox scales a player's clock, and so the length of their days.
  const dayAt = (atMs: number) => dayOf(atMs * caller.timeScale, settings.dayZone)
  if (nthHideMs !== undefined && dayAt(nthHideMs) === dayAt(nowMs)) return refuse('daily_limit')
  const { inCell9, inCell10 } = await record.countAround(tx, { cell, nowMs })
  if (inCell10 < perCell10 && inCell9 < perCell9) return undefined
  return refuse('place_refused', { reason: 'crowded' })
}

/** Merchants answer for what they write; players' lines go over the desk. */
async function isReleased({ reviews }: HidePorts, tx: Tx, envelope: NewEnvelope): Promise<boolean> {
  const { id: subjectId, hider, greeting, clue, createdAtMs: nowMs } = envelope
  const lines = [greeting, clue].filter(line => line !== null)
  if (hider.kind === 'merchant' || lines.length === 0) return true
  const submitted = { kind: 'envelope', subjectId, authorId: hider.id, lines, nowMs } as const
  return !(await reviews.submit(tx, submitted)).isHeld
}

function createEnvelope(
  { clock, random, settings }: Pick<HidePorts, 'clock' | 'random' | 'settings'>,
  { caller, draft, nowMs }: Placing,
): NewEnvelope {
  const { audience, ...terms } = draft
  const id = createId({ clock, random })
  const seed = random.bytes(SEED_BYTES)
  const amountsMinor = splitTotal(draft, seed)
  return {
    ...terms,
    id,
    dropId: null,
    hider: { kind: caller.kind, id: caller.id },
    cell: locateCell(draft.place),
    audience: audience.type,
    commitment: commitSplit({ seed, amounts: amountsMinor }),
    createdAtMs: nowMs,
    state: draft.opensAtMs > nowMs ? 'funded' : 'live',
    epoch: 1n,
    endedAtMs: null,
    claimedShares: 0,
    claimedMinor: 0n,
    reports: 0,
    showsText: true,
    seed,
    amountsMinor,
    guestIds: audience.type === 'players' ? audience.playerIds : [],
    passphraseMac:
      audience.type === 'passphrase'
        ? sealPassphrase(settings.hmacSecret, { envelopeId: id, passphrase: audience.passphrase })
        : null,
  }
}

function splitTotal({ split, totalMinor, shareCount, shareCapMinor }: HideDraft, seed: Uint8Array): bigint[] {
  if (split === 'equal') return splitEqual(totalMinor, shareCount)
  return splitLucky({ total: totalMinor, shares: shareCount, capMinor: shareCapMinor ?? undefined, seed })
}

async function keep(
  { record, ledger }: Pick<HidePorts, 'record' | 'ledger'>,
  tx: Tx,
  envelope: NewEnvelope,
): Promise<Refusal | undefined> {
  const { status } = await record.insertEnvelope(tx, envelope)
  if (status === 'guest_unknown') return refuse('envelope_refused', { reason: 'audience_unknown' })
  const escrow = fundEscrow(envelope, { amountMinor: envelope.totalMinor, atMs: envelope.createdAtMs })
  try {
    await ledger.post(tx, [escrow])
  } catch (error) {
    if (ledger.isInsufficientFunds(error)) return refuse('insufficient_funds')
    throw error
  }
  return undefined
}
