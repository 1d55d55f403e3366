/**
 * Merchants apart. Over HTTP: every operation that a merchant may call × own, another's, no and a revoked key × every
 * scope, made from the protocol. In PostgreSQL: every table under the merchants' role, whatever the code above it does.
 */
import assert from 'node:assert/strict'
import t from 'tap'
import { scopes } from '#protocol/operation.ts'
import { operations } from '#protocol/rest/operations.ts'
import { migrate } from '#platform/migrations.ts'
import { attempt, createDatabase, type Row, sqlState, type Tx } from '#platform/postgres.ts'
import { inNameOf } from '#platform/tenant.ts'
import { followTenants } from '#platform/tenant-database.ts'
import { isInsufficientFunds, postTransfers } from '../../src/ledger/postgres.ts'
import { payoutRecord } from '../../src/payouts/postgres.ts'
import { requestPayout } from '../../src/payouts/request.ts'
import { assertBooks } from '../helpers/books.ts'
import { addMerchant, testCurrencies } from '../helpers/people.ts'
import { createWorld, type World } from '../helpers/world.ts'
import {
  type Belongings,
  furnish,
  merchantOperations,
  openShop,
  operatorKey,
  requestOf,
  type Shop,
  startServer,
} from './shops.ts'

const world = await createWorld(t)
const server = await startServer(t, world)
const mine = await openShop(world, server, 'Tea house')
const other = await openShop(world, server, 'Noodles')
server.jobs.start()
const [my, theirs]: Belongings[] = [
  { ...(await furnish(server, mine)), key: mine.spare.id },
  { ...(await furnish(server, other)), key: other.spare.id },
]
await server.jobs.stop()
assert(my && theirs)

const asOwner = <R extends Row>(text: string, params: unknown[] = []) =>
  world.ownerDatabase.query<R>({ name: '', text }, params)
const asMerchant = <T>({ id }: { id: string }, run: (tx: Tx) => Promise<T>) =>
  inNameOf({ tenantId: id }, () => world.database.transact(run))

