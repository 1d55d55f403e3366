/** The edge to PostgreSQL: transactions that end well, badly or unknown, and every statement file. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import {
  CommitUnknown,
  createDatabase,
  isDatabaseDown,
  isRowError,
  isUnstorableText,
  lockNumber,
  type Tx,
} from '#platform/postgres.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const { database, ownerDatabase } = world

let statements = 0
const ask = (tx: Tx, text: string, params: unknown[] = []) =>
  tx.query({ name: `ask-${statements++}`, text }, params)
const add = (tx: Tx, n: number) => ask(tx, 'insert into numbers values ($1)', [n])
const numbers = async () => (await ask(database, 'select n from numbers order by n')).map(row => row.n)

await ask(ownerDatabase, 'create table numbers (n bigint primary key)')
await ask(ownerDatabase, 'grant all on numbers to hexbao_game')

t.test('money is a bigint, whatever its size', async t => {
  const [row] = await ask(
    database,
    'select 9007199254740993 as big, 1::int8 as small, 1::int4 as n, current_user::text as me',
  )
  t.same(row, { big: 9_007_199_254_740_993n, small: 1n, n: 1, me: 'hexbao_game' })
})

t.test('an array arrives as it was', async t => {
  const strange = [
    '',
    'null',
    'NULL',
    'nullable',
    'a,b',
    '{}',
    '"',
    '\\',
    '\\"',
    ' x ',
    '红包',
    "it's",
    '\t\n',
    null,
  ]
  const sent = {
    texts: strange,
    ids: ['01a22fc0-1b4e-7187-9006-0fa44602806d'],
    numbers: [0, -7, 2 ** 31 - 1],
    big: [9_007_199_254_740_993n, null, -1n],
    fractions: [0.1, 1e-9, Number.NaN, Infinity],
    flags: [true, false],
    moments: [new Date(0), new Date(1_796_097_448_123), null],
    bytes: [Buffer.from('00ff5c22', 'hex'), Buffer.alloc(0)],
    nobody: [],
  }
  const types = {
    ...{ texts: 'text', ids: 'uuid', numbers: 'int', big: 'bigint', fractions: 'float8', flags: 'bool' },
    ...{ moments: 'timestamptz', bytes: 'bytea', nobody: 'text' },
  }
  for (const [name, values] of Object.entries(sent)) {
    const type = types[name as keyof typeof types]
    const rows = await ask(database, `select one from unnest($1::${type}[]) as one`, [values])
    t.strictSame(
      rows.map(({ one }) => one),
      values,
      name,
    )
  }
  // What we leave to pg: it writes objects as JSON.
  const [row] = await ask(database, 'select $1::jsonb[] as texts', [[{ a: '"' }]])
  t.strictSame(row, { texts: [{ a: '"' }] })
})

t.test('a transaction is all or nothing', async t => {
  t.equal(await database.transact(async tx => (await add(tx, 1), 'done')), 'done')
  const fault = new Error('no')
  await t.rejects(
    database.transact(async tx => {
      await add(tx, 2)
      throw fault
    }),
    fault,
  )
  t.same(await numbers(), [1n])
})

t.test('nobody goes on after a statement failed', async t => {
  const swallowed = database.transact(async tx => {
    await add(tx, 3)
    await add(tx, 1).catch(() => undefined)
  })
  await t.rejects(swallowed, /a statement failed/)
  t.same(await numbers(), [1n])
})

/** A PostgreSQL that shuts down at the moment at which it is ready, and says both in one packet. */
async function startBrief(t: Test): Promise<number> {
  const say = (type: string, body: string) => {
    const message = Buffer.from(`${type}    ${body}`, 'latin1')
    message.writeInt32BE(message.length - 1, 1)
    return message
  }
  const authenticated = say('R', '\0\0\0\0')
  const ready = say('Z', 'I')
  const shutDown = say('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
  const server = createServer(socket => {
    socket.once('data', () => socket.end(Buffer.concat([authenticated, ready, shutDown])))
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

t.test('a connection that dies', async t => {
  const kill = (tx: Tx, pid: unknown) => ask(tx, 'select pg_terminate_backend($1)', [pid])
  const isAlive = async (pid: unknown) =>
    (await ask(ownerDatabase, 'select from pg_stat_activity where pid = $1', [pid])).length > 0
  const fragile = createDatabase({ url: world.databaseUrl, connections: 1, onIdleError: () => {} })
  t.teardown(() => fragile.close())

  await t.test('between two statements fails its transaction and not the process', async t => {
    const lost = fragile.transact(async tx => {
      await add(tx, 4)
      const [row] = await ask(tx, 'select pg_backend_pid() as pid')
      await kill(ownerDatabase, row?.pid)
      while (await isAlive(row?.pid)) await world.clock.sleep(5)
      await add(tx, 5)
    })
    const error: unknown = await lost.catch((error: unknown) => error)
    t.ok(isDatabaseDown(error))
    t.notOk(isRowError(error))
    t.same(await ask(fragile, 'select 1 as n'), [{ n: 1 }], 'the next one gets a new connection')
  })

  await t.test('at COMMIT leaves the outcome unknown', async t => {
    await ask(
      ownerDatabase,
      `create function die() returns trigger language plpgsql security definer as $$
       begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`,
    )
    await ask(
      ownerDatabase,
      `create constraint trigger die after insert on numbers deferrable initially deferred
       for each row execute function die()`,
    )
    const error: unknown = await fragile.transact(tx => add(tx, 6)).catch((error: unknown) => error)
    t.ok(error instanceof CommitUnknown)
    t.ok(isDatabaseDown(error))
    await ask(ownerDatabase, 'drop trigger die on numbers')
  })

  await t.test('with the very bytes that free it', async t => {
    const port = await startBrief(t)
    const idleErrors: Error[] = []
    const brief = createDatabase({
      ...{ url: `postgres://anybody@127.0.0.1:${port}/any`, connections: 1 },
      onIdleError: error => idleErrors.push(error),
    })
    t.teardown(() => brief.close())
    const error: unknown = await brief.transact(async () => 'never').catch((error: unknown) => error)
    t.ok(isDatabaseDown(error), String(error))
    t.same(idleErrors, [], 'whoever holds it hears of it')
  })
  t.same(await numbers(), [1n])
})

t.test('a deferred constraint refuses at COMMIT, and that is known', async t => {
  await ask(ownerDatabase, 'create table pairs (n bigint unique deferrable initially deferred)')
  await ask(ownerDatabase, 'grant all on pairs to hexbao_game')
  const twice = database.transact(tx => ask(tx, 'insert into pairs values (1), (1)'))
  const error: unknown = await twice.catch((error: unknown) => error)
  t.match(error, { code: '23505' })
  t.ok(isRowError(error))
})

t.test('a snapshot does not move and cannot write', async t => {
  await database.snapshot(async tx => {
    t.same(await ask(tx, 'select count(*) as n from numbers'), [{ n: 1n }])
    await add(database, 7)
    t.same(await ask(tx, 'select count(*) as n from numbers'), [{ n: 1n }])
  })
  await t.rejects(
    database.snapshot(tx => add(tx, 8)),
    { code: '25006' },
  )
  t.same(await numbers(), [1n, 7n])
})

t.test('a lock is held by one at a time and gone with its transaction', async t => {
  const key = { scope: 'job', id: 1 }
  const inside = await database.withLock(key, async () => [
    await database.withLock(key, async () => 'two'),
    await database.withLock({ ...key, id: 2 }, async () => 'other'),
  ])
  t.same(inside, { status: 'ran', value: [{ status: 'busy' }, { status: 'ran', value: 'other' }] })
  await t.rejects(
    database.withLock(key, () => Promise.reject(new Error('failed'))),
    /failed/,
  )
  t.match(await database.withLock(key, async () => 'again'), { status: 'ran' })
  t.equal(lockNumber(key), BigInt.asIntN(64, lockNumber(key)), 'it fits a bigint of PostgreSQL')
  t.not(lockNumber(key), lockNumber({ scope: 'job', id: 2 }))
})

t.test('what is down, what is wrong', async t => {
  const nowhere = createDatabase({
    url: 'postgres://a:b@127.0.0.1:1/x',
    connections: 1,
    onIdleError: () => {},
  })
  t.ok(isDatabaseDown(await ask(nowhere, 'select 1').catch((error: unknown) => error)))
  await nowhere.close()
  const slow = createDatabase({
    ...{ url: world.databaseUrl, connections: 1, statementTimeoutMs: 20 },
    onIdleError: () => {},
  })
  t.ok(isDatabaseDown(await ask(slow, 'select pg_sleep(2)').catch((error: unknown) => error)))
  await slow.close()
  const wrong: unknown = await ask(database, "select 'x'::int").catch((error: unknown) => error)
  t.ok(isRowError(wrong))
  t.notOk(isDatabaseDown(wrong))
  t.notOk(isDatabaseDown(new TypeError('bug')))
  t.notOk(isRowError(undefined))
  const texts = [
    ['text', '\0'],
    ['jsonb', JSON.stringify({ a: 'x\0' })],
    ['jsonb', JSON.stringify({ a: '\ud800' })],
  ] as const
  for (const [type, value] of texts) {
    const text = `select ($1::${type})::text as kept, ($1::${type} -> 'a')::text as part`
    const asked = type === 'text' ? 'select $1::text as kept' : text
    const fault: unknown = await database
      .query({ name: '', text: asked }, [value])
      .catch((error: unknown) => error)
    t.ok(isUnstorableText(fault), `${type}: ${JSON.stringify(value)}`)
  }
  t.notOk(isUnstorableText(wrong))
})

t.test('pages are as near as memory, in whatever role', async t => {
  for (const role of [undefined, 'hexbao_game', 'hexbao_merchant'] as const) {
    const options = { url: world.databaseUrl, connections: 1, onIdleError: () => {} }
    const database = createDatabase({ ...options, ...(role !== undefined && { role }) })
    const text = "select current_setting('random_page_cost') as cost, current_user as name"
    const [row] = await database.query({ name: 'settings', text })
    t.match(row, { cost: '1.1', ...(role !== undefined && { name: role }) })
    await database.close()
  }
})

t.test('every statement file fits the schema', async t => {
  const source = new URL('../../src/', import.meta.url)
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.sql'),
  )
  t.ok(files.length > 20)
  await ownerDatabase.transact(async tx => {
    for (const [i, name] of files.entries()) {
      const text = readFileSync(new URL(name, source), 'utf8')
      await t.resolves(ask(tx, `prepare file_${i} as ${text}`), name)
    }
  })
})
