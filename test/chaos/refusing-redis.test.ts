/**
 * A Redis that refuses: keys of every wrong type, no memory left, a full disk, a replica. Each of our scripts then
 * either does all of its work or none: whatever it does not replace by contract has the same DUMP as before.
 */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { findRedis, listBinaryFolders } from '#platform/embedded/find-binaries.ts'
import { formatRedisAdminUrl, redisServer } from '#platform/embedded/redis-server.ts'
import { mountRamDisk } from './ram-disk.ts'
import { createStore } from './store.ts'

const source = fileURLToPath(new URL('../../src', import.meta.url))
const farMs = 4_000_000_000_000
const [gate, free, winners, outbox, standing] = ['g{1}', 'f{1}', 'w{1}', 'o{1}', 's{1}']
const [oldFree, oldWinners] = ['f{1}:old', 'w{1}:old']

type Trial = {
  script: string
  keys: string[]
  args: (string | number)[]
  /** Keys that it makes anew, whatever they were. */
  replaces?: readonly string[]
  /** Looks and never writes: no state of Redis keeps it from that. */
  isReading?: true
}

/** Each script with work to do on the keys that {@link fill} makes. */
const trials: Trial[] = [
  { script: 'claims/reserve', keys: [outbox, gate, free, winners], args: [1_000, 1, 'envelope', 7, 1, 'p9'] },
  { script: 'claims/mark', keys: [gate, winners], args: ['p1', 1, 7] },
  {
    script: 'claims/load',
    keys: [free, winners],
    args: ['first', 60_000, 1, 3, 'p1', 1],
    replaces: [free, winners],
  },
  { script: 'claims/load', keys: [free, winners], args: ['next', 60_000, 1, 4, 'p2', 2] },
  {
    script: 'claims/switch',
    keys: [gate, free, winners, oldFree, oldWinners],
    args: [8, 0, farMs, 3, 0, 60_000, 120_000],
    replaces: [gate],
  },
  { script: 'claims/inspect', keys: [gate, free, winners], args: [7], isReading: true },
  { script: 'positions/replace', keys: [standing], args: [60_000, 'a1', 'a2', '', '{"a":1}'] },
]

async function fill(redis: Redis): Promise<void> {
  await redis.flushall()
  const times = { state: 'live', opens_ms: 0, expires_ms: farMs }
  await redis.hset(gate, { epoch: 7, n: 3, settled: 0, ...times })
  await redis.rpush(free, '2', '3')
  await redis.hset(winners, 'p1', '1:1-0:0')
  await redis.xadd(outbox, '1-0', 'envelope', 'envelope', 'player', 'p1', 'share', '1', 'epoch', '7')
  await redis.set(standing, 'a1::{}')
  await redis.rpush(oldFree, '2')
  await redis.hset(oldWinners, 'p1', '1:1-0:1')
}

const wrongTypes: Record<string, (redis: Redis, key: string) => Promise<unknown>> = {
  string: (redis, key) => redis.set(key, 'x'),
  list: (redis, key) => redis.rpush(key, 'x'),
  hash: (redis, key) => redis.hset(key, 'x', 'y'),
  set: (redis, key) => redis.sadd(key, 'x'),
  zset: (redis, key) => redis.zadd(key, 1, 'x'),
  stream: (redis, key) => redis.xadd(key, '*', 'x', 'y'),
}

async function dumpAll(redis: Redis): Promise<Map<string, string | undefined>> {
  const keys = (await redis.keys('*')).sort()
  const dumps = await Promise.all(keys.map(key => redis.dumpBuffer(key)))
  return new Map(keys.map((key, i) => [key, dumps[i]?.toString('base64')]))
}

