/**
 * Plays one bot: says each fix of its journey when it is due, and claims. An honest one claims what its hints tell it
 * to, as `npm run walk` does; a spoofer what it lies about. A delay makes it later, never faster, so that a slow
 * machine makes nobody look like a cheat.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fix } from '#protocol/scalars.ts'
import { measureM } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'
import { createWalker, type Walker } from '../play/walker.ts'
import type { BotsClock } from './clock.ts'
import type { Census } from './census.ts'
import type { Journal } from './journal.ts'
import { type Player, type Told, wordOf } from './player.ts'
import { type Journey, type Move, travel } from './profiles.ts'
import type { Scene } from './scene.ts'

export type BotOptions = {
  journey: Journey
  scene: Scene
  clock: BotsClock
  census: Census
  journal: Journal | undefined
  /** Told of each move, before it is sent. */
  onMove: (bot: number, move: Move) => void
  isOver: () => boolean
}

/** Hints leave the server behind the acknowledgement of the fix that they belong to, and arrive a moment later. */
const BEAT_MS = 2
/** Who is so near stands on the spot. */
const SPOT_M = 15

/** Ears and eyes of one bot; {@link runBot} moves it. */
export const createBotWalker = ({ noiseM }: Pick<Journey, 'noiseM'>): Walker =>
  createWalker({ accuracyM: noiseM })

export async function runBot(options: BotOptions, player: Player, walker: Walker): Promise<void> {
  const { journey, clock, census, journal, onMove, isOver } = options
  const { bot } = journey
  const liar = createLiar(options, player)
  let lateMs = 0
  for (const move of travel(journey)) {
    const dueMs = move.atMs + lateMs
    await clock.until(dueMs)
    if (isOver()) return
    lateMs += Math.max(0, clock.nowMs() - dueMs)
    onMove(bot, move)
    const fix = fixOf(move)
    const t = clock.nowMs()
    const told = await player.stand(fix)
    journal?.note({ t, bot, do: 'position', fix, got: wordOf(told) })
    if (journey.profile === 'spoofer') await liar.follow(move, { fix, told, askedMs: t })
    else await walkOn(options, { player, walker, move, fix, told })
    await journal?.room()
    // Whoever waits for an answer stands still meanwhile.
    lateMs = Math.max(lateMs, clock.nowMs() - move.atMs)
    if (move.sleepsMs === undefined) continue
    journal?.note({ t: clock.nowMs(), bot, do: 'sleep', forMs: move.sleepsMs })
    census.noteSleep()
    player.sleep()
    await clock.until(clock.nowMs() + move.sleepsMs)
    player.wake()
  }
}

/** Only orders fixes; any day will do, and the same one makes the same bytes. */
const DAY_MS = Date.UTC(2026, 0, 1)

export const fixOf = ({ seen, atMs }: Move): Fix => ({ ...seen, at: new Date(DAY_MS + atMs).toISOString() })

type Step = { player: Player; walker: Walker; move: Move; fix: Fix; told: Told }

async function walkOn(options: BotOptions, { player, walker, move, fix, told }: Step): Promise<void> {
  const { census, clock, journal, journey, scene } = options
  census.noteStand(told)
  const isAccepted = told.status === 'accepted'
  const isPaused = isAccepted && told.paused !== undefined
  walker.stand({ lat: fix.lat, lng: fix.lng, atMs: move.atMs }, { isAccepted, isPaused })
  await sleep(BEAT_MS)
  for (const id of walker.chooseTries()) {
    const spot = scene.spotOf(id)
    if (spot === undefined) continue
    const t = clock.nowMs()
    const answer = await player.claim(id, fix)
    journal?.note({ t, bot: journey.bot, do: 'claim', spot, fix, got: wordOf(answer) })
    const isOnSpot = measureM(move.truth, journey.spots[spot] as Point) <= SPOT_M
    census.noteTry(answer, { isOnSpot })
    walker.conclude(id, judgeTry(answer, clock.pace))
    // Who has just won looks at it; the next one is for the next fix, and not within its cool-down.
    if (answer.status === 'claimed' || answer.status === 'pending') return
  }
}

/** What a claim says to a searcher; waits are told in our time and noted in the bots'. */
function judgeTry(told: Told, pace: number): Parameters<Walker['conclude']>[1] {
  if (told.status !== 'refused' || ['ended', 'own_envelope'].includes(told.code)) return { status: 'done' }
  if (told.code === 'out_of_reach') return { status: 'out_of_reach' }
  const waitMs = (told.retryAfterMs ?? 0) * pace
  return told.code === 'position_refused'
    ? { status: 'position_refused', waitMs }
    : { status: 'later', waitMs: Math.max(60_000, waitMs) }
}

type Said = { fix: Fix; told: Told; askedMs: number }

function createLiar({ scene, census, clock, journal, journey }: BotOptions, player: Player) {
  /** The last fix at home that was believed, and when it was sent: the server has heard it since. */
  let home: { fix: Fix; atMs: number } | undefined

  /** Whether `fix` cannot be true even if the server heard of it now. */
  const isImpossible = (fix: Fix): boolean =>
    home !== undefined && isBeyondBelief(home, { fix, atMs: clock.nowMs() })

  return {
    async follow({ cheat }: Move, { fix, told, askedMs }: Said): Promise<void> {
      if (cheat === undefined) {
        if (told.status === 'accepted') home = { fix, atMs: askedMs }
        return
      }
      // A joined track is believed at its third fix, by the rules; what it then gets is another matter.
      if (cheat.kind === 'teleport') {
        if (isImpossible(fix)) census.noteLie(told, { isWorth: told.status === 'accepted' })
        else census.noteLateLie()
      }
      const t = clock.nowMs()
      const answer = await player.claim(scene.idOf(cheat.spot), fix)
      journal?.note({ t, bot: journey.bot, do: 'claim', spot: cheat.spot, fix, got: wordOf(answer) })
      const isWorth = answer.status === 'claimed' || answer.status === 'pending'
      if (isImpossible(fix)) census.noteLie(answer, { isWorth })
      else census.noteLateLie()
    },
  }
}

type Stood = { fix: Fix; atMs: number }

/** Nothing that a phone sits in is faster over so far: car, high-speed train, jet; once the jitter of a receiver. */
export function isBeyondBelief(from: Stood, to: Stood): boolean {
  const distanceM = measureM(from.fix, to.fix)
  const mps = distanceM < 10_000 ? 40 : distanceM < 500_000 ? 100 : 270
  const reachM = 100 + from.fix.accuracyM + to.fix.accuracyM + (mps * (to.atMs - from.atMs)) / 1_000
  // Cells instead of points: some metres more or less.
  return distanceM > reachM + 50
}
