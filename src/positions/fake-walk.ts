/**
 * How much a walk looks made up: 0 like a receiver in a hand, 1 like a drawing. A receiver is never exact, its errors
 * wander, its idea of them changes, and nobody walks at one speed; what a program sends is too good in one way or
 * another. A weak sign only: who replays a recorded walk with its own times and errors is not told from its walker.
 *
 * It looks at the last 32 fixes, which live in memory and nowhere else.
 */
import { measureM } from '../geo/distance.ts'
import type { Point } from '../geo/point.ts'

export type Sample = { point: Point; accuracyM: number; atMs: number }

/** From this score on a walk is suspicious; of made-up honest walks none reaches it. */
const SUSPICIOUS_FROM = 0.7
export const MOST_FIXES = 32
const LEAST_STEPS = 12
/** Who hardly moves is not walking, and phones that lie still do repeat themselves. */
const LEAST_STEP_M = 0.5

/** What is suspicious, from clearly honest to clearly made up, and how much it says when it stands alone. */
const SIGNS = {
  /** How the reported accuracy varies about its mean; some phones report steps, so alone it proves little. */
  accuracy: { honest: 0.08, fake: 0.01, weight: 0.4 },
  /** How far fixes lie off the line between their neighbours, in metres. */
  noise: { honest: 0.12, fake: 0.02, weight: 0.95 },
  /** How the speed varies about its mean. */
  speed: { honest: 0.06, fake: 0.015, weight: 0.95 },
  /** Whether errors of neighbouring fixes have nothing to do with each other, as those that a program rolls. */
  rolled: { honest: -0.3, fake: -0.46, weight: 0.6 },
} as const

/** 0 to 1; `undefined` where there is too little of a walk to say anything. */
export function scoreWalk(samples: readonly Sample[]): number | undefined {
  const fixes = samples.slice(-MOST_FIXES)
  const steps = stepsOf(fixes)
  const movedM = mean(steps.map(({ eastM, northM }) => Math.hypot(eastM, northM)))
  if (steps.length < LEAST_STEPS || movedM < LEAST_STEP_M) return undefined
  const velocities = steps.map(({ eastM, northM, seconds }) => [eastM / seconds, northM / seconds] as const)
  const found: Record<keyof typeof SIGNS, number> = {
    accuracy: variation(fixes.map(({ accuracyM }) => accuracyM)),
    noise: median(offsOf(steps)),
    speed: variation(velocities.map(([east, north]) => Math.hypot(east, north))),
    rolled: correlationOfNeighbours(velocities),
  }
  const innocence = Object.entries(SIGNS).map(([sign, { honest, fake, weight }]) => {
    const value = found[sign as keyof typeof SIGNS]
    return 1 - weight * Math.min(1, Math.max(0, (honest - value) / (honest - fake)))
  })
  return 1 - innocence.reduce((product, factor) => product * factor, 1)
}

export const isSuspicious = (score: number | undefined): boolean =>
  score !== undefined && score >= SUSPICIOUS_FROM

type Move = { eastM: number; northM: number; seconds: number }

/** The ways between fixes, on a plane: they are short. */
function stepsOf(fixes: readonly Sample[]): Move[] {
  return fixes.slice(1).flatMap((to, i) => {
    const from = fixes[i]
    const seconds = from === undefined ? 0 : (to.atMs - from.atMs) / 1_000
    if (from === undefined || seconds <= 0) return []
    const { lat, lng } = from.point
    return [
      {
        eastM: measureM(from.point, { lat, lng: to.point.lng }) * Math.sign(to.point.lng - lng),
        northM: measureM(from.point, { lat: to.point.lat, lng }) * Math.sign(to.point.lat - lat),
        seconds,
      },
    ]
  })
}

/** How far each fix lies from where steady motion between its neighbours would have it. */
const offsOf = (steps: readonly Move[]): number[] =>
  steps.slice(1).map((next, i) => {
    const { eastM, northM, seconds } = steps[i] ?? next
    const part = seconds / (seconds + next.seconds)
    return Math.hypot(eastM - part * (eastM + next.eastM), northM - part * (northM + next.northM))
  })

/** Of the velocities without their mean: about 0 where errors wander, -1/2 where each is rolled anew. */
function correlationOfNeighbours(velocities: readonly (readonly [number, number])[]): number {
  const centre = [mean(velocities.map(([east]) => east)), mean(velocities.map(([, north]) => north))] as const
  const rest = velocities.map(([east, north]) => [east - centre[0], north - centre[1]] as const)
  const power = rest.reduce((sum, [east, north]) => sum + east * east + north * north, 0)
  const shared = rest
    .slice(1)
    .reduce((sum, [east, north], i) => sum + east * (rest[i]?.[0] ?? 0) + north * (rest[i]?.[1] ?? 0), 0)
  return power < 1e-9 ? 0 : shared / power
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, v) => sum + v, 0) / (values.length || 1)
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Standard deviation over mean. */
function variation(values: readonly number[]): number {
  const centre = mean(values)
  const spread = Math.sqrt(mean(values.map(value => (value - centre) ** 2)))
  return centre < 1e-9 ? 0 : spread / centre
}
