/** Owns `webhook_endpoints`, `webhook_events`, `webhook_deliveries`, `webhook_attempts`; triggers add events, too. */
import { testEventType, type WebhookEventType } from '#protocol/rest/webhook-events.ts'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, lockNumber, type Row, type Tx } from '#platform/postgres.ts'
import type { Attempt, AttemptFault, Delivery, DeliveryState, Leased } from './delivery.ts'
import type { DisabledReason, Endpoint, Owner } from './endpoint.ts'
import type { KeptEvent } from './event.ts'
import type { Queue, WebhookRecord } from './ports.ts'

const sql = loadStatements(import.meta.url, [
  ...(['lock-owner', 'add-endpoint', 'list-endpoints', 'find-endpoint', 'lock-endpoints'] as const),
  ...(['lock-endpoints-of', 'store-endpoint', 'delete-endpoint', 'note-event', 'has-work'] as const),
  ...(['take-new', 'add-deliveries', 'add-test', 'promote', 'lock-ripe-endpoints', 'lease'] as const),
  ...(['end-lease', 'add-attempt', 'list-deliveries', 'find-delivery', 'list-attempts'] as const),
  ...(['restart', 'restart-range', 'list-old', 'list-queues-of', 'delete-events'] as const),
  ...(['list-undelivered', 'purge-deliveries', 'purge-endpoints', 'measure-queue'] as const),
])

const toDate = (atMs: number | null): Date | null => (atMs === null ? null : new Date(atMs))
const toMs = (at: Date | null): number | null => at?.getTime() ?? null

const endpoints: Pick<
  WebhookRecord,
  | 'lockOwner'
  | 'addEndpoint'
  | 'listEndpoints'
  | 'findEndpoint'
  | 'lockEndpoint'
  | 'lockEndpoints'
  | 'storeEndpoint'
  | 'deleteEndpoint'
> = {
  async lockOwner(tx, owner) {
    await tx.query(sql['lock-owner'], [lockNumber({ scope: 'webhook-endpoints', id: owner })])
  },
  async addEndpoint(tx, { id, owner, url, types, description, secret, createdAtMs }) {
    const what = [id, owner, url, types, description, secret, new Date(createdAtMs)]
    await tx.query(sql['add-endpoint'], what)
  },
  listEndpoints: async (tx, owner) =>
    (await tx.query<EndpointRow>(sql['list-endpoints'], [owner])).map(toEndpoint),
  findEndpoint: async (tx, id) =>
    (await tx.query<EndpointRow>(sql['find-endpoint'], [id])).map(toEndpoint)[0],
  async lockEndpoint(tx, id) {
    await tx.query(sql['lock-endpoints'], [[id]])
    return endpoints.findEndpoint(tx, id)
  },
  lockEndpoints: async (tx, ids) => void (await tx.query(sql['lock-endpoints'], [ids])),
  async storeEndpoint(tx, endpoint) {
    const { id, url, types, description, disabled, secret, previous, failingSinceMs } = endpoint
    await tx.query(sql['store-endpoint'], [
      ...[id, url, types, description, disabled?.reason ?? null, toDate(disabled?.atMs ?? null)],
      ...[secret, previous?.secret ?? null, toDate(previous?.untilMs ?? null), toDate(failingSinceMs)],
    ])
  },
  async deleteEndpoint(tx, id, nowMs) {
    await tx.query(sql['delete-endpoint'], [id, new Date(nowMs)])
  },
}

