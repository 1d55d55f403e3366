/**
 * One attack on one build, from study to verdict. First the attacker hides envelopes of their own, attacks those, and
 * keeps the hypotheses that put each of them where it lies. Then come the envelopes of others. What several hypotheses
 * explain is known no better than under the least precise of them.
 */
import { cellArea, UNITS } from 'h3-js'
import { measureM } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import type { Attack } from './attacks.ts'
import { cellAt, type Hypothesis, nameOf, type Observation } from './hypothesis.ts'
import type { Build, Oracle } from './oracle.ts'
import { covers, findRegion, measure, type Region } from './region.ts'
import type { Site } from './sites.ts'
import type { Effort } from './strategies.ts'

export type Finding = {
  attack: string
  build: string
  /** How the build measures, as far as the attacker could tell. */
  hypotheses: readonly string[]
  /** Of all envelopes of others that were attacked: the best that was learned of any. */
  errorM: number
  worstErrorM: number
  radiusM: number
  areaM2: number
  /** Of the cell that nobody may look into, around the envelope of which the most was learned. */
  boundaryM2: number
  /** The most that was asked about one of them, and how many answers said something. */
  requests: number
  accounts: number
  answers: number
  /** `leaks`: less than the cell is left for any of them, and it lies there. */
  verdict: 'holds' | 'leaks'
  /** All of them lie where the attacker thinks. */
  isRight: boolean
}

type Struck = { place: Point; oracle: Oracle; heard: Observation[]; region: Region; explained: Hypothesis[] }

export async function runAttack(
  attack: Attack,
  build: Build,
  { own, others, effort }: { own: readonly Site[]; others: readonly Site[]; effort: Effort },
): Promise<Finding> {
  const study = await Promise.all(own.map(site => hear(attack, build, site, effort)))
  const known = attack.hypotheses.filter(hypothesis =>
    study.every(({ heard, place, start }) => {
      const region = findRegion(heard, hypothesis, { around: start, reachM: attack.reachM })
      return region !== undefined && covers(region, place)
    }),
  )
  const struck = await Promise.all(others.map(site => strike(attack, build, { site, known, effort })))
  return judge(attack, build, struck)
}

async function hear(attack: Attack, build: Build, site: Site, effort: Effort) {
  const oracle = await build.plant(site.place)
  try {
    return { ...site, oracle, heard: await attack.strategy(oracle, site.start, effort) }
  } finally {
    await oracle.close()
  }
}

async function strike(
  attack: Attack,
  build: Build,
  { site, known, effort }: { site: Site; known: readonly Hypothesis[]; effort: Effort },
): Promise<Struck> {
  const { heard, oracle, place, start } = await hear(attack, build, site, effort)
  const found = known.flatMap(hypothesis => {
    const region = findRegion(heard, hypothesis, { around: start, reachM: attack.reachM })
    return region === undefined ? [] : [{ hypothesis, region }]
  })
  found.sort((a, b) => b.region.areaM2 - a.region.areaM2)
  const told = heard.flatMap(one => ('cell' in one ? [one.cell] : []))
  // Who understands nothing knows what was told.
  const region = found[0]?.region ?? measure(told.length > 0 ? [...new Set(told)] : [cellAt(start, 10)])
  return { place, oracle, heard, region, explained: found.map(({ hypothesis }) => hypothesis) }
}

function judge(attack: Attack, build: Build, struck: readonly Struck[]): Finding {
  const boundaryOf = ({ place }: Struck) => cellArea(cellAt(place, attack.boundary), UNITS.m2)
  // By a thousandth: sums of doubles.
  const isInside = (one: Struck) => one.region.areaM2 < boundaryOf(one) * 0.999
  const leaks = struck.filter(one => isInside(one) && covers(one.region, one.place))
  const [best] = [...struck].sort((a, b) => a.region.areaM2 - b.region.areaM2)
  const errors = struck.map(({ region, place }) => measureM(region.centre, place))
  if (best === undefined) throw new Error('nothing was attacked')
  return {
    attack: attack.name,
    build: build.name,
    hypotheses: [...new Set(struck.flatMap(({ explained }) => explained.map(nameOf)))],
    errorM: Math.min(...errors),
    worstErrorM: Math.max(...errors),
    radiusM: Math.min(...struck.map(({ region }) => region.radiusM)),
    areaM2: best.region.areaM2,
    boundaryM2: boundaryOf(best),
    requests: Math.max(...struck.map(({ oracle }) => oracle.requests())),
    accounts: Math.max(...struck.map(({ oracle }) => oracle.accounts())),
    answers: Math.max(...struck.map(({ heard }) => heard.filter(one => !('cell' in one)).length)),
    verdict: leaks.length > 0 ? 'leaks' : 'holds',
    isRight: struck.every(({ region, place }) => covers(region, place)),
  }
}
