/**
 * Two merchants who have everything that a merchant can have, on two servers, and a request for every operation that
 * one may send: made from the protocol, so that an operation that is new is asked, too.
 */
import assert from 'node:assert/strict'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { examples } from '#protocol/examples/operations.ts'
import { type Operation, type Scope, scopes } from '#protocol/operation.ts'
import { operations } from '#protocol/rest/operations.ts'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { inNameOf } from '#platform/tenant.ts'
import { createApp } from '../../src/app.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { addKey } from '../../src/merchants/keys.ts'
import { eventually } from '../acceptance/eventually.ts'
import { square } from '../envelopes/stage.ts'
import type { World } from '../helpers/world.ts'

export const operatorKey = `hbo_${'o'.repeat(40)}`

type Sent = { status: number; text: string; body: Record<string, unknown> }
type Shown = {
  method: string
  url: string
  credential?: string
  payload?: object | string
  /** Of a payload that is no JSON. */
  type?: string
  version?: string
}

export type Server = Awaited<ReturnType<typeof startServer>>

export async function startServer(t: Test, world: World) {
  const secrets = { JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40), OPERATOR_KEY: operatorKey }
  const urls = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl }
  const config = requireReady(loadConfig({ MODE: 'sandbox', ...secrets, ...urls, LOG_LEVEL: 'silent' }))
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  followNames(t)
  let keys = 0
  async function send({ method, url, credential, payload, type, version }: Shown): Promise<Sent> {
    const headers = {
      ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
      ...(version !== undefined && { 'if-match': version }),
      ...(type !== undefined && { 'content-type': type }),
    }
    const ask = (more: object) =>
      app.http.inject({
        ...{ method: method as 'GET', url, headers: { ...headers, ...more } },
        ...(payload !== undefined && { payload }),
        payloadAsStream: true,
      })
    const reply = await ask(
      method === 'POST' && !keepsNoAnswer(url) ? { 'idempotency-key': `key-${++keys}` } : {},
    )
    const contentType = String(reply.headers['content-type'])
    // Of events the first is enough: they do not end.
    const text = contentType.includes('event-stream')
      ? await readFirst(reply.stream())
      : await readAll(reply.stream())
    return { status: reply.statusCode, text, body: contentType.includes('json') ? JSON.parse(text) : {} }
  }
  /** What has to be answered well. */
  async function must(shown: Shown): Promise<Record<string, unknown>> {
    const sent = await send(shown)
    assert(sent.status < 300, `${shown.method} ${shown.url}: ${sent.status} ${sent.text}`)
    return sent.body
  }
  return { send, must, jobs: app.jobs }
}

/** As while another merchant's request is under way: whatever goes on when its own is over then fails. */
export function followNames(t: Test): void {
  void inNameOf({ tenantId: 'another' }, () => new Promise<void>(resolve => t.teardown(resolve)))
}

const keepsNoAnswer = (url: string): boolean => {
  const [path = ''] = url.split('?')
  const matches = (pattern: string) => new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)
  return operations.some(
    ({ idempotencyKey, path: pattern }) => idempotencyKey === 'refused' && matches(pattern),
  )
}

async function readAll(stream: Readable): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(Buffer.from(piece as Uint8Array))
  return Buffer.concat(pieces).toString('utf8')
}

async function readFirst(stream: Readable): Promise<string> {
  for await (const piece of stream) return Buffer.from(piece as Uint8Array).toString('utf8')
  return ''
}

const idOf = (body: Record<string, unknown>): string => String(body['id'])

const planOf = () => ({
  name: 'New Year on the plaza',
  area: {
    type: 'Polygon',
    coordinates: [
      [
        [121.4717, 31.2287],
        [121.4757, 31.2287],
        [121.4757, 31.2321],
        [121.4717, 31.2321],
        [121.4717, 31.2287],
      ],
    ],
  },
  budget: { amountMinor: '10000', currency: 'CNY' },
  schedule: { endsAt: new Date(Date.now() + 7 * 86_400_000).toISOString() },
  winsPerPlayer: 2,
})
const place = { type: 'Point', coordinates: [square.lng, square.lat] }
const dropOrder = {
  strategy: { type: 'points', points: { type: 'MultiPoint', coordinates: [place.coordinates] } },
  ...{ amountMinor: '100', shares: 2, split: 'equal' },
}
const hideOrder = { place, total: { amountMinor: '100', currency: 'CNY' }, shares: 10, split: 'equal' }

export type Shop = Awaited<ReturnType<typeof openShop>>

/** A merchant with keys for everything, for one scope each, and for all but one each. */
export async function openShop(world: World, server: Server, name: string) {
  const made = await server.must({
    ...{ method: 'POST', url: '/v1/operator/merchants', credential: operatorKey, payload: { name } },
  })
  const id = (made['merchant'] as { id: string }).id
  const ports = { sandbox: true, merchants: merchantRecord, clock: systemClock, random: systemRandom }
  const keyFor = async (allowed: readonly Scope[]) => {
    const { secret, apiKey } = await addKey(ports, world.database, { merchantId: id, scopes: allowed })
    return { secret, id: apiKey.id }
  }
  const byScope = async (choose: (scope: Scope) => readonly Scope[]) =>
    new Map(await Promise.all(scopes.map(async scope => [scope, await keyFor(choose(scope))] as const)))
  return {
    ...{ id, secret: String(made['secret']) },
    only: await byScope(scope => [scope]),
    without: await byScope(scope => scopes.filter(other => other !== scope)),
    spare: await keyFor(['read']),
  }
}

