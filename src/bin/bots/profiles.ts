/**
 * How each kind of bot moves: a pure function of seed, area and time, so that the same seed is the same city, byte for
 * byte, whatever the server answers. Honest ones go from sight to sight as people do, at a speed that is never twice
 * the same. A spoofer sits at home, tens of kilometres away, and says to be where an envelope lies: for a moment
 * (`teleport`), or with a walk there glued to the one at home (`joined`).
 */
import { measureM, travelFrom } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'
import { createDice, type Dice } from '../play/dice.ts'
import { type Area, centreOfBox } from './area.ts'
import { createReceiver, type Seen } from './receiver.ts'

export const profiles = {
  tourist: 'walks from sight to sight and rests there',
  runner: 'twice as fast and more, without a rest',
  sleeper: 'a tourist whose app sleeps now and then for minutes, without a socket',
  spoofer: 'claims from home what lies far away: teleports, and joined tracks',
} as const
export type Profile = keyof typeof profiles

export type Cheat = 'teleport' | 'joined'

/** One fix; times are the bot's own, from 0. */
export type Move = {
  atMs: number
  seen: Seen
  /** Where the bot is in truth. */
  truth: Point
  /** `seen` is a lie, told for the envelope at this spot. */
  cheat?: { kind: Cheat; spot: number }
  /** The app sleeps for so long after it. */
  sleepsMs?: number
}

export type Journey = {
  profile: Profile
  seed: number
  /** Which of the bots. */
  bot: number
  area: Area
  /** Where envelopes lie. */
  spots: readonly Point[]
  /** Of who walks. */
  speedMps: number
  noiseM: number
  forMs: number
}

/** Seconds, at least and at most. */
type Span = readonly [number, number]

type Habits = { pace: number; everyS: Span; restS: Span; napsOneIn?: number }

const habits: Record<Exclude<Profile, 'spoofer'>, Habits> = {
  tourist: { pace: 1, everyS: [8, 12], restS: [20, 90] },
  runner: { pace: 2.2, everyS: [4, 6], restS: [0, 0] },
  sleeper: { pace: 1, everyS: [8, 12], restS: [20, 90], napsOneIn: 15 },
}
const NAP_S: Span = [120, 480]
const HOME_M: Span = [20_000, 60_000]
const FIXES_AT_HOME: Span = [6, 9]
const LIES = { teleport: { fixes: 2, everyS: [1, 2] }, joined: { fixes: 6, everyS: [4, 6] } } as const

/** Where envelopes lie in an area. */
export function drawSpots(area: Area, { seed, count }: { seed: number; count: number }): Point[] {
  const dice = createDice(seed)
  return Array.from({ length: count }, (_, i) => area.spotAt(i, dice))
}

/** All that a bot says, in order, up to `forMs`. */
export function* travel(journey: Journey): Generator<Move> {
  const { profile, seed, bot, forMs } = journey
  const dice = createDice(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(bot + 1, 0x85ebca6b))
  const moves = profile === 'spoofer' ? cheat(journey, dice) : stroll(journey, habits[profile], dice)
  for (const move of moves) {
    if (move.atMs >= forMs) return
    const { sleepsMs = 0, ...awake } = move
    // Nobody is waited for who sleeps through the end.
    yield move.atMs + sleepsMs < forMs ? move : awake
  }
}

const drawMs = (dice: Dice, [least, most]: Span): number =>
  Math.round(1_000 * (least + (most - least) * dice.fraction()))

function* stroll(journey: Journey, { pace, everyS, restS, napsOneIn }: Habits, dice: Dice): Generator<Move> {
  const { area, spots, speedMps, noiseM } = journey
  const receiver = createReceiver({ noiseM, dice: dice.fork() })
  const choose = (from: Point) => chooseGoal({ area, spots }, from, dice)
  const way = createWay({ start: choose(centreOfBox(area.box)), mps: speedMps * pace, restS, dice, choose })
  let passedMs = 0
  for (let atMs = drawMs(dice, everyS); ; atMs += passedMs) {
    const move: Move = { atMs, seen: receiver.see(way.at(), passedMs), truth: way.at() }
    passedMs = drawMs(dice, everyS)
    if (napsOneIn !== undefined && dice.chance(1 / napsOneIn)) {
      const sleepsMs = drawMs(dice, NAP_S)
      passedMs += sleepsMs
      yield { ...move, sleepsMs }
    } else yield move
    way.walk(passedMs)
  }
}

