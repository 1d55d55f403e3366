/**
 * The embedded servers, for real: members are child processes that join, are killed without mercy, and come back.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import t from 'tap'
import { withLock } from '#platform/embedded/crash-safe-lock.ts'
import { findPostgres, findRedis, listBinaryFolders } from '#platform/embedded/find-binaries.ts'
import { chooseInstallMode } from '#platform/embedded/install.ts'
import { postgresServer } from '#platform/embedded/postgres-server.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from '#platform/embedded/process-identity.ts'
import { redisServer } from '#platform/embedded/redis-server.ts'
import {
  keepSecret,
  type RunFile,
  readRunFile,
  type ServerRecord,
  updateRunFile,
} from '#platform/embedded/run-file.ts'
import { type Place, startServer, stopServer } from '#platform/embedded/server-process.ts'
import { findAccount } from '#platform/embedded/service-account.ts'
import { type JoinOptions, joinServices, type Services } from '#platform/embedded/services.ts'
import { makeThrowawayFolder, startThrowawayServices } from '#platform/embedded/throwaway.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const SERVICES = new URL('../../src/platform/embedded/services.ts', import.meta.url).href
/** Joins, says where, and leaves when its standard input ends. */
const MEMBER = `
  const { joinServices } = await import(${JSON.stringify(SERVICES)})
  const options = { ...JSON.parse(process.argv[1]), progress: line => console.error(line) }
  const { leave, ...urls } = await joinServices(options)
  console.log(JSON.stringify(urls))
  process.stdin.resume().on('end', leave)
`

const dataDir = await makeThrowawayFolder()
const options: JoinOptions = { dataDir, install: chooseInstallMode(), progress: line => t.comment(line) }

t.teardown(async () => {
  const run = await readRunFile(dataDir)
  for (const server of [run.postgres?.process, run.redis?.process]) if (server) await killHard(server)
  await rm(dataDir, { recursive: true, force: true })
})

t.test('two processes that start at once share one PostgreSQL and one Redis', async t => {
  const [a, b] = await Promise.all([startMember(), startMember()])
  t.same(a.urls, b.urls)
  const run = await readRunFile(dataDir)
  t.equal(run.members.length, 2)

  t.match(await ask(a.urls, 'SELECT postgis_version() AS answer'), /^3\./)
  await ask(a.urls, 'CREATE TABLE kept (n int PRIMARY KEY)')
  t.same(await readSettings(a.urls), {
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    max_connections: '200',
    TimeZone: 'UTC',
    server_encoding: 'UTF8',
    unix_socket_directories: '',
    listen_addresses: '127.0.0.1',
  })
  const redisSettings = await withRedis(b.urls.redisUrl, redis => redis.info())
  t.match(redisSettings, 'aof_enabled:1')
  t.match(redisSettings, 'maxmemory_policy:noeviction')

  await t.test('nobody gets in without the password', async t => {
    for (const password of ['', 'wrong']) {
      const url = new URL(a.urls.databaseUrl)
      url.password = password
      await t.rejects(ask({ ...a.urls, databaseUrl: url.href }, 'SELECT 1'), /password/)
    }
    for (const credentials of ['', ':wrong@', 'hexbao:wrong@']) {
      const url = a.urls.redisUrl.replace(/\/\/.*@/, `//${credentials}`)
      await t.rejects(
        withRedis(url, redis => redis.get('hx:kept')),
        /NOAUTH|WRONGPASS/,
      )
    }
  })

  await t.test('nobody gets in from elsewhere', async t => {
    const ports = [run.postgres?.port ?? 0, run.redis?.port ?? 0]
    const outside = Object.values(networkInterfaces()).flatMap(all =>
      (all ?? []).filter(one => !one.internal),
    )
    for (const host of ['::1', '127.0.0.2', ...outside.map(one => one.address)]) {
      for (const port of ports) t.notOk(await accepts(host, port), `${host} port ${port}`)
    }
    for (const port of ports) t.ok(await accepts('127.0.0.1', port))
  })

  await t.test('nobody else can read what lies in the data folder', async t => {
    t.equal((await stat(join(dataDir, 'run.json'))).mode & 0o777, 0o600)
    for (const name of await readdir(dataDir)) {
      t.equal((await stat(join(dataDir, name))).mode & 0o077, 0, name)
    }
    const servers = [run.postgres?.process?.pid, run.redis?.process?.pid]
    for (const pid of servers) {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      t.notMatch(commandLine, run.postgres?.password ?? 'missing')
      t.notMatch(commandLine, run.redis?.password ?? 'missing')
    }
  })

  await a.leave()
  await ask(b.urls, 'INSERT INTO kept VALUES (1)')
  await withRedis(b.urls.redisUrl, redis => redis.set('hx:kept', 'one'))
  await b.leave()
  t.notOk(isUp(run), 'the last one to leave stops both')
  t.notOk((await readRunFile(dataDir)).postgres?.process)
})

