/**
 * Counts what a city of bots met: what honest ones were refused, what cheats got, when somebody found a share. One
 * number a bot and one a reason, however long it goes on.
 */
import type { Band } from '../play/walker.ts'
import { type Told, wordOf } from './player.ts'
import type { Profile } from './profiles.ts'

export type Counts = ReadonlyMap<string, number>

export type Census = {
  /** What an honest bot was told of a fix. */
  noteStand(told: Told): void
  /** What an honest bot was told of a try; `isOnSpot`: it stands where the envelope lies. */
  noteTry(told: Told, options: { isOnSpot: boolean }): void
  /** What a lie came to; `isWorth`: it was believed, or paid. */
  noteLie(told: Told, options: { isWorth: boolean }): void
  /** A lie that was so late that it may have been true. */
  noteLateLie(): void
  noteHint(band: Band): void
  noteReconnection(options: { isNew: boolean }): void
  noteSleep(): void
  /** A share for this bot, so long after it began; `isHonest`: those whose first find counts. */
  noteFind(bot: number, atMs: number, options: { isHonest: boolean }): void
  noteFault(fault: string): void
  read(): Counted
}

export type Counted = {
  honest: { fixes: number; tries: number; refused: Counts }
  /** Tries where it was not known where the envelope lies, and those right there. */
  search: { outOfReach: number; onSpot: number }
  lies: { told: number; worth: number; late: number; refused: Counts }
  hints: Counts
  sockets: { sleeps: number; resumed: number; anew: number }
  finds: number
  /** On the bots' clock, of each honest bot that found anything, in order. */
  firstFindsMs: readonly number[]
  faults: readonly string[]
}

/** What says nothing of fairness: the share is gone, or the bot has it already. */
const neutral: readonly string[] = [
  'accepted',
  'claimed',
  'pending',
  'ended empty',
  'ended expired',
  'ended closed',
]
const MOST_FAULTS = 20

export function createCensus(): Census {
  const [refused, caught, hints] = [0, 1, 2].map(() => new Map<string, number>()) as [Tally, Tally, Tally]
  const firsts = new Map<number, number>()
  const faults: string[] = []
  const n = { fixes: 0, tries: 0, outOfReach: 0, onSpot: 0, told: 0, worth: 0, late: 0, finds: 0 }
  const sockets = { sleeps: 0, resumed: 0, anew: 0 }

  return {
    noteStand(told) {
      n.fixes++
      const word = wordOf(told)
      if (!neutral.includes(word)) count(refused, `fix: ${word}`)
    },
    noteTry(told, { isOnSpot }) {
      n.tries++
      if (isOnSpot) n.onSpot++
      const word = wordOf(told)
      if (word === 'out_of_reach' && !isOnSpot) n.outOfReach++
      else if (!neutral.includes(word)) count(refused, `claim: ${word}${isOnSpot ? ' on the spot' : ''}`)
    },
    noteLie(told, { isWorth }) {
      n.told++
      if (isWorth) n.worth++
      else count(caught, wordOf(told))
    },
    noteLateLie: () => void n.late++,
    noteHint: band => count(hints, band),
    noteReconnection: ({ isNew }) => void sockets[isNew ? 'anew' : 'resumed']++,
    noteSleep: () => void sockets.sleeps++,
    noteFind(bot, atMs, { isHonest }) {
      n.finds++
      if (isHonest && !firsts.has(bot)) firsts.set(bot, atMs)
    },
    noteFault: fault => void (faults.length < MOST_FAULTS && faults.push(fault)),
    read: () => ({
      honest: { fixes: n.fixes, tries: n.tries, refused },
      search: { outOfReach: n.outOfReach, onSpot: n.onSpot },
      lies: { told: n.told, worth: n.worth, late: n.late, refused: caught },
      ...{ hints, sockets, faults, finds: n.finds },
      firstFindsMs: [...firsts.values()].sort((a, b) => a - b),
    }),
  }
}

type Tally = Map<string, number>

const count = (counts: Tally, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)

export const sumOf = (counts: Counts): number => [...counts.values()].reduce((sum, times) => sum + times, 0)

/** Of all that honest bots asked, in percent; 0 of nothing. */
export const honestRefusedPercent = ({ honest }: Pick<Counted, 'honest'>): number =>
  percentOf(sumOf(honest.refused), honest.fixes + honest.tries)

/** Of all lies that could not have been true, in percent. */
export const cheatsPercent = ({ lies }: Pick<Counted, 'lies'>): number => percentOf(lies.worth, lies.told)

const percentOf = (part: number, all: number): number => (100 * part) / Math.max(1, all)

/** The value that `part` of a sorted list do not exceed. */
export const quantileOf = (sorted: readonly number[], part: number): number | undefined =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]

/** Ten bots of a mixed city. */
const mix: readonly Profile[] = [
  ...['tourist', 'tourist', 'runner', 'tourist', 'spoofer'],
  ...['tourist', 'sleeper', 'tourist', 'runner', 'tourist'],
] as Profile[]

/** Which bot is what; several profiles take turns. */
export const assignProfiles = (bots: number, chosen: readonly (Profile | 'mix')[]): Profile[] => {
  const turns = chosen.flatMap(one => (one === 'mix' ? mix : [one]))
  return Array.from({ length: bots }, (_, bot) => turns[bot % turns.length] as Profile)
}
