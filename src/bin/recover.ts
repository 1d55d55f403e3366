/**
 * `npm run recover [-- --dry-run] [--json]`: after PostgreSQL was restored from a backup that is older than Redis, puts
 * both in step again and settles what was won in between. The servers have to be stopped. Exit code 0: every win that
 * Redis knows is on record, 1: some cannot be restored and are listed, 2: it could not run.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '#platform/clock.ts'
import type { Config } from '#platform/config.ts'
import { checkSchema } from '#platform/migrations.ts'
import { createDatabase, type Database, isRowError, type Tx, violatedConstraint } from '#platform/postgres.ts'
import { systemRandom } from '#platform/random.ts'
import { awaitRedis, connectRedis, createScriptRunner, defaultPrefix } from '#platform/redis.ts'
import { listServers } from '#platform/servers.ts'
import { createPayoutGuard } from '../budgets/guard.ts'
import { budgetRecord } from '../budgets/postgres.ts'
import { winLimits } from '../campaigns/postgres.ts'
import { couponStock } from '../coupons/postgres.ts'
import { createClaimRecord } from '../claims/postgres.ts'
import { recoverClaims, type RecoverPorts } from '../claims/recover.ts'
import { createClaimGate, createKeptGates } from '../claims/redis.ts'
import { envelopeRecord } from '../envelopes/postgres.ts'
import { postTransfers } from '../ledger/postgres.ts'
import { createActionLog } from '../operator/postgres.ts'
import { type ExitCode, reachServices, runTool } from './connect.ts'
import { formatRecovery } from './recover-report.ts'

type Redis = ReturnType<typeof connectRedis>

const toStderr = (error: Error) => process.stderr.write(`hexbao: ${error.message}\n`)
const statementTimeoutMs = 60_000

async function recover(config: Config): Promise<ExitCode> {
  const { values: flags } = parseArgs({
    options: { json: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false } },
  })
  const isRehearsal = flags['dry-run']
  const services = await reachServices(config)
  const database = createDatabase({
    ...{ url: services.databaseUrl, role: 'hexbao_game', connections: 2 },
    ...{ statementTimeoutMs, onIdleError: toStderr },
  })
  const redis = connectRedis({ url: services.redisUrl, name: 'recover', onError: toStderr })
  try {
    await awaitRedis(redis)
    const fault = await checkSchema(services.databaseUrl)
    if (fault !== undefined) throw new Error(fault)
    await refuseBeside(database, redis)
    const recovery = await recoverClaims(compose(database, redis), { isRehearsal })
    const report = { complete: recovery.lost.length === 0, isRehearsal, ...recovery }
    process.stdout.write(`${flags.json ? JSON.stringify(report, null, 2) : formatRecovery(report)}\n`)
    return report.complete ? 0 : 1
  } finally {
    redis.disconnect()
    await database.close()
    await services.leave()
  }
}

/** A server would sell the shares of those who wait to be restored. */
async function refuseBeside(database: Database, redis: Redis): Promise<void> {
  const servers = await listServers({ database, redis })
  if (servers.length === 0) return
  const lines = servers.slice(0, 10).map(line => `  ${line}`)
  throw new Error(
    `stop every server and every other tool first; these are still connected:\n${lines.join('\n')}`,
  )
}

function compose(database: Database, redis: Redis): RecoverPorts<Tx> {
  const nowMs = () => systemClock.nowMs()
  const [runner, prefix] = [createScriptRunner(redis), defaultPrefix]
  const noteAction = createActionLog({ clock: systemClock, random: systemRandom })
  return {
    gate: createClaimGate({ redis, runner, prefix, nowMs }),
    kept: createKeptGates({ redis, prefix }),
    record: createClaimRecord({ database, postTransfers, giveCoupons: couponStock.give }),
    budgets: createPayoutGuard({ record: budgetRecord, noteAction, onFrozen: () => {} }),
    openEnvelopes: envelopeRecord.openEnvelopes,
    isRowError,
    winLimits,
    isPlayerUnknown: fault => violatedConstraint(fault) === 'claims_player_id_fkey',
    nowMs,
  }
}

await runTool(recover)