/** Tables that keep merchants apart. */
const apart = (
  await asOwner<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relforcerowsecurity
     order by relname`,
  )
).map(({ name }) => name)

/** Rows that a merchant sees of a table, by where they are. When a key was used last is no change. */
const rowsOf = async (tx: Tx, table: string) => {
  const text = `select ctid::text as at, (to_jsonb(t) - 'last_used_at')::text as content from ${table} t order by 2`
  return tx.query<{ at: string; content: string }>({ name: '', text })
}

async function pictureOf(shop: Shop): Promise<Record<string, string[]>> {
  return asMerchant(shop, async tx => {
    const picture: Record<string, string[]> = {}
    for (const table of apart) picture[table] = (await rowsOf(tx, table)).map(({ content }) => content)
    return picture
  })
}

const ask = (operation: (typeof merchantOperations)[number], has: Belongings, credential?: string) =>
  server.send({ ...requestOf(operation, has), ...(credential !== undefined && { credential }) })

t.test('others, nobody, a revoked key and a key without the scope do nothing, whatever they ask', async t => {
  const gone = await openShop(world, server, 'Gone')
  const revoke = { method: 'DELETE', url: `/v1/api-keys/${gone.spare.id}`, credential: gone.secret }
  t.match(await server.send({ ...revoke, credential: gone.spare.secret }), { status: 403 })
  await server.must(revoke)
  const before = await pictureOf(mine)
  const secrets = [
    mine.id,
    my.campaign,
    my.drop,
    my.draft,
    my.envelope,
    my.closed,
    my.payout,
    my.key,
    my.dropped,
    my.pool,
    my.coupon,
    my.code,
    my.endpoint,
    my.delivery,
    my.inbox,
    my.coded,
  ]
  for (const operation of merchantOperations) {
    const { id, scope, path } = operation
    t.ok(scope, `${id} names a scope`)
    t.match(await ask(operation, my), { status: 401 }, `${id}: nobody`)
    t.match(await ask(operation, my, gone.spare.secret), { status: 401 }, `${id}: a revoked key`)
    t.match(await ask(operation, my, `${mine.secret}x`), { status: 401 }, `${id}: a wrong key`)
    for (const given of scopes.filter(one => one !== scope)) {
      const refused = { status: 403, body: { code: 'forbidden', reason: 'scope_missing' } }
      t.match(await ask(operation, my, mine.only.get(given)?.secret), refused, `${id} with ${given} alone`)
    }
    assert(scope)
    t.match(
      await ask(operation, my, mine.without.get(scope)?.secret),
      { status: 403 },
      `${id} without ${scope}`,
    )
    const others = await ask(operation, my, other.secret)
    if (path.includes('{'))
      t.match(others, { status: 404, body: { code: 'not_found' } }, `${id}: another merchant`)
    else t.ok(others.status < 500, `${id}: another merchant, of their own: ${others.status}`)
    t.notOk(
      secrets.some(secret => others.text.includes(secret)),
      `${id} tells another merchant nothing: ${others.text.slice(0, 300)}`,
    )
  }
  t.same(await pictureOf(mine), before, 'and nothing of it was changed')
})

t.test('what is not for merchants is for no key, and what is for them alone for nobody else', async t => {
  const { token } = await server.must({ method: 'POST', url: '/v1/players', payload: {} })
  const refused = { status: 403, body: { code: 'forbidden', reason: 'wrong_caller' } }
  for (const operation of operations.filter(({ callers }) => callers.length > 0)) {
    const { id, method, callers } = operation
    const url = operation.path.replaceAll(/\{\w+\}/g, my.campaign)
    const credentials = { merchant: mine.secret, player: String(token), operator: operatorKey }
    for (const kind of ['merchant', 'player', 'operator'] as const) {
      if (callers.includes(kind)) continue
      t.match(await server.send({ method, url, credential: credentials[kind] }), refused, `${id}: a ${kind}`)
    }
  }
})

t.test('a campaign of another is nothing to hide under', async t => {
  const hide = merchantOperations.find(({ id }) => id === 'hideEnvelope')
  assert(hide)
  const request = requestOf(hide, my)
  const payload = { ...(request.payload as object), campaignId: my.campaign }
  t.match(await server.send({ ...request, payload, credential: other.secret }), {
    status: 422,
    body: { code: 'envelope_refused', reason: 'campaign_unknown' },
  })
})

t.test('what a merchant reads, the game need not see: every read is in the name of the merchant', async t => {
  const reads = merchantOperations.filter(({ method }) => method === 'GET')
  const read = async () => {
    const answers = []
    for (const operation of reads) {
      assert(operation.scope)
      answers.push(await ask(operation, my, mine.only.get(operation.scope)?.secret))
    }
    return answers
  }
  const timeless = (text: string | undefined) => text?.replace(/"asOf":"[^"]+"/, '')
  // When a key was used last, and the code of the half minute.
  const changing = ['listApiKeys', 'showCampaignCode']
  const before = await read()
  const blind = apart.filter(table => table !== 'api_keys')
  for (const table of blind) await asOwner(`alter policy game on ${table} using (false)`)
  try {
    for (const [i, { status, text }] of (await read()).entries()) {
      const id = reads[i]?.id
      t.equal(status, 200, `${id}: ${text.slice(0, 200)}`)
      if (!changing.includes(String(id))) t.equal(timeless(text), timeless(before[i]?.text), String(id))
    }
  } finally {
    for (const table of blind) await asOwner(`alter policy game on ${table} using (true)`)
  }
})

t.test('in PostgreSQL, a merchant has no rows of another, and nobody has any without a name', async t => {
  const [mineAt, theirsAt] = [await placesOf(mine), await placesOf(other)]
  const unnamed = await placesOf({ id: '00000000-0000-7000-8000-000000000000' })
  for (const table of apart) {
    t.ok(mineAt[table]?.length, `${table} has rows of the one`)
    t.ok(theirsAt[table]?.length, `${table} has rows of the other`)
    t.notOk(
      mineAt[table]?.some(at => theirsAt[table]?.includes(at)),
      `${table}: none in common`,
    )
    t.same(unnamed[table], [], `${table}: none of somebody who is none`)
  }
  const text = "select set_config('hexbao.merchant', '', true)"
  await asMerchant(mine, async tx => {
    await tx.query({ name: '', text })
    for (const table of apart) t.same(await rowsOf(tx, table), [], `${table}: none without a name`)
  })
})

async function placesOf(shop: { id: string }): Promise<Record<string, string[]>> {
  return asMerchant(shop, async tx => {
    const places: Record<string, string[]> = {}
    for (const table of apart) places[table] = (await rowsOf(tx, table)).map(({ at }) => at)
    return places
  })
}

t.test('every table that is a merchant’s, or that a merchant may touch, forces row security', async t => {
  const found = await asOwner<{ name: string; is_forced: boolean; is_owned: boolean }>(
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as is_forced, exists (
       select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
         and a.attname in ('merchant_id', 'campaign_id', 'envelope_id', 'drop_id')
     ) as is_owned
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and (
       has_any_column_privilege('hexbao_merchant', c.oid, 'select, insert, update')
       or has_table_privilege('hexbao_merchant', c.oid, 'delete, truncate, trigger, references')
       or exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
         and a.attname in ('merchant_id', 'campaign_id', 'envelope_id', 'drop_id')))
     and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
     order by 1`,
  )
  const open = found.filter(({ is_forced }) => !is_forced)
  t.same(
    open.map(({ name }) => name),
    [
      ...['campaign_transitions', 'coupon_transitions', 'envelope_transitions', 'exclusion_areas'],
      'payout_transitions',
    ],
    'the same for all merchants',
  )
  t.same(
    open.filter(({ is_owned }) => is_owned),
    [],
  )
  t.ok(found.length > 15)
  const policies = await asOwner<{ name: string; roles: string[] }>(
    `select tablename || '.' || policyname as name, roles::text[] as roles from pg_policies order by 1`,
  )
  const wanted = apart.flatMap(table => [`${table}.game`, `${table}.merchant`])
  t.same(
    policies.map(({ name }) => name).sort(),
    [...wanted, 'accounts.balances'].sort(),
    'and no other way in',
  )
  const roles = await asOwner<{ rolname: string }>(
    `select rolname from pg_roles where rolname in ('hexbao_game', 'hexbao_merchant')
       and not (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole) order by 1`,
  )
  t.same(
    roles.map(({ rolname }) => rolname),
    ['hexbao_game', 'hexbao_merchant'],
    'no role of the server gets around it',
  )
})

