/** What an owner does with endpoints. Of somebody else's nothing is known: it is not found. */
import assert from 'node:assert/strict'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import type { WebhookEventType } from '#protocol/rest/webhook-events.ts'
import type { WebhookEndpoint } from '#protocol/rest/webhooks.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { JudgeUrl } from '#platform/public-address.ts'
import type { Random } from '#platform/random.ts'
import type { Seal } from '#platform/seal.ts'
import { checkText } from '../envelopes/text.ts'
import type { MerchantCaller, OperatorCaller } from '../players/caller.ts'
import { type Delivery, viewDelivery } from './delivery.ts'
import { activate, disable, type Endpoint, findForeignType, ownerOf, viewEndpoint } from './endpoint.ts'
import type { WebhookRecord } from './ports.ts'

export type ManagePorts = {
  transact: Transact
  record: WebhookRecord
  judgeUrl: JudgeUrl
  seal: Seal
  clock: Clock
  random: Random
}

export type WebhookCaller = MerchantCaller | OperatorCaller
type ById = { caller: WebhookCaller; id: string }
type Terms = {
  url?: string | undefined
  types?: readonly WebhookEventType[] | undefined
  description?: string | undefined
}
type Shown = { status: 'ok'; endpoint: Static<typeof WebhookEndpoint> }
/** The only time that the secret is readable. */
type WithSecret = Shown & { secret: string }

/** 256 bits, as the specification writes them. */
const createSecret = (random: Random): string => `whsec_${random.bytes(32).toString('base64')}`

/** `endpoint_refused`, `endpoint_limit`. */
export async function createEndpoint(
  ports: ManagePorts,
  {
    caller,
    ...terms
  }: { caller: WebhookCaller } & Terms & { url: string; types: readonly WebhookEventType[] },
): Promise<WithSecret | Refusal> {
  const { record, seal, clock, random, transact } = ports
  const judged = judgeTerms(ports, caller, terms)
  if (isRefusal(judged)) return judged
  const { url = terms.url, types = terms.types, description = null } = judged.terms
  const [owner, nowMs, secret] = [ownerOf(caller), clock.nowMs(), createSecret(random)]
  const endpoint: Endpoint = {
    ...{ id: createId(ports), owner, url, types, description },
    ...{ disabled: null, previous: null, failingSinceMs: null, createdAtMs: nowMs },
    secret: seal.close(secret),
  }
  const refusal = await transact(async tx => {
    await record.lockOwner(tx, owner)
    const own = await record.listEndpoints(tx, owner)
    if (own.length >= limits.webhook.endpoints) return refuse('endpoint_limit')
    await record.addEndpoint(tx, endpoint)
    return undefined
  })
  return refusal ?? { status: 'ok', endpoint: viewEndpoint(endpoint, nowMs), secret }
}

/** What is named, as it is kept. */
function judgeTerms(
  { judgeUrl }: Pick<ManagePorts, 'judgeUrl'>,
  caller: WebhookCaller,
  { url, types, description }: Terms,
):
  | { status: 'ok'; terms: { url?: string; types?: readonly WebhookEventType[]; description?: string } }
  | Refusal {
  const verdict = url === undefined ? undefined : judgeUrl(url)
  if (verdict?.status === 'refused') return refuse('endpoint_refused', { reason: verdict.reason })
  // Written out, a URL of other alphabets is longer.
  const isLong = (verdict?.url.href ?? '').length > limits.webhook.urlChars
  if (isLong) return refuse('endpoint_refused', { reason: 'url_invalid', detail: 'The URL is too long.' })
  const foreign = findForeignType(types ?? [], caller.kind)
  if (foreign !== undefined) {
    return refuse('endpoint_refused', { reason: 'type', detail: `${foreign} is not for a ${caller.kind}.` })
  }
  const maxChars = limits.webhook.descriptionChars
  const text =
    description === undefined ? undefined : checkText(description, { maxChars, allowContact: true })
  if (text?.status === 'refused') {
    return refuse('endpoint_refused', { reason: 'text_refused', detail: `The description ${text.detail}.` })
  }
  return {
    status: 'ok',
    terms: {
      ...(verdict !== undefined && { url: verdict.url.href }),
      ...(types !== undefined && { types }),
      ...(text !== undefined && { description: text.text }),
    },
  }
}

/** Locked, if it is the caller's. */
async function lockOwn(
  { record }: Pick<ManagePorts, 'record'>,
  tx: Tx,
  { caller, id }: ById,
): Promise<Endpoint | undefined> {
  const endpoint = await record.lockEndpoint(tx, id)
  return endpoint?.owner === ownerOf(caller) ? endpoint : undefined
}

/** Changes an own endpoint under its lock. */
async function changeOwn(
  ports: ManagePorts,
  request: ById,
  change: (endpoint: Endpoint) => Endpoint,
): Promise<Shown | Refusal> {
  const { record, transact, clock } = ports
  return transact(async tx => {
    const endpoint = await lockOwn(ports, tx, request)
    if (endpoint === undefined) return refuse('not_found')
    const after = change(endpoint)
    await record.storeEndpoint(tx, after)
    return { status: 'ok', endpoint: viewEndpoint(after, clock.nowMs()) }
  })
}