type Ask = { server: Server; credential: string }

const postAs = ({ server, credential }: Ask, url: string, payload?: object) =>
  server.must({ method: 'POST', url, credential, ...(payload && { payload }) })

async function signUp({ must }: Server) {
  const { token, player } = await must({ method: 'POST', url: '/v1/players', payload: {} })
  return { token: String(token), id: (player as { id: string }).id }
}

/** Of a campaign that was launched and has one drop. */
const firstOpened = ({ server, credential }: Ask, campaign: string) =>
  eventually('the drop is open', async () => {
    const list = await server.send({ method: 'GET', url: `/v1/campaigns/${campaign}/envelopes`, credential })
    return (list.body['items'] as { id: string; state: string }[]).find(({ state }) => state === 'live')
  })

/** Somebody new who has looked at it, wins of it and says so. */
async function winOf(server: Server, envelope: string) {
  const winner = await signUp(server)
  const payload = { fix: { ...square, accuracyM: 8 } }
  const asWinner = { method: 'POST', credential: winner.token, payload }
  await server.must({ ...asWinner, url: `/v1/envelopes/${envelope}/reveal` })
  const claim = await eventually('the claim is settled', async () => {
    const sent = await server.send({ ...asWinner, url: `/v1/envelopes/${envelope}/claims` })
    return sent.status === 200 ? String(sent.body['claimId']) : undefined
  })
  return { ...winner, claim }
}

/** Something in every table that keeps merchants apart. The jobs have to run meanwhile. */
export async function furnish(server: Server, { id: merchantId, secret: credential }: Shop) {
  const { must, send } = server
  const asked = { server, credential }
  const post = (url: string, payload?: object) => postAs(asked, url, payload)
  const campaign = idOf(await post('/v1/campaigns', planOf()))
  await post(`/v1/campaigns/${campaign}/launch`)
  const drop = idOf(await post(`/v1/campaigns/${campaign}/drop`, dropOrder))
  const draft = idOf(await post('/v1/campaigns', planOf()))
  const audience = { type: 'players', playerIds: [(await signUp(server)).id] }
  const closed = idOf(await post('/v1/envelopes', { ...hideOrder, audience }))
  await must({ method: 'DELETE', url: `/v1/envelopes/${closed}`, credential })
  const envelope = idOf(await post('/v1/envelopes', hideOrder))
  const payout = idOf(await post('/v1/payouts', { amount: { amountMinor: '500', currency: 'CNY' } }))
  for (const target of [{ merchantId }, { campaignId: campaign }]) {
    const cap = { target, currency: 'CNY', totalMinor: '1000000', reason: 'a test' }
    await must({ method: 'POST', url: '/v1/operator/caps', credential: operatorKey, payload: cap })
  }
  const dropped = await firstOpened(asked, campaign)
  const winner = await winOf(server, dropped.id)
  const byWinner = { method: 'POST', credential: winner.token }
  await must({ ...byWinner, url: `/v1/claims/${winner.claim}/thanks`, payload: { text: 'Thank you' } })
  await must({ ...byWinner, url: `/v1/envelopes/${dropped.id}/reports`, payload: { reason: 'dangerous' } })
  await eventually('the reveal is counted', async () => {
    const { body } = await send({ method: 'GET', url: `/v1/campaigns/${campaign}/figures`, credential })
    return (body['funnel'] as { revealed: number }).revealed > 0 ? true : undefined
  })
  const file = { credential, type: 'text/csv', payload: `lat,lng\n${square.lat},${square.lng}\n` }
  await must({ ...file, method: 'POST', url: `/v1/campaigns/${draft}/uploads` })
  const coded = idOf(await post('/v1/campaigns', { ...planOf(), presence: 'code' }))
  return {
    ...{ campaign, drop, draft, envelope, closed, payout, coded, dropped: dropped.id },
    ...(await furnishCoupons(asked)),
    ...(await furnishWebhooks(asked)),
  }
}

