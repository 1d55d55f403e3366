/** What is looked at again and again while a server works: its memory without garbage, and what it says of itself. */
import { eventually } from '../acceptance/eventually.ts'
import type { Inspected } from '../bench/heap.ts'

export type Sample = {
  /** Minutes since the traffic began. */
  atMin: number
  /** Bytes, after garbage was collected. */
  heldBytes: number
  /** Bytes of the process that are in memory. */
  rssBytes: number
  /** The slowest of a hundred turns of the event loop since the sample before. */
  loopP99Ms: number
  /** Of each name in `watched`, summed over its labels. */
  figures: Readonly<Record<Watched, number>>
}

export const watched = [
  'hexbao_oversold',
  'hexbao_double_paid',
  'hexbao_unbalanced',
  'hexbao_dead_letters',
  'hexbao_outbox_lag_seconds',
  'hexbao_unsettled_age_seconds',
  'hexbao_sockets',
] as const
export type Watched = (typeof watched)[number]

const LOOP = 'nodejs_eventloop_lag_p99_seconds'

export type Watching = { url: string; operatorKey: string; inspected: Pick<Inspected, 'measure'> }

/** The loop is read before memory is measured: collecting garbage stops it. */
export async function takeSample({ url, operatorKey, inspected }: Watching, atMin: number): Promise<Sample> {
  const text = await readMetrics(url, operatorKey)
  const { held, rss } = await inspected.measure()
  // Reading starts the count of the loop again, without the collections.
  await readMetrics(url, operatorKey)
  const figures = Object.fromEntries(watched.map(name => [name, sumOf(text, name)]))
  return {
    ...{ atMin, heldBytes: held, rssBytes: rss, loopP99Ms: sumOf(text, LOOP) * 1_000 },
    figures: figures as Sample['figures'],
  }
}

/** The books are counted once somebody looks, and then every few minutes. */
export async function awaitBooks({ url, operatorKey }: Omit<Watching, 'inspected'>): Promise<void> {
  await eventually(
    'the books are counted',
    async () => Number.isFinite(sumOf(await readMetrics(url, operatorKey), 'hexbao_unbalanced')) || undefined,
    { withinMs: 60_000 },
  )
}

async function readMetrics(url: string, operatorKey: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${operatorKey}` } })
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`)
  return await answer.text()
}

/** Of one metric in the text format of Prometheus, over its labels; NaN where there is none. */
export function sumOf(text: string, name: string): number {
  const values = text
    .split('\n')
    .filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map(line => Number(line.slice(line.lastIndexOf(' ') + 1)))
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0)
}
