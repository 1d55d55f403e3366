/**
 * What an honest player does with the hints: pure decisions, no I/O, no time but that of the fixes. They try for an
 * envelope in `here` and `hot`, 20 m or more from their last try for it, where a try tests at least its fair part of
 * what is untested, so that the tries of an hour suffice for the whole hint cell; not while they are too fast, except
 * once for each envelope they ride past, to be told so.
 */
import { limits } from '#protocol/limits.ts'
import type { HintItem } from '#protocol/ws/server.ts'
import { type Cell, locateCell, parseCell } from '../../geo/cell.ts'
import { measureM } from '../../geo/distance.ts'
import type { Fix } from './fixes.ts'
import { createSearch, type Search } from './search.ts'

export type Band = HintItem['band']
export const bands: readonly Band[] = ['here', 'hot', 'warm', 'cool']

/** What `position.ack` said of a fix. */
export type Standing = { isAccepted: boolean; isPaused: boolean }

/** How a try ended; `waitMs` is on the walk's clock. */
export type TryOutcome =
  | { status: 'out_of_reach' }
  /** Refused for the position of the player, which counts as a failed try. */
  | { status: 'position_refused'; waitMs: number }
  /** Refused for now, without counting. */
  | { status: 'later'; waitMs: number }
  /** Won, pending, or over. */
  | { status: 'done' }

export type Walker = {
  /** A hint is new or changed; answers the band before. */
  hear(hint: HintItem): Band | undefined
  /** There is no such hint any more. */
  forget(envelopeId: string): void
  /** All hints but these are gone. */
  keepOnly(envelopeIds: ReadonlySet<string>): void
  learnRadius(envelopeId: string, radiusM: number): void
  /** The player has moved. */
  stand(fix: Fix, standing: Standing): void
  /** The envelopes to try for here and now. */
  chooseTries(): string[]
  /** Notes how a try at the current fix ended. */
  conclude(envelopeId: string, outcome: TryOutcome): void
}

const TRY_SPACING_M = 20
const HOUR_MS = 3_600_000
const TRIES_AN_HOUR = limits.claim.failedTriesPerEnvelopeHour

type Sight = {
  band: Band
  isOpenToMe: boolean
  /** Won, promised, or ended. */
  isOver: boolean
  search: Search
  radiusM: number
  lastTry: Fix | undefined
  /** When tries failed, in the last hour. */
  failedAtMs: number[]
  waitsUntilMs: number
  wasTriedOnRide: boolean
}

export function createWalker({ accuracyM }: { accuracyM: number }): Walker {
  const sights = new Map<string, Sight>()
  let fix: Fix | undefined
  let standing: Standing = { isAccepted: false, isPaused: false }

  /** What a try here would test, where one may be made at all; 0 where not. */
  function weigh(sight: Sight, at: Fix): number {
    const { band, search, lastTry, failedAtMs, waitsUntilMs } = sight
    if (!sight.isOpenToMe || sight.isOver || accuracyM > sight.radiusM || at.atMs < waitsUntilMs) return 0
    if (lastTry !== undefined && measureM(lastTry, at) < TRY_SPACING_M) return 0
    if (standing.isPaused && sight.wasTriedOnRide) return 0
    // Hints pause with the player: the bands then are those of where the ride began.
    if (!standing.isPaused && band !== 'here' && band !== 'hot') return 0
    const triesLeft = TRIES_AN_HOUR - failedAtMs.filter(atMs => at.atMs - atMs < HOUR_MS).length
    const gain = search.gainAt(locateCell(at))
    // With no try left, no gain is enough.
    return gain >= search.left() / triesLeft ? gain : 0
  }

  return {
    hear(hint) {
      const known = sights.get(hint.envelopeId)
      const before = known?.band
      if (known !== undefined) known.band = hint.band
      else sights.set(hint.envelopeId, createSight(hint))
      return before
    },
    forget: envelopeId => void sights.delete(envelopeId),
    keepOnly(envelopeIds) {
      for (const id of sights.keys()) if (!envelopeIds.has(id)) sights.delete(id)
    },
    learnRadius(envelopeId, radiusM) {
      const sight = sights.get(envelopeId)
      if (sight === undefined) return
      sight.radiusM = radiusM
      sight.search.setRadius(radiusM)
    },
    stand(to, now) {
      fix = to
      if (standing.isPaused && !now.isPaused)
        for (const sight of sights.values()) sight.wasTriedOnRide = false
      standing = now
    },
    chooseTries() {
      const at = fix
      if (at === undefined || !standing.isAccepted) return []
      return [...sights]
        .map(([id, sight]) => ({ id, gain: weigh(sight, at) }))
        .filter(({ gain }) => gain > 0)
        .sort((a, b) => b.gain - a.gain)
        .map(({ id }) => id)
    },
    conclude(envelopeId, outcome) {
      const sight = sights.get(envelopeId)
      if (sight === undefined || fix === undefined) return
      if (outcome.status === 'done') {
        sight.isOver = true
        return
      }
      if ('waitMs' in outcome) sight.waitsUntilMs = fix.atMs + outcome.waitMs
      if (outcome.status === 'later') return
      sight.failedAtMs = [...sight.failedAtMs, fix.atMs].slice(-TRIES_AN_HOUR)
      sight.wasTriedOnRide = standing.isPaused
      if (outcome.status === 'out_of_reach') {
        sight.lastTry = fix
        sight.search.crossOff(locateCell(fix))
      }
    },
  }
}

function createSight({ band, cell, audience, presence }: HintItem): Sight {
  return {
    band,
    // Nobody told this player a passphrase, or showed them a code.
    isOpenToMe: audience !== 'passphrase' && presence !== 'code',
    isOver: false,
    search: createSearch(readCell(cell)),
    radiusM: limits.envelope.claimRadiusM.default,
    lastTry: undefined,
    failedAtMs: [],
    waitsUntilMs: -Infinity,
    wasTriedOnRide: false,
  }
}

function readCell(text: string): Cell {
  const cell = parseCell(text)
  if (cell === undefined) throw new RangeError(`${text} is no H3 cell`)
  return cell
}
