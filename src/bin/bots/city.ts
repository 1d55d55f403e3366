/** A city: all bots at once, each on a socket of its own, until the last has gone home. */
import { createPromises, type Promises } from '../load/promises.ts'
import { ServerFault } from '../play/rest-client.ts'
import type { Walker } from '../play/walker.ts'
import { type BotOptions, createBotWalker, runBot } from './bot.ts'
import type { Census } from './census.ts'
import type { BotsClock } from './clock.ts'
import type { Journal } from './journal.ts'
import { openPlayer, type Player } from './player.ts'
import type { Journey } from './profiles.ts'
import type { Scene } from './scene.ts'

export type Hears = {
  onHint?: Parameters<typeof openPlayer>[0]['onHint']
  onGone?: Parameters<typeof openPlayer>[0]['onGone']
  onSnapshot?: Parameters<typeof openPlayer>[0]['onSnapshot']
}

export type StreetOptions = {
  url: string
  scene: Scene
  clock: BotsClock
  census: Census
  promises: Promises
  journal: Journal | undefined
  isHonest: (bot: number) => boolean
}

/** One bot's player, whose hints and finds are counted and written down. */
export function openBot(options: StreetOptions, bot: number, ears: Hears = {}): Promise<Player> {
  const { url, scene, clock, census, promises, journal, isHonest } = options
  const claimant = scene.claimants[bot]
  if (claimant === undefined) throw new RangeError(`there is no bot ${bot}`)
  return openPlayer({
    ...{ url, claimant, promises, onReconnected: census.noteReconnection },
    onHint(hint) {
      census.noteHint(hint.band)
      const spot = scene.spotOf(hint.envelopeId)
      if (spot !== undefined) journal?.note({ t: clock.nowMs(), bot, do: 'hear', spot, band: hint.band })
      ears.onHint?.(hint)
    },
    onGone: id => ears.onGone?.(id),
    onSnapshot: ids => ears.onSnapshot?.(ids),
    onWin: () => census.noteFind(bot, clock.nowMs(), { isHonest: isHonest(bot) }),
  })
}

export type CityOptions = Omit<StreetOptions, 'promises' | 'isHonest'> &
  Pick<BotOptions, 'onMove'> & {
    journeys: readonly Journey[]
    signal?: AbortSignal
  }

/** Claims that were promised an answer and have none. */
export type CityResult = { promises: Promises; unsettled: number; tookMs: number }

const PENDING_MS = 30_000
const OPENED_AT_ONCE = 32

/** Whoever the server cuts off is noted as a fault; the others go on. */
export async function runCity(options: CityOptions): Promise<CityResult> {
  const { journeys, census, clock, signal } = options
  const promises = createPromises()
  const isHonest = (bot: number) => journeys[bot]?.profile !== 'spoofer'
  const isOver = () => signal?.aborted ?? false
  const lives: (() => Promise<number>)[] = []
  const noteCutOff = (journey: Journey, error: unknown): void => {
    if (!(error instanceof ServerFault)) throw error
    census.noteFault(`bot ${journey.bot}, a ${journey.profile}: ${error.message}`)
  }

  async function live(journey: Journey, player: Player, walker: Walker): Promise<number> {
    try {
      await runBot({ ...options, journey, isOver }, player, walker)
      return await player.finish({ withinMs: PENDING_MS })
    } catch (error) {
      noteCutOff(journey, error)
      return 0
    } finally {
      player.close()
    }
  }

  const waiting = journeys.values()
  async function open(): Promise<void> {
    for (const journey of waiting) {
      const walker = createBotWalker(journey)
      const { hear: onHint, forget: onGone, keepOnly: onSnapshot } = walker
      const ears = { onHint, onGone, onSnapshot }
      try {
        const player = await openBot({ ...options, promises, isHonest }, journey.bot, ears)
        lives.push(() => live(journey, player, walker))
      } catch (error) {
        noteCutOff(journey, error)
      }
    }
  }
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open))
  const startMs = performance.now()
  clock.start()
  const unsettled = await Promise.all(lives.map(begin => begin()))
  return {
    promises,
    unsettled: unsettled.reduce((sum, n) => sum + n, 0),
    tookMs: performance.now() - startMs,
  }
}
