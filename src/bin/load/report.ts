/** The load in words: a line while it goes on, and at the end tables that fit a terminal. */
import { checkTitles, countDifferences } from '../../ledger/reconcile.ts'
import { formatMoney } from '../play/money.ts'
import { type Meaning, meanings } from './answers.ts'
import type { Histogram } from './histogram.ts'
import type { Proof } from './proof.ts'
import { countOf, type LoadResult, type Progress } from './run-load.ts'

const whole = (value: number): string => Math.round(value).toLocaleString('en')
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0))
const percent = (part: number, all: number): string => `${((100 * part) / Math.max(1, all)).toFixed(1)} %`

export function describeProgress(progress: Progress): string {
  const { elapsedMs, durationMs, latency, answers, missed, underWay } = progress
  const done = Math.min(100, Math.round((100 * elapsedMs) / durationMs))
  const rate = whole((answers * 1_000) / Math.max(1, elapsedMs))
  const times = `p50 ${ms(latency.quantileMs(0.5))} p99 ${ms(latency.quantileMs(0.99))} ms`
  const counts = (['won', 'ended', 'again', 'failed'] as const).map(
    meaning => `${meaning} ${whole(countOf(progress, meaning))}`,
  )
  const bar = '#'.repeat(Math.floor(done / 5)).padEnd(20, '.')
  const parts = [`[${bar}] ${Math.round(elapsedMs / 1_000)} s`, `${rate}/s`, times, ...counts]
  return [...parts, `under way ${underWay}`, `missed ${missed}`].join('  ')
}

const PARTS = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1]
const BAR = 40

const row = (cells: readonly string[]): string => `  ${cells.map(cell => cell.padStart(12)).join('')}`

/** As HdrHistogram prints it: value, percentile, count, and how many times slower than one in so many it is. */
export function formatPercentiles(latency: Histogram): string[] {
  const rows = PARTS.map(part => {
    const oneIn = part === 1 ? 'inf' : (1 / (1 - part)).toFixed(2)
    const count = whole(Math.ceil(part * latency.count()))
    return row([ms(latency.quantileMs(part)), (100 * part).toFixed(2), count, oneIn])
  })
  const head = row(['ms', 'percentile', 'count', '1/(1-p)'])
  return [head, ...rows, `  mean ${ms(latency.meanMs())} ms, largest ${ms(latency.maxMs())} ms`]
}

export function formatBars(latency: Histogram): string[] {
  const octaves = latency.octaves()
  const most = Math.max(1, ...octaves.map(({ count }) => count))
  return octaves.map(({ toMs, count }) => {
    const bar = '#'.repeat(Math.ceil((BAR * count) / most))
    return `  < ${ms(toMs).padStart(8)} ms ${bar.padEnd(BAR)} ${whole(count).padStart(10)}`
  })
}

function formatOutcomes(result: LoadResult): string[] {
  return (Object.keys(meanings) as Meaning[]).flatMap(meaning => {
    const reasons = result.outcomes.get(meaning)
    if (reasons === undefined) return []
    const count = countOf(result, meaning)
    const line = (what: string, times: string, part: string, why: string) =>
      `  ${what.padEnd(9)}${times.padStart(10)} ${part.padStart(8)}  ${why}`
    const named = [...reasons].filter(([reason]) => reason !== meaning && reasons.size > 1)
    return [
      line(meaning, whole(count), percent(count, result.answers), meanings[meaning]),
      ...named.map(([reason, times]) => line('', whole(times), '', `  ${reason}`)),
    ]
  })
}

export function formatResult(result: LoadResult): string[] {
  const { begun, missed, unresolved, answers, tookMs, latency, redis, pg } = result
  const waits = [
    ['Redis', redis],
    ['PostgreSQL', pg],
  ] as const
  const quantiles = (times: Histogram) =>
    `p50 ${ms(times.quantileMs(0.5))} ms, p99 ${ms(times.quantileMs(0.99))} ms`
  return [
    `${whole(begun)} players came, ${whole(missed)} were missed (everything busy), ${whole(unresolved)} gave up.`,
    `${whole(answers)} answers in ${(tookMs / 1_000).toFixed(1)} s: ${whole((answers * 1_000) / tookMs)}/s.`,
    '',
    'From when it was due to its answer:',
    ...formatPercentiles(latency),
    '',
    ...formatBars(latency),
    '',
    ...(redis.count() === 0
      ? []
      : [...waits.map(([what, times]) => `Waits for ${what}: ${quantiles(times)}`), '']),
    'Answers:',
    ...formatOutcomes(result),
    '',
  ]
}

export function formatProof({ faults, wins, wonMinor, ledger }: Proof): string[] {
  const shown = faults.slice(0, 10).map(fault => `  ${fault}`)
  const told =
    faults.length === 0
      ? `${whole(wins)} wins on record, ${formatMoney(wonMinor, 'CNY')}: each told once, none twice, every sum exact.`
      : `${faults.length} promises are BROKEN:`
  if (ledger.status === 'unseen')
    return [told, ...shown, `Books: ${ledger.why}, so only what the API tells was compared.`]
  const wrong = ledger.checks.filter(({ differences }) => differences > 0)
  const verdict = wrong.length === 0 ? 'no difference' : `${countDifferences(ledger)} DIFFERENCES`
  return [
    ...[told, ...shown],
    `Books: ${whole(ledger.transfers)} transfers of ${whole(ledger.envelopes)} envelopes counted again: ${verdict}.`,
    ...wrong.map(({ name, differences }) => `  ${differences} times not so: ${checkTitles[name]}`),
  ]
}
