/**
 * `npm run reconcile [-- --envelope ID] [--json] [--freeze]`: counts the money of the whole game, or of one envelope, a
 * second time, compares Redis with the record, and verifies the audit chain. `--freeze` takes live envelopes whose
 * money does not add up out of the game until somebody has looked. Exit code 0: balanced, 1: differences, 2: it could
 * not run.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '#platform/clock.ts'
import type { Config } from '#platform/config.ts'
import { createLogger } from '#platform/logger.ts'
import { chooseRole } from '#platform/pg-roles.ts'
import { createDatabase, type Database, type DatabaseOptions } from '#platform/postgres.ts'
import { awaitRedis, connectRedis, createScriptRunner, defaultPrefix } from '#platform/redis.ts'
import { chainRecord } from '../chain/postgres.ts'
import { verifyChain } from '../chain/verify.ts'
import { type Audit, auditGates } from '../claims/audit.ts'
import { createClaimRecord, listLive } from '../claims/postgres.ts'
import { createClaimGate, createGateReader } from '../claims/redis.ts'
import { postTransfers, reconcileRecord } from '../ledger/postgres.ts'
import { countDifferences, reconcileLedger } from '../ledger/reconcile.ts'
import { type ExitCode, reachServices, runTool } from './connect.ts'
import { type ChainCheck, formatReport, toChainCheck } from './reconcile-report.ts'

/** Whole tables are read, which the server itself never does. */
const statementTimeoutMs = 600_000
const livePage = 1_000

const toStderr = (error: Error) => process.stderr.write(`hexbao: ${error.message}\n`)

async function reconcile(config: Config): Promise<ExitCode> {
  const flags = readFlags()
  const services = await reachServices(config)
  const connections = { url: services.databaseUrl, connections: 2, statementTimeoutMs, onIdleError: toStderr }
  const database = createDatabase({ ...connections, ...(await chooseRole(services.databaseUrl)) })
  try {
    const ledger = await reconcileLedger({ record: reconcileRecord, database }, flags)
    const gates = await auditRedis(services.redisUrl, database, flags)
    const frozen = flags.freeze && countDifferences(ledger) > 0 ? await freezeAsOwner(connections, flags) : []
    const chain = flags.envelopeId === undefined ? await examineChain(database) : undefined
    const checks = [...ledger.checks, ...gates.checks, ...(chain === undefined ? [] : [chain])]
    const hasDifferences = checks.some(({ differences }) => differences > 0)
    const report = { balanced: !hasDifferences, ledger, gates, chain, frozen }
    process.stdout.write(`${flags.json ? JSON.stringify(report, null, 2) : formatReport(report)}\n`)
    return hasDifferences ? 1 : 0
  } finally {
    await database.close()
    await services.leave()
  }
}

type Scope = { envelopeId?: string }
type Flags = Scope & { json: boolean; freeze: boolean }

function readFlags(): Flags {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      freeze: { type: 'boolean', default: false },
      envelope: { type: 'string' },
    },
  })
  const { json, freeze, envelope } = values
  if (envelope === undefined) return { json, freeze }
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(envelope)) {
    throw new Error(`--envelope ${envelope} is not the id of an envelope`)
  }
  return { json, freeze, envelopeId: envelope }
}

const examineChain = async (database: Database): Promise<ChainCheck> =>
  toChainCheck(await verifyChain({ database, record: chainRecord }))

async function auditRedis(redisUrl: string, database: Database, scope: Scope): Promise<Audit> {
  const redis = connectRedis({ url: redisUrl, name: 'reconcile', onError: toStderr })
  try {
    await awaitRedis(redis)
    const [runner, prefix] = [createScriptRunner(redis), defaultPrefix]
    const gate = createClaimGate({ redis, runner, prefix, nowMs: () => systemClock.nowMs() })
    const record = createClaimRecord({ database, postTransfers })
    const reader = createGateReader({ runner, prefix })
    return await auditGates({ gate: { ...gate, ...reader }, record, clock: systemClock }, scope)
  } finally {
    redis.disconnect()
  }
}

type Connections = Omit<DatabaseOptions, 'role'>

/**
 * A check lists ten differences and may have found thousands, so every live envelope is counted by itself. As the owner
 * of the tables: the tool of an operator, not the server's role.
 */
async function freezeAsOwner(connections: Connections, { envelopeId }: Scope): Promise<string[]> {
  const database = createDatabase(connections)
  const log = createLogger('info')
  const frozen: string[] = []
  try {
    const record = createClaimRecord({ database, postTransfers })
    for await (const id of listCandidates(database, envelopeId)) {
      const [envelope] = await record.findEnvelopes([id])
      if (envelope?.state !== 'live') continue
      const own = await reconcileLedger({ record: reconcileRecord, database }, { envelopeId: id })
      if (countDifferences(own) === 0) continue
      await record.freeze(id)
      frozen.push(id)
      const differences = own.checks.filter(check => check.differences > 0)
      log.error({ envelopeId: id, differences }, 'the money does not add up; the envelope is frozen')
    }
    return frozen
  } finally {
    await database.close()
  }
}

async function* listCandidates(database: Database, envelopeId: string | undefined) {
  if (envelopeId !== undefined) {
    yield envelopeId
    return
  }
  for (let afterId: string | undefined; ; ) {
    const page = await listLive(database, afterId, livePage)
    yield* page
    if (page.length < livePage) return
    afterId = page.at(-1)
  }
}

await runTool(reconcile)
