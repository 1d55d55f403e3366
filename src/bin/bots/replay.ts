/**
 * Says again what a journal has: the same fixes and claims, in the same order for each bot, at the same pace or another
 * one, to whatever server is there now; and tells where its answers differ. Reads as it goes, so a journal may be long.
 */
import { createPromises, type Promises } from '../load/promises.ts'
import { openBot, type StreetOptions } from './city.ts'
import type { Entry } from './journal.ts'
import { type Player, wordOf } from './player.ts'

export type ReplayOptions = Omit<StreetOptions, 'promises' | 'isHonest'> & {
  entries: AsyncIterable<Entry>
  signal?: AbortSignal
}

export type ReplayResult = {
  promises: Promises
  unsettled: number
  asked: number
  /** How often each answer became another one: `accepted, now ignored jump`. */
  differences: ReadonlyMap<string, number>
  /** Hints that only one of both runs gave, by bot, envelope and band; not counted as differences of answers. */
  hints: { gone: number; new: number }
  tookMs: number
}

/** Entries read ahead of their answers, over all bots. */
const MOST_WAITING = 2_000
const PENDING_MS = 30_000
/** What is later than this, in our time, shifts all that comes after it, so that nobody catches up at a run. */
const LATE_MS = 100

export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { entries, clock, journal, signal } = options
  const promises = createPromises()
  const street: StreetOptions = { ...options, promises, isHonest: () => true }
  const [was, is] = [new Set<string>(), new Set<string>()]
  const players = await openAll(street, (bot, spot, band) => void is.add(`${bot} ${spot} ${band}`))
  const speaker = createSpeaker(options)
  const lanes = createLanes()

  const startMs = performance.now()
  clock.start()
  let lateMs = 0
  for await (const entry of entries) {
    if (signal?.aborted) break
    const player = players[entry.bot]
    if (player === undefined) continue
    if (entry.do === 'hear') {
      was.add(`${entry.bot} ${entry.spot} ${entry.band}`)
      continue
    }
    const dueMs = entry.t + lateMs
    await clock.until(dueMs)
    const behindMs = clock.nowMs() - dueMs
    if (behindMs > LATE_MS * clock.pace) lateMs += behindMs
    await lanes.queue(entry.bot, () => speaker.say(player, entry))
    await journal?.room()
  }
  await lanes.done()
  let unsettled = 0
  for (const player of players) {
    unsettled += await player.finish({ withinMs: PENDING_MS })
    player.close()
  }
  const { asked, differences } = speaker
  const only = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].filter(one => !b.has(one)).length
  const hints = { gone: only(was, is), new: only(is, was) }
  return { promises, unsettled, asked: asked(), differences, hints, tookMs: performance.now() - startMs }
}

/** What one bot says is said in order; bots do not wait for each other. */
function createLanes() {
  const lanes = new Map<number, Promise<void>>()
  let waiting = 0
  let fault: { error: unknown } | undefined
  const check = (): void => {
    if (fault !== undefined) throw fault.error
  }
  const done = async (): Promise<void> => {
    await Promise.all(lanes.values())
    check()
  }
  return {
    done,
    /** Waits only where too much is under way. Throws what any lane has thrown. */
    async queue(bot: number, work: () => Promise<void>): Promise<void> {
      check()
      waiting++
      const lane = (lanes.get(bot) ?? Promise.resolve())
        .then(work)
        .catch((error: unknown) => void (fault ??= { error }))
        .finally(() => waiting--)
      lanes.set(bot, lane)
      if (waiting > MOST_WAITING) await done()
    },
  }
}

/** What of a recorded gap was not spent on waiting for the answer, about. */
const STRIDE = 0.9

type Spoken = Exclude<Entry, { do: 'hear' }>

function createSpeaker({ scene, clock, census, journal }: ReplayOptions) {
  const differences = new Map<string, number>()
  /** By bot: what it said last, when that was recorded, and when it was said and answered now. */
  const last = new Map<number, { t: number; sentMs: number; answeredMs: number }>()
  let asked = 0

  /** Nobody catches up: whoever had to wait for an answer has as much time to the next fix as when it was recorded. */
  async function keepDistance({ bot, t }: Spoken): Promise<void> {
    const before = last.get(bot)
    if (before === undefined) return
    const gapMs = t - before.t
    await clock.until(Math.max(before.sentMs + gapMs, before.answeredMs + STRIDE * gapMs))
  }

  async function doze(player: Player, { bot, forMs }: Extract<Entry, { do: 'sleep' }>): Promise<void> {
    journal?.note({ t: clock.nowMs(), bot, do: 'sleep', forMs })
    census.noteSleep()
    player.sleep()
    await clock.until(clock.nowMs() + forMs)
    player.wake()
  }

  return {
    differences,
    asked: () => asked,
    async say(player: Player, entry: Spoken): Promise<void> {
      await keepDistance(entry)
      if (entry.do === 'sleep') return doze(player, entry)
      const { fix } = entry
      const t = clock.nowMs()
      const isClaim = entry.do === 'claim'
      const told = isClaim ? await player.claim(scene.idOf(entry.spot), fix) : await player.stand(fix)
      last.set(entry.bot, { t: entry.t, sentMs: t, answeredMs: clock.nowMs() })
      const got = wordOf(told)
      journal?.note({ ...entry, t, got })
      asked++
      if (got === entry.got) return
      const name = `${entry.got}, now ${got}`
      differences.set(name, (differences.get(name) ?? 0) + 1)
    },
  }
}

type OnHear = (bot: number, spot: number, band: string) => void

async function openAll(street: StreetOptions, onHear: OnHear): Promise<Player[]> {
  const { claimants, spotOf } = street.scene
  const players: Player[] = []
  for (const bot of claimants.keys()) {
    const onHint = ({ envelopeId, band }: { envelopeId: string; band: string }) => {
      const spot = spotOf(envelopeId)
      if (spot !== undefined) onHear(bot, spot, band)
    }
    players.push(await openBot(street, bot, { onHint }))
  }
  return players
}