t.test('a killed game server leaves its servers to the next one', async t => {
  const killed = await startMember()
  t.equal(await ask(killed.urls, 'SELECT n AS answer FROM kept'), 1, 'data outlives a restart')
  const before = await readRunFile(dataDir)
  await killed.kill()
  t.ok(isUp(before))

  // As if the kill had come between starting the servers and writing their pids down.
  await updateRunFile(dataDir, run => ({
    ...run,
    ...(run.postgres && { postgres: withoutProcess(run.postgres) }),
    ...(run.redis && { redis: withoutProcess(run.redis) }),
  }))
  const next = await startMember()
  const after = await readRunFile(dataDir)
  t.same([after.postgres, after.redis], [before.postgres, before.redis])
  t.equal(after.members.length, 1)
  await ask(next.urls, 'INSERT INTO kept VALUES (2)')
  await withRedis(next.urls.redisUrl, redis => redis.set('hx:kept', 'two'))

  await t.test('and when everything is killed, nothing is lost', async t => {
    const servers = [after.postgres?.process, after.redis?.process].filter(one => one !== undefined)
    await Promise.all([next.kill(), ...servers.map(killHard)])
    const recovered = await startMember()
    t.equal(await ask(recovered.urls, 'SELECT max(n) AS answer FROM kept'), 2)
    t.equal(await withRedis(recovered.urls.redisUrl, redis => redis.get('hx:kept')), 'two')
    t.same(recovered.urls, next.urls, 'same ports and passwords: open URLs stay good')
    const run = await readRunFile(dataDir)
    await recovered.leave()
    t.notOk(isUp(run), 'dead members do not keep the servers up')
  })
})

t.test('a pid that belongs to somebody else by now is left alone', async t => {
  const stranger = spawn('sleep', ['60'])
  t.teardown(() => stranger.kill('SIGKILL'))
  const reused = { pid: stranger.pid ?? 0, startedAt: 'in another life' }
  const run = await updateRunFile(dataDir, ({ postgres, redis, secrets }) => ({
    throwaway: false,
    members: [reused],
    postgres: { folder: 'postgres', password: '', ...postgres, process: reused },
    redis: { folder: 'redis', password: '', ...redis, process: reused },
    secrets,
  }))
  const squatters = await Promise.all([occupy(run.postgres?.port), occupy(run.redis?.port)])
  const services = await joinServices(options)
  t.equal(await ask(services, 'SELECT max(n) AS answer FROM kept'), 2)
  const started = await readRunFile(dataDir)
  t.not(started.postgres?.port, run.postgres?.port, 'its old port was taken')
  t.not(started.redis?.port, run.redis?.port)
  for (const squatter of squatters) squatter.close()
  await services.leave()
  await services.leave()
  t.notOk(isUp(started))
  t.equal(stranger.exitCode ?? stranger.signalCode, null)
})

t.test(
  'a throw-away is shared by the processes of a run, and removed by the next run when all were killed',
  async t => {
    const folder = await makeThrowawayFolder()
    process.env.HEXBAO_TEST_SERVICES = folder
    t.teardown(() => delete process.env.HEXBAO_TEST_SERVICES)
    const [a, b] = await Promise.all([startThrowawayServices(), startThrowawayServices()])
    t.equal(a.databaseUrl, b.databaseUrl)
    await a.leave()
    t.match(await ask(b, 'SELECT postgis_version() AS answer'), /^3\./)

    await rm(await makeThrowawayFolder(), { recursive: true })
    const run = await readRunFile(folder)
    t.ok(isUp(run), 'a living run is left alone')
    await updateRunFile(folder, run => ({ ...run, members: [{ pid: process.pid, startedAt: 'killed' }] }))
    await rm(await makeThrowawayFolder(), { recursive: true })
    t.notOk(isUp(run))
    await t.rejects(stat(folder), { code: 'ENOENT' })
  },
)

