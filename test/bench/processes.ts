/** The processes of a bench: servers as they ship, and those of its own, which talk with it over IPC. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readProcFile } from '#platform/embedded/process-identity.ts'
import { createPassword } from '#platform/embedded/run-file.ts'
import { awaitLiveness, findFreePort } from '../chaos/game-servers.ts'
import type { Stores } from './stores.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** As `npm start` and the image start it. */
const asShipped = ['--max-semi-space-size=32', ...asTypeScript]

export type Running = { child: ChildProcess; url: string }

type Options = { env: Record<string, string>; nodeArgs?: readonly string[] }

export function startServers(stores: Stores, count: number, options: Options): Promise<Running[]> {
  const secrets = { OPERATOR_KEY: `hbo_${createPassword()}${createPassword()}`, HMAC_SECRET: 'h'.repeat(40) }
  return Promise.all(
    Array.from({ length: count }, async () => {
      const port = await findFreePort()
      const args = [...asShipped, ...(options.nodeArgs ?? []), 'src/bin/server.ts']
      const child = spawn(process.execPath, args, {
        cwd: root,
        env: {
          ...{ PATH: process.env.PATH, PORT: String(port), MODE: 'sandbox', LOG_LEVEL: 'warn' },
          ...{ ...secrets, ...options.env, REDIS_URL: stores.redisUrl },
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      stores.undo(() => stop(child))
      const url = `http://127.0.0.1:${port}`
      if (!(await awaitLiveness(url, child))) throw new Error('a server did not start')
      return { child, url }
    }),
  )
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A file of this folder as a process: each message is answered with one, in order. */
export type Worker = { child: ChildProcess; ask<A>(message: object): Promise<A> }

export function startWorker(stores: Stores, file: string, options: Partial<Options> = {}): Worker {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    cwd: root,
    env: { PATH: process.env.PATH, ...options.env },
    execArgv: [...asShipped, ...(options.nodeArgs ?? [])],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  stores.undo(() => stop(child))
  return {
    child,
    ask: message =>
      new Promise((resolve, reject) => {
        const onExit = () => reject(new Error(`${file} ended`))
        child.once('exit', onExit)
        child.once('message', (answer: { fault?: string; value: never }) => {
          child.off('exit', onExit)
          if (answer.fault === undefined) resolve(answer.value)
          else reject(new Error(answer.fault))
        })
        child.send(message)
      }),
  }
}

/** The other end of a worker. */
export function answerQuestions(answer: (question: object) => unknown): void {
  process.on('message', (question: object) => {
    void Promise.resolve()
      .then(() => answer(question))
      .then(
        value => process.send?.({ value }),
        (error: Error) => process.send?.({ fault: error.stack ?? error.message }),
      )
  })
}

/** Seconds of processor time so far; nothing where /proc does not tell. */
export const readCpuS = ({ pid }: ChildProcess): number => readStat(`/proc/${pid}/stat`).cpuS

/** The same of every process with that name: of PostgreSQL, which is many. Not a number where there is no /proc. */
export function readCpuOfAllS(name: string): number {
  const stats = listProcesses().map(pid => readStat(`/proc/${pid}/stat`))
  const those = stats.filter(stat => stat.name === name)
  return those.length === 0 ? Number.NaN : those.reduce((sum, { cpuS }) => sum + cpuS, 0)
}

const TICKS_PER_S = 100

function readStat(file: string): { name: string; cpuS: number } {
  const stat = readProcFile(file) ?? ''
  const end = stat.lastIndexOf(')')
  const [user = '0', system = '0'] = stat
    .slice(end + 2)
    .split(' ')
    .slice(11, 13)
  return { name: stat.slice(stat.indexOf('(') + 1, end), cpuS: (Number(user) + Number(system)) / TICKS_PER_S }
}

const listProcesses = (): string[] =>
  process.platform === 'linux' ? readdirSync('/proc').filter(name => /^\d+$/.test(name)) : []