t.test('requests of many merchants on few connections, some of which fail', async t => {
  const shops = [mine, other]
  const text = 'select id from merchants'
  let crossed = 0
  await Promise.all(
    Array.from({ length: 600 }, async (_, i) => {
      const shop = shops[i % 2]
      assert(shop)
      const ids = await inNameOf({ tenantId: shop.id }, () =>
        i % 5 === 0
          ? world.database
              .transact(async tx => {
                await tx.query({ name: '', text })
                throw new Error('midway')
              })
              .catch(() => [{ id: shop.id }])
          : world.database.query<{ id: string }>({ name: '', text }),
      )
      if (ids.length !== 1 || ids[0]?.id !== shop.id) crossed++
    }),
  )
  t.equal(crossed, 0)
  t.ok((await world.database.query({ name: '', text })).length > 2, 'the game itself sees all of them')
})

t.test(
  'every request of a merchant works with the one scope that it names, and is noted where it changes',
  async t => {
    const order = ['revokeApiKey', 'closeEnvelope', 'closeCampaign', 'deleteWebhookEndpoint']
    const inOrder = [...merchantOperations].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
    // A second key needs room, so all but one that may make it are taken away, and given back.
    const live = async (ids: readonly (string | undefined)[]) => {
      const text = `update api_keys set revoked_at = case when id = any ($2) then null else now() end
        where merchant_id = $1`
      await asOwner(text, [mine.id, ids])
    }
    const all = [...mine.only.values(), mine.spare].map(({ id }) => id)
    for (const operation of inOrder) {
      const { id, method, scope } = operation
      assert(scope)
      const key = mine.only.get(scope)
      await live(id === 'createApiKey' ? [key?.id] : all)
      const before = await noted()
      const { status, text } = await ask(operation, my, key?.secret)
      t.notOk([401, 403, 404].includes(status) || status >= 500, `${id}: ${status} ${text.slice(0, 200)}`)
      if (method === 'GET') t.equal(status, 200, id)
      const added = (await noted()).slice(before.length)
      // A preview writes nothing, and an inbox is kept in Redis.
      const writesNothing = ['previewDrop', 'createWebhookInbox'].includes(id)
      const isChange = method !== 'GET' && status < 300 && !writesNothing
      t.same(
        added.map(({ operation: name, key_id }) => ({ name, key_id })),
        isChange ? [{ name: id, key_id: key?.id }] : [],
        `${id}: ${status} ${text.slice(0, 200)}`,
      )
    }
    const before = await noted()
    const edit = merchantOperations.find(({ id }) => id === 'editCampaign')
    assert(edit)
    const stale = { ...requestOf(edit, my), version: '"7"', credential: mine.only.get('campaigns')?.secret }
    t.match(await server.send({ ...stale, credential: String(stale.credential) }), { status: 412 })
    t.same(await noted(), before, 'what was refused is not noted, whatever it had locked')
    t.notMatch(JSON.stringify(await noted()), /hbk_/, 'no secret is in the log')
  },
)

const noted = () =>
  asOwner<{ operation: string; key_id: string }>(
    'select operation, key_id, target from merchant_actions where merchant_id = $1 order by created_at, id',
    [mine.id],
  )

