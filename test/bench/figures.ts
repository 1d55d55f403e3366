/** What a bench measured, and whether that is what was promised. */

export type Figure = {
  what: string
  value: number
  unit: string
  /** The promise, where there is one. */
  atMost?: number
  atLeast?: number
}

export type Settings = Readonly<Record<string, number>>

/** Figures first, then whatever helps to understand them. */
export type Outcome = { figures: readonly Figure[]; notes: readonly string[] }

export type Bench = {
  what: string
  /** With their usual values; `--set name=number` changes one. */
  settings: Settings
  run(settings: Settings, say: (line: string) => void): Promise<Outcome>
}

export const isKept = ({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean =>
  atLeast <= value && value <= atMost

/** The smallest of `values` that `part` of them do not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export function formatFigure(figure: Figure): string {
  const { what, value, unit, atMost, atLeast } = figure
  const digits = Number.isInteger(value) ? 0 : value < 10 ? 3 : 1
  const promises = [
    ...(atMost === undefined ? [] : [`  ${isKept(figure) ? 'at most' : 'MORE THAN'} ${atMost}`]),
    ...(atLeast === undefined ? [] : [`  ${isKept(figure) ? 'at least' : 'LESS THAN'} ${atLeast}`]),
  ]
  return `  ${what.padEnd(58)}${value.toFixed(digits).padStart(10)} ${unit}${promises.join('')}`
}