export const webhookRecord: WebhookRecord = {
  ...endpoints,

  async noteEvent(tx, { owner, type, subjectId, data, atMs }) {
    await tx.query(sql['note-event'], [owner, type, subjectId, JSON.stringify(data), new Date(atMs)])
  },
  async hasWork(tx, nowMs) {
    const [row] = await tx.query<{ has_work: boolean }>(sql['has-work'], [new Date(nowMs)])
    return row?.has_work === true
  },
  takeNew: (tx, limit) => tx.query<{ position: bigint; owner: Owner }>(sql['take-new'], [limit]),
  lockEndpointsOf: async (tx, owners) => void (await tx.query(sql['lock-endpoints-of'], [owners])),
  addDeliveries: async (tx, positions, nowMs) =>
    toQueues(await tx.query<QueueRow>(sql['add-deliveries'], [positions, new Date(nowMs)])),
  async addTest(tx, { id, owner }, nowMs) {
    const facts = JSON.stringify({ endpointId: id })
    const params = [id, owner, testEventType, facts, new Date(nowMs)]
    const [row] = await tx.query<{ id: string }>(sql['add-test'], params)
    if (row === undefined) throw new Error('a test event has a delivery')
    return row.id
  },
  async promote(tx, queues, nowMs) {
    const columns = [queues.map(({ endpointId }) => endpointId), queues.map(({ subjectId }) => subjectId)]
    if (queues.length > 0) await tx.query(sql.promote, [...columns, new Date(nowMs)])
  },

  async lockRipeEndpoints(tx, { nowMs, areFailing, limit, atOnce, ofOwner }) {
    const params = [new Date(nowMs), areFailing, limit, atOnce, ofOwner]
    return (await tx.query<{ id: string }>(sql['lock-ripe-endpoints'], params)).map(({ id }) => id)
  },
  async lease(tx, { endpointIds, nowMs, untilMs, limit, atOnce, ofOwner }) {
    const params = [endpointIds, new Date(nowMs), new Date(untilMs), limit, atOnce, ofOwner]
    return (await tx.query<LeasedRow>(sql.lease, params)).map(toLeased)
  },
  async endLease(tx, { id, lease }, outcome, nowMs) {
    const dueAt = outcome.state === 'waiting' ? new Date(outcome.dueAtMs) : null
    const endedAt = outcome.state === 'waiting' ? null : new Date(nowMs)
    const params = [id, lease, outcome.state, outcome.failures, dueAt, endedAt]
    return (await tx.query(sql['end-lease'], params)).length > 0
  },
  async addAttempt(tx, { id, lease }, { atMs, tookMs, status, fault, text }) {
    const outcome = [tookMs, status ?? null, fault ?? null, text ?? null]
    await tx.query(sql['add-attempt'], [id, lease, new Date(atMs), ...outcome])
  },

  listDeliveries: async (tx, { endpointId, state }, page) => {
    const params = [endpointId, state ?? null, ...keysetParams(page)]
    const isRare = state === 'waiting' || state === 'dead'
    const statement = sql[isRare ? 'list-undelivered' : 'list-deliveries']
    return (await tx.query<DeliveryRow>(statement, params)).map(toDelivery)
  },
  async findDelivery(tx, { id, endpointId }) {
    const [row] = await tx.query<DeliveryRow & EventRow>(sql['find-delivery'], [id, endpointId])
    return row && { ...toDelivery(row), event: toEvent(row) }
  },
  async listAttempts(tx, deliveryId) {
    return (await tx.query<AttemptRow>(sql['list-attempts'], [deliveryId])).map(toAttempt)
  },
  async restart(tx, deliveryId, nowMs) {
    await tx.query(sql.restart, [deliveryId, new Date(nowMs)])
  },
  async restartRange(tx, { endpointId, fromMs, toMs: untilMs, delivered, nowMs, limit, lookAt }) {
    const range = [new Date(fromMs), new Date(untilMs), delivered, new Date(nowMs)]
    const rows = await tx.query<RestartedRow>(sql['restart-range'], [endpointId, ...range, limit, lookAt])
    const restarted = rows.flatMap(({ subject_id: subjectId, at }) =>
      subjectId === null || at === null ? [] : [{ subjectId, atMs: at.getTime() }],
    )
    const [seen] = rows
    const isCut = restarted.length === limit
    const end = isCut ? restarted.at(-1)?.atMs : seen?.looked_at === lookAt && toMs(seen.looked_to)
    return { subjectIds: restarted.map(({ subjectId }) => subjectId), nextFromMs: end || undefined }
  },

  async listOld(tx, beforeMs, limit) {
    const rows = await tx.query<{ position: bigint }>(sql['list-old'], [new Date(beforeMs), limit])
    return rows.map(({ position }) => position)
  },
  listQueuesOf: async (tx, positions) =>
    toQueues(await tx.query<QueueRow>(sql['list-queues-of'], [positions])),
  deleteEvents: async (tx, positions) => void (await tx.query(sql['delete-events'], [positions])),
  purgeDeliveries: async (tx, limit) => (await tx.query(sql['purge-deliveries'], [limit])).length,
  purgeEndpoints: async tx => void (await tx.query(sql['purge-endpoints'])),
}

