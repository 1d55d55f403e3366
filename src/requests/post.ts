/**
 * Posting: one transaction inserts the request and moves its price into escrow; only then can anybody see it, and only
 * where its text need not wait for a reviewer. A draft is kept without its money and without a position, and posted
 * later. Refusals, in order, none of which depends on what others have posted:
 *
 *   1 `minors_mode`                            the player alone
 *   2 `bad_request`, `request_refused`         the request alone (rules.ts)
 *   3 `position_needed`, `position_refused`    the player alone
 *   4 `request_refused` too_far                the player and the place
 *   5 `frozen`                                 the platform
 *   6 `request_limit` unended, `daily_limit`   the player alone
 *   7 `insufficient_funds`                     the player's wallet
 */
import { limits } from '#protocol/limits.ts'
import {
  type PostBody,
  postServiceRequest,
  type ServiceRequest as RequestAnswer,
} from '#protocol/rest/service-requests.ts'
import type { Clock } from '#platform/clock.ts'
import { dayOf } from '#platform/day.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { centreOf, locateCell } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import type { Point } from '../geo/point.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { RequestAnnouncer } from '../realtime/announcer.ts'
import { isFrozen } from './change.ts'
import { toLiveRequest } from './live-request.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { Positions } from '../positions/positions.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { Budgets, RequestRecord, RequestSettings } from './ports.ts'
import type { ReviewDesk } from '../reviews/desk.ts'
import { fundRequest, publish, type ServiceRequest } from './request.ts'
import { broken, judgePost, type PostDraft } from './rules.ts'
import { viewRequest } from './view.ts'

export type PostPorts = {
  runOnce: RunOnce
  record: RequestRecord
  ledger: Ledger
  positions: Pick<Positions, 'standing'>
  budgets: Budgets
  reviews: Pick<ReviewDesk, 'submit'>
  announcer: RequestAnnouncer
  clock: Clock
  random: Random
  settings: RequestSettings
}

export type PostRequest = { caller: PlayerCaller; body: PostBody; idempotencyKey: string }

type Posted = { status: 201; body: RequestAnswer }

/** Judged before the transaction and answered inside: a repeated key gets its first answer whatever holds by now. */
export async function postRequest(ports: PostPorts, { caller, body, idempotencyKey }: PostRequest) {
  const { clock, settings, record, announcer } = ports
  const nowMs = clock.nowMs()
  const judged = await judge(ports, { caller, body, nowMs })
  let opened: ServiceRequest | undefined
  const request = {
    ...{ tenant: `player:${caller.id}`, operation: postServiceRequest.id, key: idempotencyKey },
    ...{ body, nowMs },
  }
  const answer = await ports.runOnce<Posted>(request, async tx => {
    if (judged.status === 'refused') return judged
    const { expiresAtMs } = judged.draft
    const draft = createDraft(ports, { caller, draft: judged.draft, nowMs })
    const refusal = await refuseByRecord(ports, tx, { caller, request: draft })
    if (refusal !== undefined) return refusal
    const posted =
      body.draft === true
        ? draft
        : publish(draft, { to: await submit(ports, tx, draft, nowMs), expiresAtMs, nowMs })
    await record.insert(tx, posted)
    const unfunded =
      posted.fundedAtMs === null
        ? undefined
        : await fund(ports.ledger, () => ports.ledger.post(tx, [fundRequest(posted)]))
    if (unfunded !== undefined) return unfunded
    opened = posted
    return { status: 201, body: viewRequest(posted, 'poster', settings.hmacSecret) }
  })
  if (opened?.state === 'open' && !isRefusal(answer)) announcer.requestOpened(toLiveRequest(opened))
  return answer
}

