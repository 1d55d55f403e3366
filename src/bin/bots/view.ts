/** The city while it lives: a map of letters on a terminal, and the same in one line for a log. */
import type { Point } from '../../geo/point.ts'
import type { Area } from './area.ts'
import { cheatsPercent, type Counted, honestRefusedPercent, sumOf } from './census.ts'
import type { Move, Profile } from './profiles.ts'

export type Sight = { point: Point; profile: Profile; isLie: boolean; isAsleep: boolean }

/** Where everybody is said to be; `note` is told of each move. */
export function createSights(profiles: readonly Profile[]) {
  const sights = new Map<number, Sight>()
  return {
    sights,
    note(bot: number, { seen, cheat, sleepsMs }: Move): void {
      const { lat, lng } = seen
      const profile = profiles[bot] ?? 'tourist'
      const isAsleep = sleepsMs !== undefined
      sights.set(bot, { point: { lat, lng }, profile, isLie: cheat !== undefined, isAsleep })
    },
  }
}

const SIZE = { columns: 64, rows: 16 } as const
/** Later ones are drawn over earlier ones. */
const letters = { spot: '·', asleep: 'z', tourist: 't', runner: 'r', sleeper: 's', spoofer: '!' } as const

/** Envelopes and bots on the box of the area; whoever is outside, like a spoofer at home, is not on it. */
export function drawMap(area: Area, spots: readonly Point[], sights: Iterable<Sight>): string[] {
  const [southWest, northEast] = area.box
  const grid = Array.from({ length: SIZE.rows }, () => Array.from({ length: SIZE.columns }, () => ' '))
  const place = (value: number, from: number, to: number, count: number): number =>
    to === from ? Math.floor(count / 2) : Math.floor(((value - from) / (to - from)) * (count - 1) + 0.5)
  const put = ({ lat, lng }: Point, letter: string): void => {
    const row = grid[place(lat, northEast.lat, southWest.lat, SIZE.rows)]
    const column = place(lng, southWest.lng, northEast.lng, SIZE.columns)
    if (row?.[column] !== undefined) row[column] = letter
  }
  for (const spot of spots) put(spot, letters.spot)
  for (const { point, profile, isAsleep } of sights) put(point, letters[isAsleep ? 'asleep' : profile])
  return grid.map(row => row.join('').trimEnd())
}

export const legend =
  `${letters.spot} envelope  ${letters.tourist} tourist  ${letters.runner} runner  ${letters.sleeper} sleeper  ` +
  `${letters.asleep} asleep  ${letters.spoofer} a spoofer who lies to be there`

export function describeProgress(counted: Counted, { atMs, forMs }: { atMs: number; forMs: number }): string {
  const { honest, lies, finds, hints } = counted
  const minutes = (ms: number) => (Math.min(ms, forMs) / 60_000).toFixed(1)
  return [
    Number.isFinite(forMs) ? `${minutes(atMs)} of ${minutes(forMs)} min` : `${minutes(atMs)} min`,
    `fixes ${honest.fixes}`,
    `hints ${sumOf(hints)}`,
    `found ${finds}`,
    `honest refused ${honestRefusedPercent(counted).toFixed(2)} %`,
    `cheats ${cheatsPercent(counted).toFixed(2)} % of ${lies.told}`,
    ...(counted.faults.length > 0 ? [`FAULTS ${counted.faults.length}`] : []),
  ].join('  ')
}

export type Screen = { show(lines: readonly string[]): void; end(): void }

/** Draws over what it drew before. */
export function createScreen(write: (text: string) => void): Screen {
  let drawn = 0
  return {
    show(lines) {
      const up = drawn === 0 ? '' : `\x1b[${drawn}A`
      write(`${up}${lines.map(line => `\x1b[2K${line}\n`).join('')}`)
      drawn = lines.length
    },
    end: () => void (drawn = 0),
  }
}
