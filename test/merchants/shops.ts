/**
 * Two merchants who have everything that a merchant can have, on two servers, and a request for every operation that
 * one may send: made from the protocol, so that an operation that is new is asked, too.
 */
import assert from 'node:assert/strict'
import type { Test } from 'tap'
import { examples } from '#protocol/examples/operations.ts'
import { type Operation, type Scope, scopes } from '#protocol/operation.ts'
import { operations } from '#protocol/rest/operations.ts'
import { systemClock } from '#platform/clock.ts'
import { loadConfig, requireReady } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { systemRandom } from '#platform/random.ts'
import { createApp } from '../../src/app.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { addKey } from '../../src/merchants/keys.ts'
import { eventually } from '../acceptance/eventually.ts'
import { square } from '../envelopes/stage.ts'
import type { World } from '../helpers/world.ts'

export const operatorKey = `hbo_${'o'.repeat(40)}`

type Sent = { status: number; text: string; body: Record<string, unknown> }
type Shown = { method: string; url: string; credential?: string; payload?: object; version?: string }

export type Server = Awaited<ReturnType<typeof startServer>>

export async function startServer(t: Test, world: World) {
  const secrets = { JWT_SECRET: 's'.repeat(40), HMAC_SECRET: 'h'.repeat(40), OPERATOR_KEY: operatorKey }
  const urls = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl }
  const config = requireReady(loadConfig({ MODE: 'sandbox', ...secrets, ...urls, LOG_LEVEL: 'silent' }))
  const parts = { config, clock: systemClock, random: systemRandom, log: createLogger('silent') }
  const app = await createApp({ ...parts, redisPrefix: world.redisPrefix })
  t.teardown(app.close)
  let keys = 0
  async function send({ method, url, credential, payload, version }: Shown): Promise<Sent> {
    const headers = {
      ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
      ...(version !== undefined && { 'if-match': version }),
    }
    const ask = (more: object) =>
      app.http.inject({
        ...{ method: method as 'GET', url, headers: { ...headers, ...more } },
        ...(payload && { payload }),
      })
    const isRefused = operations.some(
      ({ idempotencyKey, path }) => path === url.split('?')[0] && idempotencyKey === 'refused',
    )
    const reply = await ask(method === 'POST' && !isRefused ? { 'idempotency-key': `key-${++keys}` } : {})
    const isJson = String(reply.headers['content-type']).includes('json')
    return { status: reply.statusCode, text: reply.body, body: isJson ? reply.json() : {} }
  }
  /** What has to be answered well. */
  async function must(shown: Shown): Promise<Record<string, unknown>> {
    const sent = await send(shown)
    assert(sent.status < 300, `${shown.method} ${shown.url}: ${sent.status} ${sent.text}`)
    return sent.body
  }
  return { send, must, jobs: app.jobs }
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

/** Something in every table that keeps merchants apart. The jobs have to run meanwhile. */
export async function furnish({ send, must }: Server, { id: merchantId, secret: credential }: Shop) {
  const post = (url: string, payload?: object) =>
    must({ method: 'POST', url, credential, ...(payload && { payload }) })
  const signUp = async () => {
    const { token, player } = await must({ method: 'POST', url: '/v1/players', payload: {} })
    return { token: String(token), id: (player as { id: string }).id }
  }
  const campaign = idOf(await post('/v1/campaigns', planOf()))
  await post(`/v1/campaigns/${campaign}/launch`)
  const drop = idOf(await post(`/v1/campaigns/${campaign}/drop`, dropOrder))
  const draft = idOf(await post('/v1/campaigns', planOf()))
  const audience = { type: 'players', playerIds: [(await signUp()).id] }
  const closed = idOf(await post('/v1/envelopes', { ...hideOrder, audience }))
  await must({ method: 'DELETE', url: `/v1/envelopes/${closed}`, credential })
  const envelope = idOf(await post('/v1/envelopes', hideOrder))
  const payout = idOf(await post('/v1/payouts', { amount: { amountMinor: '500', currency: 'CNY' } }))
  for (const target of [{ merchantId }, { campaignId: campaign }]) {
    const cap = { target, currency: 'CNY', totalMinor: '1000000', reason: 'a test' }
    await must({ method: 'POST', url: '/v1/operator/caps', credential: operatorKey, payload: cap })
  }
  const dropped = await eventually('the drop is open', async () => {
    const list = await send({ method: 'GET', url: `/v1/campaigns/${campaign}/envelopes`, credential })
    return (list.body['items'] as { id: string; state: string }[]).find(({ state }) => state === 'live')
  })
  const winner = await signUp()
  const claim = await eventually('the claim is settled', async () => {
    const url = `/v1/envelopes/${dropped.id}/claims`
    const payload = { fix: { ...square, accuracyM: 8 } }
    const sent = await send({ method: 'POST', url, credential: winner.token, payload })
    return sent.status === 200 ? String(sent.body['claimId']) : undefined
  })
  const url = `/v1/claims/${claim}/thanks`
  await must({ method: 'POST', url, credential: winner.token, payload: { text: 'Thank you' } })
  return { campaign, drop, draft, envelope, closed, payout, dropped: dropped.id }
}

export type Belongings = Awaited<ReturnType<typeof furnish>> & { key: string }

export const merchantOperations = operations.filter(({ callers }) => callers.includes('merchant'))

/** What `{id}` names, by the beginning of the path. A path that is not here is one that nobody has thought of. */
const named: [path: string, which: (has: Belongings) => string][] = [
  ['/v1/campaigns/', has => has.campaign],
  ['/v1/envelopes/', has => has.envelope],
  ['/v1/payouts/', has => has.payout],
  ['/v1/api-keys/', has => has.key],
]

/** Where an operation needs another thing than its neighbours, or a body that works today. */
const special: Record<string, { id?: (has: Belongings) => string; payload?: () => object }> = {
  createCampaign: { payload: planOf },
  editCampaign: { id: has => has.draft, payload: () => ({ name: 'Lanterns' }) },
  launchCampaign: { id: has => has.draft },
  previewDrop: { payload: () => dropOrder },
  dropEnvelopes: { payload: () => dropOrder },
  hideEnvelope: { payload: () => hideOrder },
  verifyEnvelope: { id: has => has.closed },
}

/** A request for an operation, about what one merchant has. */
export function requestOf(operation: Operation, has: Belongings): Shown {
  const { id: name, method, path } = operation
  const example = examples.get(name)
  assert(example, `${name} has no example`)
  const which = special[name]?.id ?? named.find(([start]) => path.startsWith(start))?.[1]
  const url = path.replaceAll(/\{(\w+)\}/g, (_, param: string) => {
    const found =
      param === 'dropId' ? has.drop : param === 'id' && which !== undefined ? which(has) : undefined
    assert(found, `shops.ts has to say which {${param}} of ${path} a merchant has`)
    return found
  })
  const query = new URLSearchParams(example.query as Record<string, string> | undefined).toString()
  const payload = special[name]?.payload?.() ?? (example.body as object | undefined)
  return {
    ...{ method, url: query === '' ? url : `${url}?${query}` },
    ...(payload !== undefined && { payload }),
    ...(operation.ifMatch === 'required' && { version: '"1"' }),
  }
}
