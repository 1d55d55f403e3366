/** The verdict as tables that fit a terminal, or as JSON. */
import type { Verdict } from './trial.ts'

export function formatVerdict(verdict: Verdict): string {
  const { findings, tookMs, struck } = verdict
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  const sum = [...struck.values()].reduce((total, { struck }) => total + struck, 0)
  return [
    ...table(
      ['fault', 'struck', 'missed', 'next win, ms at most'],
      [...struck].map(([kind, { struck, missed }]) => [
        kind,
        String(struck),
        String(missed),
        String(verdict.recoveredMs.get(kind) ?? ''),
      ]),
    ),
    '',
    ...table(
      ['answer', 'times'],
      [...verdict.answers].sort(([a], [b]) => a.localeCompare(b)).map(([answer, n]) => [answer, String(n)]),
    ),
    '',
    `${sum} faults in ${seconds(tookMs.faults)}, all answered ${seconds(tookMs.healing)} later, then ` +
      `${seconds(tookMs.quiet)} of quiet`,
    `${verdict.attempts} claim attempts, ${verdict.wins} wins, ${verdict.hides} hides, ${verdict.closes} closes, ` +
      `${verdict.webhooks} webhooks`,
    `${verdict.errands.posted} service requests, ${verdict.errands.ended} of them ended`,
    '',
    ...table(
      ['what must be zero', 'found'],
      [
        ['minor units off', String(findings.centsOff)],
        ['oversold', String(findings.oversold.length)],
        ['paid twice', String(findings.paidTwice.length)],
        ['acknowledged but missing', String(findings.missing.length)],
        ['stuck', String(findings.stuck.length)],
        ['odd answers and deaths', String(verdict.odd.length)],
        ['npm run reconcile', verdict.reconciled ? 'balanced' : 'NOT BALANCED'],
      ],
    ),
    ...listExamples(verdict),
    '',
    verdict.holds ? `HOLDS, seed ${verdict.seed}` : `BROKEN, seed ${verdict.seed}`,
  ].join('\n')
}

export const toJson = (verdict: Verdict): string =>
  JSON.stringify(
    verdict,
    (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value instanceof Map ? Object.fromEntries(value) : value,
    2,
  )

const examples = 10

function listExamples({ findings, odd, reconciliation }: Verdict): string[] {
  const { oversold, paidTwice, missing, stuck } = findings
  const lists = [oversold, paidTwice, missing, stuck, odd].flatMap(list => list.slice(0, examples))
  return [...lists, reconciliation].filter(line => line !== '').map(line => `  ${line}`)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  return all.map(row =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  )
}
