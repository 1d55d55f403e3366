/** Merchants: their keys from birth to revocation, the operator who makes them, the area where they may hide. */
import t from 'tap'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { createAccountApp, operatorKey } from '../helpers/account-app.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const { send } = await createAccountApp(t, world)
const other = await createAccountApp(t, world)

let keys = 0
const makeMerchant = (body: object = { name: 'Tea house' }, key = `k${keys++}`) =>
  send({ method: 'POST', url: '/v1/operator/merchants', credential: operatorKey, key, body })

async function makeKeyHolder(): Promise<{ id: string; keyId: string; secret: string }> {
  const { body } = await makeMerchant()
  const { merchant, apiKey, secret } = body as Record<string, { id: string }> & { secret: string }
  return { id: merchant?.id ?? '', keyId: apiKey?.id ?? '', secret }
}

const createKey = (credential: string, scopes: string[]) =>
  send({ method: 'POST', url: '/v1/api-keys', credential, body: { scopes } })
const revoke = (credential: string, id: string) =>
  send({ method: 'DELETE', url: `/v1/api-keys/${id}`, credential })
const statusFor = async (credential: string, url = '/v1/merchant', from = send) =>
  (await from({ url, credential })).status

t.test('a new merchant has a key for everything and, in the sandbox, test money', async t => {
  const { status, body } = await makeMerchant({ name: '  茶馆 Tel 12345678901 ' })
  t.equal(status, 201)
  t.match(body, {
    merchant: { name: '茶馆 Tel 12345678901', createdAt: '2026-03-01T08:00:00.000Z' },
    apiKey: { scopes: ['read', 'campaigns', 'finance', 'admin'], prefix: /^hbk_test_.{6}$/ },
    secret: /^hbk_test_[\w-]{43}$/,
  })
  const credential = String(body.secret)
  t.same((await send({ url: '/v1/merchant', credential })).body, body.merchant)
  t.match((await send({ url: '/v1/wallet', credential })).body, {
    balances: [{ amountMinor: '100000000' }],
  })
  await assertBooks(t, world)
})

t.test('a retried creation is one merchant with one key, and no dump gives the key away', async t => {
  const first = await makeMerchant({ name: 'Noodles' }, 'retry')
  const second = await makeMerchant({ name: 'Noodles' }, 'retry')
  t.same([second.status, second.body], [first.status, first.body])
  const secret = String(first.body.secret)
  t.equal(await statusFor(secret), 200)
  const tables = ['api_keys', 'merchants', 'players', 'idempotent_answers']
  for (const table of tables) {
    const text = `select count(*) as n from ${table} t where t::text like '%' || $1 || '%'`
    const rows = await world.ownerDatabase.query({ name: table, text }, [secret.slice(20)])
    t.same(rows, [{ n: 0n }], table)
  }
  t.match(await makeMerchant({ name: 'Dumplings' }, 'retry'), {
    status: 422,
    body: { code: 'idempotency_mismatch' },
  })
})

t.test('names and areas that are refused', async t => {
  const square = (ring: number[][]) => ({ name: 'x', area: { type: 'Polygon', coordinates: [ring] } })
  const table: [string, object, object][] = [
    ['blank', { name: ' ' }, { status: 400, body: { errors: [{ pointer: '/body/name' }] } }],
    ['NUL', { name: 'a\0b' }, { status: 400 }],
    ['right to left', { name: 'a\u202eb' }, { status: 400 }],
    [
      'open',
      square([
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ]),
      { status: 422, body: { reason: 'area_invalid' } },
    ],
    [
      'bow tie',
      square([
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
        [0, 0],
      ]),
      { status: 422 },
    ],
    [
      'a line',
      square([
        [0, 0],
        [1, 1],
        [2, 2],
        [0, 0],
      ]),
      { status: 422 },
    ],
    [
      'a point',
      square([
        [3, 3],
        [3, 3],
        [3, 3],
        [3, 3],
      ]),
      { status: 422 },
    ],
    [
      'outside the earth',
      square([
        [0, 0],
        [181, 0],
        [1, 1],
        [0, 0],
      ]),
      { status: 400 },
    ],
    [
      'too few',
      square([
        [0, 0],
        [1, 1],
        [0, 0],
      ]),
      { status: 400 },
    ],
  ]
  for (const [name, body, expected] of table) t.match(await makeMerchant(body), expected, name)
})

t.test('only the operator makes merchants', async t => {
  const { secret } = await makeKeyHolder()
  const request = { method: 'POST', url: '/v1/operator/merchants', body: { name: 'x' }, key: 'k' } as const
  t.match(await send({ ...request, credential: secret }), { status: 403 })
  t.match(await send({ ...request, credential: `${operatorKey}x` }), { status: 401 })
  t.match(await send({ ...request, credential: operatorKey, key: '' }), {
    body: { code: 'idempotency_key_missing' },
  })
})

t.test('scopes', async t => {
  const { secret } = await makeKeyHolder()
  const made = await createKey(secret, ['finance'])
  t.match(made, { status: 201, body: { apiKey: { scopes: ['finance'] } } })
  const finance = String(made.body.secret)
  t.equal(await statusFor(finance, '/v1/wallet'), 200)
  t.equal(await statusFor(finance), 403)
  t.match(await send({ url: '/v1/api-keys', credential: finance }), { body: { code: 'forbidden' } })
  t.equal((await createKey(secret, ['finance', 'finance'])).status, 400)
  t.equal((await createKey(secret, [])).status, 400)
})

