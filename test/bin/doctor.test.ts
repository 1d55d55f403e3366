/**
 * The checks against servers of their own, which are then spoiled one setting at a time; the tools that find these
 * servers through their data folder; and the server, which refuses what would lose money.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import t from 'tap'
import { findMoneyFaults, formatMoneyFaults, runChecks } from '#platform/checks.ts'
import { type Check, Unreachable } from '#platform/checks/check.ts'
import { judgeSkew } from '#platform/checks/clock-skew.ts'
import { judgeFreeSpace, judgeNode, judgeOpenFiles } from '#platform/checks/machine.ts'
import { judgeSettings, type ServerSettings } from '#platform/checks/postgres.ts'
import { judgeVersion, parseInfo } from '#platform/checks/redis.ts'
import { systemClock } from '#platform/clock.ts'
import { readRunFile } from '#platform/embedded/run-file.ts'
import { joinServices } from '#platform/embedded/services.ts'
import { makeThrowawayFolder } from '#platform/embedded/throwaway.ts'
import { runTool } from './run-tool.ts'

const statusOf = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(checks.filter(c => c.status !== 'ok').map(c => [c.name, c.status]))

const secrets = {
  MODE: 'production',
  JWT_SECRET: randomBytes(32).toString('hex'),
  OPERATOR_KEY: `hbo_${randomBytes(32).toString('hex')}`,
  HMAC_SECRET: randomBytes(32).toString('hex'),
  COUPON_KEYS: `k1:${randomBytes(32).toString('base64')}`,
}

t.test('services', async t => {
  const dataDir = await makeThrowawayFolder()
  const progress = (line: string) => t.comment(line)
  const { databaseUrl, redisUrl, redisAdminUrl, leave } = await joinServices({
    ...{ dataDir, progress },
    throwaway: true,
    install: 'no',
  })
  t.teardown(leave)
  const redis = new Redis(redisAdminUrl)
  t.teardown(() => redis.disconnect())
  /** As the owner, each time on a new connection: settings of a database reach new sessions only. */
  async function ask(text: string): Promise<void> {
    const client = new Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      await client.query(text)
    } finally {
      await client.end()
    }
  }
  const check = (changes: Partial<Parameters<typeof runChecks>[0]> = {}) =>
    runChecks({ databaseUrl, redisUrl, clock: systemClock, dataDir, ...changes })
  const server = (env: Record<string, string> = {}) =>
    runTool('server', [], { ...secrets, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ...env })

  await t.test('an empty database', async t => {
    const checks = await check()
    t.same(statusOf(checks), {
      ...{ schema: 'failed', 'role hexbao_game': 'failed', 'role hexbao_merchant': 'failed' },
    })
    t.match(checks.find(({ name }) => name === 'schema')?.detail, 'run npm run migrate')
    const [failing, migrated] = [
      await runTool('doctor', [], { DATA_DIR: dataDir }),
      await runTool('migrate', [], { DATABASE_URL: databaseUrl }),
    ]
    t.match(failing, { code: 1, stdout: /^FAILED +schema +the database is empty: run npm run migrate$/m })
    t.match(migrated, { code: 0, stdout: /^applied 0001_ledger.sql\n(.*\n)+The schema is up to date\.\n$/ })
    const again = await runTool('migrate', [], { DATA_DIR: dataDir })
    t.match(again, { code: 0, stdout: 'The schema is up to date.\n' })
  })

  await t.test('everything as it should be', async t => {
    const { code, stdout } = await runTool('doctor', ['--json'], { DATA_DIR: dataDir })
    t.equal(code, 0, stdout)
    const report = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
    t.equal(report.ok, true)
    t.ok(report.checks.length > 20)
    t.notMatch(stdout, new URL(databaseUrl).password)
  })

  type Spoiled = { by: string; back: string; name: string }
  const spoiledDatabase: Spoiled[] = [
    {
      by: 'alter database hexbao set synchronous_commit = off',
      back: 'alter database hexbao reset synchronous_commit',
      name: 'synchronous_commit',
    },
    {
      by: "alter database hexbao set default_transaction_isolation = 'repeatable read'",
      back: 'alter database hexbao reset default_transaction_isolation',
      name: 'isolation',
    },
    {
      by: 'grant update (amount) on transfers to hexbao_game',
      back: 'revoke update (amount) on transfers from hexbao_game',
      name: 'role hexbao_game',
    },
    {
      by: 'grant delete on claims to hexbao_game',
      back: 'revoke delete on claims from hexbao_game',
      name: 'role hexbao_game',
    },
    {
      by: 'grant update on accounts to hexbao_game',
      back: 'revoke update on accounts from hexbao_game',
      name: 'role hexbao_game',
    },
    {
      by: 'alter role hexbao_game bypassrls',
      back: 'alter role hexbao_game nobypassrls',
      name: 'role hexbao_game',
    },
    {
      by: 'alter role hexbao_game superuser',
      back: 'alter role hexbao_game nosuperuser',
      name: 'role hexbao_game',
    },
    {
      by: 'alter role hexbao_merchant bypassrls',
      back: 'alter role hexbao_merchant nobypassrls',
      name: 'role hexbao_merchant',
    },
    {
      by: 'alter table payouts no force row level security',
      back: 'alter table payouts force row level security',
      name: 'row security',
    },
    {
      by: 'alter table transfers disable trigger transfers_append_only',
      back: 'alter table transfers enable trigger transfers_append_only',
      name: 'append-only',
    },
    {
      by: 'drop trigger transfer_links_append_only on transfer_links',
      back: `create trigger transfer_links_append_only before update or delete or truncate on transfer_links
        for each statement execute function refuse_change()`,
      name: 'append-only',
    },
    {
      by: 'alter table dead_letters set unlogged',
      back: 'alter table dead_letters set logged',
      name: 'write-ahead log',
    },
    {
      by: 'alter database hexbao set zero_damaged_pages = on',
      back: 'alter database hexbao reset zero_damaged_pages',
      name: 'zero_damaged_pages',
    },
    {
      by: 'alter database hexbao set ignore_checksum_failure = on',
      back: 'alter database hexbao reset ignore_checksum_failure',
      name: 'ignore_checksum_failure',
    },
  ]
  for (const { by, back, name } of spoiledDatabase) {
    await t.test(by, async t => {
      await ask(by)
      const checks = await check()
      await ask(back)
      t.same(statusOf(checks), { [name]: 'failed' })
      t.same(
        findMoneyFaults(checks).map(fault => fault.name),
        [name],
        'a server would not start',
      )
    })
  }
  await t.test('all of it was put back', async t => t.same(statusOf(await check()), {}))

  await t.test('a schema of another version', async t => {
    await ask("insert into migrations (name, checksum) values ('9999_later.sql', '')")
    t.same(statusOf(await check()), { schema: 'failed' })
    const migrated = await runTool('migrate', [], { DATABASE_URL: databaseUrl })
    t.match(migrated, { code: 1, stderr: /9999_later.sql, which this version does not know/ })
    await ask("delete from migrations where name = '9999_later.sql'")
  })

  await t.test('Redis', async t => {
    await redis.config('SET', 'appendonly', 'no')
    t.same(statusOf(findMoneyFaults(await check())), { 'Redis appendonly': 'failed' })
    await redis.config('SET', 'appendonly', 'yes')
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    t.same(statusOf(findMoneyFaults(await check())), { 'Redis memory': 'failed' })
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
    await redis.config('SET', 'appendfsync', 'no')
    t.same(statusOf(await check()), { 'Redis appendfsync': 'warning' })
    await redis.config('SET', 'appendfsync', 'everysec')
    await redis.replicaof('127.0.0.1', 1)
    t.same(statusOf(findMoneyFaults(await check())), { 'Redis primary': 'failed' })
    await redis.replicaof('NO', 'ONE')

    await redis.call('ACL', 'SETUSER', 'player', 'on', '>pw', '~*', '+@all', '-config')
    const url = new URL(redisUrl)
    url.username = 'player'
    url.password = 'pw'
    const checks = await check({ redisUrl: url.href })
    t.same(
      statusOf(checks),
      { 'Redis appendfsync': 'warning', 'Redis user': 'warning' },
      'CONFIG is not needed for the rest',
    )
    t.match(checks.find(c => c.name === 'Redis user')?.detail, /^player may empty Redis: .*npm run redis-acl/)
    t.match(checks.find(c => c.name === 'Redis appendfsync')?.detail, /could not be checked \(NOPERM/)
    await redis.call('ACL', 'SETUSER', 'player', '-info')
    await redis.call('ACL', 'SETUSER', 'player', '-flushall')
    t.same(statusOf(await check({ redisUrl: url.href })), { Redis: 'failed', 'Redis appendfsync': 'warning' })
    t.same(statusOf(await check({ redisUrl: redisAdminUrl })), { 'Redis user': 'warning' })
  })

  await t.test('clocks and connections', async t => {
    const fast = { ...systemClock, nowMs: () => systemClock.nowMs() + 1_000 }
    t.same(statusOf(findMoneyFaults(await check({ clock: fast }))), {
      'PostgreSQL clock': 'failed',
      'Redis clock': 'failed',
    })
    t.same(statusOf(await check({ databaseConnections: 200 })), { connections: 'failed' })
  })

  await t.test('who does not answer is named, without passwords', async t => {
    const wrong = new URL(redisUrl)
    wrong.password = 'wrong'
    await t.rejects(check({ redisUrl: wrong.href }), {
      name: 'Unreachable',
      message: /^Redis at 127\.0\.0\.1:\d+ does not let us in: WRONGPASS/,
    })
    const both = check({
      databaseUrl: 'postgres://a:secret@127.0.0.1:1/x',
      redisUrl: 'redis://:secret@127.0.0.1:1',
    })
    const fault = (await both.catch((error: unknown) => error)) as Unreachable
    t.type(fault, Unreachable)
    t.match(fault.message, /^PostgreSQL at 127\.0\.0\.1:1.*\nRedis at 127\.0\.0\.1:1/)
    t.notMatch(fault.message, 'secret')
  })

  await t.test('the server refuses what would lose money', async t => {
    await ask('alter database hexbao set synchronous_commit = off')
    const forgetful = await server()
    await ask('alter database hexbao reset synchronous_commit')
    t.match(forgetful, {
      code: 1,
      stderr: /hexbao does not start(.*\n)+ +synchronous_commit: off: a crash forgets/,
    })

    const postgres = await restartPostgres(dataDir, [
      'fsync=off',
      'full_page_writes=off',
      'data_sync_retry=on',
    ])
    t.teardown(async () => {
      postgres.kill('SIGINT')
      await once(postgres, 'exit')
    })
    while (
      !(await ask('select').then(
        () => true,
        () => false,
      ))
    )
      await sleep(50)
    const reckless = await server()
    t.match(reckless, { code: 1, stderr: /hexbao does not start(.*\n)+ +fsync: off: a power cut/ })
    for (const setting of ['full_page_writes: off', 'data_sync_retry: on']) t.match(reckless.stderr, setting)
    t.notMatch(reckless.stderr, 'synchronous_commit')
  })
})