async function startRedis(t: Test) {
  const dataDir = await mkdtemp(join(tmpdir(), 'hexbao-refusing-'))
  await chmod(dataDir, 0o711)
  const disk = await mountRamDisk(join(dataDir, 'ram'), 16)
  const binary = (await findRedis(await listBinaryFolders())) ?? ''
  const store = await createStore(redisServer, { dataDir: disk?.folder ?? dataDir, name: 'redis', binary })
  await store.start()
  const redis = new Redis(formatRedisAdminUrl({ password: store.password, port: store.port() }))
  t.teardown(async () => {
    redis.disconnect()
    await store.kill()
    disk?.unmount()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { redis, disk }
}

const readScript = ({ script }: Trial): Promise<string> =>
  readFile(join(source, script.replace('/', '/lua/') + '.lua'), 'utf8')

const run = async (redis: Redis, trial: Trial): Promise<unknown> =>
  redis
    .eval(await readScript(trial), trial.keys.length, ...trial.keys, ...trial.args)
    .catch((error: unknown) => error)

t.test('scripts do all or nothing', async t => {
  const { redis, disk } = await startRedis(t)

  await t.test('every script is tried, and has work to do', async t => {
    const files = await Promise.all(
      ['claims', 'positions'].map(async folder =>
        (await readdir(join(source, folder, 'lua'))).map(file => `${folder}/${file.replace('.lua', '')}`),
      ),
    )
    t.same([...new Set(trials.map(({ script }) => script))].sort(), files.flat().sort())
    for (const trial of trials) {
      await fill(redis)
      const before = await dumpAll(redis)
      const reply = await run(redis, trial)
      t.notOk(reply instanceof Error, `${trial.script}: ${String(reply)}`)
      t.equal(
        JSON.stringify([...(await dumpAll(redis))]) === JSON.stringify([...before]),
        trial.isReading === true,
      )
    }
  })

  await t.test('a key of a wrong type', async t => {
    for (const trial of trials) {
      for (const key of trial.keys) {
        await fill(redis)
        const right = await redis.type(key)
        for (const [type, make] of Object.entries(wrongTypes).filter(([type]) => type !== right)) {
          await fill(redis)
          await redis.del(key)
          await make(redis, key)
          const before = await dumpAll(redis)
          const reply = await run(redis, trial)
          const after = await dumpAll(redis)
          const what = `${trial.script} ${String(trial.args[0])}: ${key} is a ${type}`
          const isReplaced = trial.replaces?.includes(key) ?? false
          // A switch only lets old lists go: their time to live is no part of a DUMP, and the rest is its work.
          const isIndifferent = trial.script === 'claims/switch' && key !== gate
          if (isReplaced || isIndifferent) t.notOk(reply instanceof Error, what)
          else t.same(after, before, what)
        }
      }
    }
  })

  const states: [string, () => Promise<unknown>, () => Promise<unknown>, RegExp][] = [
    [
      'out of memory',
      () => redis.config('SET', 'maxmemory', 1),
      () => redis.config('SET', 'maxmemory', 0),
      /OOM/,
    ],
    ['a replica', () => redis.replicaof('127.0.0.1', 1), () => redis.replicaof('NO', 'ONE'), /READONLY/],
    [
      'short of replicas',
      () => redis.config('SET', 'min-replicas-to-write', 1),
      () => redis.config('SET', 'min-replicas-to-write', 0),
      /NOREPLICAS/,
    ],
  ]
  if (disk === undefined) t.comment('NO FULL DISK: a tmpfs can only be mounted by root on Linux')
  else {
    let empty = async () => {}
    const filled = async () => {
      empty = await disk.fill()
      // Redis notices when it writes what it has taken, once a second.
      for (let i = 0; i < 100 && !/aof_last_write_status:err/.test(await redis.info('persistence')); i++) {
        await redis.set('noise', 'x'.repeat(8_192)).catch(() => {})
        await sleep(50)
      }
    }
    states.push(['on a full disk', filled, () => empty(), /MISCONF/])
  }
  for (const [name, enter, leave, refusal] of states) {
    await t.test(`Redis is ${name}`, async t => {
      await fill(redis)
      await enter()
      const before = await dumpAll(redis)
      for (const trial of trials) {
        const reply = await run(redis, trial)
        if (trial.isReading) t.notOk(reply instanceof Error, trial.script)
        else t.match(String(reply), refusal, trial.script)
      }
      t.same(await dumpAll(redis), before)
      await leave()
    })
  }
})