const CHOICES = 3
const SPOT_CHANCE = 0.6

/** The nearest of a few, or everybody would cross the whole town for each envelope. Always inside of the area. */
export function chooseGoal({ area, spots }: Pick<Journey, 'area' | 'spots'>, from: Point, dice: Dice): Point {
  const isSpot = spots.length > 0 && dice.chance(SPOT_CHANCE)
  const draw = () => (isSpot ? dice.pick(spots) : area.pointAt(dice.fraction(), dice.fraction()))
  const choices = Array.from({ length: CHOICES }, draw).filter(point => measureM(from, point) > 1)
  const [nearest = draw()] = choices.sort((a, b) => measureM(from, a) - measureM(from, b))
  return nearest
}

type WayOptions = { start: Point; mps: number; restS: Span; dice: Dice; choose: (from: Point) => Point }

/** A way from goal to goal. */
function createWay({ start, mps, restS, dice, choose }: WayOptions) {
  let [at, goal, restMs] = [start, choose(start), 0]
  return {
    at: () => at,
    walk(passedMs: number): void {
      let leftMs = passedMs
      while (leftMs > 0) {
        const restedMs = Math.min(restMs, leftMs)
        restMs -= restedMs
        leftMs -= restedMs
        if (leftMs <= 0) return
        const leftM = measureM(at, goal)
        const reachM = (mps * (0.85 + 0.3 * dice.fraction()) * leftMs) / 1_000
        if (reachM < leftM) {
          at = between(at, goal, reachM / leftM)
          return
        }
        leftMs -= Math.max(1, (leftMs * leftM) / reachM)
        at = goal
        goal = choose(at)
        restMs = drawMs(dice, restS)
      }
    },
  }
}

/** On a straight line on the map, so that it stays in the box of the area. */
const between = (from: Point, to: Point, part: number): Point => ({
  lat: from.lat + (to.lat - from.lat) * part,
  lng: from.lng + (to.lng - from.lng) * part,
})

const near = (point: Point, mostM: number, dice: Dice): Point =>
  travelFrom(point, { bearingDeg: 360 * dice.fraction(), distanceM: mostM * dice.fraction() })

function* cheat({ area, spots, speedMps, noiseM }: Journey, dice: Dice): Generator<Move> {
  const [least, most] = HOME_M
  const distanceM = least + (most - least) * dice.fraction()
  const home = travelFrom(centreOfBox(area.box), { bearingDeg: 360 * dice.fraction(), distanceM })
  const walkAround = (start: Point) =>
    createWay({ start, mps: speedMps, restS: [5, 30], dice, choose: () => near(start, 60, dice) })
  const way = walkAround(home)
  const receiver = createReceiver({ noiseM, dice: dice.fork() })
  let atMs = 0
  for (;;) {
    for (let left = dice.between(...FIXES_AT_HOME); left > 0; left--) {
      const passedMs = drawMs(dice, [8, 12])
      atMs += passedMs
      way.walk(passedMs)
      yield { atMs, seen: receiver.see(way.at(), passedMs), truth: way.at() }
    }
    if (spots.length === 0) continue
    const kind = dice.pick(['teleport', 'joined'] as const)
    const spot = dice.between(0, spots.length - 1)
    const lie = walkAround(spots[spot] as Point)
    for (let left: number = LIES[kind].fixes; left > 0; left--) {
      const passedMs = drawMs(dice, LIES[kind].everyS)
      atMs += passedMs
      lie.walk(passedMs)
      yield { atMs, seen: receiver.see(lie.at(), passedMs), truth: way.at(), cheat: { kind, spot } }
    }
  }
}
