/** Whether a load was carried as it had to be, and the report for machines. */
import { countOf, type LoadResult, type Tally } from './run-load.ts'

export type Thresholds = { p99Ms?: number | undefined; failedPercent: number; missedPercent: number }

type Judged = Pick<Tally, 'latency' | 'answers' | 'outcomes' | 'missed' | 'begun' | 'unresolved'>

/** What was passed, in words. */
export function judgeThresholds(
  result: Judged,
  { p99Ms, failedPercent, missedPercent }: Thresholds,
): string[] {
  const { latency, answers, missed, begun, unresolved } = result
  const slow = latency.quantileMs(0.99)
  const percent = (part: number, all: number) => (100 * part) / Math.max(1, all)
  const failed = percent(countOf(result, 'failed'), answers)
  const left = percent(missed, begun + missed)
  const say = (isPassed: boolean, what: string) => (isPassed ? [`THRESHOLD: ${what}`] : [])
  return [
    ...say(p99Ms !== undefined && slow > p99Ms, `p99 is ${slow.toFixed(1)} ms, at most ${p99Ms} ms`),
    ...say(
      failed > failedPercent,
      `${failed.toFixed(2)} % of the answers failed, at most ${failedPercent} %`,
    ),
    ...say(left > missedPercent, `${left.toFixed(2)} % were missed, at most ${missedPercent} %`),
    ...say(unresolved > 0, `${unresolved} gave up without a final answer`),
  ]
}

const PARTS = { p50: 0.5, p75: 0.75, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 }

const describeTimes = (times: Tally['latency']) => ({
  count: times.count(),
  meanMs: times.meanMs(),
  ...Object.fromEntries(Object.entries(PARTS).map(([name, part]) => [name, times.quantileMs(part)])),
})

export function describeJson({ begun, missed, unresolved, answers, tookMs, ...result }: LoadResult) {
  const outcomes = [...result.outcomes].map(([meaning, reasons]) => [meaning, Object.fromEntries(reasons)])
  return {
    ...{ begun, missed, unresolved, answers, tookMs, answersPerS: (answers * 1_000) / tookMs },
    latencyMs: describeTimes(result.latency),
    waitsMs: { redis: describeTimes(result.redis), pg: describeTimes(result.pg) },
    outcomes: Object.fromEntries(outcomes) as Record<string, Record<string, number>>,
  }
}