/** `endpoint_refused`, `not_found`. */
export async function changeEndpoint(
  ports: ManagePorts,
  { caller, id, state, ...terms }: ById & Terms & { state?: 'active' | 'disabled' | undefined },
): Promise<Shown | Refusal> {
  const judged = judgeTerms(ports, caller, terms)
  if (isRefusal(judged)) return judged
  return changeOwn(ports, { caller, id }, before => {
    const endpoint = { ...before, ...judged.terms }
    // What failed was another one.
    if (endpoint.url !== before.url) endpoint.failingSinceMs = null
    if (state === 'disabled') return disable(endpoint, 'by_owner', ports.clock.nowMs())
    return state === 'active' && before.disabled !== null ? activate(endpoint) : endpoint
  })
}

/** Not where HMAC_SECRET is another one by now: then a new secret is all that helps, and it must help at once. */
function canOpen(seal: Seal, sealed: string): boolean {
  try {
    seal.open(sealed)
    return true
  } catch {
    return false
  }
}

/** The secret before signs for a day more; one that was before that dies now. */
export async function rotateSecret(ports: ManagePorts, request: ById): Promise<WithSecret | Refusal> {
  const { seal, random, clock } = ports
  const secret = createSecret(random)
  const changed = await changeOwn(ports, request, endpoint => ({
    ...endpoint,
    secret: seal.close(secret),
    previous: canOpen(seal, endpoint.secret)
      ? { secret: endpoint.secret, untilMs: clock.nowMs() + limits.webhook.rotationMs }
      : null,
  }))
  return isRefusal(changed) ? changed : { ...changed, secret }
}

export async function deleteEndpoint(ports: ManagePorts, request: ById): Promise<Shown | Refusal> {
  const { record, transact, clock } = ports
  return transact(async tx => {
    const endpoint = await lockOwn(ports, tx, request)
    if (endpoint === undefined) return refuse('not_found')
    const nowMs = clock.nowMs()
    await record.deleteEndpoint(tx, endpoint.id, nowMs)
    return { status: 'ok', endpoint: viewEndpoint(endpoint, nowMs) }
  })
}

type Sent = { status: 'ok'; delivery: ReturnType<typeof viewDelivery> }
type Send<T> = (tx: Tx, endpoint: Endpoint, nowMs: number) => Promise<T | Refusal>

/** What an own, active endpoint is sent; `not_found`, `endpoint_disabled`. */
async function sendTo<T>(ports: ManagePorts, request: ById, run: Send<T>): Promise<T | Refusal> {
  return ports.transact(async tx => {
    const endpoint = await lockOwn(ports, tx, request)
    if (endpoint === undefined) return refuse('not_found')
    if (endpoint.disabled !== null) return refuse('endpoint_disabled', { reason: endpoint.disabled.reason })
    return run(tx, endpoint, ports.clock.nowMs())
  })
}

/** A test event, in a queue of its own. */
export const sendTest = (ports: ManagePorts, request: ById): Promise<Sent | Refusal> =>
  sendTo(ports, request, async (tx, endpoint, nowMs) => {
    const { record } = ports
    const id = await record.addTest(tx, endpoint, nowMs)
    await record.promote(tx, [{ endpointId: endpoint.id, subjectId: endpoint.id }], nowMs)
    return viewFound(await record.findDelivery(tx, { id, endpointId: endpoint.id }))
  })

/** The same message again, behind what is due about the same subject; at once, where it waits for another attempt. */
export const replayOne = (
  ports: ManagePorts,
  { deliveryId, ...request }: ById & { deliveryId: string },
): Promise<Sent | Refusal> =>
  sendTo<Sent>(ports, request, async (tx, endpoint, nowMs) => {
    const { record } = ports
    const which = { id: deliveryId, endpointId: endpoint.id }
    const delivery = await record.findDelivery(tx, which)
    if (delivery === undefined) return refuse('not_found')
    await record.restart(tx, deliveryId, nowMs)
    await record.promote(tx, [{ endpointId: endpoint.id, subjectId: delivery.subjectId }], nowMs)
    return viewFound(await record.findDelivery(tx, which))
  })

function viewFound(delivery: Delivery | undefined): Sent {
  assert(delivery, 'a delivery is there in the transaction that made it wait')
  return { status: 'ok', delivery: viewDelivery(delivery) }
}

export type Range = { fromMs: number; toMs: number; delivered: boolean }

/** Events that one replay looks at, most of which it may find delivered. */
export const lookAt = 20_000

/** Up to the limit; `nextFromMs` where there may be more. */
export const replayRange = (
  ports: ManagePorts,
  { fromMs, toMs, delivered, ...request }: ById & Range,
): Promise<{ status: 'ok'; replayed: number; nextFromMs?: number } | Refusal> =>
  sendTo(ports, request, async (tx, { id: endpointId }, nowMs) => {
    const { record } = ports
    const range = { fromMs, toMs, delivered, nowMs, lookAt, limit: limits.webhook.replayedAtOnce }
    const { subjectIds, nextFromMs } = await record.restartRange(tx, { endpointId, ...range })
    const queues = [...new Set(subjectIds)].map(subjectId => ({ endpointId, subjectId }))
    await record.promote(tx, queues, nowMs)
    return { status: 'ok', replayed: subjectIds.length, ...(nextFromMs !== undefined && { nextFromMs }) }
  })