/** Two that were won, one of which was redeemed, and one that nobody has; and a pool of which nothing is in play. */
async function furnishCoupons(asked: Ask) {
  const { server, credential } = asked
  const expiresAt = new Date(Date.now() + 30 * 86_400_000).toISOString()
  const terms = { name: 'Tea', title: 'One pot of tea', expiresAt }
  const pool = idOf(await postAs(asked, '/v1/coupon-pools', terms))
  const spare = idOf(await postAs(asked, '/v1/coupon-pools', terms))
  const url = `/v1/coupon-pools/${pool}/coupons`
  await server.must({ ...{ method: 'POST', url, credential, type: 'text/csv' }, payload: 'code\nA\nB\nC\n' })
  const { budget: _, winsPerPlayer: __, ...plan } = planOf()
  const given = { ...plan, content: { type: 'coupon', poolId: pool } }
  const campaign = idOf(await postAs(asked, '/v1/campaigns', given))
  await postAs(asked, `/v1/campaigns/${campaign}/launch`)
  const { strategy, shares } = dropOrder
  await postAs(asked, `/v1/campaigns/${campaign}/drop`, { strategy, shares })
  const { id } = await firstOpened(asked, campaign)
  const codes: string[] = []
  for (const { token } of [await winOf(server, id), await winOf(server, id)]) {
    const { items } = await server.must({ method: 'GET', url: '/v1/coupons', credential: token })
    codes.push(...(items as { code: string }[]).map(({ code }) => code))
  }
  const [redeemed, code] = codes
  await postAs(asked, '/v1/coupons/redeem', { code: redeemed, till: 'Till 1' })
  const { items } = await server.must({ method: 'GET', url: `${url}?state=pooled`, credential })
  const [coupon] = items as { id: string }[]
  assert(coupon && code)
  return { pool, spare, coupon: coupon.id, code }
}

/** An endpoint that nobody answers at, and a message that it was sent. */
async function furnishWebhooks(asked: Ask) {
  const { server, credential } = asked
  const order = { url: 'http://127.0.0.1:65535/hooks', types: ['envelope.claimed'] }
  // Kept answers are for no secrets: it takes no key.
  const { endpoint } = (await server.must({
    ...{ method: 'POST', url: '/v1/webhook-endpoints', credential, payload: order },
  })) as { endpoint: { id: string } }
  const url = `/v1/webhook-endpoints/${endpoint.id}`
  await server.must({ method: 'POST', url: `${url}/test`, credential })
  const delivery = await eventually('an attempt was made', async () => {
    const { items } = await server.must({ method: 'GET', url: `${url}/deliveries`, credential })
    const [first] = items as { id: string; failures?: number }[]
    const { body } = await server.send({ method: 'GET', url: `${url}/deliveries/${first?.id}`, credential })
    return (body['attempts'] as unknown[] | undefined)?.length ? first?.id : undefined
  })
  const inbox = idOf(await server.must({ method: 'POST', url: '/v1/webhook-inboxes', credential }))
  return { endpoint: endpoint.id, delivery, inbox }
}

export type Belongings = Awaited<ReturnType<typeof furnish>> & { key: string }

export const merchantOperations = operations.filter(({ callers }) => callers.includes('merchant'))

/** What `{id}` names, by the beginning of the path. A path that is not here is one that nobody has thought of. */
const named: [path: string, which: (has: Belongings) => string][] = [
  ['/v1/campaigns/', has => has.campaign],
  ['/v1/coupon-pools/', has => has.pool],
  ['/v1/coupons/', has => has.coupon],
  ['/v1/webhook-endpoints/', has => has.endpoint],
  ['/v1/webhook-inboxes/', has => has.inbox],
  ['/v1/envelopes/', has => has.envelope],
  ['/v1/payouts/', has => has.payout],
  ['/v1/api-keys/', has => has.key],
]

/** Where an operation needs another thing than its neighbours, or a body that works today. */
const special: Record<string, { id?: (has: Belongings) => string; payload?: (has: Belongings) => object }> = {
  createCampaign: { payload: planOf },
  editCampaign: { id: has => has.draft, payload: () => ({ name: 'Lanterns' }) },
  launchCampaign: { id: has => has.draft },
  previewDrop: { payload: () => dropOrder },
  dropEnvelopes: { payload: () => dropOrder },
  hideEnvelope: { payload: () => hideOrder },
  verifyEnvelope: { id: has => has.closed },
  showCampaignCode: { id: has => has.coded },
  rotateCampaignCode: { id: has => has.coded },
  voidCouponPool: { id: has => has.spare },
  redeemCoupon: { payload: ({ code }) => ({ code, till: 'Till 2' }) },
}

/** A request for an operation, about what one merchant has. */
export function requestOf(operation: Operation, has: Belongings): Shown {
  const { id: name, method, path } = operation
  const example = examples.get(name)
  assert(example, `${name} has no example`)
  const which = special[name]?.id ?? named.find(([start]) => path.startsWith(start))?.[1]
  const url = path.replaceAll(/\{(\w+)\}/g, (_, param: string) => {
    const inner: Record<string, string> = { dropId: has.drop, deliveryId: has.delivery }
    const found = param === 'id' ? which?.(has) : inner[param]
    assert(found, `shops.ts has to say which {${param}} of ${path} a merchant has`)
    return found
  })
  const query = new URLSearchParams(example.query as Record<string, string> | undefined).toString()
  const [type] = operation.consumes ?? []
  const file = type === undefined ? undefined : example.files?.[type]
  const payload = file ?? special[name]?.payload?.(has) ?? (example.body as object | undefined)
  return {
    ...{ method, url: query === '' ? url : `${url}?${query}` },
    ...(payload !== undefined && { payload }),
    ...(type !== undefined && { type }),
    ...(operation.ifMatch === 'required' && { version: '"1"' }),
  }
}
