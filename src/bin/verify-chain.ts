/**
 * `npm run verify-chain [-- --head SEQUENCE:HASH]… [--json]`: recomputes the audit chain from the transfers and names
 * every row that is not what was linked. `--head` compares with heads that were noted outside of this database, which
 * is what tells when somebody computed the whole chain again. Exit code 0: intact, 1: not, 2: it could not run.
 */
import { parseArgs } from 'node:util'
import type { Config } from '#platform/config.ts'
import { chooseRole } from '#platform/pg-roles.ts'
import { createDatabase } from '#platform/postgres.ts'
import type { Head } from '../chain/chain.ts'
import { describeFinding } from '../chain/describe.ts'
import { formatHead } from '../chain/extend.ts'
import { chainRecord } from '../chain/postgres.ts'
import { type ChainReport, verifyChain } from '../chain/verify.ts'
import { type ExitCode, reachDatabase, runTool } from './connect.ts'

/** Whole tables are read, which the server itself never does. */
const statementTimeoutMs = 600_000

async function verify(config: Config): Promise<ExitCode> {
  const { values: flags } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      head: { type: 'string', multiple: true, default: [] },
    },
  })
  const noted = flags.head.map(readHead).sort((a, b) => a.sequence - b.sequence)
  const services = await reachDatabase(config)
  const database = createDatabase({
    ...{ url: services.databaseUrl, connections: 1, statementTimeoutMs },
    ...(await chooseRole(services.databaseUrl)),
    onIdleError: error => process.stderr.write(`hexbao: ${error.message}\n`),
  })
  try {
    const report = await verifyChain({ database, record: chainRecord }, { noted })
    process.stdout.write(`${flags.json ? toJson(report) : formatReport(report)}\n`)
    return report.differences === 0 ? 0 : 1
  } finally {
    await database.close()
    await services.leave()
  }
}

function readHead(text: string): Head {
  const [, sequence, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (sequence === undefined || hash === undefined) {
    throw new Error(`--head ${text} is not SEQUENCE:HASH, as the log and GET /v1/operator/chain-head show it`)
  }
  return { sequence: Number(sequence), hash: Buffer.from(hash, 'hex') }
}

const toJson = ({ head, findings, ...report }: ChainReport): string => {
  const named = findings.map(finding => ({ ...finding, detail: describeFinding(finding) }))
  return JSON.stringify(
    { intact: report.differences === 0, ...report, head: formatHead(head), named },
    null,
    2,
  )
}

function formatReport({ links, head, waiting, differences, findings }: ChainReport): string {
  const rest = differences - findings.length
  return [
    ...findings.map(describeFinding),
    ...(rest > 0 ? [`and ${rest} more`] : []),
    `${links} transfers are linked, ${waiting} wait. The head to note elsewhere: ${formatHead(head)}`,
    differences === 0
      ? 'INTACT: every transfer is what was linked.'
      : `NOT INTACT: ${differences} differences.`,
  ].join('\n')
}

await runTool(verify)