/** Hands the text to the reviewers; where the request goes from there. */
export async function submit(
  { reviews }: Pick<PostPorts, 'reviews'>,
  tx: Tx,
  { id, posterId, text }: ServiceRequest,
  nowMs: number,
): Promise<'review' | 'open'> {
  const draft = { kind: 'service_request', subjectId: id, authorId: posterId, lines: [text] } as const
  const { isHeld } = await reviews.submit(tx, { ...draft, nowMs })
  return isHeld ? 'review' : 'open'
}

/** Posts what leaves a wallet; undefined when it was there. */
export async function fund(
  { isInsufficientFunds }: Ledger,
  post: () => Promise<void>,
): Promise<Refusal | undefined> {
  try {
    await post()
  } catch (error) {
    if (isInsufficientFunds(error)) return refuse('insufficient_funds')
    throw error
  }
  return undefined
}

type Judging = { caller: PlayerCaller; body: PostBody; nowMs: number }

async function judge(ports: PostPorts, { caller, body, nowMs }: Judging) {
  if (caller.isMinor === true) return refuse('minors_mode', { reason: 'strangers' })
  const judged = judgePost(body, { currencies: ports.settings.currencies, nowMs })
  if (judged.status === 'refused' || body.draft === true) return judged
  return (await refuseFar(ports, caller, { fix: body.fix, place: judged.draft.place })) ?? judged
}

/** Whoever posts is near the place, or was a moment ago. */
export async function refuseFar(
  { positions }: Pick<PostPorts, 'positions'>,
  caller: PlayerCaller,
  { fix, place }: { fix: PostBody['fix']; place: Point },
): Promise<Refusal | undefined> {
  const standing = await positions.standing(caller, fix)
  if (standing.status === 'refused') return standing
  const distanceM = measureM(place, centreOf(standing.cell))
  const limitM = limits.serviceRequest.postReachM
  if (distanceM <= limitM) return undefined
  return broken('too_far', { figures: { distanceM: Math.round(distanceM), limitM } })
}

/** Counted under a lock on the player: of posts that run together, none is counted too late. */
async function refuseByRecord(
  { record, budgets, settings, clock }: PostPorts,
  tx: Tx,
  { caller, request }: { caller: PlayerCaller; request: ServiceRequest },
): Promise<Refusal | undefined> {
  const { postsPerDay, unendedPerPoster } = limits.serviceRequest
  if (await isFrozen(budgets, tx, request)) return refuse('frozen')
  await record.lockPlayer(tx, 'post', caller.id)
  if ((await record.countUnended(tx, caller.id)) >= unendedPerPoster) {
    return refuse('request_limit', { reason: 'unended' })
  }
  const nthMs = await record.findNthNewestPostMs(tx, { playerId: caller.id, nth: postsPerDay })
  return isToday(nthMs, { nowMs: clock.nowMs(), timeScale: caller.timeScale, zone: settings.dayZone })
    ? refuse('daily_limit')
    : undefined
}

/** The sandbox scales a player's clock, and so the length of their days. */
export function isToday(
  atMs: number | undefined,
  { nowMs, timeScale, zone }: { nowMs: number; timeScale: number; zone: string },
): boolean {
  return atMs !== undefined && dayOf(atMs * timeScale, zone) === dayOf(nowMs * timeScale, zone)
}

function createDraft(
  ports: { clock: Clock; random: Random },
  { caller, draft, nowMs }: { caller: PlayerCaller; draft: PostDraft; nowMs: number },
): ServiceRequest {
  return {
    ...draft,
    id: createId(ports),
    posterId: caller.id,
    deviceId: caller.deviceId ?? null,
    cell: locateCell(draft.place),
    ...{ state: 'draft', version: 1n, topUps: 0, offers: 0, providerId: null },
    ...{ reachM: limits.serviceRequest.reachesM[0], widensAtMs: null },
    ...{ createdAtMs: nowMs, fundedAtMs: null, dueAtMs: draft.expiresAtMs },
    ...{ acceptedAtMs: null, deliveredAtMs: null, disputeReason: null, endedAtMs: null, paidMinor: null },
  }
}
