/** What reconciliation found, as a table that fits a terminal. */
import { describeFinding } from '../chain/describe.ts'
import type { ChainReport } from '../chain/verify.ts'
import { type Audit, type AuditCheck, auditTitles } from '../claims/audit.ts'
import { type Check, checkTitles, type Reconciliation } from '../ledger/reconcile.ts'

/** The audit chain is one check among the others; ten of its differences are shown. */
export type ChainCheck = { links: number; waiting: number } & Pick<Check, 'differences' | 'examples'>

export type Report = {
  balanced: boolean
  ledger: Reconciliation
  gates: Audit
  /** Undefined where one envelope alone was looked at. */
  chain: ChainCheck | undefined
  frozen: readonly string[]
}

export const toChainCheck = ({ links, waiting, differences, findings }: ChainReport): ChainCheck => ({
  ...{ links, waiting, differences },
  examples: findings.slice(0, 10).map(finding => ({ found: describeFinding(finding) })),
})

type Line = { title: string; looked: string; differences: number; examples: Check['examples'] }

export function formatReport({ balanced, ledger, gates, chain, frozen }: Report): string {
  const lines = [
    ...ledger.checks.map(check => ofLedger(check, ledger)),
    ...gates.checks.map(check => ofGates(check, gates)),
    ...(chain === undefined ? [] : [ofChain(chain)]),
  ]
  const widths = {
    title: Math.max(...lines.map(({ title }) => title.length)),
    looked: Math.max(...lines.map(({ looked }) => looked.length)),
  }
  const row = (title: string, looked: string, differences: string) =>
    `${title.padEnd(widths.title)}  ${looked.padEnd(widths.looked)}  ${differences}`
  return [
    row('check', 'looked at', 'differences'),
    ...lines.flatMap(line => [row(line.title, line.looked, String(line.differences)), ...listExamples(line)]),
    '',
    ...frozen.map(id => `Frozen: envelope ${id}.`),
    summarise(balanced, lines),
  ].join('\n')
}

function ofLedger({ name, ...found }: Check, { envelopes, transfers }: Reconciliation): Line {
  const isAboutTransfers = ['currencies', 'accounts', 'claims', 'payouts', 'requests'].includes(name)
  const looked = isAboutTransfers ? `${transfers} transfers` : `${envelopes} envelopes`
  return { title: checkTitles[name], looked, ...found }
}

function ofGates({ name, ...found }: AuditCheck, { gates, entries }: Audit): Line {
  const looked = name === 'outbox' ? `${entries} entries` : `${gates} gates`
  return { title: `Redis: ${auditTitles[name]}`, looked, ...found }
}

const ofChain = ({ links, ...found }: ChainCheck): Line => ({
  title: 'every transfer is what the audit chain linked',
  looked: `${links} links`,
  ...found,
})

function listExamples({ examples, differences }: Line): string[] {
  const listed = examples.map(figures => `  ${formatFigures(figures)}`)
  const more = differences - examples.length
  return more > 0 ? [...listed, `  and ${more} more`] : listed
}

const formatFigures = (figures: Check['examples'][number]): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${value ?? 'none'}`)
    .join(', ')

function summarise(balanced: boolean, lines: readonly Line[]): string {
  if (balanced) return 'Balanced: nothing differs.'
  const sum = lines.reduce((total, { differences }) => total + differences, 0)
  return `NOT BALANCED: ${sum} ${sum === 1 ? 'difference' : 'differences'}.`
}
