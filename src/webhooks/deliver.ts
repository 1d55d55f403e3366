/**
 * Sends what is due. A delivery is leased before it is sent, and what came of it is recorded after: a process that dies
 * in between leaves a lease that runs out, and the message is sent again with the same id. Whoever has sent one goes on
 * with the next of the same endpoint, so that a long queue moves at the pace of the endpoint and not of the clock.
 */
import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { createBackground } from '#platform/background.ts'
import type { Clock } from '#platform/clock.ts'
import type { Post } from '#platform/outbound.ts'
import type { Transact } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { signMessage } from '#platform/signature.ts'
import type { Attempt, Leased } from './delivery.ts'
import { listSecrets } from './endpoint.ts'
import { composeBody, webhookIdOf } from './event.ts'
import { isSuccess, judgeAttempt, judgeEndpoint } from './outcome.ts'
import type { WebhookRecord } from './ports.ts'

export const deliverLimits = {
  /** Attempts of this process under way. */
  atOnce: 32,
  /** Of them at endpoints that fail, which are the slow ones: whoever answers never waits for them. */
  failingAtOnce: 16,
  /** Of one owner, in all processes: nobody who answers late, everywhere, takes all the room there is. */
  ofOwner: 8,
  /** Longer than an attempt with its look-up and its record may take. */
  leaseMs: 30_000,
  /** After so many an endpoint makes room for others, and at once if it takes its time. */
  inARow: 50,
  quickMs: 1_000,
  /** How long a shutdown waits for answers. */
  graceMs: 3_000,
} as const

export type DeliverPorts = {
  transact: Transact
  record: WebhookRecord
  post: Post
  /** Opens a sealed secret. */
  openSecret: (sealed: string) => string
  hmacSecret: string
  clock: Clock
  random: Random
  log: Pick<Logger, 'error' | 'warn'>
}

export type Deliverer = {
  hasRoom(): boolean
  /** Leases what is due, as far as there is room, and begins to send it. */
  begin(): Promise<void>
  /** Resolves when nothing is under way; what gets no answer soon is left to its lease. */
  drain(): Promise<void>
}

export function createDeliverer(ports: DeliverPorts): Deliverer {
  const { transact, record, clock, log } = ports
  const background = createBackground(log)
  const underWay = { all: 0, failing: 0 }
  const stop = new AbortController()
  // Each attempt listens; Node.js takes more than ten for a leak, and says so on standard error.
  setMaxListeners(deliverLimits.atOnce, stop.signal)
  let isStopping = false

  /** One statement that locks, one that counts and leases: two servers never lease more than there may be. */
  function leaseAt(areFailing: boolean, limit: number): Promise<Leased[]> {
    if (limit <= 0) return Promise.resolve([])
    const atOnce = areFailing ? 1 : limits.webhook.atOnce
    return transact(async tx => {
      const nowMs = clock.nowMs()
      const room = { nowMs, limit, atOnce, ofOwner: deliverLimits.ofOwner }
      const endpointIds = await record.lockRipeEndpoints(tx, { ...room, areFailing })
      if (endpointIds.length === 0) return []
      return record.lease(tx, { ...room, endpointIds, untilMs: nowMs + deliverLimits.leaseMs })
    })
  }

  async function work(first: Leased, isFailing: boolean): Promise<void> {
    underWay.all++
    if (isFailing) underWay.failing++
    try {
      let next: Leased | undefined = first
      for (let sent = 1; next !== undefined; sent++) next = await sendOne(next, sent < deliverLimits.inARow)
    } finally {
      underWay.all--
      if (isFailing) underWay.failing--
    }
  }

  /** What is next at the same endpoint, if anything is and it is wanted. */
  async function sendOne(leased: Leased, goesOn: boolean): Promise<Leased | undefined> {
    // Who was frozen since then has nothing in hand any more.
    if (clock.nowMs() >= leased.untilMs) return undefined
    const attempt = await send(ports, leased, stop.signal).catch((error: unknown): Attempt => {
      log.error({ err: error, deliveryId: leased.id }, 'a webhook cannot be made')
      return { atMs: clock.nowMs(), tookMs: 0, fault: 'internal' }
    })
    if (stop.signal.aborted) return undefined
    return note(ports, leased, { attempt, goesOn: goesOn && !isStopping })
  }

  const room = () => deliverLimits.atOnce - underWay.all

  return {
    hasRoom: () => !isStopping && room() > 0,
    async begin() {
      for (const areFailing of [false, true]) {
        const failingRoom = deliverLimits.failingAtOnce - underWay.failing
        const leased = await leaseAt(areFailing, areFailing ? Math.min(room(), failingRoom) : room())
        for (const one of leased) {
          background.run(work(one, areFailing), 'a webhook attempt is not noted; it is made again')
        }
      }
    },
    async drain() {
      isStopping = true
      const cancel = clock.after(deliverLimits.graceMs, () => stop.abort())
      await background.finish()
      cancel()
    },
  }
}

