/** Merchants: their keys from birth to revocation, the operator who makes them, the area where they may hide. */
import t from 'tap'
import { limits } from '#protocol/limits.ts'
import { createLogger } from '#platform/logger.ts'
import { closeRedis, connectRedis } from '#platform/redis.ts'
import { addKey, createKeyVerifier, type KeyVerifier } from '../../src/merchants/keys.ts'
import type { MerchantRecord } from '../../src/merchants/merchant.ts'
import { merchantRecord } from '../../src/merchants/postgres.ts'
import { createRevocationChannel } from '../../src/merchants/redis.ts'
import { eventually } from '../acceptance/eventually.ts'
import { plaza } from '../campaigns/stage.ts'
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
    apiKey: { scopes: ['read', 'campaigns', 'finance', 'admin', 'till'], prefix: /^hbk_test_.{6}$/ },
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

t.test('keys of tills are counted apart, and show codes only', async t => {
  const { secret } = await makeKeyHolder()
  t.equal((await createKey(secret, ['read'])).status, 201)
  const made = []
  for (let i = 0; i <= limits.merchant.tillKeys; i++) made.push(await createKey(secret, ['till']))
  t.match(made.pop(), { status: 409, body: { code: 'key_limit' } })
  t.ok(made.every(({ status }) => status === 201))
  t.equal((await createKey(secret, ['till', 'read'])).status, 409, 'with another scope it is no till')
  const till = String(made[0]?.body.secret)
  for (const url of ['/v1/wallet', '/v1/api-keys', '/v1/merchant'])
    t.match(await send({ url, credential: till }), { status: 403, body: { code: 'forbidden' } }, url)
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

t.test(
  'a revocation is heard everywhere, and what was missed is read again, while the clock stands still',
  async t => {
    const { database, clock, redis, redisPrefix } = world
    const log = createLogger('silent')
    const { id: merchantId, keyId, secret } = await makeKeyHolder()
    const verifier = () =>
      createKeyVerifier({ sandbox: true, merchants: merchantRecord, database, clock, log })
    const [here, there] = [verifier(), verifier()]
    const subscriber = connectRedis({ url: world.redisUrl, name: 'ear', onError: () => {}, subscriber: true })
    t.teardown(() => closeRedis(subscriber))
    const channel = createRevocationChannel({ redis, subscriber, prefix: redisPrefix, log })
    let missed = 0
    channel.follow({
      revoked: there.forget,
      missed() {
        missed++
        there.forgetAll()
      },
    })
    await eventually('the channel is on', () => missed > 0 || undefined)
    const revokeKey = (id: string) =>
      merchantRecord.revokeKey(database, { id, merchantId, nowMs: clock.nowMs() })
    const isDead = async (credential: string) => (await there.verify(credential)) === undefined || undefined

    for (const one of [here, there]) t.match(await one.verify(secret), { id: merchantId })
    await revokeKey(keyId)
    for (const one of [here, there]) t.match(await one.verify(secret), { id: merchantId }, 'nobody has heard')
    here.forget(keyId)
    t.equal(await here.verify(secret), undefined, 'at once where it was revoked')
    channel.announce(keyId)
    await eventually('the other server hears of it', () => isDead(secret))

    const second = await addKey({ sandbox: true, merchants: merchantRecord, ...world }, database, {
      ...{ merchantId, scopes: ['read'] },
    })
    t.match(await there.verify(second.secret), { keyId: second.apiKey.id })
    await revokeKey(second.apiKey.id)
    t.match(await there.verify(second.secret), { keyId: second.apiKey.id }, 'nobody told')
    subscriber.disconnect(true)
    await eventually('whoever was away reads again', () => isDead(second.secret))
  },
)

t.test('a key that is revoked while it is read is not trusted after', async t => {
  const { database, clock } = world
  const { id: merchantId, keyId, secret } = await makeKeyHolder()
  const revokeKey = () => merchantRecord.revokeKey(database, { id: keyId, merchantId, nowMs: clock.nowMs() })
  const merchants: MerchantRecord = {
    ...merchantRecord,
    async findLiveKey(tx, hash) {
      const found = await merchantRecord.findLiveKey(tx, hash)
      if (found?.id === keyId) {
        await revokeKey()
        verifier.forget(keyId)
      }
      return found
    },
  }
  const log = createLogger('silent')
  const verifier: KeyVerifier = createKeyVerifier({ sandbox: true, merchants, database, clock, log })
  t.match(await verifier.verify(secret), { keyId }, 'it was live when it was read')
  t.equal(await verifier.verify(secret), undefined)
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

t.test('the operator verifies an area, and takes it away', async t => {
  world.clock.advance(1)
  const { id, secret } = await makeKeyHolder()
  const area = plaza
  const set = (body: object, credential = operatorKey, of = id) =>
    send({ method: 'PATCH', url: `/v1/operator/merchants/${of}`, credential, body })
  const reason = 'lease checked'
  t.match(await set({ area, reason }), { status: 200, body: { id, area } })
  t.match((await send({ url: '/v1/merchant', credential: secret })).body, { area })
  const inside = { lat: 31.23, lng: 121.473 }
  t.ok(await merchantRecord.coversPlace(world.database, id, inside))
  const listed = await send({ url: '/v1/operator/merchants?limit=1', credential: operatorKey })
  t.match(listed.body, { items: [{ id, area }], links: { next: /cursor=/ } })

  const clockwise = { type: 'Polygon', coordinates: [plaza.coordinates[0]?.toReversed()] }
  t.match(await set({ area: clockwise, reason }), {
    status: 422,
    body: { code: 'merchant_refused', reason: 'area_invalid', detail: 'area_clockwise' },
  })
  t.match(await set({ area, reason }, secret), { status: 403 }, 'not the merchant')
  t.match(await set({ area, reason }, operatorKey, '019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17'), { status: 404 })
  t.match(await set({ reason }), { status: 400 })
  t.ok(await merchantRecord.coversPlace(world.database, id, inside), 'what is refused changes nothing')

  world.clock.advance(1)
  t.match(await set({ area: null, reason: 'lease ended' }), { status: 200, body: { area: undefined } })
  t.notOk(await merchantRecord.coversPlace(world.database, id, inside))
  const actions = await send({ url: '/v1/merchant/actions', credential: secret })
  const entry = { actor: 'operator', operation: 'setMerchantArea', target: { merchantId: id } }
  t.match(actions.body, { items: [entry, entry], numberReturned: 2 })
  t.notOk(JSON.stringify(actions.body).includes('lease'), 'why is for the log of the operator')
})

t.test('the operator replaces lost keys', async t => {
  const { id, secret } = await makeKeyHolder()
  const second = String((await createKey(secret, ['read'])).body.secret)
  world.clock.advance(1)
  const url = `/v1/operator/merchants/${id}/api-keys`
  const replace = (credential: string, of = url) =>
    send({ method: 'POST', url: of, credential, body: { reason: 'it was in a repository' } })
  t.equal((await replace(secret)).status, 403)
  t.equal((await replace(operatorKey, url.replace(id, '019c6a30-1f40-7c11-b8a2-3f5f6a0e9d17'))).status, 404)
  const odd = { method: 'POST' as const, url, credential: operatorKey, body: { reason: 'a\0b' } }
  t.match(await send(odd), { status: 400, body: { code: 'bad_request' } }, 'a text that cannot be kept')
  t.equal(await statusFor(secret), 200)
  const replaced = await replace(operatorKey)
  t.match(replaced, { status: 201, body: { apiKey: { scopes: ['read', 'campaigns', 'finance', 'admin'] } } })
  for (const old of [secret, second]) t.equal(await statusFor(old), 401, 'at once')
  const credential = String(replaced.body.secret)
  t.equal(await statusFor(credential), 200)
  const { body } = await send({ url: '/v1/merchant/actions', credential })
  t.match(body.items, [
    { actor: 'operator', operation: 'replaceApiKeys' },
    { actor: 'key', operation: 'createApiKey' },
  ])
})

t.test('what keys changed, in pages, and never what was only asked again', async t => {
  const { keyId, secret } = await makeKeyHolder()
  const made = await createKey(secret, ['read'])
  const { id } = made.body.apiKey as { id: string }
  t.match(await createKey(secret, ['read']), { body: { code: 'key_limit' } })
  world.clock.advance(1)
  await revoke(secret, id)
  world.clock.advance(1)
  const pay = { method: 'POST', url: '/v1/payouts', credential: secret, key: 'once' } as const
  const body = { amount: { amountMinor: '500', currency: 'CNY' } }
  const paid = await send({ ...pay, body })
  t.equal((await send({ ...pay, body })).text, paid.text)
  t.equal(
    (await send({ ...pay, key: 'more', body: { amount: { ...body.amount, amountMinor: '1' } } })).status,
    422,
  )
  const seen: unknown[] = []
  for (let url: string | undefined = '/v1/merchant/actions?limit=2'; url !== undefined; ) {
    const page = await send({ url, credential: secret })
    seen.push(...(page.body.items as unknown[]))
    url = (page.body.links as { next?: string }).next
  }
  const by = { actor: 'key', keyId }
  t.match(seen, [
    { ...by, operation: 'requestPayout', target: { id: paid.body.id } },
    { ...by, operation: 'revokeApiKey', target: { id } },
    { ...by, operation: 'createApiKey', target: { id } },
  ])
  t.equal(seen.length, 3)
  const forge = { name: '', text: `update merchant_actions set operation = 'x'` }
  await t.rejects(world.database.query(forge), /permission denied/)
  await t.rejects(world.ownerDatabase.query(forge), /append-only/)
})
