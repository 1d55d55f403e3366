/** Statements of a transaction that leave together: their order, what BEGIN carries along, and what it must not. */
import { connect, type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createDatabase, loadStatements, type Tx } from '#platform/postgres.ts'
import { createWorld } from '../helpers/world.ts'

const world = await createWorld(t)
const { ownerDatabase } = world

let statements = 0
const ask = (tx: Tx, text: string, params: unknown[] = []) =>
  tx.query({ name: `ask-${statements++}`, text, isSelect: text.startsWith('select') }, params)
const add = (tx: Tx, n: number) => ask(tx, 'insert into numbers values ($1)', [n])
const numbers = async () =>
  (await ask(ownerDatabase, 'select n::int from numbers order by n')).map(row => row['n'])

await ask(ownerDatabase, 'create table numbers (n int primary key)')

/** A way to PostgreSQL over which BEGIN can be spoilt, and which knows what was sent before it was answered. */
async function openLine(t: Test) {
  const target = new URL(world.databaseUrl)
  const folder = target.searchParams.get('host')
  const port = target.searchParams.get('port') ?? (target.port || '5432')
  const sent: string[] = []
  let [isSpoiling, isCounting] = [false, false]
  const sockets: Socket[] = []
  const server = createServer(client => {
    const upstream =
      folder === null ? connect(Number(port), target.hostname) : connect(`${folder}/.s.PGSQL.${port}`)
    sockets.push(client, upstream)
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('data', bytes => {
      const text = bytes.toString('latin1')
      isCounting ||= text.includes('BEGIN\0')
      if (isCounting) sent.push(text)
      upstream.write(isSpoiling ? Buffer.from(text.replace('BEGIN\0', 'BEGUN\0'), 'latin1') : bytes)
    })
    upstream.on('data', bytes => {
      // Whatever the client says without waiting is here by then.
      setTimeout(() => {
        isCounting = false
        client.write(bytes)
      }, 20)
    })
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const url = new URL(world.databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  for (const name of ['host', 'port']) url.searchParams.delete(name)
  const database = createDatabase({ url: url.href, connections: 1, onIdleError: () => {} })
  t.teardown(async () => {
    await database.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    database,
    sent: () => sent.splice(0).join(''),
    spoil: (isOn: boolean) => (isSpoiling = isOn),
  }
}

t.test('what reads leaves with BEGIN, and what writes waits for its answer', async t => {
  const { database, sent } = await openLine(t)
  await ask(database, 'select 1')
  await database.transact(async tx => {
    await Promise.all([ask(tx, 'select 2 as two'), ask(tx, 'select 3 as three')])
  })
  t.match(sent(), /BEGIN\0[^]*select 2 as two[^]*select 3 as three/)
  await database.transact(async tx => {
    await Promise.all([ask(tx, 'select 4 as four'), add(tx, 4), ask(tx, 'select 5 as five')])
  })
  const first = sent()
  t.match(first, /BEGIN\0[^]*select 4 as four/)
  t.notMatch(first, /insert into|select 5/, 'nor does anything overtake it')
  t.same(await numbers(), [4])
})

t.test('they run in the order of the calls, each when the one before it has ended', async t => {
  const { database } = await openLine(t)
  let release: () => void = () => {}
  const isFree = new Promise<void>(resolve => (release = resolve))
  const lock = 'select pg_advisory_xact_lock(7)'
  const holder = ownerDatabase.transact(async tx => {
    await ask(tx, lock)
    await add(tx, 5)
    await isFree
  })
  await sleep(50)
  const seen = database.transact(async tx => {
    const asked = [ask(tx, lock), ask(tx, 'select n::int from numbers where n = 5'), add(tx, 6), add(tx, 7)]
    return (await Promise.all(asked))[1]
  })
  await sleep(100)
  release()
  await holder
  t.same(await seen, [{ n: 5 }], 'what a lock waited for is seen by the statement behind it')
  t.same(await numbers(), [4, 5, 6, 7])
})

t.test('where BEGIN fails, nothing is written and nothing is believed', async t => {
  const { database, spoil } = await openLine(t)
  await ask(database, 'select 1')
  spoil(true)
  await t.rejects(
    database.transact(tx => add(tx, 8)),
    { code: '42601' },
  )
  await t.rejects(
    database.transact(async tx => Promise.all([ask(tx, 'select 1'), add(tx, 8)])),
    { code: '42601' },
  )
  await t.rejects(
    database.transact(tx => ask(tx, 'select 1')),
    { code: '42601' },
    'what was read stood on no transaction',
  )
  await t.rejects(
    database.withLock({ scope: 'numbers', id: 1 }, async () =>
      t.fail('nobody works under a lock that is none'),
    ),
    { code: '42601' },
  )
  spoil(false)
  t.same(await numbers(), [4, 5, 6, 7])
  await database.transact(tx => add(tx, 8))
  t.same(await numbers(), [4, 5, 6, 7, 8], 'the connection is as good as before')
})

t.test('one that fails takes all with it', async t => {
  const { database } = await openLine(t)
  await t.rejects(
    database.transact(tx => Promise.all([add(tx, 9), add(tx, 8), add(tx, 10)])),
    { code: '23505' },
  )
  await t.rejects(
    database.transact(async tx => {
      await add(tx, 11)
      await Promise.all([Promise.reject(new Error('ours')), add(tx, 12)])
    }),
    /ours/,
  )
  t.same(await numbers(), [4, 5, 6, 7, 8])
  const forgotten: Promise<unknown>[] = []
  await database.transact(async tx => {
    await add(tx, 13)
    forgotten.push(sleep(50).then(() => add(tx, 14)))
  })
  await t.rejects(Promise.all(forgotten), /is over/, 'nobody writes behind the end')
  t.same(await numbers(), [4, 5, 6, 7, 8, 13])
})

t.test('what a statement is, its text says', async t => {
  const of = <const N extends string>(folder: string, names: readonly N[]) =>
    loadStatements(new URL(`../../src/${folder}/postgres.ts`, import.meta.url).href, names)
  const claims = of('claims', [
    'lock-envelopes',
    'find-rivals',
    'find-shares',
    'insert-claims',
    'count-claims',
  ])
  t.ok(claims['lock-envelopes'].isSelect, 'a lock goes with its transaction')
  t.ok(claims['find-shares'].isSelect)
  t.ok(claims['find-rivals'].isSelect, 'which begins with a CTE')
  t.notOk(claims['insert-claims'].isSelect)
  t.notOk(claims['count-claims'].isSelect)
  t.notOk(of('chain', ['take-unlinked'])['take-unlinked'].isSelect, 'it deletes')
})
