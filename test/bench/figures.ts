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
  value <= atMost && value >= atLeast

/** The smallest of `values` that `part` of them do not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

const quartiles = (values: readonly number[]): string =>
  `${quantile(values, 0.25).toFixed(2)} … ${quantile(values, 0.75).toFixed(2)}`

/** What rounds measured of one thing: the median, and in words the quartiles. */
export function figureOf(what: string, unit: string, values: readonly number[]): Figure {
  return { what: `${what} (${quartiles(values)})`, value: median(values), unit }
}

/** Each round against its own baseline, so that whatever else the machine did fell on both. */
export function ratioOf(
  what: string,
  { ours, theirs }: { ours: readonly number[]; theirs: readonly number[] },
  promise: Pick<Figure, 'atLeast' | 'atMost'>,
): Figure {
  const ratios = ours.map((value, i) => value / (theirs[i] ?? Number.NaN))
  return { what: `  ${what} (quartiles ${quartiles(ratios)})`, value: median(ratios), unit: '×', ...promise }
}

export function formatFigure(figure: Figure): string {
  const { what, value, unit, atMost, atLeast } = figure
  const kept = isKept(figure)
  const most = atMost === undefined ? '' : `  ${kept ? 'at most' : 'MORE THAN'} ${atMost}`
  const least = atLeast === undefined ? '' : `  ${kept ? 'at least' : 'LESS THAN'} ${atLeast}`
  const digits = Number.isInteger(value) ? 0 : value < 10 ? 3 : 1
  return `  ${what.padEnd(68)}${value.toFixed(digits).padStart(10)} ${unit}${most}${least}`
}
