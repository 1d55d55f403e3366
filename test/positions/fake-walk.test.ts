/** Walks that people walked and walks that programs made up, labelled, and how well the score tells them apart. */
import assert from 'node:assert/strict'
import t from 'tap'
import { readBuiltInWalk } from '../../src/bin/play/fixes.ts'
import { travelFrom } from '../../src/geo/distance.ts'
import type { Point } from '../../src/geo/point.ts'
import { isSuspicious, type Sample, scoreWalk } from '../../src/positions/fake-walk.ts'
import { createRolls, journeys, rollNormal, travel } from './traces.ts'

const FIXES = 32
const START_MS = 1_700_000_000_000

const honest = {
  walk: (roll: () => number) => asSamples(travel(journeys.walk, 200, roll)),
  'walk among towers': (roll: () => number) => asSamples(travel(journeys['walk among towers'], 200, roll)),
  bicycle: (roll: () => number) => asSamples(travel(journeys.bicycle, 200, roll)),
}

/** The last 32 fixes on the move: the receiver's nonsense is refused before anybody looks at the walk. */
function asSamples(trace: ReturnType<typeof travel>): Sample[] {
  return trace
    .filter(fix => !fix.isGlitch)
    .slice(-FIXES)
    .map(({ point, accuracyM, atS }) => ({ point, accuracyM, atMs: START_MS + 1_000 * atS }))
}

type Drawing = {
  /** Where fix `i` is, in metres east and north of the start. */
  at(i: number): readonly [eastM: number, northM: number]
  everyS?: number
  accuracyM?: () => number
}

function draw({ at, everyS = 1, accuracyM = () => 5 }: Drawing, roll: () => number): Sample[] {
  const start: Point = { lat: roll() * 120 - 60, lng: roll() * 360 - 180 }
  return Array.from({ length: FIXES }, (_, i) => {
    const [eastM, northM] = at(i)
    const along = travelFrom(start, { bearingDeg: 90, distanceM: eastM })
    const point = travelFrom(along, { bearingDeg: 0, distanceM: northM })
    return { point, accuracyM: accuracyM(), atMs: START_MS + 1_000 * everyS * i }
  })
}

const fakes: Record<string, (roll: () => number) => Sample[]> = {
  'a straight line': roll => draw({ at: i => [1.4 * i, 0.3 * i] }, roll),
  'a straight line with a varying accuracy': roll =>
    draw({ at: i => [1.4 * i, 0.3 * i], accuracyM: () => 4 + 8 * roll() }, roll),
  'a route with corners': roll => {
    const corner = 8 + Math.floor(16 * roll())
    return draw({ at: i => [1.4 * Math.min(i, corner), 1.4 * Math.max(0, i - corner)], everyS: 2 }, roll)
  },
  'a track replayed in equal steps': roll => {
    let [eastM, northM, heading] = [0, 0, 0]
    const places = Array.from({ length: FIXES }, () => {
      heading += 0.25 * rollNormal(roll)
      return [(eastM += 1.4 * Math.cos(heading)), (northM += 1.4 * Math.sin(heading))] as const
    })
    return draw({ at: i => places[i] ?? [0, 0], accuracyM: () => 4 + 3 * roll() }, roll)
  },
  'a line with noise rolled for each fix': roll => {
    const noiseM = 0.5 + 3 * roll()
    return draw({ at: i => [1.4 * i + noiseM * (roll() - 0.5), noiseM * (roll() - 0.5)] }, roll)
  },
  'a line with noise of one size': roll => {
    const noiseM = 0.5 + 2 * roll()
    return draw({ at: i => [1.4 * i + noiseM * Math.cos(2.4 * i), noiseM * Math.sin(2.4 * i)] }, roll)
  },
}

const EACH = 300
const scoresOf = (made: Record<string, (roll: () => number) => Sample[]>) =>
  Object.fromEntries(
    Object.entries(made).map(([name, make]) => [
      name,
      Array.from({ length: EACH }, (_, seed) => scoreWalk(make(createRolls(seed))) ?? 0),
    ]),
  )

/** How often a fake scores above an honest walk, ties counting half: the area under the ROC curve. */
function measureAuc(fake: readonly number[], real: readonly number[]): number {
  const wins = fake.reduce(
    (sum, f) => sum + real.reduce((inner, r) => inner + (f > r ? 1 : f === r ? 0.5 : 0), 0),
    0,
  )
  return wins / (fake.length * real.length)
}

t.test('fakes score above people: the area under the curve is 0.95 at least', async t => {
  const [real, made] = [scoresOf(honest), scoresOf(fakes)]
  const people = Object.values(real).flat()
  for (const [name, scores] of Object.entries(made)) {
    const caught = scores.filter(isSuspicious).length
    const auc = measureAuc(scores, people)
    t.comment(`${name}: ${auc.toFixed(3)}, ${caught} of ${EACH} suspicious`)
    t.ok(auc >= 0.95 && caught >= EACH / 2, `${name}: ${auc}, ${caught} of ${EACH}`)
  }
  for (const [name, scores] of Object.entries(real)) {
    const accused = scores.filter(isSuspicious).length
    t.comment(`${name}: ${accused} of ${EACH} suspicious`)
    t.ok(accused <= EACH / 100, `${name}: ${accused} of ${EACH}`)
  }
  const auc = measureAuc(Object.values(made).flat(), people)
  t.comment(`in all ${auc.toFixed(3)}`)
  t.ok(auc >= 0.95, `${auc}`)
  const caught = Object.values(made).flat().filter(isSuspicious).length
  t.ok(caught >= 0.8 * Object.values(made).flat().length, `${caught} caught`)
})

t.test('the recorded walk is honest, although its recorder knew one accuracy only', async t => {
  const fixes = readBuiltInWalk().map(({ lat, lng, atMs }) => ({ point: { lat, lng }, accuracyM: 10, atMs }))
  for (let end = FIXES; end <= fixes.length; end++) {
    const score = scoreWalk(fixes.slice(end - FIXES, end))
    assert(!isSuspicious(score), `up to fix ${end}: ${score}`)
  }
  t.pass(`${fixes.length - FIXES + 1} windows`)
})

t.test('who stands still or was hardly heard is not judged, and old fixes do not count', async t => {
  const roll = createRolls(1)
  const still = draw({ at: () => [0, 0] }, roll)
  t.equal(scoreWalk(still), undefined)
  t.equal(scoreWalk([]), undefined)
  const line = draw({ at: i => [1.4 * i, 0] }, roll)
  t.equal(scoreWalk(line.slice(0, 12)), undefined)
  t.ok((scoreWalk(line) ?? 0) > 0.95)
  t.notOk(isSuspicious(undefined))
  const walked = honest.walk(createRolls(3))
  t.equal(scoreWalk([...line.map(s => ({ ...s, atMs: s.atMs - 1e6 })), ...walked]), scoreWalk(walked))
  const sameMoment = walked.map(sample => ({ ...sample, atMs: START_MS }))
  t.equal(scoreWalk(sameMoment), undefined, 'no time passed')
})
