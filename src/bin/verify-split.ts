/** Recomputes a split from its published seed, without a server. Exit code 0: fair, 1: not, 2: nothing checked. */
import { readFileSync } from 'node:fs'
import { type ProofReport, reportProof } from '../envelopes/proof-report.ts'

const usage = `Usage: npm run verify-split -- <file|-> [commitment]
  <file|->      the JSON answer of GET /v1/envelopes/{id}/verify, or - for standard input
  [commitment]  the commitment that you saw while the envelope was open`

const exitCodes = { fair: 0, unfair: 1, unreadable: 2 } as const

function run([source, noted, ...extra]: readonly string[]): ProofReport {
  if (source === undefined || extra.length > 0) return { status: 'unreadable', lines: [usage] }
  try {
    return reportProof(readFileSync(source === '-' ? 0 : source, 'utf8'), noted)
  } catch (error) {
    return { status: 'unreadable', lines: [`${source} cannot be read: ${(error as Error).message}`] }
  }
}

const { status, lines } = run(process.argv.slice(2))
const stream = status === 'unreadable' ? process.stderr : process.stdout
stream.write(`${lines.join('\n')}\n`)
process.exitCode = exitCodes[status]
