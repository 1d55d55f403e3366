/** Webhooks over the real record: receivers on loopback, as many servers as wanted, a clock that stands still. */
import type { Test } from 'tap'
import type { WebhookEventType } from '#protocol/rest/webhook-events.ts'
import { createBinder } from '#platform/http.ts'
import { createLogger } from '#platform/logger.ts'
import { createPost, type OutboundAnswer, type Post } from '#platform/outbound.ts'
import type { Row } from '#platform/postgres.ts'
import { judgeUrl } from '#platform/public-address.ts'
import { createSeal } from '#platform/seal.ts'
import type { Caller, MerchantCaller } from '../../src/players/caller.ts'
import { createEndpoint } from '../../src/webhooks/manage.ts'
import type { WebhookRecord } from '../../src/webhooks/ports.ts'
import { webhookRecord } from '../../src/webhooks/postgres.ts'
import { createInbox } from '../../src/webhooks/redis.ts'
import { registerInbox, registerWebhookRoutes } from '../../src/webhooks/routes.ts'
import { createWebhooks } from '../../src/webhooks/webhooks.ts'
import { eventually } from '../acceptance/eventually.ts'
import { createClaimStage } from '../claims/stage.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import type { World } from '../helpers/world.ts'

const hmacSecret = 'a secret for tests, long enough.'
export const operator = { kind: 'operator', id: 'operator' } as const

/** A server's part in webhooks, and its turns. */
export function createWebhookServer(
  world: World,
  changes: { post?: Post; record?: WebhookRecord; hmacSecret?: string } = {},
) {
  const { database, clock, random } = world
  const webhooks = createWebhooks({
    ...{ database, record: webhookRecord, hmacSecret, clock, random, log: createLogger('silent') },
    post: createPost({ isSandbox: true, timeoutMs: 60_000, textChars: 100 }),
    judgeUrl: url => judgeUrl(url, { isSandbox: true }),
    seal: createSeal(hmacSecret, { purpose: 'webhook secrets', random }),
    ...changes,
  })
  const jobOf = (name: string) => {
    const job = webhooks.jobs.find(one => one.name === name)
    if (job === undefined) throw new Error(`no job ${name}`)
    return job
  }
  /** One turn of the job, which begins to send. */
  const begin = async () => {
    while ((await jobOf('webhooks').run(0)).more);
  }
  const isIdle = async () => {
    const text = 'select count(*) as n from webhook_deliveries where leased_until > $1'
    const at = new Date(clock.nowMs())
    const [row] = await world.ownerDatabase.query<{ n: bigint }>({ name: 'leased', text }, [at])
    return row?.n === 0n
  }
  /** One turn, and everything that comes of it. */
  const turn = async () => {
    await begin()
    await eventually('nothing is under way', async () => (await isIdle()) || undefined, { everyMs: 5 })
  }
  const purge = async () => {
    for (const job of ['purge-webhooks', 'purge-webhook-endpoints']) {
      while ((await jobOf(job).run(0)).more);
    }
  }
  return { ...webhooks, begin, turn, purge }
}

/** A server whose attempt gets the answer that the test gives it, whenever it does. */
export function createPausedServer(world: World) {
  let wake: (answer: OutboundAnswer) => void = () => {}
  const answered = new Promise<OutboundAnswer>(done => (wake = done))
  return {
    ...createWebhookServer(world, { post: () => answered }),
    wake: (answer: OutboundAnswer) => wake(answer),
  }
}

export async function createWebhookStage(t: Test) {
  const stage = await createClaimStage(t)
  const { world } = stage
  const server = createWebhookServer(world)
  t.teardown(() => server.drain())
  const ask = <R extends Row>(text: string, params: unknown[] = []) =>
    world.ownerDatabase.query<R>({ name: '', text }, params)

  /** An endpoint of a merchant or the operator, and its secret. */
  async function listen(
    caller: MerchantCaller | typeof operator,
    url: string,
    types: WebhookEventType[] = ['envelope.claimed', 'envelope.ended'],
  ) {
    const created = await createEndpoint(server.manage, { caller, url, types })
    if (created.status === 'refused') throw new Error(JSON.stringify(created))
    return { id: created.endpoint.id, secret: created.secret }
  }

  const deliveriesOf = (endpointId: string) =>
    ask<{ id: string; state: string; failures: number; due_at: Date | null; lease: bigint; type: string }>(
      `select d.id, d.state, d.failures, d.due_at, d.lease, e.type
       from webhook_deliveries d join webhook_events e using (position)
       where endpoint_id = $1 order by position`,
      [endpointId],
    )
  const statesOf = async (endpointId: string) => (await deliveriesOf(endpointId)).map(({ state }) => state)

  /** Wins so many shares of an envelope, from share `from` on, each in a transaction of its own. */
  async function win(envelopeId: string, shares: number, from = 1): Promise<string[]> {
    const crowd = await stage.createCrowd(shares)
    for (const [i, { id: playerId }] of crowd.entries()) {
      await stage.settle(envelopeId, { playerId, shareNo: from + i })
    }
    return crowd.map(({ id }) => id)
  }

  return {
    ...stage,
    server,
    listen,
    deliveriesOf,
    statesOf,
    win,
    ask,
    http: await openRoutes(t, world, server),
  }
}

/** The operations over HTTP, with merchants who have keys. */
async function openRoutes(t: Test, world: World, { manage }: ReturnType<typeof createWebhookServer>) {
  const account = await createAccountApp(t, world)
  const { app, send, authenticator } = account
  const { authenticate } = authenticator
  const inbox = createInbox({ redis: world.redis, prefix: world.redisPrefix })
  const ports = { manage, database: world.database, hmacSecret, inbox }
  registerWebhookRoutes(createBinder<Caller>(app, { sandbox: true, authenticate }), ports)
  registerInbox(app, ports)
  let keys = 0
  async function signUpMerchant(): Promise<{ caller: MerchantCaller; credential: string }> {
    const key = `shop-${keys++}`
    const request = { method: 'POST', url: '/v1/operator/merchants', credential: operatorKey, key } as const
    const { body } = await send({ ...request, body: { name: 'Tea house' } })
    const { merchant, apiKey } = body as Record<string, { id: string }>
    const scopes = ['read', 'campaigns', 'finance', 'admin'] as const
    const caller = { kind: 'merchant', id: merchant?.id ?? '', keyId: apiKey?.id ?? '', scopes } as const
    return { caller, credential: String(body.secret) }
  }
  return { app, send, signUpMerchant }
}

/** What a message says, parsed. */
export const parse = ({ body }: { body: string }) =>
  JSON.parse(body) as { type: string; timestamp: string; data: Record<string, unknown> }
