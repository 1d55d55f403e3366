/**
 * One private PostgreSQL or Redis with data of its own, started as `npm start` does, that can be killed, frozen and
 * started again on the same data and, if nobody took it meanwhile, the same port.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createPassword } from '#platform/embedded/run-file.ts'
import { isRunning, type ProcessIdentity } from '#platform/embedded/process-identity.ts'
import { type Place, type ServerKind, startServer, stopServer } from '#platform/embedded/server-process.ts'
import { findAccount, placeFolder } from '#platform/embedded/service-account.ts'
import { join, resolve } from 'node:path'
import { kill, listTree } from '../acceptance/processes.ts'

export type Store = {
  folder: string
  password: string
  port(): number
  start(): Promise<void>
  /** `kill -9` of it and of all that it started; resolves when they are gone. */
  kill(): Promise<void>
  /** As an operator stops it. */
  stop(): Promise<void>
  /** SIGSTOP of all its processes, until the function that it returns is called. */
  freeze(): () => void
}

export type StoreOptions = { dataDir: string; name: string; binary: string; password?: string }

export async function createStore(kind: ServerKind, options: StoreOptions): Promise<Store> {
  const { dataDir, name, binary, password = createPassword() } = options
  const account = await findAccount(undefined, kind.accounts)
  const folder = resolve(dataDir, await placeFolder(dataDir, name, account))
  const logFile = join(dataDir, `${name}.log`)
  let place: Place = { folder, logFile, account, password, port: 0, throwaway: true }
  let running: ProcessIdentity | undefined
  const treeOf = (process: ProcessIdentity | undefined) => (process ? listTree(process.pid) : [])

  return {
    folder,
    password,
    port: () => place.port,
    async start() {
      place = await startServer(kind, place, binary, async ({ process, port }) => {
        running = process
        place = { ...place, port }
      })
      await kind.complete(place)
    },
    async kill() {
      for (const { pid } of treeOf(running)) kill(pid, 'SIGKILL')
      while (running && isRunning(running)) await sleep(5)
    },
    async stop() {
      if (running) await stopServer(kind, running)
    },
    freeze() {
      const tree = treeOf(running)
      for (const { pid } of tree) kill(pid, 'SIGSTOP')
      return () => tree.forEach(({ pid }) => kill(pid, 'SIGCONT'))
    },
  }
}
