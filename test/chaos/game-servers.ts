/**
 * The game servers, and who starts them again when they die: each the shipped `src/bin/server.ts` in a process of its
 * own, with a proxy before its PostgreSQL and one before its Redis.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { getLiveness } from '#protocol/rest/health.ts'
import { createFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { watchPostgres } from './postgres-wire.ts'
import { watchRedis } from './redis-wire.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type GameServer = {
  name: string
  url: string
  postgres: FaultProxy
  redis: FaultProxy
  isUp(): boolean
  kill(): Promise<void>
  freeze(): () => void
  /** Dies at the `count`-th passing of a failpoint in its next life; resolves to whether it did, in time. */
  dieAt(failpoint: string, count: number, withinMs: number): Promise<boolean>
  /** SIGTERM, and no new life. */
  retire(): Promise<void>
}

export type ServerOptions = {
  name: string
  dataDir: string
  env: Record<string, string>
  databaseUrl: string
  redisUrl: string
  /** It ended by itself while it was up: nothing that is done to it may lead to that. */
  onOwnDeath: (what: string) => void
}

type Armed = { spec: string; done: (died: boolean) => void }

const backoffMs = { first: 50, longest: 1_000 }

export async function startGameServer(options: ServerOptions): Promise<GameServer> {
  const { name, onOwnDeath } = options
  const [postgres, redis] = await Promise.all([
    createFaultProxy(portOf(options.databaseUrl), watchPostgres),
    createFaultProxy(portOf(options.redisUrl), watchRedis),
  ])
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...options.env,
    PORT: String(port),
    DATABASE_URL: withPort(options.databaseUrl, postgres.port),
    REDIS_URL: withPort(options.redisUrl, redis.port),
  }
  const log = await open(join(options.dataDir, `${name}.log`), 'a')
  let child: ChildProcess | undefined
  const life = { isUp: false, isEnding: false, isRetired: false }
  let next: Armed | undefined

  async function live(): Promise<void> {
    for (let waitMs = backoffMs.first; !life.isRetired; await sleep(waitMs)) {
      const armed = next
      life.isEnding = false
      child = spawn(process.execPath, ['--import', 'tsx', 'src/bin/server.ts'], {
        cwd: root,
        env: { PATH: process.env.PATH, ...env, ...(armed && { FAILPOINT: armed.spec }) },
        stdio: ['ignore', log.fd, log.fd],
      })
      const exited = once(child, 'exit') as Promise<[number | null, string | null]>
      const wasUp = await Promise.race([awaitLiveness(url, child), exited.then(() => false)])
      life.isUp = wasUp
      const [code, signal] = await exited
      life.isUp = false
      if (signal === 'SIGKILL' && !life.isEnding && armed !== undefined) {
        armed.done(true)
        if (next === armed) next = undefined
      } else if (wasUp && !life.isEnding) onOwnDeath(`${name} ended by itself (${signal ?? code})`)
      waitMs = wasUp ? backoffMs.first : Math.min(waitMs * 2, backoffMs.longest)
    }
  }
  const living = live()

  async function kill(): Promise<void> {
    life.isEnding = true
    const dying = child
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
    dying.kill('SIGKILL')
    await once(dying, 'exit')
  }

  return {
    ...{ name, url, postgres, redis, kill },
    isUp: () => life.isUp,
    freeze() {
      const frozen = child
      frozen?.kill('SIGSTOP')
      return () => frozen?.kill('SIGCONT')
    },
    async dieAt(failpoint, count, withinMs) {
      const died = new Promise<boolean>(done => (next = { spec: `${failpoint}:${count}`, done }))
      const mine = next
      await kill()
      const isDead = await Promise.race([died, sleep(withinMs, false)])
      if (isDead) return true
      if (next === mine) next = undefined
      await kill()
      return false
    },
    async retire() {
      life.isRetired = true
      life.isEnding = true
      child?.kill('SIGTERM')
      await living
      await Promise.all([postgres.close(), redis.close(), log.close()])
    },
  }
}

async function awaitLiveness(url: string, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(url + getLiveness.path, { signal: AbortSignal.timeout(1_000) }).catch(
      () => undefined,
    )
    if (answer?.ok) return true
    await sleep(50)
  }
  return false
}

const portOf = (url: string): number => Number(new URL(url).port)

function withPort(url: string, port: number): string {
  const moved = new URL(url)
  moved.port = String(port)
  return moved.href
}

/** Kept by the server over all its lives. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