t.test('a server that finds its port taken, at the last moment, listens elsewhere', async t => {
  const folder = await makeThrowawayFolder()
  t.teardown(() => rm(folder, { recursive: true }))
  const folders = await listBinaryFolders()
  const cases = [
    { name: 'postgres', kind: postgresServer, binary: await findPostgres(folders) },
    { name: 'redis', kind: redisServer, binary: await findRedis(folders) },
  ]
  for (const { name, kind, binary = '' } of cases) {
    let thief: Server | undefined
    const onConnect = () => t.fail('somebody else was offered the password')
    const prepare = async (place: Place) => {
      await kind.prepare(place, binary)
      thief ??= await occupy(place.port, onConnect)
    }
    const place = {
      folder: join(folder, name),
      logFile: join(folder, `${name}.log`),
      account: await findAccount(undefined, kind.accounts),
      password: 'secret',
      port: 0,
      throwaway: true,
    }
    const started: ProcessIdentity[] = []
    const { port } = await startServer({ ...kind, prepare }, place, binary, async ({ process }) => {
      started.push(process)
    })
    t.equal(started.length, 2, kind.title)
    await kind.probe({ ...place, port })
    thief?.close()
    for (const server of started) await stopServer(kind, server)
  }
})

t.test('data without its run.json is not started over', async t => {
  const folder = await makeThrowawayFolder()
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'postgres'))
  await writeFile(join(folder, 'postgres', 'PG_VERSION'), '15')
  await t.rejects(joinServices({ ...options, dataDir: folder }), {
    message: /run\.json, which knew its password/,
  })
})

t.test('the last member removes a throw-away, wherever its data had to go', async t => {
  const parent = await mkdtemp(join(tmpdir(), 'hexbao-hidden-'))
  t.teardown(() => rm(parent, { recursive: true }))
  const hidden = join(parent, 'data')
  const services = await joinServices({ ...options, dataDir: hidden, throwaway: true })
  const run = await readRunFile(hidden)
  const folder = run.postgres?.folder ?? ''
  // The servers' accounts cannot walk through what mkdtemp makes; only root needs such accounts.
  t.match(folder, process.getuid?.() === 0 ? /^\/var\/lib\/hexbao-[0-9a-f]{16}\/postgres$/ : /^postgres$/)
  t.match(await ask(services, 'SELECT postgis_version() AS answer'), /^3\./)
  await services.leave()
  t.notOk(isUp(run))
  for (const gone of [hidden, resolve(hidden, folder, '..')]) await t.rejects(stat(gone), { code: 'ENOENT' })
})

