/** HTTP: endpoints, their deliveries, and the sandbox's inboxes. */
import type { FastifyInstance } from 'fastify'
import { createWebhookInbox, getWebhookInbox } from '#protocol/rest/webhook-inboxes.ts'
import * as operations from '#protocol/rest/webhooks.ts'
import { answer, type Bind, sendRefusal } from '#platform/http.ts'
import { createId } from '#platform/id.ts'
import { rawBodyOf } from '#platform/json-body.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import { judgeSignature } from '#platform/signature.ts'
import type { Caller } from '../players/caller.ts'
import { type Delivery, viewAttempt, viewDelivery } from './delivery.ts'
import { type Endpoint, listSecrets, ownerOf, viewEndpoint } from './endpoint.ts'
import { composeBody } from './event.ts'
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  type ManagePorts,
  replayOne,
  replayRange,
  rotateSecret,
  sendTest,
  type WebhookCaller,
} from './manage.ts'
import type { Inbox } from './ports.ts'

export type WebhookRoutePorts = {
  manage: ManagePorts
  database: Tx
  hmacSecret: string
  inbox: Inbox
}

export function registerWebhookRoutes(bind: Bind<Caller>, ports: WebhookRoutePorts): void {
  bindEndpoints(bind, ports)
  bindDeliveries(bind, ports)
  bindInboxes(bind, ports)
}

/** Theirs, or nothing. */
async function findOwn(
  { manage: { record }, database }: WebhookRoutePorts,
  { caller, id }: { caller: WebhookCaller; id: string },
): Promise<Endpoint | undefined> {
  const endpoint = await record.findEndpoint(database, id)
  return endpoint?.owner === ownerOf(caller) ? endpoint : undefined
}

function bindEndpoints(bind: Bind<Caller>, ports: WebhookRoutePorts): void {
  const { manage, database } = ports
  const { record, clock } = manage
  const view = (endpoint: Endpoint) => viewEndpoint(endpoint, clock.nowMs())

  bind(operations.createWebhookEndpoint, async ({ caller, body }) => {
    const created = await createEndpoint(manage, { caller, ...body })
    if (isRefusal(created)) return created
    return answer(201, { endpoint: created.endpoint, secret: created.secret })
  })

  bind(operations.listWebhookEndpoints, async ({ caller }) => {
    const endpoints = await record.listEndpoints(database, ownerOf(caller))
    return answer(200, { items: endpoints.map(view) })
  })

  bind(operations.getWebhookEndpoint, async ({ caller, params }) => {
    const endpoint = await findOwn(ports, { caller, id: params.id })
    return endpoint === undefined ? refuse('not_found') : answer(200, view(endpoint))
  })

  bind(operations.changeWebhookEndpoint, async ({ caller, params, body }) => {
    const changed = await changeEndpoint(manage, { caller, id: params.id, ...body })
    return isRefusal(changed) ? changed : answer(200, changed.endpoint)
  })

  bind(operations.deleteWebhookEndpoint, async ({ caller, params }) => {
    const deleted = await deleteEndpoint(manage, { caller, id: params.id })
    return isRefusal(deleted) ? deleted : answer(200, deleted.endpoint)
  })

  bind(operations.rotateWebhookSecret, async ({ caller, params }) => {
    const rotated = await rotateSecret(manage, { caller, id: params.id })
    if (isRefusal(rotated)) return rotated
    return answer(201, { endpoint: rotated.endpoint, secret: rotated.secret })
  })
}

