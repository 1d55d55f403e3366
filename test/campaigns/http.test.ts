/** Campaigns over HTTP: who may do what with which key, versions as ETags, and what is refused before any verb. */
import t from 'tap'
import { createBinder } from '#platform/http.ts'
import { campaignOperations } from '#protocol/rest/campaigns.ts'
import { addExclusionArea, exclusionOperations } from '#protocol/rest/areas.ts'
import { type Operation, scopes } from '#protocol/operation.ts'
import { examples } from '#protocol/examples/operations.ts'
import { areaRecord } from '../../src/areas/postgres.ts'
import { registerAreaRoutes } from '../../src/areas/routes.ts'
import { campaignRecord } from '../../src/campaigns/postgres.ts'
import { registerCampaignRoutes } from '../../src/campaigns/routes.ts'
import { droppedRecord } from '../../src/envelopes/postgres.ts'
import { balanceOf } from '../../src/ledger/postgres.ts'
import { createActionLog } from '../../src/operator/postgres.ts'
import type { Caller } from '../../src/players/caller.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createCampaignStage } from './stage.ts'

const stage = await createCampaignStage(t)
const { world, campaigns, planOf, orderOf } = stage
const { database, clock, random } = world
const { app, authenticator, send } = await createAccountApp(t, world)
const bind = createBinder<Caller>(app, { sandbox: true, authenticate: authenticator.authenticate })
registerCampaignRoutes(bind, {
  ...{ campaigns, database, clock, record: campaignRecord },
  ...{ ledger: { balanceOf }, envelopes: droppedRecord },
})
registerAreaRoutes(bind, { database, clock, random, areas: areaRecord, noteAction: createActionLog(world) })

t.afterEach(async () => assertBooks(t, world))

let keys = 0
type Sent = Parameters<typeof send>[0]
const post = (credential: string, url: string, body?: object, headers: Record<string, string> = {}) =>
  send({ method: 'POST', url, credential, key: `k${keys++}`, headers, ...(body && { body }) })
const patch = (credential: string, url: string, body: object, headers: Record<string, string>) =>
  send({ method: 'PATCH', url, credential, body, headers })

async function makeMerchant() {
  const { body } = await post(operatorKey, '/v1/operator/merchants', { name: 'Mall' })
  return { id: (body.merchant as { id: string }).id, secret: String(body.secret) }
}

/** A key with these scopes; a merchant has two at most, so it is revoked afterwards. */
async function withKey(secret: string, scopes: readonly string[], use: (key: string) => Promise<void>) {
  const made = await send({ method: 'POST', url: '/v1/api-keys', credential: secret, body: { scopes } })
  await use(String(made.body.secret))
  const { id } = made.body.apiKey as { id: string }
  await send({ method: 'DELETE', url: `/v1/api-keys/${id}`, credential: secret })
  return String(made.body.secret)
}

const idsOf = (id: string, dropId: string) => (path: string) =>
  path.replace('{id}', id).replace('{dropId}', dropId)

/** A request that fits its schema. */
function requestOf(operation: Operation, fillIds: (path: string) => string): Sent {
  const body = (examples.get(operation.id) as { body?: object } | undefined)?.body
  return {
    ...{ method: operation.method as 'GET', url: fillIds(operation.path) },
    ...(operation.idempotencyKey === 'required' && { key: `k${keys++}` }),
    ...(operation.ifMatch === 'required' && { headers: { 'if-match': '"1"' } }),
    ...(body !== undefined && { body }),
  }
}