t.test('what is missing is said once, with every way to provide it', async t => {
  const empty = await mkdtemp(join(tmpdir(), 'hexbao-empty-'))
  t.teardown(() => rm(empty, { recursive: true }))
  const dataDir = join(empty, 'data')
  const without = { ...options, dataDir, throwaway: true, install: 'no', binaryFolders: [empty] } as const
  await t.rejects(joinServices(without), {
    message: /^PostgreSQL with PostGIS and Redis 7 or newer not found[^]*docker compose up[^]*DATABASE_URL/,
  })
  await t.rejects(joinServices({ ...without, databaseUrl: 'postgres://given' }), {
    message: /^Redis 7 or newer not/,
  })

  // Too old a Redis does not count, and neither does a PostgreSQL without PostGIS.
  await writeFile(join(empty, 'redis-server'), '#!/bin/sh\necho Redis server v=6.0.16 sha=0\n', {
    mode: 0o755,
  })
  await writeFile(join(empty, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 99.1"\n', { mode: 0o755 })
  await writeFile(join(empty, 'initdb'), '', { mode: 0o755 })
  await t.rejects(joinServices(without), {
    message: /^PostgreSQL with PostGIS and Redis 7 or newer not found/,
  })
  await t.rejects(stat(dataDir), { code: 'ENOENT' }, 'nothing is left behind')
})

t.test('with both URLs given, nothing is started or written', async t => {
  const urls = { databaseUrl: 'postgres://given', redisUrl: 'redis://given' }
  const services = await joinServices({ ...options, ...urls, dataDir: '/nowhere' })
  t.match(services, urls)
  await services.leave()
})

t.test('a lock lets one in at a time, and outlives the death of its holder', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-lock-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'lock')
  const dead = spawn('true')
  await once(dead, 'exit')
  await mkdir(path)
  await writeFile(join(path, `${dead.pid}@long%20ago`), '')
  await mkdir(`${path}.${dead.pid}@long%20ago.offer`)

  let inside = 0
  let entered = 0
  const enter = async () => {
    inside++
    entered++
    t.equal(inside, 1)
    await sleep(1)
    inside--
  }
  await Promise.all(Array.from({ length: 20 }, () => withLock(path, enter)))
  t.equal(entered, 20)
  await t.rejects(
    withLock(path, () => Promise.reject(new Error('inside'))),
    { message: 'inside' },
  )
  t.same(await readdir(folder), [], 'nothing is left behind')
})

t.test('run.json loses no update and keeps secrets', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-run-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const names = Array.from({ length: 10 }, (_, i) => `secret${i}`)
  const secrets = await Promise.all(names.map(name => keepSecret(folder, name)))
  t.equal(new Set(secrets).size, 10)
  t.same(await Promise.all(names.map(name => keepSecret(folder, name))), secrets)
  t.equal((await stat(join(folder, 'run.json'))).mode & 0o777, 0o600)
  await writeFile(join(folder, 'run.json'), '{"members":[]}')
  await t.rejects(readRunFile(folder), { message: /run\.json is damaged/ })
})

type Urls = Pick<Services, 'databaseUrl' | 'redisUrl'>
type Member = { urls: Urls; leave(): Promise<void>; kill(): Promise<void> }

async function startMember(): Promise<Member> {
  const args = [...asTypeScript, '--input-type=module', '-e', MEMBER, JSON.stringify(options)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), failOnExit(child)])
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  return {
    urls: JSON.parse(String(line)),
    leave: async () => {
      child.stdin.end()
      t.same(await exited, [0, null])
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function failOnExit(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`member ended with ${code}`)
}

async function ask(urls: Urls, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: urls.databaseUrl })
  try {
    await client.connect()
    return (await client.query(sql)).rows[0]?.answer
  } finally {
    await client.end()
  }
}

async function readSettings(urls: Urls): Promise<unknown> {
  const names = `fsync full_page_writes synchronous_commit max_connections TimeZone server_encoding
    unix_socket_directories listen_addresses`.split(/\s+/)
  return await ask(
    urls,
    `SELECT json_object_agg(name, setting) AS answer FROM pg_settings
    WHERE name IN (${names.map(name => `'${name}'`).join()})`,
  )
}

async function withRedis<T>(url: string, task: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null })
  let failure: unknown
  redis.on('error', error => {
    failure = error
  })
  try {
    await redis.connect()
    return await task(redis)
  } catch (error) {
    throw failure ?? error
  } finally {
    redis.disconnect()
  }
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 1_000 })
  return await new Promise(resolve => {
    const finish = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket
      .once('connect', () => finish(true))
      .once('error', () => finish(false))
      .once('timeout', () => finish(false))
  })
}

async function occupy(port: number | undefined, onConnect = () => {}): Promise<Server> {
  const server = createServer(onConnect).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function withoutProcess({ folder, password, port = 0 }: ServerRecord): ServerRecord {
  return { folder, password, port }
}

function isUp(run: RunFile): boolean {
  return [run.postgres?.process, run.redis?.process].some(one => one !== undefined && isRunning(one))
}

async function killHard(server: ProcessIdentity): Promise<void> {
  if (!isRunning(server)) return
  process.kill(server.pid, 'SIGKILL')
  while (identifyProcess(server.pid)?.startedAt === server.startedAt) await sleep(10)
}
