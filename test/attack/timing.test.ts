/**
 * Does the time of an answer tell where in a hint cell an envelope lies? Two of them, as far apart as the cell is wide,
 * are asked for and tried from afar in random order, and the times of the answers compared as distributions. In every
 * change only a difference that no chance explains fails; `npm run soak -- timing` asks 10,000 times each.
 */
import t from 'tap'
import { cellToBoundary } from 'h3-js'
import { createDice } from '../../src/bin/play/dice.ts'
import { measureM, travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { cellAt, centreOf } from './hypothesis.ts'
import { hideBody } from './transcript.ts'
import { createTranscriptStage, type Person } from './transcript-stage.ts'

const answers = Number(process.env.TIMING_ANSWERS ?? 200)
const leastP = answers < 10_000 ? 1e-6 : 0.01
const seed = Number(process.env.TIMING_SEED ?? 1)
/** A player is heard so often within an hour about one envelope, and so often within a second about anything. */
const triesOfOne = 8

/** Two-sample Kolmogorov–Smirnov: how likely two samples of one distribution differ so much (Press et al., 14.3). */
function compareSamples(some: readonly number[], others: readonly number[]): number {
  const [a, b] = [some.toSorted((x, y) => x - y), others.toSorted((x, y) => x - y)]
  let [i, j, most] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    const next = Math.min(a[i] as number, b[j] as number)
    while (i < a.length && (a[i] as number) <= next) i++
    while (j < b.length && (b[j] as number) <= next) j++
    most = Math.max(most, Math.abs(i / a.length - j / b.length))
  }
  const root = Math.sqrt((a.length * b.length) / (a.length + b.length))
  const lambda = (root + 0.12 + 0.11 / root) * most
  const terms = Array.from({ length: 100 }, (_, k) => (-1) ** k * Math.exp(-2 * (k + 1) ** 2 * lambda ** 2))
  return Math.min(1, 2 * terms.reduce((sum, term) => sum + term, 0))
}

t.test('the comparison sees a difference, and none where there is none', async t => {
  const dice = createDice(seed)
  const drawn = (shift: number) => Array.from({ length: 1_000 }, () => dice.fraction() + shift)
  t.ok(compareSamples(drawn(0), drawn(0)) > 0.001)
  t.ok(compareSamples(drawn(0), drawn(0.15)) < 0.001)
})

t.test('the time of an answer tells nothing of the place within the cell', async t => {
  const stage = await createTranscriptStage(t)
  const dice = createDice(seed)
  const square: Point = { lat: 31.2304, lng: 121.4737 }
  const cell = cellAt(square, 10)
  const centre = centreOf(cell)
  const corners = cellToBoundary(cell).map(([lat, lng]) => ({
    lat: centre.lat + 0.9 * (lat - centre.lat),
    lng: centre.lng + 0.9 * (lng - centre.lng),
  }))
  const places = [corners[0], corners[3]] as [Point, Point]
  t.ok(measureM(...places) > 100, 'they lie far apart')
  const hider = await stage.recruit(2_000n)
  const ids = await Promise.all(
    places.map(async place => {
      const body = hideBody(place, centre)
      return String((await hider.demand({ method: 'POST', url: '/v1/envelopes', body })).id)
    }),
  )
  /** 300 m off, so near to both that the difference would show, and out of reach of both. */
  const from = { fix: { ...travelFrom(centre, { bearingDeg: 0, distanceM: 300 }), accuracyM: 8 } }
  const people: { person: Person; tries: number }[] = []
  const asked = {
    get: (person: Person, id: string) => person.send({ method: 'GET', url: `/v1/envelopes/${id}` }),
    claim: (person: Person, id: string) =>
      person.send({ method: 'POST', url: `/v1/envelopes/${id}/claims`, body: from }),
  }
  const tookMs = { get: [[], []] as number[][], claim: [[], []] as number[][] }
  const heard = new Set<string>()
  for (let i = 0; i < answers; i++) {
    if (people.length < 40) people.push({ person: await stage.recruit(), tries: 0 })
    const next = people[i % people.length] as (typeof people)[number]
    if (next.tries++ === triesOfOne) Object.assign(next, { person: await stage.recruit(), tries: 1 })
    for (const what of ['get', 'claim'] as const) {
      for (const at of dice.chance(0.5) ? [0, 1] : [1, 0]) {
        const startMs = performance.now()
        const answer = await asked[what](next.person, ids[at] as string)
        tookMs[what][at]?.push(performance.now() - startMs)
        heard.add(`${what} ${answer.slice(0, 3)}`)
      }
    }
  }
  t.same([...heard].sort(), ['claim 403', 'get 200'], 'all are answered alike')
  for (const [what, [some = [], others = []]] of Object.entries(tookMs)) {
    const p = compareSamples(some, others)
    t.comment(`${what}: ${answers} answers each, p ${p.toPrecision(3)}, seed ${seed}`)
    t.ok(p > leastP, `${what}: ${p}`)
  }
})