t.test('every route of campaigns × every caller', async t => {
  const { secret } = await makeMerchant()
  const other = await makeMerchant()
  const player = String((await send({ method: 'POST', url: '/v1/players', body: {} })).body.token)
  const { body } = await post(secret, '/v1/campaigns', planOf({ presence: 'code' }))
  const campaignId = String(body.id)
  await post(secret, `/v1/campaigns/${campaignId}/launch`)
  const dropped = await post(secret, `/v1/campaigns/${campaignId}/drop`, orderOf())
  t.equal(dropped.status, 202)
  const ids = idsOf(campaignId, String(dropped.body.id))
  const revoked = await withKey(secret, ['read', 'campaigns', 'finance', 'admin'], async () => {})
  clock.advance(6_000)
  for (const operation of campaignOperations as readonly Operation[]) {
    const ask = async (credential?: string) =>
      (await send({ ...requestOf(operation, ids), ...(credential !== undefined && { credential }) })).status
    t.equal(await ask(), 401, `${operation.id}: nobody`)
    t.equal(await ask(revoked), 401, `${operation.id}: a revoked key`)
    t.equal(await ask(`${secret}x`), 401, `${operation.id}: a wrong key`)
    t.equal(await ask(player), 403, `${operation.id}: a player`)
    t.equal(await ask(operatorKey), 403, `${operation.id}: the operator`)
    if (operation.path.includes('{id}')) {
      t.equal(await ask(other.secret), 404, `${operation.id}: another merchant`)
    }
  }
  t.same((await send({ url: '/v1/campaigns', credential: other.secret })).body.items, [], 'nor in their list')
  for (const scope of scopes) {
    await withKey(secret, [scope], async credential => {
      // Closing comes last: everything else needs a campaign that is not over.
      const inOrder = [...campaignOperations].sort(
        (a, b) => Number(a.id === 'closeCampaign') - Number(b.id === 'closeCampaign'),
      )
      for (const operation of inOrder as readonly Operation[]) {
        const { status, body } = await send({ ...requestOf(operation, ids), credential })
        const isAllowed = operation.scope === scope
        t.equal(
          body.code === 'forbidden',
          !isAllowed,
          `${operation.id} with ${scope}: ${status} ${String(body.code)}`,
        )
        if (isAllowed) t.notOk([401, 403, 404, 500].includes(status), `${operation.id}: ${status}`)
      }
    })
    clock.advance(6_000)
  }
})

t.test('the operator alone excludes areas', async t => {
  const { secret } = await makeMerchant()
  const ids = idsOf('019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17', '')
  for (const operation of exclusionOperations as readonly Operation[]) {
    const request = requestOf(operation, ids)
    t.equal((await send(request)).status, 401, operation.id)
    t.equal((await send({ ...request, credential: secret })).status, 403, operation.id)
  }
  const added = await send({ ...requestOf(addExclusionArea, ids), credential: operatorKey })
  t.equal(added.status, 201)
  const list = await send({ url: '/v1/operator/exclusion-areas', credential: operatorKey })
  t.match(list.body, { items: [{ id: added.body.id }] })
  const removed = { method: 'DELETE', url: `/v1/operator/exclusion-areas/${String(added.body.id)}` } as const
  t.equal((await send({ ...removed, credential: operatorKey })).status, 200)
  t.equal((await send({ ...removed, credential: operatorKey })).status, 404)
})

t.test('versions are ETags, and an edit names the one it saw', async t => {
  const { secret } = await makeMerchant()
  const made = await post(secret, '/v1/campaigns', planOf())
  t.equal(made.status, 201)
  t.equal(made.headers.etag, '"1"')
  const url = `/v1/campaigns/${String(made.body.id)}`
  t.equal((await send({ url, credential: secret })).headers.etag, '"1"')
  t.match(await patch(secret, url, { name: 'Lanterns' }, {}), {
    status: 428,
    body: { code: 'if_match_missing' },
  })
  for (const tag of ['"2"', 'W/"1"', '1', '*', '"1", "2"', '"0"', '"1e0"', '""']) {
    const answer = await patch(secret, url, { name: 'Lanterns' }, { 'if-match': tag })
    t.match(answer, { status: 412, body: { code: 'edited_meanwhile' } }, tag)
  }
  const edited = await patch(secret, url, { name: 'Lanterns' }, { 'if-match': '"1"' })
  t.match(edited, { status: 200, body: { name: 'Lanterns', version: 2 } })
  t.equal(edited.headers.etag, '"2"')
  t.match(await patch(secret, url, { state: 'live' }, { 'if-match': '"2"' }), { status: 400 })
  t.match(
    await patch(secret, url, { budget: { amountMinor: '0', currency: 'CNY' } }, { 'if-match': '"2"' }),
    {
      status: 400,
    },
  )
})

t.test('lists go on behind their last row', async t => {
  const { secret } = await makeMerchant()
  const made: string[] = []
  for (let i = 0; i < 5; i++) made.push(String((await post(secret, '/v1/campaigns', planOf())).body.id))
  const found: string[] = []
  for (let url = '/v1/campaigns?limit=2'; ; ) {
    const { body } = await send({ url, credential: secret })
    found.push(...(body.items as { id: string }[]).map(({ id }) => id))
    const { next } = body.links as { next?: string }
    if (next === undefined) break
    url = next
  }
  t.same(found.sort(), made.sort())
})