t.test('two live keys at most, however many are asked for at once', async t => {
  const { secret } = await makeKeyHolder()
  const made = await Promise.all(Array.from({ length: 6 }, () => createKey(secret, ['read'])))
  t.same(made.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
  t.equal(made.find(({ status }) => status === 409)?.body.code, 'key_limit')
  const list = await send({ url: '/v1/api-keys', credential: secret })
  t.equal((list.body.items as unknown[]).length, 2)
  t.notMatch(JSON.stringify(list.body), new RegExp(secret.slice(20)))
})

t.test('a revoked key is dead within five seconds on every server', async t => {
  const { secret } = await makeKeyHolder()
  const second = await createKey(secret, ['read', 'admin'])
  const credential = String(second.body.secret)
  const { id } = second.body.apiKey as { id: string }
  t.equal(await statusFor(credential), 200)
  t.equal(await statusFor(credential, '/v1/merchant', other.send), 200)

  const revoked = await revoke(secret, id)
  t.match(revoked, { status: 200, body: { id, revokedAt: '2026-03-01T08:00:00.000Z' } })
  world.clock.advance(3_000)
  t.equal(await statusFor(credential), 401)
  t.equal(await statusFor(credential, '/v1/merchant', other.send), 401)
  t.same((await revoke(secret, id)).body.revokedAt, revoked.body.revokedAt, 'revoking again changes nothing')
  t.match(await createKey(secret, ['read']), { status: 201 }, 'a revoked key makes room')
})

t.test('nobody sees or revokes the keys of others', async t => {
  const [mine, yours] = [await makeKeyHolder(), await makeKeyHolder()]
  t.match(await revoke(mine.secret, yours.keyId), { status: 404, body: { code: 'not_found' } })
  t.equal(await statusFor(yours.secret), 200)
  const { body } = await send({ url: '/v1/api-keys', credential: mine.secret })
  t.match(body, { items: [{ id: mine.keyId }] })
})

t.test('the last use is noted, once a minute', async t => {
  const { id, keyId, secret } = await makeKeyHolder()
  const lastUse = async () => {
    const found = await merchantRecord.listKeys(world.database, id)
    return found.find(key => key.id === keyId)?.lastUsedAtMs
  }
  const usedAtMs = world.clock.nowMs()
  await statusFor(secret)
  while ((await lastUse()) === undefined) await world.clock.sleep(5)
  t.equal(await lastUse(), usedAtMs)
  for (const ms of [20_000, 39_999]) {
    world.clock.advance(ms)
    t.equal(await statusFor(secret), 200)
  }
  await merchantRecord.touchKey(world.database, { id: keyId, nowMs: world.clock.nowMs() })
  t.equal(await lastUse(), usedAtMs, 'not within the minute')
  world.clock.advance(3_001)
  t.equal(await statusFor(secret), 200)
  while ((await lastUse()) === usedAtMs) await world.clock.sleep(5)
  t.equal(await lastUse(), world.clock.nowMs())
})

t.test('a sandbox key is worth nothing in production', async t => {
  const { secret } = await makeKeyHolder()
  const production = await createAccountApp(t, world, { sandbox: false })
  t.equal(await statusFor(secret, '/v1/merchant', production.send), 401)
  const live = await production.send({
    ...{ method: 'POST', url: '/v1/operator/merchants', key: 'live', credential: operatorKey },
    body: { name: 'Bank' },
  })
  t.match(live.body, { secret: /^hbk_live_/ })
  const credential = String(live.body.secret)
  t.equal(await statusFor(credential, '/v1/merchant', production.send), 200)
  t.equal(await statusFor(credential), 401, 'nor the other way round')
  const wallet = await production.send({ url: '/v1/wallet', credential })
  t.match(wallet.body, { balances: [{ amountMinor: '0' }] }, 'and there is no test money')
})

t.test('where a merchant may hide', async t => {
  const { database } = world
  const area = {
    type: 'Polygon',
    coordinates: [
      [
        [121.4, 31.2],
        [121.5, 31.2],
        [121.5, 31.3],
        [121.4, 31.3],
        [121.4, 31.2],
      ],
    ],
  }
  const { body } = await makeMerchant({ name: 'Mall', area })
  const { id } = body.merchant as { id: string }
  t.ok(await merchantRecord.coversPlace(database, id, { lat: 31.25, lng: 121.45 }))
  t.notOk(await merchantRecord.coversPlace(database, id, { lat: 31.25, lng: 121.51 }))
  t.notOk(await merchantRecord.coversPlace(database, id, { lat: -31.25, lng: 121.45 }))
  const nowhere = await makeKeyHolder()
  t.notOk(await merchantRecord.coversPlace(database, nowhere.id, { lat: 31.25, lng: 121.45 }))

  const islands = {
    name: 'Fiji',
    area: {
      type: 'MultiPolygon',
      coordinates: [
        [
          [
            [179.9, -16.6],
            [180, -16.6],
            [180, -16.5],
            [179.9, -16.5],
            [179.9, -16.6],
          ],
        ],
        [
          [
            [-180, -16.6],
            [-179.9, -16.6],
            [-179.9, -16.5],
            [-180, -16.5],
            [-180, -16.6],
          ],
        ],
      ],
    },
  }
  const fiji = (await makeMerchant(islands)).body.merchant as { id: string }
  t.ok(
    await merchantRecord.coversPlace(database, fiji.id, { lat: -16.55, lng: -179.95 }),
    'across the antimeridian',
  )
  t.notOk(await merchantRecord.coversPlace(database, fiji.id, { lat: -16.55, lng: 0 }))
})
