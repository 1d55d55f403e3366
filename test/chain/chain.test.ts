/** The audit chain against everything that somebody with the owner's password can do to the record. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createId } from '#platform/id.ts'
import { createDatabase, type Database, type Row, sqlState, type Tx } from '#platform/postgres.ts'
import { readMigrations } from '#platform/migrations.ts'
import { createJobs } from '#platform/jobs.ts'
import { systemClock } from '#platform/clock.ts'
import { createLogger } from '#platform/logger.ts'
import { type ChainFinding, genesis, hashLink } from '../../src/chain/chain.ts'
import { describeFinding } from '../../src/chain/describe.ts'
import { createChainJob, extendChain, formatHead } from '../../src/chain/extend.ts'
import { chainRecord } from '../../src/chain/postgres.ts'
import { verifyChain } from '../../src/chain/verify.ts'
import { externalAccount, walletOf } from '../../src/ledger/account.ts'
import { postTransfers } from '../../src/ledger/postgres.ts'
import type { Transfer } from '../../src/ledger/transfer.ts'
import { assertBooks } from '../helpers/books.ts'
import { createWorld } from '../helpers/world.ts'
import { runTool } from '../bin/run-tool.ts'

// Keeps the servers up while the worlds of the tests come and go.
await createWorld(t)

let statements = 0

async function createChainStage(t: Parameters<typeof createWorld>[0]) {
  const world = await createWorld(t)
  const { database, ownerDatabase, clock } = world
  const ports = { database, record: chainRecord }
  // Where somebody tampers and the verifier looks: everywhere, or in one transaction that is taken back.
  let place: { tx: Tx; snapshot: Database['snapshot'] } = { tx: ownerDatabase, snapshot: database.snapshot }
  const ask = <R extends Row>(text: string, params: unknown[] = [], where: Tx = place.tx) =>
    where.query<R>({ name: `ask-${statements++}`, text }, params)
  const takeBack = new Error('taken back')
  const undoing = (act: () => Promise<void>) =>
    ownerDatabase
      .transact(async tx => {
        place = { tx, snapshot: run => run(tx) }
        await act()
        throw takeBack
      })
      .catch((error: unknown) => {
        place = { tx: ownerDatabase, snapshot: database.snapshot }
        if (error !== takeBack) throw error
      })

  const grant = (amountMinor = 100n, to = createId(world)): Transfer => ({
    ...{ id: createId(world), kind: 'test_money', currency: 'CNY', amountMinor },
    ...{ debit: externalAccount('CNY'), credit: walletOf(to, 'CNY'), createdAtMs: clock.nowMs() },
  })
  /** Posts `count` transfers in one statement, and returns their ids. */
  const post = async (count: number, on: Tx = place.tx) => {
    const transfers = Array.from({ length: count }, () => grant())
    if (on === ownerDatabase) await ownerDatabase.transact(tx => postTransfers(tx, transfers))
    else await postTransfers(on, transfers)
    return transfers.map(({ id }) => id)
  }
  const extend = async () => {
    while ((await extendChain(ports))?.more);
  }
  const verify = async (...noted: { sequence: number; hash: Uint8Array }[]) => {
    const at = { database: { snapshot: place.snapshot }, record: chainRecord }
    const { findings } = await verifyChain(at, { noted })
    for (const finding of findings) describeFinding(finding)
    return findings.map(finding => [finding.kind, 'transferId' in finding ? finding.transferId : undefined])
  }
  const listLinks = () => chainRecord.listLinks(place.tx, 0, 1_000)
  const readRow = async (id: string) =>
    (await place.snapshot(tx => chainRecord.readRows(tx, [id]))).get(id) ?? ''
  /** As whoever has the owner's password does. */
  const tamper = async (table: string, text: string, params: unknown[] = []) => {
    await ask(`alter table ${table} disable trigger user`)
    await ask(text, params)
    await ask(`alter table ${table} enable trigger user`)
  }
  return { ...world, world, ports, undoing, ask, grant, post, extend, verify, listLinks, readRow, tamper }
}

