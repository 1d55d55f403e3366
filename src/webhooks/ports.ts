/** What the verbs of this folder need from outside; app.ts composes the real ones. */
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Attempt, Delivery, DeliveryState, Leased } from './delivery.ts'
import type { Endpoint, Owner } from './endpoint.ts'
import type { KeptEvent, NoteEvent } from './event.ts'
import type { Outcome } from './outcome.ts'

/** Events about one subject, on their way to one endpoint: the first of them is sent, the others stand behind it. */
export type Queue = { endpointId: string; subjectId: string }

export type LeaseOrder = {
  endpointIds: readonly string[]
  nowMs: number
  untilMs: number
  limit: number
  /** At one endpoint, those that are under way included. */
  atOnce: number
  /** At all endpoints of one owner. */
  ofOwner: number
}

/**
 * The tables of webhooks. Whoever changes which delivery of a queue is first holds the lock of its endpoint: those who
 * hand out events, those who end deliveries and those who replay them take turns there.
 */
export type WebhookRecord = {
  /** Until the transaction ends, nobody else adds endpoints to this owner. */
  lockOwner(tx: Tx, owner: Owner): Promise<void>
  addEndpoint(tx: Tx, endpoint: Endpoint): Promise<void>
  /** Oldest first. */
  listEndpoints(tx: Tx, owner: Owner): Promise<Endpoint[]>
  findEndpoint(tx: Tx, id: string): Promise<Endpoint | undefined>
  /** As found after its row lock was taken. */
  lockEndpoint(tx: Tx, id: string): Promise<Endpoint | undefined>
  lockEndpoints(tx: Tx, ids: readonly string[]): Promise<void>
  /** Replaces what can change of a locked endpoint. */
  storeEndpoint(tx: Tx, endpoint: Endpoint): Promise<void>
  /** From here on it is nobody's; what it has is purged later. */
  deleteEndpoint(tx: Tx, id: string, nowMs: number): Promise<void>

  noteEvent: NoteEvent
  /** Whether there is an event to hand out, or a delivery to send. */
  hasWork(tx: Tx, nowMs: number): Promise<boolean>
  /** Takes events that no endpoint has got yet, oldest first. */
  takeNew(tx: Tx, limit: number): Promise<{ position: bigint; owner: Owner }[]>
  lockEndpointsOf(tx: Tx, owners: readonly Owner[]): Promise<void>
  /** Hands events to the active endpoints that ask for them; returns the queues that became longer. */
  addDeliveries(tx: Tx, positions: readonly bigint[], nowMs: number): Promise<Queue[]>
  addTest(tx: Tx, endpoint: Endpoint, nowMs: number): Promise<string>
  /** Of each queue of which nothing is due, makes the first one due. */
  promote(tx: Tx, queues: readonly Queue[], nowMs: number): Promise<void>

  /** Locks active endpoints at which something is due, and there is room; those that others hold are left to them. */
  lockRipeEndpoints(
    tx: Tx,
    ripe: { nowMs: number; areFailing: boolean; limit: number; atOnce: number; ofOwner: number },
  ): Promise<string[]>
  /** Of locked endpoints. */
  lease(tx: Tx, order: LeaseOrder): Promise<Leased[]>
  /** Ends a lease with what came of it; false where it is another's by now. */
  endLease(tx: Tx, leased: Pick<Leased, 'id' | 'lease'>, outcome: Outcome, nowMs: number): Promise<boolean>
  addAttempt(tx: Tx, leased: Pick<Leased, 'id' | 'lease'>, attempt: Attempt): Promise<void>

  /** Newest first, one row past the page. */
  listDeliveries(
    tx: Tx,
    which: { endpointId: string; state: DeliveryState | undefined },
    page: PageRequest,
  ): Promise<Delivery[]>
  findDelivery(
    tx: Tx,
    which: { id: string; endpointId: string },
  ): Promise<(Delivery & { event: KeptEvent }) | undefined>
  /** Newest first, 50 at most. */
  listAttempts(tx: Tx, deliveryId: string): Promise<Attempt[]>
  /** Makes a delivery that has ended wait again, and one that waits for another attempt due. */
  restart(tx: Tx, deliveryId: string, nowMs: number): Promise<void>
  /**
   * The same for a time range, oldest first, and makes deliveries of events that were never handed out: up to `limit`
   * of them among the first `lookAt` events. `nextFromMs` where there may be more.
   */
  restartRange(
    tx: Tx,
    range: {
      endpointId: string
      fromMs: number
      toMs: number
      delivered: boolean
      nowMs: number
      limit: number
      lookAt: number
    },
  ): Promise<{ subjectIds: string[]; nextFromMs: number | undefined }>

  /** The oldest events, if they are from before that. */
  listOld(tx: Tx, beforeMs: number, limit: number): Promise<bigint[]>
  listQueuesOf(tx: Tx, positions: readonly bigint[]): Promise<Queue[]>
  /** With their deliveries and attempts. */
  deleteEvents(tx: Tx, positions: readonly bigint[]): Promise<void>
  /** Deliveries of deleted endpoints, and these once nothing of theirs is left; says how many deliveries. */
  purgeDeliveries(tx: Tx, limit: number): Promise<number>
  purgeEndpoints(tx: Tx): Promise<void>
}

/** What arrives at test inboxes. */
export type Inbox = {
  create(id: string, owner: Owner): Promise<void>
  findOwner(id: string): Promise<Owner | undefined>
  keep(id: string, message: InboxMessage): Promise<void>
  /** Newest first. */
  list(id: string): Promise<InboxMessage[]>
}

export type InboxMessage = { webhookId: string; receivedAt: string; isGenuine: boolean; body: string }
