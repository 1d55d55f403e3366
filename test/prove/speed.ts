/**
 * Speed: a few of the paired rounds of `npm run bench -- claims`, so that whatever else the machine does falls on both
 * sides; the ratios against a bare Fastify and raw Redis, held to what the bench promises of them.
 */
import { claims } from '../bench/claims.ts'
import { type Figure, isKept } from '../bench/figures.ts'
import type { Found } from './lines.ts'

/** Few rush: the naive build, which is no part of this, takes a second for a hundred or two. */
const FEW = { players: 600, rounds: 3, warmups: 1, seconds: 0.8, rushers: 120, served: 120, reserves: 10_000 }

export async function proveSpeed(progress: (line: string) => void): Promise<Found> {
  // Rounds are told at length.
  const { figures } = await claims.run({ ...claims.settings, ...FEW }, line => progress(line.slice(0, 100)))
  return judgeSpeed(figures)
}

type Ratio = { what: string; against: string; figure: Figure }

/** Each ratio with what it is of: the rate above it, and the baseline that it names. */
export function listRatios(figures: readonly Figure[]): Ratio[] {
  return figures.flatMap((figure, i) => {
    if (figure.unit !== '×') return []
    const above = figures.slice(0, i).filter(({ unit }) => unit !== '×')
    const against = nameOf(figure).replace(/^of /, '')
    // A baseline that comes second, right above its ratio, is called `it`.
    const isSecond = against === 'it'
    const [what, baseline] = isSecond ? above.slice(-2) : [above.at(-1), undefined]
    if (what === undefined) return []
    return [{ what: nameOf(what), against: baseline === undefined ? against : nameOf(baseline), figure }]
  })
}

const nameOf = ({ what }: Figure): string => what.trim().replace(/ \([^()]*…[^()]*\)$/, '')

/** What the README is asked for: of a bare Fastify, and of raw Redis. */
const baselines: readonly (readonly [RegExp, string])[] = [
  [/^bare$/, 'bare Fastify'],
  [/redis-benchmark/, 'raw Redis'],
]

export function judgeSpeed(figures: readonly Figure[]): Found {
  const ratios = listRatios(figures)
  const off = figures.find(({ what }) => what.startsWith('differences in the books'))
  const parts = baselines.flatMap(([pattern, name]) => {
    const ours = ratios.filter(({ against, figure }) => pattern.test(against) && figure.atLeast !== undefined)
    if (ours.length === 0) return []
    return [`${ours.map(describe).join(', ')} of ${name}`]
  })
  const shown = ratios.filter(({ against }) => baselines.some(([pattern]) => pattern.test(against)))
  const isComplete = parts.length === baselines.length
  const holds = isComplete && shown.every(({ figure }) => isKept(figure)) && off?.value === 0
  const rest = isComplete ? [] : ['not everything was measured']
  return {
    holds,
    said: [...parts, ...rest, `${off?.value ?? 'unknown'} differences in the books`].join('; '),
  }
}

function describe({ what, figure }: Ratio): string {
  const name = what.replace(/^HTTP /, '').replace(/[:,] (gate|after|batched|a win).*$/, '')
  const short = name.replace(/^claim, /, 'claims ')
  const promise = isKept(figure) ? 'at least' : 'LESS THAN'
  return `${short} ${figure.value.toFixed(2)} × (${promise} ${figure.atLeast})`
}