/** Starts the same PostgreSQL again with settings changed, behind the back of whoever started it. */
async function restartPostgres(dataDir: string, settings: readonly string[]): Promise<ChildProcess> {
  const pid = (await readRunFile(dataDir)).postgres?.process?.pid ?? 0
  const [file = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const idOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  process.kill(pid, 'SIGINT')
  while (existsSync(`/proc/${pid}`)) await sleep(20)
  const cwd = args[args.indexOf('-D') + 1] ?? ''
  return spawn(file, [...args, ...settings.flatMap(setting => ['-c', setting])], {
    uid: idOf('Uid'),
    gid: idOf('Gid'),
    cwd,
    stdio: 'ignore',
  })
}

t.test('settings of PostgreSQL', async t => {
  const good: ServerSettings = {
    version: 150_018,
    version_name: '15.18',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    data_sync_retry: 'off',
    zero_damaged_pages: 'off',
    ignore_checksum_failure: 'off',
    synchronous_standbys: '',
    isolation: 'read committed',
    is_standby: false,
    followers: 0,
    max_connections: 100,
    reserved_connections: 3,
    postgis: '3.3.2',
  }
  const cases: [Partial<ServerSettings>, Record<string, string>, money: boolean][] = [
    [{}, {}, false],
    [{ fsync: 'off' }, { fsync: 'failed' }, true],
    [{ full_page_writes: 'off' }, { full_page_writes: 'failed' }, true],
    [{ data_sync_retry: 'on' }, { data_sync_retry: 'failed' }, true],
    [{ synchronous_commit: 'off' }, { synchronous_commit: 'failed' }, true],
    [{ synchronous_commit: 'local' }, {}, false],
    [{ synchronous_standbys: 'b', followers: 1 }, {}, false],
    [{ synchronous_standbys: 'b', synchronous_commit: 'local' }, { synchronous_commit: 'warning' }, false],
    [{ synchronous_standbys: 'b', synchronous_commit: 'off' }, { synchronous_commit: 'failed' }, true],
    [{ followers: 1 }, { synchronous_commit: 'warning' }, false],
    [{ is_standby: true }, { primary: 'failed' }, false],
    [{ version: 140_011 }, { PostgreSQL: 'failed' }, false],
    [{ postgis: null }, { PostGIS: 'failed' }, false],
  ]
  for (const [changes, expected, money] of cases) {
    const checks = judgeSettings({ ...good, ...changes })
    t.same(statusOf(checks), expected, JSON.stringify(changes))
    t.equal(findMoneyFaults(checks).length > 0, money)
  }
})

t.test('versions, clocks and the machine', async t => {
  const redis = (version: string) =>
    judgeVersion(parseInfo(`redis_version:${version}\r\nrole:master\r\n`)).status
  const valkey = (version: string) =>
    judgeVersion(parseInfo(`redis_version:7.2.4\r\nvalkey_version:${version}\r\n`)).status
  t.same(['6.2.20', '7.0.14', '7.0.15', '7.2.10', '7.2.11', '7.4.5', '7.4.6'].map(redis), [
    ...['failed', 'warning', 'ok', 'warning', 'ok', 'warning', 'ok'],
  ])
  t.same(['8.0.3', '8.0.4', '8.1.9', '8.2.1', '8.2.2', '8.4.0', '9.0.0'].map(redis), [
    ...['warning', 'ok', 'warning', 'warning', 'ok', 'ok', 'ok'],
  ])
  t.same(['7.2.10', '7.2.11', '8.0.5', '8.0.6', '8.1.3', '8.1.4', '9.0.0'].map(valkey), [
    ...['warning', 'ok', 'warning', 'ok', 'warning', 'ok', 'ok'],
  ])
  t.same(
    [250, -250, 251, -251].map(ms => judgeSkew('Redis', ms).status),
    ['ok', 'ok', 'failed', 'failed'],
  )
  t.match(judgeSkew('Redis', -300.4).detail, /^300 ms behind this machine, at most 250 ms/)
  t.same(
    ['20.18.9', '20.19.0', '18.20.0', '24.0.0'].map(v => judgeNode(v).status),
    ['failed', 'ok', 'failed', 'ok'],
  )
  t.same(
    [1_024, 4_096, Infinity].map(limit => judgeOpenFiles(limit).status),
    ['warning', 'ok', 'ok'],
  )
  t.same(
    [1_023, 1_024].map(free => judgeFreeSpace(free, '.data').status),
    ['warning', 'ok'],
  )
  const fault = { name: 'fsync', status: 'failed', detail: 'off', money: true } as const
  t.match(formatMoneyFaults([fault]), /money would get lost.*\n {2}fsync: off\n.*doctor/)
})

t.test('a tool that does not know where to look says so', async t => {
  const dataDir = t.testdir()
  const [nothing, half] = await Promise.all([
    runTool('doctor', [], { DATA_DIR: dataDir }),
    runTool('doctor', [], { DATA_DIR: dataDir, DATABASE_URL: 'postgres://127.0.0.1:1/none' }),
  ])
  t.match(nothing, { code: 2, stderr: /DATABASE_URL and REDIS_URL not set, and npm start has never run/ })
  t.match(half, { code: 2, stderr: /^hexbao: REDIS_URL not set/ })
})
