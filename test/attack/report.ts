/** What was learned, as a table that fits a terminal. */
import type { Finding } from './finding.ts'
import type { Meter } from './meter.ts'

const head = ['attack', 'on', 'error m', 'radius m', 'area m²', 'cell m²', 'requests', 'accounts', 'verdict']

export function formatFindings(findings: readonly Finding[]): string {
  const rows = findings.map(one => [
    one.attack,
    one.build,
    `${digits(one.errorM)}–${digits(one.worstErrorM)}`,
    digits(one.radiusM),
    digits(one.areaM2),
    digits(one.boundaryM2),
    String(one.requests),
    String(one.accounts),
    one.isRight ? one.verdict : `${one.verdict}, mistaken`,
  ])
  const widths = head.map((name, column) =>
    Math.max(...[head, ...rows].map(row => row[column]?.length ?? name.length)),
  )
  const left = (column: number) => column < 2 || column === head.length - 1
  return [head, ...rows]
    .map(row =>
      row
        .map((cell, i) => (left(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export const formatMeter = ({ tried, ofOne, inAll, holds }: Meter): string =>
  `failed tries of one account: ${tried} made, ${ofOne} answered for one envelope, ${inAll} in all: ` +
  (holds ? 'metered' : 'NOT METERED')

/** Two figures that count, or whole ones. */
const digits = (value: number): string => (value >= 10 ? Math.round(value).toString() : value.toPrecision(2))
