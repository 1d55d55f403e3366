/** Everything that a fault can be done to, and turns, so that two faults never pull at one process at once. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPostgres, findRedis, listBinaryFolders } from '#platform/embedded/find-binaries.ts'
import { formatDatabaseUrl, postgresServer } from '#platform/embedded/postgres-server.ts'
import { createPassword } from '#platform/embedded/run-file.ts'
import { migrate } from '#platform/migrations.ts'
import { type GameServer, startGameServer } from './game-servers.ts'
import { mountRamDisk, type RamDisk } from './ram-disk.ts'
import { createRedisPair, type RedisPair } from './redis-pair.ts'
import { createStore, type Store } from './store.ts'

export type Rig = {
  postgres: Store
  redis: RedisPair
  servers: readonly GameServer[]
  /** Missing where no tmpfs may be mounted: then the disk is never full. */
  ramDisk: RamDisk | undefined
  /** Straight to the services, past the proxies. */
  databaseUrl(): string
  secrets: { operatorKey: string; jwtSecret: string }
  /** How much longer than the least it can a fault may last: 1, or less for a run in a hurry. */
  patience: number
  /** One fault at a time for each name. */
  inTurn(name: string, strike: () => Promise<boolean>): Promise<boolean>
  /** All servers talk to these services now, wherever they are. */
  reconnect(): void
  close(): Promise<void>
}

const ramDiskMebibytes = 384

export type RigOptions = Pick<Rig, 'patience'> & { servers: number; onOwnDeath: (what: string) => void }

/** How to take down what stands so far, the latest first. */
type Undo = (() => unknown)[]

async function takeDown(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

/** Whole, or not there at all. */
export async function createRig(options: RigOptions): Promise<Rig> {
  const undo: Undo = []
  try {
    return await build(options, undo)
  } catch (error) {
    await takeDown(undo)
    throw error
  }
}

async function build(options: RigOptions, undo: Undo): Promise<Rig> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hexbao-chaos-'))
  // As root, the services' accounts walk through it to their own folders.
  await chmod(dataDir, 0o711)
  if (process.env.CHAOS_KEEP === undefined) undo.push(() => rm(dataDir, { recursive: true, force: true }))
  const folders = await listBinaryFolders()
  const [postgresBinary, redisBinary] = await Promise.all([findPostgres(folders), findRedis(folders)])
  if (postgresBinary === undefined || redisBinary === undefined) {
    throw new Error('PostgreSQL with PostGIS and Redis have to be installed')
  }
  const ramDisk = await mountRamDisk(join(dataDir, 'ram'), ramDiskMebibytes)
  undo.push(() => ramDisk?.unmount())
  const redis = await createRedisPair({ dataDir: ramDisk?.folder ?? dataDir, binary: redisBinary })
  undo.push(redis.close)
  const postgres = await createStore(postgresServer, { dataDir, name: 'postgres', binary: postgresBinary })
  undo.push(postgres.kill)
  await postgres.start()
  const databaseUrl = () => formatDatabaseUrl({ password: postgres.password, port: postgres.port() })
  await migrate(databaseUrl())

  const secrets = {
    operatorKey: `hbo_${createPassword()}${createPassword()}`,
    jwtSecret: createPassword() + createPassword(),
  }
  const env = {
    MODE: 'sandbox',
    LOG_LEVEL: 'info',
    DATABASE_CONNECTIONS: '8',
    JWT_SECRET: secrets.jwtSecret,
    OPERATOR_KEY: secrets.operatorKey,
    HMAC_SECRET: createPassword() + createPassword(),
  }
  const servers = await Promise.all(
    Array.from({ length: options.servers }, (_, i) =>
      startGameServer({
        ...{ name: `server-${i}`, dataDir, env, onOwnDeath: options.onOwnDeath },
        ...{ databaseUrl: databaseUrl(), redisUrl: redis.url() },
      }),
    ),
  )

  undo.push(() => Promise.all(servers.map(server => server.retire())))

  return {
    ...{ postgres, redis, servers, ramDisk, databaseUrl, secrets },
    patience: options.patience,
    inTurn: createTurns(),
    reconnect() {
      for (const server of servers) {
        server.postgres.retarget(postgres.port())
        server.redis.retarget(redis.primary().port())
      }
    },
    close: () => takeDown(undo),
  }
}

function createTurns(): Rig['inTurn'] {
  const last = new Map<string, Promise<boolean>>()
  return (name, strike) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(strike, strike)
    last.set(name, turn)
    return turn
  }
}
