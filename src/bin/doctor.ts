/**
 * `npm run doctor [-- --json]`: what could lose money or stop the server, checked one by one, in plain words.
 * Exit code 0: nothing failed, 1: something did, 2: it could not run.
 */
import { parseArgs } from 'node:util'
import { runChecks } from '#platform/checks.ts'
import type { Check } from '#platform/checks/check.ts'
import { systemClock } from '#platform/clock.ts'
import type { Config } from '#platform/config.ts'
import { type ExitCode, reachServices, runTool } from './connect.ts'

async function examine(config: Config): Promise<ExitCode> {
  const { values: flags } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
  const services = await reachServices(config)
  try {
    const checks = await runChecks({ ...config, ...services, clock: systemClock })
    const hasFailed = checks.some(({ status }) => status === 'failed')
    const report = flags.json ? JSON.stringify({ ok: !hasFailed, checks }, null, 2) : formatReport(checks)
    process.stdout.write(`${report}\n`)
    return hasFailed ? 1 : 0
  } finally {
    await services.leave()
  }
}

const marks = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ' } as const

function formatReport(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.map(({ name, status, detail }) => `${marks[status]}  ${name.padEnd(width)}  ${detail}`)
  return [...lines, '', summarise(checks)].join('\n')
}

function summarise(checks: readonly Check[]): string {
  const count = (wanted: Check['status']) => checks.filter(({ status }) => status === wanted).length
  const isRisky = checks.some(({ status, money }) => status === 'failed' && money)
  const numbers = `${checks.length} checks, ${count('warning')} warnings, ${count('failed')} failed`
  if (isRisky) return `${numbers}. The server does not start like this: money would get lost.`
  return count('failed') > 0 ? `${numbers}. The server would not work.` : `${numbers}.`
}

await runTool(examine)