/** Five transfers, linked, and the head; each test has a world of its own to spoil. */
async function createSpoilable(t: Parameters<typeof createWorld>[0]) {
  const stage = await createChainStage(t)
  const ids = await stage.post(5)
  await stage.extend()
  const [one = '', two = '', three = '', four = '', five = ''] = (await stage.listLinks()).map(
    link => link.transferId,
  )
  t.same([one, two, three, four, five].sort(), ids.sort())
  t.same(await stage.verify(), [], 'intact before it is spoilt')
  const head = await chainRecord.findHead(stage.database)
  return { ...stage, one, two, three, four, five, head: head ?? genesis }
}

t.test('links follow what was committed, each transfer once, without gaps', async t => {
  const { post, extend, listLinks, database, ports, verify, ask, world } = await createChainStage(t)
  t.equal(await extendChain(ports), undefined, 'nothing to link')
  const first = await post(3)
  await extend()

  // A transaction that began first and commits last is linked last, and is not forgotten.
  let early: string[] = []
  let late: string[] = []
  await database.transact(async tx => {
    await ask('select pg_current_xact_id()', [], tx)
    early = await post(2)
    await extend()
    late = await post(2, tx)
    await extend()
    t.equal(await chainRecord.countUnlinked(database), 0, 'nobody else sees it yet')
  })
  t.equal(await chainRecord.countUnlinked(database), 2)
  await extend()

  const links = await listLinks()
  t.same(
    links.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.same(
    [links.slice(0, 3), links.slice(3, 5), links.slice(5)].map(part => part.map(l => l.transferId).sort()),
    [first.sort(), early.sort(), late.sort()],
  )
  t.same(await verify(), [])
  await assertBooks(t, world)
})

t.test('turns of one account are those of its commits', async t => {
  const { database, grant, extend, listLinks, world } = await createChainStage(t)
  const purse = createId(world)
  const mine = Array.from({ length: 40 }, (_, i) => grant(BigInt(i + 1), purse))
  const committed: string[] = []
  await Promise.all(
    mine.map(transfer =>
      database
        .transact(async tx => {
          await postTransfers(tx, [transfer])
          // Whoever holds the account's lock is the next to commit.
          committed.push(transfer.id)
        })
        .then(() => (Math.random() < 0.3 ? extend().catch(() => {}) : undefined)),
    ),
  )
  await extend()
  t.same(
    (await listLinks()).map(({ transferId }) => transferId),
    committed,
  )
})

t.test('the hash is what the page says', async t => {
  const { grant, database, extend, listLinks } = await createChainStage(t)
  const transfer = { ...grant(250n), kind: 'deposit' as const, reference: '工行 7=3:x\n9' }
  await database.transact(tx => postTransfers(tx, [transfer]))
  await extend()
  const rows = await database.transact(tx => chainRecord.readRows(tx, [transfer.id]))
  const text = rows.get(transfer.id) ?? ''
  t.match(text, /^amount=3:250\ncreated_at=\d+:\d{4}-\d\d-\d\dT[\d:.]+\+00:00\ncredit_account=36:/)
  t.match(text, '\nreference=14:工行 7=3:x\n9')
  t.notMatch(text, 'envelope_id', 'null columns say nothing')
  const [link] = await listLinks()
  t.same(link?.hash, hashLink(genesis.hash, text))
})

t.test('the text has every column, and says of each what its JSON says', async t => {
  const { ask, ownerDatabase, post } = await createChainStage(t)
  await post(2)
  const moments = ['2026-11-28 23:59:59.999999+08', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00.1200+00']
  const rows = [
    ...moments.map(at => ['escrow', 'envelope_id', at]),
    ...['payout', 'payout_paid'].map(kind => [kind, 'payout_id', '1999-12-31 12:00:00.05+00']),
    ...['request_escrow', 'request_pay'].map(kind => [kind, 'service_request_id', '2026-03-29 03:00+02']),
  ]
  await ownerDatabase.transact(async tx => {
    // What they belong to is not there.
    await ask("set local session_replication_role = 'replica'", [], tx)
    for (const [kind, column, at] of rows)
      await ask(
        `insert into transfers (id, kind, debit_account, credit_account, currency, amount, created_at, ${column})
         values (gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), 'JPY', 9999999999999, $2,
           gen_random_uuid())`,
        [kind, at],
        tx,
      )
    for (const reference of ['', '工行 "7"=3:x\\\n9', ' \u0001\u00e9\u{1F9E7}'])
      await ask(
        `insert into transfers (id, kind, debit_account, credit_account, currency, amount, created_at, reference)
         values (gen_random_uuid(), 'deposit', gen_random_uuid(), gen_random_uuid(), 'CNY', 1, now(), $1)`,
        [reference],
        tx,
      )
  })
  await ownerDatabase.transact(async tx => {
    await ask("set local timezone = 'UTC'", [], tx)
    const wanted = await ask<{ id: string; text: string }>(
      `select id, (
         select string_agg(key || '=' || octet_length(value) || ':' || value, E'\n' order by key collate "C")
         from jsonb_each_text(to_jsonb(t)) where value is not null
       ) as text from transfers t`,
      [],
      tx,
    )
    const found = await chainRecord.readRows(
      tx,
      wanted.map(({ id }) => id),
    )
    t.equal(found.size, 12)
    for (const { id, text } of wanted) t.equal(found.get(id), text)
    const columns = await ask<{ name: string }>(
      `select attname as name from pg_attribute
       where attrelid = 'transfers'::regclass and attnum > 0 and not attisdropped order by attname collate "C"`,
      [],
      tx,
    )
    const told = wanted.flatMap(({ text }) =>
      text.split('\n').map(line => /^([a-z_]+)=/.exec(line)?.[1] ?? ''),
    )
    t.same(
      [...new Set(told)].filter(Boolean).sort(),
      columns.map(({ name }) => name),
    )
  })
})

t.test('two jobs at once, and one that comes late, link nothing twice', async t => {
  const { post, ports, verify, listLinks } = await createChainStage(t)
  for (let i = 0; i < 20; i++) await post(3)
  await Promise.allSettled(Array.from({ length: 4 }, () => extendChain(ports)))
  await extendChain(ports)
  t.equal((await listLinks()).length, 60)
  t.same(await verify(), [])
})

t.test('nobody rewrites the chain', async t => {
  const { ask, database, one } = await createSpoilable(t)
  const refused = async (text: string, where?: Tx) =>
    sqlState(await ask(text, [], where).catch((error: unknown) => error))
  for (const change of [
    `update transfer_links set hash = '\\x00'`,
    'delete from transfer_links',
    'truncate transfer_links',
    `update transfers set amount = 1 where id = '${one}'`,
    'delete from transfers',
  ]) {
    t.equal(await refused(change, database), '42501', `the server: ${change}`)
    t.equal(await refused(change), '42501', `the owner: ${change}`)
  }
  for (const change of [
    `insert into unlinked_transfers (ids) values (array['${one}'::uuid])`,
    'update unlinked_transfers set ids = ids',
    'alter table transfers disable trigger transfers_queue',
  ]) {
    t.equal(await refused(change, database), '42501', `the server: ${change}`)
  }
})

type Spoilt = Awaited<ReturnType<typeof createSpoilable>>
type Spoil = (stage: Spoilt) => Promise<unknown>
type Named = (stage: Spoilt) => [ChainFinding['kind'], string | undefined][]

const rehash = async ({ tamper, listLinks, readRow }: Spoilt, from: number): Promise<void> => {
  let previous: Uint8Array = genesis.hash
  for (const { sequence, transferId, hash } of await listLinks()) {
    const next = sequence < from ? hash : hashLink(previous, await readRow(transferId))
    const update = 'update transfer_links set hash = $2 where sequence = $1'
    if (sequence >= from) await tamper('transfer_links', update, [sequence, next])
    previous = next
  }
}

const setAmount = ({ tamper }: Spoilt, id: string) =>
  tamper('transfers', 'update transfers set amount = amount + 1 where id = $1', [id])

const spoils: [string, Spoil, Named][] = [
  ['an amount', s => setAmount(s, s.three), ({ three }) => [['changed', three]]],
  [
    'a time by a microsecond',
    s =>
      s.tamper('transfers', `update transfers set created_at = created_at + '1 us' where id = $1`, [s.five]),
    ({ five }) => [['changed', five]],
  ],
  [
    'a column that is null',
    s =>
      s.tamper('transfers', `update transfers set reference = '', kind = 'deposit' where id = $1`, [s.one]),
    ({ one }) => [['changed', one]],
  ],
  [
    'two rows in a row',
    async s => [await setAmount(s, s.two), await setAmount(s, s.three)],
    ({ two, three }) => [
      ['changed', two],
      ['changed', three],
    ],
  ],
  [
    'a transfer is removed',
    s => s.tamper('transfers', 'delete from transfers where id = $1', [s.two]),
    ({ two }) => [['removed', two]],
  ],
  [
    'a transfer is removed with its link',
    async s => {
      await s.tamper('transfers', 'delete from transfers where id = $1', [s.two])
      await s.tamper('transfer_links', 'delete from transfer_links where sequence = 2')
    },
    () => [['cut', undefined]],
  ],
  [
    'a transfer is slipped in',
    async s => {
      await s.ask('alter table transfers disable trigger user')
      await s.post(1)
      await s.ask('alter table transfers enable trigger user')
    },
    () => [['unlinked', 'new']],
  ],
  [
    'a transfer is taken out of the queue',
    async s => {
      await s.post(1)
      await s.ask('delete from unlinked_transfers')
    },
    () => [['unlinked', 'new']],
  ],
  [
    'the tail of the chain is cut off',
    s => s.tamper('transfer_links', 'delete from transfer_links where sequence >= 4'),
    ({ four, five }) => [
      ['unlinked', four],
      ['unlinked', five],
    ],
  ],
  [
    'a byte of a link',
    s =>
      s.tamper(
        'transfer_links',
        'update transfer_links set hash = set_byte(hash, 7, 255 - get_byte(hash, 7)) where sequence = 2',
      ),
    ({ two }) => [['relinked', two]],
  ],
  [
    'a transfer and its link',
    async s => {
      await setAmount(s, s.three)
      const [, second] = await s.listLinks()
      const hash = hashLink(second?.hash ?? genesis.hash, await s.readRow(s.three))
      await s.tamper('transfer_links', 'update transfer_links set hash = $1 where sequence = 3', [hash])
    },
    // The fourth, because of the third: the sentence names both.
    ({ four }) => [['changed', four]],
  ],
  [
    'the transfers of two links are exchanged',
    s =>
      s
        .tamper(
          'transfer_links',
          `with swapped as (delete from transfer_links where sequence in (2, 4) returning *)
         insert into transfer_links select 6 - sequence + 100, transfer_id, hash from swapped`,
        )
        .then(() =>
          s.tamper(
            'transfer_links',
            'update transfer_links set sequence = sequence - 100 where sequence > 100',
          ),
        ),
    ({ four, three, two, five }) => [
      ['moved', four],
      ['moved', three],
      ['moved', two],
      ['moved', five],
    ],
  ],
]

t.test('the verifier names the row', async t => {
  const stage = await createSpoilable(t)
  const before = new Set([stage.one, stage.two, stage.three, stage.four, stage.five])
  const byId = (pairs: readonly unknown[]) => pairs.map(String).sort()
  for (const [name, spoil, named] of spoils) {
    await stage.undoing(async () => {
      await spoil(stage)
      const found = (await stage.verify()).map(([kind, id]) => [
        kind,
        id === undefined || before.has(id) ? id : 'new',
      ])
      t.same(byId(found), byId(named(stage)), name)
    })
  }
  t.same(await stage.verify(), [])
})

t.test('a chain that was computed again is seen by whoever noted its head', async t => {
  const stage = await createSpoilable(t)
  const { head, three, five, post, extend, verify, world, tamper } = stage
  const [, second] = await stage.listLinks()
  await post(2)
  await extend()
  t.same(await verify(head), [], 'a head stays good while the chain grows')
  await setAmount(stage, three)
  await rehash(stage, 3)
  t.same(await verify(), [], 'by itself it looks intact')
  t.same(await verify(head), [['rewritten', five]])

  const env = { DATABASE_URL: world.databaseUrl }
  const heads = [second ?? genesis, head].flatMap(one => ['--head', formatHead(one)])
  const [tool, json] = await Promise.all([
    runTool('verify-chain', heads, env),
    runTool('verify-chain', ['--json'], env),
  ])
  t.equal(tool.code, 1, tool.stderr)
  t.match(tool.stdout, /link 5 \(transfer .*\) is not the one that was noted: a transfer of links 3 to 5/)
  t.match(tool.stdout, /NOT INTACT: 1 differences/)
  t.match(JSON.parse(json.stdout), { intact: true, links: 7, waiting: 0, head: /^7:[0-9a-f]{64}$/ })

  await tamper('transfer_links', 'delete from transfer_links where sequence > 4')
  t.match(
    (await verify(head)).filter(([kind]) => kind === 'cut'),
    [['cut', undefined]],
  )
  const nonsense = await runTool('verify-chain', ['--head', '5'], env)
  t.equal(nonsense.code, 2)
  t.match(nonsense.stderr, /SEQUENCE:HASH/)
})

t.test('what was there before the chain, and what nobody links, is not forgotten', async t => {
  const { ask, tamper, post, verify, extend, listLinks } = await createChainStage(t)
  await post(5)
  await ask(`update unlinked_transfers set queued_at = now() - interval '61 s'`)
  t.same(
    (await verify()).map(([kind]) => kind),
    Array.from({ length: 5 }, () => 'late'),
  )
  // As the migration finds a database that has transfers already.
  await ask('delete from unlinked_transfers')
  await ask(backfill())
  await extend()
  t.equal((await listLinks()).length, 5)
  t.same(await verify(), [])

  const [lost = ''] = await post(1)
  await tamper('transfers', 'delete from transfers where id = $1', [lost])
  await extend()
  t.same(await verify(), [['removed', lost]], 'a row that vanished before it was linked')
})

function backfill(): string {
  const text = readMigrations().find(({ name }) => name.endsWith('_chain.sql'))?.text ?? ''
  return /^insert into unlinked_transfers \(ids\)\nselect[\s\S]*?;/m.exec(text)?.[0] ?? 'no such statement'
}

t.test('the job is a few seconds behind, and notes the head in the log', async t => {
  const { ports, post, database, verify } = await createChainStage(t)
  const logged: unknown[] = []
  const log = { ...createLogger('silent'), info: (what: unknown) => void logged.push(what) }
  const job = createChainJob({ ...ports, clock: systemClock, log })
  const jobs = createJobs([job], { clock: systemClock, database, log: createLogger('silent') })
  jobs.start()
  for (let round = 0; round < 3; round++) {
    await post(10)
    for (let waitedMs = 0; (await chainRecord.countUnlinked(database)) > 0; waitedMs += 50) {
      if (waitedMs > 20_000) throw new Error('nobody linked them')
      await sleep(50)
    }
  }
  await jobs.stop()
  t.same(await verify(), [])
  t.equal(logged.length, 1, 'once an hour')
  t.match(logged[0], { head: /^\d+:[0-9a-f]{64}$/ })
})

t.test('a transfer in another time zone has the same text', async t => {
  const { ask, post, extend, verify, world } = await createSpoilable(t)
  const name = new URL(world.databaseUrl).pathname.slice(1)
  await ask(`alter database ${name} set timezone = 'Asia/Shanghai'`)
  const elsewhere = createDatabase({ url: world.databaseUrl, connections: 1, onIdleError: () => {} })
  t.teardown(() => elsewhere.close())
  await post(1)
  await extendChain({ database: elsewhere, record: chainRecord })
  t.same((await verifyChain({ database: elsewhere, record: chainRecord })).findings, [])
  await extend()
  t.same(await verify(), [])
})
