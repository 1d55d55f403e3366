/**
 * In how many hint cells a player may look around: 200 new ones an hour, 600 a day, or whoever sends fixes from
 * everywhere would learn a whole city. No walk comes near it: at 16 km/h, above which hints pause anyway, one meets
 * some 160 cells an hour, and 600 are 59 km of new ground in a day. Past the limit hints pause; claims do not.
 *
 * Which cells are not new is kept without keeping where a player was: as a Bloom filter (1970) over keyed hashes, empty
 * again every day. It never takes a known cell for a new one; at most one new cell in 25, when the day is nearly used
 * up, passes for known, which makes 600 cells some 607. While few bits are set it is the list of them, which is
 * shorter: of most players a server, and Redis, remember some dozens of bytes instead of 684.
 */
import { createHmac } from 'node:crypto'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { createFading } from '#platform/fading.ts'
import type { Cell } from '../geo/cell.ts'
import type { Pace } from './pace.ts'
import {
  countIn,
  DAY_MS,
  HOUR_MS,
  isOpen,
  judgeWindow,
  type QuotaVerdict,
  type QuotaWindow,
} from './quotas.ts'

export type CellQuota = {
  hour?: QuotaWindow | undefined
  day?: QuotaWindow | undefined
  /** The filter of the day: the bits that are set, two letters each, or base64 of all bits where that is shorter. */
  known?: string | undefined
}

/** Where the filter looks for a cell; says nothing of the cell to whoever has not the key. */
export type Spots = readonly number[]

const FILTER_BYTES = 512
const FILTER_LETTERS = 4 * Math.ceil(FILTER_BYTES / 3)
const SPOTS = 4
const REMEMBERED_SPOTS = { most: 40_000, afterMs: 20_000 }

/** The first cell above the limit is counted, and pauses hints. */
const NEW_OF_HOUR = { lengthMs: HOUR_MS, limit: limits.position.newCellsPerHour + 1 }
const NEW_OF_DAY = { lengthMs: DAY_MS, limit: limits.position.newCellsPerDay + 1 }

export const unusedCells: CellQuota = {}

/** The spots of a cell in one owner's filter: no two filters can be compared. */
export function createSpotter(
  secret: string,
  clock: Pick<Clock, 'after'>,
): (ownerId: string, cell10: Cell) => Spots {
  const key = createHmac('sha256', secret).update('new cells').digest()
  // Where somebody is they mostly were a second ago, too, or go to and fro.
  const known = createFading<string, Spots>({ ...REMEMBERED_SPOTS, clock })
  return (ownerId, cell10) => {
    const place = `${ownerId} ${cell10}`
    const found = known.get(place)
    if (found !== undefined) return found
    const spots = findSpots(key, place)
    known.set(place, spots)
    return spots
  }
}

function findSpots(key: Buffer, place: string): Spots {
  const digest = createHmac('sha256', key).update(place).digest()
  return Array.from({ length: SPOTS }, (_, i) => digest.readUInt16BE(2 * i) % (8 * FILTER_BYTES))
}

/** Counts a cell if it is new, and says whether hints may be given there. */
export function countCell(
  cells: CellQuota,
  spots: Spots,
  pace: Pace,
): { status: 'open' | 'paused'; cells: CellQuota } {
  if (judgeCells(cells, pace).status === 'exhausted') return { status: 'paused', cells }
  const isToday = cells.day !== undefined && isOpen(cells.day, DAY_MS, pace)
  const before = isToday ? cells.known : undefined
  if (before !== undefined && isKnown(before, spots)) return { status: 'open', cells }
  const counted = {
    hour: countIn(cells.hour, HOUR_MS, pace),
    day: countIn(cells.day, DAY_MS, pace),
    known: addSpots(before ?? '', spots),
  }
  return { status: judgeCells(counted, pace).status === 'exhausted' ? 'paused' : 'open', cells: counted }
}

/** Whether hints pause wherever the player goes, and for how long on the client's clock. */
export function judgeCells({ hour, day }: CellQuota, pace: Pace): QuotaVerdict {
  const ofDay = judgeWindow(day, NEW_OF_DAY, pace)
  return ofDay.status === 'exhausted' ? ofDay : judgeWindow(hour, NEW_OF_HOUR, pace)
}

export function isKnown(filter: string, spots: Spots): boolean {
  const isThere = filter.length < FILTER_LETTERS ? isListed : isSetIn
  return spots.every(spot => isThere(filter, spot))
}

function addSpots(filter: string, spots: Spots): string {
  if (filter.length >= FILTER_LETTERS) return setBits(Buffer.from(filter, 'base64'), spots)
  const missing = [...new Set(spots)].filter(spot => !isListed(filter, spot))
  const listed = filter + missing.map(nameOf).join('')
  return listed.length < FILTER_LETTERS ? listed : setBits(Buffer.alloc(FILTER_BYTES), spotsOf(listed))
}

function setBits(bytes: Buffer, spots: Spots): string {
  for (const spot of spots) bytes[spot >> 3] = (bytes[spot >> 3] ?? 0) | (1 << (spot & 7))
  return bytes.toString('base64')
}

const nameOf = (spot: number): string => LETTERS.charAt(spot >> 6) + LETTERS.charAt(spot & 63)

const spotsOf = (listed: string): Spots =>
  Array.from({ length: listed.length / 2 }, (_, i) => spotAt(listed, 2 * i))

const spotAt = (listed: string, at: number): number =>
  (sixBitsOf(listed.charCodeAt(at)) << 6) | sixBitsOf(listed.charCodeAt(at + 1))

function isListed(listed: string, spot: number): boolean {
  for (let at = 0; at < listed.length; at += 2) if (spotAt(listed, at) === spot) return true
  return false
}

/** The same bit as in the bytes, read where it stands in their base64: a letter is six bits, the highest first. */
function isSetIn(base64: string, spot: number): boolean {
  const at = (spot & ~7) + 7 - (spot & 7)
  return ((sixBitsOf(base64.charCodeAt(Math.floor(at / 6))) >> (5 - (at % 6))) & 1) === 1
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const sixBits = new Uint8Array(128)
for (let value = 0; value < LETTERS.length; value++) sixBits[LETTERS.charCodeAt(value)] = value
const sixBitsOf = (letter: number): number => sixBits[letter] ?? 0