function bindDeliveries(bind: Bind<Caller>, ports: WebhookRoutePorts): void {
  const { manage, database, hmacSecret } = ports
  const { record } = manage

  bind(operations.testWebhookEndpoint, async ({ caller, params }) => {
    const sent = await sendTest(manage, { caller, id: params.id })
    return isRefusal(sent) ? sent : answer(201, sent.delivery)
  })

  bind(operations.listWebhookDeliveries, async ({ caller, params, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const endpoint = await findOwn(ports, { caller, id: params.id })
    if (endpoint === undefined) return refuse('not_found')
    const { state } = query
    const deliveries = await record.listDeliveries(database, { endpointId: endpoint.id, state }, page)
    const path = operations.listWebhookDeliveries.path.replace('{id}', endpoint.id)
    const request = { path, limit: page.limit, ...(state !== undefined && { filter: { state } }) }
    const key = ({ createdAtMs, id }: Delivery) => ({ atMs: createdAtMs, id })
    return answer(200, toPage(deliveries, request, { item: viewDelivery, key }))
  })

  bind(operations.getWebhookDelivery, async ({ caller, params }) => {
    const endpoint = await findOwn(ports, { caller, id: params.id })
    const which = { id: params.deliveryId, endpointId: params.id }
    const delivery = endpoint && (await record.findDelivery(database, which))
    if (delivery === undefined) return refuse('not_found')
    const attempts = await record.listAttempts(database, delivery.id)
    const body = composeBody(delivery.event, hmacSecret)
    return answer(200, { delivery: viewDelivery(delivery), body, attempts: attempts.map(viewAttempt) })
  })

  bind(operations.replayWebhookDelivery, async ({ caller, params }) => {
    const replayed = await replayOne(manage, { caller, ...params })
    return isRefusal(replayed) ? replayed : answer(200, replayed.delivery)
  })

  bind(operations.replayWebhookDeliveries, async ({ caller, params, body }) => {
    const { from, to, delivered = false } = body
    const range = { fromMs: Date.parse(from), toMs: Date.parse(to), delivered }
    const outcome = await replayRange(manage, { caller, id: params.id, ...range })
    if (isRefusal(outcome)) return outcome
    const { replayed, nextFromMs } = outcome
    return answer(200, {
      replayed,
      ...(nextFromMs !== undefined && { nextFrom: new Date(nextFromMs).toISOString() }),
    })
  })
}

const messagesPath = (id: string): string => `${getWebhookInbox.path.replace('{id}', id)}/messages`

function bindInboxes(bind: Bind<Caller>, { manage, inbox }: WebhookRoutePorts): void {
  bind(createWebhookInbox, async ({ caller }) => {
    const id = createId(manage)
    await inbox.create(id, ownerOf(caller))
    return answer(201, { id, path: messagesPath(id) })
  })

  bind(getWebhookInbox, async ({ caller, params: { id } }) => {
    if ((await inbox.findOwner(id)) !== ownerOf(caller)) return refuse('not_found')
    return answer(200, { messages: await inbox.list(id) })
  })
}

/**
 * Where messages arrive: no operation of the protocol but one of its receivers, for a sandbox only. Whoever sends is
 * not asked who they are; the signature says whether it was this server.
 */
export function registerInbox(http: FastifyInstance, { manage, database, inbox }: WebhookRoutePorts): void {
  const { record, seal, clock } = manage

  http.post<{ Params: { id: string } }>(
    messagesPath(':id'),
    { config: { keepsBody: true } },
    async (request, reply) => {
      const { headers } = request
      const { id } = request.params
      const owner = await inbox.findOwner(id)
      if (owner === undefined) return sendRefusal(reply, refuse('not_found'), true)
      const nowMs = clock.nowMs()
      const body = rawBodyOf(request) ?? new Uint8Array()
      const endpoints = await record.listEndpoints(database, owner)
      const secrets = endpoints
        .filter(({ url }) => new URL(url).pathname === messagesPath(id))
        .flatMap(endpoint => listSecrets(endpoint, nowMs))
      const isGenuine = secrets.some(
        sealed => judgeSignature({ secret: seal.open(sealed), nowMs }, headers, body) === undefined,
      )
      await inbox.keep(id, {
        webhookId: String(headers['webhook-id'] ?? ''),
        receivedAt: new Date(nowMs).toISOString(),
        isGenuine,
        body: Buffer.from(body).toString('utf8'),
      })
      return reply.code(204).send()
    },
  )
}