/** Signed by every secret that counts at the moment, so that a receiver may change theirs at leisure. */
async function send(ports: DeliverPorts, leased: Leased, signal: AbortSignal): Promise<Attempt> {
  const { post, clock, openSecret, hmacSecret } = ports
  const { event, endpoint } = leased
  const atMs = clock.nowMs()
  const id = webhookIdOf(event)
  const timestampS = String(Math.floor(atMs / 1_000))
  const body = composeBody(event, hmacSecret)
  const signatures = listSecrets(endpoint, atMs).map(sealed =>
    signMessage(openSecret(sealed), { id, timestampS, body }),
  )
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'hexbao',
    'webhook-id': id,
    'webhook-timestamp': timestampS,
    'webhook-signature': signatures.join(' '),
  }
  return { ...(await post({ url: endpoint.url, headers, body }, signal)), atMs }
}

/** Under the endpoint's lock: the delivery, the attempt, the endpoint, and who is next in the queue. */
function note(
  { transact, record, clock, random, log }: DeliverPorts,
  leased: Leased,
  { attempt, goesOn }: { attempt: Attempt; goesOn: boolean },
): Promise<Leased | undefined> {
  return transact(async tx => {
    const endpoint = await record.lockEndpoint(tx, leased.endpoint.id)
    if (endpoint === undefined) return undefined
    const nowMs = clock.nowMs()
    const { failures, event } = leased
    const outcome = judgeAttempt(attempt, { failures, nowMs, fraction: random.fraction() })
    await record.addAttempt(tx, leased, attempt)
    if (!(await record.endLease(tx, leased, outcome, nowMs))) return undefined
    // What another URL answered is no longer about this endpoint.
    const isSame = endpoint.url === leased.endpoint.url
    const after = isSame ? judgeEndpoint(endpoint, attempt, nowMs) : endpoint
    if (after !== endpoint) await record.storeEndpoint(tx, after)
    if (outcome.state === 'dead') log.warn({ deliveryId: leased.id, webhookType: event.type }, 'dead webhook')
    if (after.disabled !== null && endpoint.disabled === null) {
      log.warn({ endpointId: after.id, reason: after.disabled.reason }, 'a webhook endpoint is disabled')
    }
    if (outcome.state !== 'waiting') {
      await record.promote(tx, [{ endpointId: after.id, subjectId: event.subjectId }], nowMs)
    }
    // Whoever fails is asked again at leisure, and whoever is slow.
    if (!goesOn || !isSuccess(attempt) || attempt.tookMs > deliverLimits.quickMs) return undefined
    const room = { limit: 1, atOnce: limits.webhook.atOnce, ofOwner: deliverLimits.ofOwner }
    const lease = { endpointIds: [after.id], nowMs, untilMs: nowMs + deliverLimits.leaseMs }
    const [next] = await record.lease(tx, { ...room, ...lease })
    return next
  })
}
