/**
 * The logins that npm run pg-roles makes: a whole server lives on the one that it is given, the tools that count on
 * theirs, and neither can do what the other one or the owner can.
 */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import t from 'tap'
import { operations } from '#protocol/rest/operations.ts'
import { migrate } from '#platform/migrations.ts'
import { formatRoles, listRoleStatements, nameRoles } from '#platform/pg-roles.ts'
import { runTool } from '../bin/run-tool.ts'
import { dropRoles } from '../helpers/app-login.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { furnish, merchantOperations, openShop, requestOf, startServer } from '../merchants/shops.ts'

const world = await createWorld(t)
// Roles are the whole cluster's, and the name of the database is this file's.
const prefix = `t${randomBytes(6).toString('hex')}`
const names = nameRoles(prefix)
t.teardown(() => dropRoles(world, Object.values(names)))

const make = (...args: string[]) =>
  runTool('pg-roles', ['--database-url', world.databaseUrl, '--prefix', prefix, ...args], {})
const made = await make()
const urlOf = (name: string): string =>
  new RegExp(`^${name}: (postgres.*)$`, 'm').exec(made.stdout)?.[1] ?? ''
const [ownerUrl, appUrl, readerUrl] = [urlOf(names.owner), urlOf(names.app), urlOf(names.reader)]

/** The SQLSTATE of each statement as `url`'s user, in the game's role if that is asked for; undefined: it worked. */
async function tryAs(url: string, statements: readonly string[], role?: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    if (role !== undefined) await client.query(`set role ${role}`)
    const states: Record<string, string | undefined> = {}
    for (const statement of statements) {
      await client.query('begin')
      states[statement] = await client.query(statement).then(
        () => undefined,
        (error: { code?: string }) => error.code ?? 'none',
      )
      await client.query('rollback')
    }
    return states
  } finally {
    await client.end()
  }
}

t.test('it makes three logins, and again finds nothing to do', async t => {
  t.equal(made.code, 0, made.stderr)
  for (const url of [ownerUrl, appUrl, readerUrl])
    t.ok(URL.canParse(url) && new URL(url).password.length >= 32)
  const again = await make()
  t.equal(again.code, 0, again.stderr)
  t.notMatch(again.stdout, /postgres/, 'no password is shown twice')
  t.same(await tryAs(appUrl, ['select 1 from migrations']), { 'select 1 from migrations': undefined })
  const printed = await runTool('pg-roles', ['--print', '--prefix', prefix], {})
  t.equal(printed.stdout, `${formatRoles(names)}\n`)
  for (const statement of listRoleStatements(names)) t.ok(printed.stdout.includes(statement))
  t.match(await runTool('pg-roles', ['--print', '--prefix', "x'; drop role"], {}), { code: 2 })
})

// The fuzzer's server lives on such a login, too, and everything that players and operators do with it.
t.test('a server lives on its login', async t => {
  const server = await startServer(t, { ...world, databaseUrl: appUrl })
  const shop = await openShop(world, server, 'Tea house')
  server.jobs.start()
  const has = { ...(await furnish(server, shop)), key: shop.spare.id }
  await server.jobs.stop()
  for (const operation of merchantOperations.filter(({ method }) => method === 'GET')) {
    const { status, text } = await server.send({ ...requestOf(operation, has), credential: shop.secret })
    t.equal(status, 200, `${operation.id}: ${text.slice(0, 200)}`)
  }
  const { token } = await server.must({ method: 'POST', url: '/v1/players', payload: {} })
  for (const { id, path } of operations.filter(
    ({ method, callers, path }) => method === 'GET' && callers.includes('player') && !path.includes('{'),
  )) {
    const { status, text } = await server.send({ method: 'GET', url: path, credential: String(token) })
    t.ok([200, 400, 409].includes(status), `${id}: ${status} ${text.slice(0, 200)}`)
  }
  await assertBooks(t, world)
})

const denied = '42501'
const record = [
  'transfers',
  'transfer_links',
  'claims',
  'envelope_shares',
  'operator_actions',
  'merchant_actions',
]

t.test('what neither the server nor the reader may do', async t => {
  const rewriting = record.flatMap(table => [
    `delete from ${table}`,
    `truncate ${table}`,
    `drop table ${table}`,
    `alter table ${table} disable trigger all`,
    `alter table ${table} add column x int`,
  ])
  const reaching = [
    'select rolpassword from pg_authid',
    'select passwd from pg_shadow',
    'create table x ()',
    'create schema x',
    'create temporary table x ()',
    'create role x',
    `alter role ${names.owner} superuser`,
    ...['update transfers set id = id', 'update claims set id = id'],
    'create function x() returns int language sql return 1',
    "copy migrations to program 'true'",
    "select pg_read_file('/etc/passwd')",
    'update accounts set owner_id = null',
    'alter table merchants disable row level security',
    'alter policy game on merchants using (true)',
    "set session_replication_role = 'replica'",
    `set role ${names.owner}`,
    'delete from migrations',
  ]
  const statements = [...rewriting, ...reaching]
  for (const [url, role] of [
    [appUrl, undefined],
    [appUrl, 'hexbao_game'],
    [appUrl, 'hexbao_merchant'],
    [readerUrl, undefined],
  ] as const) {
    for (const [statement, state] of Object.entries(await tryAs(url, statements, role))) {
      t.equal(state, denied, `${new URL(url).username} as ${role ?? 'itself'}: ${statement}`)
    }
  }
  for (const role of ['hexbao_game', 'hexbao_merchant']) {
    t.match(
      await tryAs(readerUrl, [`set role ${role}`]),
      { [`set role ${role}`]: denied },
      'nor the reader write',
    )
  }
  const blind = ['select 1 from players', 'select 1 from api_keys', 'insert into accounts default values']
  for (const url of [appUrl, readerUrl]) {
    t.same(Object.values(await tryAs(url, blind)), [denied, denied, denied], 'nobody by the login alone')
  }
  const text = 'select count(*)::int as n from merchants'
  const client = new Client({ connectionString: appUrl, options: '-c role=hexbao_merchant' })
  await client.connect()
  t.same((await client.query(text)).rows, [{ n: 0 }], 'no merchant without a name')
  await client.end()
})

t.test('the reader counts and verifies; the owner migrates', async t => {
  const env = { DATABASE_URL: readerUrl, REDIS_URL: world.redisUrl }
  const [counted, verified] = await Promise.all([
    runTool('reconcile', ['--json'], env),
    runTool('verify-chain', [], env),
  ])
  t.ok(counted.code < 2, counted.stderr)
  t.match(JSON.parse(counted.stdout), { ledger: { checks: [{ differences: 0 }] } })
  t.equal(verified.code, 0, verified.stderr + verified.stdout)
  t.same(await migrate(ownerUrl), [], 'nothing is missing')
  const change = [
    'alter table claims add column x int',
    'create table x ()',
    'drop function current_merchant cascade',
  ]
  t.same(
    Object.values(await tryAs(ownerUrl, change)),
    change.map(() => undefined),
  )
})
