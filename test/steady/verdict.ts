/** Whether a server that worked for long stayed as it was. */
import { median, quantile } from '../bench/figures.ts'
import { type Sample, type Watched } from './samples.ts'

const MIB = 2 ** 20

/**
 * Memory is compared between the second third of the run and the last: in the first one caches fill. Whatever leaks in
 * proportion to the traffic grows by the same in each third, so that a leak of some KiB a claim is far beyond these.
 */
export const MOST = {
  heldGrowth: 0.1,
  heldGrowthBytes: 8 * MIB,
  rssGrowth: 0.15,
  rssGrowthBytes: 32 * MIB,
  rssBytes: 768 * MIB,
  /** Of the samples' p99, the median: one busy second of a shared machine is no fault of the server. */
  loopP99Ms: 250,
  outboxLagS: 60,
  unsettledAgeS: 30,
} as const

/** Three thirds need something to take medians of. */
const LEAST_SAMPLES = 9

const alwaysZero = [
  'hexbao_oversold',
  'hexbao_double_paid',
  'hexbao_unbalanced',
  'hexbao_dead_letters',
] as const

export type Verdict = { broken: readonly string[]; figures: Figures }
export type Figures = Record<'held' | 'rss', readonly [second: number, last: number]> & {
  rssMost: number
  loopP99Ms: number
}

export function judgeSamples(samples: readonly Sample[]): Verdict {
  const figures = readFigures(samples)
  if (samples.length < LEAST_SAMPLES)
    return { broken: [`${samples.length} samples are too few to say anything`], figures }
  const say = (isBroken: boolean, what: string) => (isBroken ? [what] : [])
  const most = (name: Watched) => Math.max(...samples.map(sample => sample.figures[name]))
  const [outboxLagS, unsettledAgeS] = [
    most('hexbao_outbox_lag_seconds'),
    most('hexbao_unsettled_age_seconds'),
  ]
  const broken = [
    ...say(
      grew(figures.held, MOST.heldGrowth, MOST.heldGrowthBytes),
      `what it holds grew: ${words(figures.held)}`,
    ),
    ...say(grew(figures.rss, MOST.rssGrowth, MOST.rssGrowthBytes), `the process grew: ${words(figures.rss)}`),
    ...say(
      figures.rssMost > MOST.rssBytes,
      `the process had ${mib(figures.rssMost)}, at most ${mib(MOST.rssBytes)}`,
    ),
    ...say(
      !(figures.loopP99Ms <= MOST.loopP99Ms),
      `the event loop was late by ${figures.loopP99Ms.toFixed(0)} ms (p99), at most ${MOST.loopP99Ms} ms`,
    ),
    ...alwaysZero.flatMap(name =>
      samples
        .filter(({ figures: { [name]: value } }) => value !== 0)
        .slice(0, 1)
        .map(({ atMin, figures: { [name]: value } }) => `${name} was ${value} after ${atMin.toFixed(1)} min`),
    ),
    ...say(
      !(outboxLagS <= MOST.outboxLagS),
      `a reservation waited for ${outboxLagS} s, at most ${MOST.outboxLagS} s`,
    ),
    ...say(
      !(unsettledAgeS <= MOST.unsettledAgeS),
      `a win waited for PostgreSQL for ${unsettledAgeS} s, at most ${MOST.unsettledAgeS} s`,
    ),
  ]
  return { broken, figures }
}

function readFigures(samples: readonly Sample[]): Figures {
  const third = Math.floor(samples.length / 3)
  const [second, last] = [samples.slice(third, -third), samples.slice(-third)]
  const both = (read: (sample: Sample) => number) =>
    [median(second.map(read)), median(last.map(read))] as const
  return {
    held: both(({ heldBytes }) => heldBytes),
    rss: both(({ rssBytes }) => rssBytes),
    rssMost: quantile(
      samples.map(({ rssBytes }) => rssBytes),
      1,
    ),
    loopP99Ms: median(samples.map(({ loopP99Ms }) => loopP99Ms)),
  }
}

/** By more than the part and by more than the bytes: of little, a tenth is nothing. */
const grew = ([second, last]: readonly [number, number], part: number, bytes: number): boolean =>
  last - second > Math.max(bytes, part * second)

export const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`
const words = ([second, last]: readonly [number, number]): string =>
  `${mib(second)} in the second third, ${mib(last)} in the last`

export function formatVerdict({ broken, figures }: Verdict): string[] {
  return [
    `held without garbage: ${words(figures.held)}`,
    `in memory: ${words(figures.rss)}; at most ${mib(figures.rssMost)}`,
    `event loop late: p99 ${figures.loopP99Ms.toFixed(1)} ms, median of the samples`,
    ...(broken.length === 0 ? ['STEADY'] : broken.map(what => `BROKEN: ${what}`)),
  ]
}
