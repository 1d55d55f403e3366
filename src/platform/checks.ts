/**
 * Is the machinery fit to hold money? The same checks stand behind `npm run doctor`, which lists them all, and behind
 * the start of the server, which refuses on those that would lose money sooner or later.
 */
import { type Check, Unreachable } from './checks/check.ts'
import { checkMachine } from './checks/machine.ts'
import { checkPostgres } from './checks/postgres.ts'
import { checkRedis } from './checks/redis.ts'
import type { Clock } from './clock.ts'

export type CheckOptions = {
  databaseUrl: string
  redisUrl: string
  clock: Clock
  /** What one server process opens; default as in the configuration. */
  databaseConnections?: number
  /** Where embedded servers keep their data; default: the current folder. */
  dataDir?: string
}

/** PostgreSQL's checks, then Redis', then this machine's. Throws {@link Unreachable}, naming whoever did not answer. */
export async function runChecks(options: CheckOptions): Promise<Check[]> {
  const { databaseConnections = 16, dataDir = '.' } = options
  const parts = await Promise.allSettled([
    checkPostgres({ ...options, databaseConnections }),
    checkRedis(options),
    checkMachine({ dataDir }),
  ])
  const reasons = parts.flatMap(part => (part.status === 'rejected' ? [part.reason as unknown] : []))
  const fault = reasons.find(reason => !(reason instanceof Unreachable))
  if (fault !== undefined) throw fault
  if (reasons.length > 0) throw new Unreachable(reasons.map(reason => (reason as Error).message).join('\n'))
  return parts.flatMap(part => (part.status === 'fulfilled' ? part.value : []))
}

/** What a server must not start with. */
export const findMoneyFaults = (checks: readonly Check[]): Check[] =>
  checks.filter(({ status, money }) => status === 'failed' && money)

/** One message for whoever tried to start the server. */
export function formatMoneyFaults(faults: readonly Check[]): string {
  const lines = faults.map(({ name, detail }) => `  ${name}: ${detail}`)
  return [
    'hexbao does not start, because money would get lost sooner or later:',
    ...lines,
    'npm run doctor lists every check.',
  ].join('\n')
}
