/**
 * `npm run redis-acl`: prints the line of users.acl (or redis.conf) for the user and password of REDIS_URL, with the
 * rights that the server needs and no others. Exit code 0: printed, 2: REDIS_URL names no user or no password.
 */
import { parseArgs } from 'node:util'
import type { Config } from '#platform/config.ts'
import { formatAclLine, redisUser } from '#platform/redis-acl.ts'
import { type ExitCode, runTool } from './connect.ts'

async function printAcl({ redisUrl }: Config): Promise<ExitCode> {
  parseArgs({ options: {} })
  const { username, password } = new URL(redisUrl ?? 'redis:')
  if (username === '' || password === '') {
    throw new Error(`set REDIS_URL to redis://${redisUser}:<a long password>@<host>:6379`)
  }
  process.stdout.write(`${formatAclLine(decodeURIComponent(username), decodeURIComponent(password))}\n`)
  return 0
}

await runTool(printAcl)