t.test(
  'in PostgreSQL, a merchant writes no rows of another, not even with every right to the tables',
  async t => {
    for (const table of apart) await asOwner(`grant all on ${table} to hexbao_merchant`)
    const [mineAt, theirsAt] = [await placesOf(mine), await placesOf(other)]
    const denied = '42501'
    /** Rows that the statement touched, or the state that it was refused with. */
    const tryIt = (text: string, params: unknown[]) =>
      asMerchant(mine, tx =>
        attempt(tx, inner => inner.query({ name: '', text: `${text} returning 1` }, params)).then(
          rows => rows.length,
          (error: unknown) => sqlState(error) ?? String(error),
        ),
      )
    let ownTouched = 0
    for (const table of apart) {
      const at = theirsAt[table]?.[0]
      const columns = await asOwner<{ name: string; is_counted: boolean }>(
        `select quote_ident(attname) as name, attidentity <> '' as is_counted from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
        [table],
      )
      const names = columns.map(({ name }) => name).join(', ')
      const [row] = await asOwner<{ row: string }>(
        `select to_jsonb(t)::text as row from ${table} t where ctid = $1::tid`,
        [at],
      )
      const copy = `insert into ${table} (${names}) overriding system value
        select ${names} from jsonb_populate_record(null::${table}, $1)`
      t.equal(await tryIt(copy, [row?.row]), denied, `${table}: no row in the name of the other`)
      const column = columns.find(({ is_counted }) => !is_counted)
      const update = `update ${table} set ${column?.name} = ${column?.name} where ctid = $1::tid`
      const touched = [
        await tryIt(update, [at]),
        await tryIt(`delete from ${table} where ctid = $1::tid`, [at]),
      ]
      // The tables that are only added to refuse the statement itself.
      t.ok(
        touched.every(one => one === 0 || one === denied),
        `${table}: ${touched.join(', ')}`,
      )
      if ((await tryIt(update, [mineAt[table]?.[0]])) === 1) ownTouched++
    }
    t.ok(ownTouched > 6, `and of their own they do: ${ownTouched}`)
  },
)

t.test('the books', async t => assertBooks(t, world))

t.test('an owner who is no superuser is held to the policies, too, and money moves', async t => {
  const url = new URL(world.databaseUrl)
  const name = url.pathname.slice(1).replace('test', 'owner')
  await asOwner(`create role ${name} login createrole password 'secret'`)
  await asOwner(`grant hexbao_game, hexbao_merchant to ${name} with admin option`)
  await asOwner(`create database ${name} owner ${name}`)
  url.pathname = `/${name}`
  const open = (role?: 'hexbao_game' | 'hexbao_merchant') =>
    createDatabase({
      ...{ url: url.href, connections: 2, onIdleError: () => {} },
      ...(role !== undefined && { role }),
    })
  const superuser = open()
  await superuser.query({ name: '', text: 'create extension postgis' })
  await superuser.close()
  ;[url.username, url.password] = [name, 'secret']
  await migrate(url.href)
  const [owner, database] = [
    open(),
    followTenants({ game: open('hexbao_game'), tenants: open('hexbao_merchant') }),
  ]
  t.teardown(async () => {
    await Promise.all([owner.close(), database.close()])
    await asOwner(`drop database ${name} with (force)`)
    await asOwner(`drop owned by ${name}`)
    await asOwner(`drop role ${name}`)
  })
  const small: World = { ...world, database, ownerDatabase: owner }
  const [one, two] = [
    await addMerchant(small, { walletMinor: 1_000n }),
    await addMerchant(small, { walletMinor: 1_000n }),
  ]
  const ports = {
    ...small,
    record: payoutRecord,
    postTransfers,
    isInsufficientFunds,
    currencies: testCurrencies,
  }
  const order = { amountMinor: 300n, currency: 'CNY' }
  const pay = (ownerId: string, { id }: { id: string }) =>
    inNameOf({ tenantId: id }, () =>
      database.transact(tx =>
        requestPayout(ports, tx, { owner: { kind: 'merchant', id: ownerId }, ...order }),
      ),
    )
  t.match(await pay(one.id, one), { status: 'reserved' })
  await t.rejects(pay(one.id, two), /row-level security/)
  const count = async (of: Tx, table: string) =>
    (await of.query<{ n: bigint }>({ name: '', text: `select count(*) as n from ${table}` }))[0]?.n
  for (const table of ['merchants', 'payouts']) {
    t.not(await count(database, table), 0n, `the game sees ${table}`)
    const policy = (using: string) =>
      owner.query({ name: '', text: `alter policy game on ${table} using (${using})` })
    t.not(await count(owner, table), 0n, `and so does the owner, who may take its role: ${table}`)
    await policy('false')
    t.equal(await count(owner, table), 0n, `but by that policy alone: ${table}`)
    await policy('true')
  }
  t.equal(
    await inNameOf({ tenantId: two.id }, () => count(database, 'transfers')),
    1n,
    'a merchant sees theirs',
  )
  await assertBooks(t, small)
})
