/**
 * The game servers, and who starts them again when they die: each the shipped `src/bin/server.ts` in a process of its
 * own, with a proxy before its PostgreSQL and one before its Redis.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { getLiveness } from '#protocol/rest/health.ts'
import { createFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { watchPostgres } from './postgres-wire.ts'
import { watchRedis } from './redis-wire.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

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

const lastLines = 20
const backoffMs = { first: 50, longest: 1_000 }

export async function startGameServer(options: ServerOptions): Promise<GameServer> {
  const { name, databaseUrl, redisUrl } = options
  const [postgres, redis] = await Promise.all([
    createFaultProxy(portOf(databaseUrl), watchPostgres),
    createFaultProxy(portOf(redisUrl), watchRedis),
  ])
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const logFile = join(options.dataDir, `${name}.log`)
  const log = await open(logFile, 'a')
  const lives = startLives(options, {
    ...{ url, logFile },
    logFd: log.fd,
    env: {
      ...{ ...options.env, PORT: String(port) },
      DATABASE_URL: withPort(databaseUrl, postgres.port),
      REDIS_URL: withPort(redisUrl, redis.port),
    },
  })
  return {
    ...{ name, url, postgres, redis, ...lives },
    async dieAt(failpoint, count, withinMs) {
      const died = new Promise<boolean>(done => lives.arm({ spec: `${failpoint}:${count}`, done }))
      await lives.kill()
      const hasDied = await Promise.race([died, sleep(withinMs, false, { ref: false })])
      if (hasDied) return true
      lives.arm(undefined)
      await lives.kill()
      return false
    },
    async retire() {
      await lives.end()
      await Promise.all([postgres.close(), redis.close(), log.close()])
    },
  }
}

type Birth = { url: string; logFile: string; logFd: number; env: Record<string, string> }

/** One life after the other, until the end. */
function startLives({ name, onOwnDeath }: ServerOptions, { url, logFile, logFd, env }: Birth) {
  let child: ChildProcess | undefined
  let armed: Armed | undefined
  let [isUp, isMeant, isOver] = [false, false, false]

  async function live(): Promise<void> {
    for (let waitMs = backoffMs.first; !isOver; await sleep(waitMs)) {
      const mine = armed
      isMeant = false
      child = spawn(process.execPath, [...asTypeScript, 'src/bin/server.ts'], {
        cwd: root,
        env: { PATH: process.env.PATH, ...env, ...(mine && { FAILPOINT: mine.spec }) },
        stdio: ['ignore', logFd, logFd],
      })
      const exited = once(child, 'exit') as Promise<[number | null, string | null]>
      const wasUp = await Promise.race([awaitLiveness(url, child), exited.then(() => false)])
      isUp = wasUp
      const [code, signal] = await exited
      isUp = false
      if (!isMeant && signal === 'SIGKILL' && mine !== undefined) {
        mine.done(true)
        if (armed === mine) armed = undefined
      } else if (!isMeant && wasUp)
        onOwnDeath(`${name} ended by itself (${signal ?? code}): ${await readLastWords(logFile)}`)
      waitMs = wasUp ? backoffMs.first : Math.min(waitMs * 2, backoffMs.longest)
    }
  }
  const living = live()

  return {
    isUp: () => isUp,
    /** For the lives to come, until it has died of it. */
    arm: (next: Armed | undefined) => (armed = next),
    async kill() {
      const dying = child
      if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
      isMeant = true
      dying.kill('SIGKILL')
      await once(dying, 'exit')
    },
    freeze() {
      const frozen = child
      frozen?.kill('SIGSTOP')
      return () => frozen?.kill('SIGCONT')
    },
    async end() {
      ;[isOver, isMeant] = [true, true]
      child?.kill('SIGTERM')
      await living
    },
  }
}

/** What it said for people, which is why it left; what it logged, also after that, is for machines. */
async function readLastWords(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).split('\n')
  return lines
    .filter(line => line !== '' && !line.startsWith('{'))
    .slice(-lastLines)
    .join('\n')
}

export async function awaitLiveness(url: string, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    if (await isAlive(url)) return true
    await sleep(50)
  }
  return false
}

/** By a connection of its own, closed behind it: whoever is asked here may be killed in the middle of the answer. */
function isAlive(url: string): Promise<boolean> {
  return new Promise(resolve => {
    const asked = get(url + getLiveness.path, { agent: false, timeout: 1_000 }, answer => {
      resolve(answer.statusCode === 200)
      asked.destroy()
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
    asked.on('close', () => resolve(false))
  })
}

const portOf = (url: string): number => Number(new URL(url).port)

function withPort(url: string, port: number): string {
  const moved = new URL(url)
  moved.port = String(port)
  return moved.href
}

/** Kept by the server over all its lives. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
