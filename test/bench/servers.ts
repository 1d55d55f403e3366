/** The shipped servers as processes, on the stores of a bench, until it ends. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createPassword } from '#platform/embedded/run-file.ts'
import { awaitLiveness, findFreePort } from '../chaos/game-servers.ts'
import type { Stores } from './stores.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type Running = { child: ChildProcess; url: string }

/** `env` has the database, the secret of tokens and whatever else is not as usual. */
export function startServers(stores: Stores, count: number, env: Record<string, string>): Promise<Running[]> {
  const secrets = { OPERATOR_KEY: `hbo_${createPassword()}${createPassword()}`, HMAC_SECRET: 'h'.repeat(40) }
  return Promise.all(
    Array.from({ length: count }, async () => {
      const port = await findFreePort()
      const child = spawn(process.execPath, ['--import', 'tsx', 'src/bin/server.ts'], {
        cwd: root,
        env: {
          ...{ PATH: process.env.PATH, PORT: String(port), MODE: 'sandbox', LOG_LEVEL: 'warn' },
          ...{ ...secrets, ...env, REDIS_URL: stores.redisUrl },
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      stores.undo(async () => {
        child.kill('SIGTERM')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      })
      const url = `http://127.0.0.1:${port}`
      if (!(await awaitLiveness(url, child))) throw new Error('a server did not start')
      return { child, url }
    }),
  )
}