type RestartedRow = {
  looked_at: number
  looked_to: Date | null
  subject_id: string | null
  at: Date | null
}
type QueueRow = Row & { endpoint_id: string; subject_id: string }

/** Each queue once. */
const toQueues = (rows: readonly QueueRow[]): Queue[] => [
  ...new Map(
    rows.map(row => [
      `${row.endpoint_id} ${row.subject_id}`,
      { endpointId: row.endpoint_id, subjectId: row.subject_id },
    ]),
  ).values(),
]

type SecretsRow = { secret: string; previous_secret: string | null; previous_until: Date | null }
type EndpointRow = SecretsRow & {
  id: string
  owner: Owner
  url: string
  types: WebhookEventType[]
  description: string | null
  disabled_reason: DisabledReason | null
  disabled_at: Date | null
  failing_since: Date | null
  created_at: Date
}

const toPrevious = ({ previous_secret: secret, previous_until: until }: SecretsRow): Endpoint['previous'] =>
  secret === null || until === null ? null : { secret, untilMs: until.getTime() }

const toEndpoint = (row: EndpointRow): Endpoint => ({
  ...{ id: row.id, owner: row.owner, url: row.url, types: row.types, description: row.description },
  disabled:
    row.disabled_reason === null || row.disabled_at === null
      ? null
      : { reason: row.disabled_reason, atMs: row.disabled_at.getTime() },
  secret: row.secret,
  previous: toPrevious(row),
  failingSinceMs: toMs(row.failing_since),
  createdAtMs: row.created_at.getTime(),
})

type EventRow = {
  event_id: string
  owner: Owner
  type: string
  subject_id: string
  facts: KeptEvent['facts']
  at: Date
}

const toEvent = (row: EventRow): KeptEvent => ({
  ...{ id: row.event_id, owner: row.owner, type: row.type, subjectId: row.subject_id, facts: row.facts },
  atMs: row.at.getTime(),
})

type LeasedRow = EventRow &
  SecretsRow & {
    id: string
    lease: bigint
    leased_until: Date
    failures: number
    endpoint_id: string
    url: string
  }

const toLeased = (row: LeasedRow): Leased => ({
  ...{ id: row.id, lease: row.lease, untilMs: row.leased_until.getTime() },
  ...{ failures: row.failures, event: toEvent(row) },
  endpoint: { id: row.endpoint_id, url: row.url, secret: row.secret, previous: toPrevious(row) },
})

type DeliveryRow = {
  id: string
  subject_id: string
  state: DeliveryState
  failures: number
  created_at: Date
  due_at: Date | null
  ended_at: Date | null
  event_id: string
  type: string
}

const toDelivery = (row: DeliveryRow): Delivery => ({
  ...{ id: row.id, subjectId: row.subject_id, state: row.state, failures: row.failures },
  event: { id: row.event_id, type: row.type },
  createdAtMs: row.created_at.getTime(),
  dueAtMs: toMs(row.due_at),
  endedAtMs: toMs(row.ended_at),
})

type AttemptRow = {
  begun_at: Date
  took_ms: number
  status: number | null
  fault: AttemptFault | null
  response: string | null
}

const toAttempt = (row: AttemptRow): Attempt => ({
  ...{ atMs: row.begun_at.getTime(), tookMs: row.took_ms },
  ...(row.status !== null && { status: row.status }),
  ...(row.fault !== null && { fault: row.fault }),
  ...(row.response !== null && { text: row.response }),
})

/** How many deliveries wait, and for how many seconds the first of them has been due. */
export async function measureQueue(tx: Tx): Promise<{ waiting: number; lagS: number }> {
  const [row] = await tx.query<{ waiting: number; lag: number }>(sql['measure-queue'])
  return { waiting: row?.waiting ?? 0, lagS: row?.lag ?? 0 }
}
