/** Positions: the verbs over a player's standing. Every socket, list, hide and claim goes through here. */
import { limits } from '#protocol/limits.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { type Cell, locateCell } from '../geo/cell.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint } from '../geo/point.ts'
import { type Admission, type EntryPlace, type EntryVerdict, judgeAdmission, judgeEntry } from './entry.ts'
import type { Pace } from './pace.ts'
import { rewardAt } from './presence.ts'
import { givePermitBack } from './quotas.ts'
import { freshStanding, type Standing, type StandingStore } from './standing.ts'
import { judgeFix, lastFixOf, type ReportedFix } from './track.ts'

/** Whose position it is; `timeScale` runs a sandbox player's limits faster. */
export type Walker = { id: string; timeScale: number; deviceId?: string }

export type MoveAnswer =
  | { status: 'accepted'; cell: Cell; paused?: 'speed' }
  | { status: 'ignored'; reason: 'accuracy' | 'stale' | 'jump' }

export type Positions = {
  /** Judges a fix and keeps it if it counts. */
  move(player: Walker, fix: WireFix): Promise<MoveAnswer>
  /** The res-12 cell of the last accepted fix, at most 60 s old. */
  lastCell(playerId: string): Promise<Cell | undefined>
  /** Where a player stands who hides: the fix sent along, else the last one. */
  standing(player: Walker, fix: WireFix | undefined): Promise<{ status: 'ok'; cell: Cell } | Refusal>
  /** The position gate of a claim or reveal; `entered` has taken a permit if the place says so. */
  enter(
    player: Walker,
    envelopeId: string,
    fix: WireFix,
    place: EntryPlace | undefined,
  ): Promise<EntryVerdict>
  /** The same for a claim with a ticket that was given in this cell; notes the reward with the permit. */
  admit(player: Walker, admission: Admission): Promise<EntryVerdict>
  /** Gives back the permit of a claim that won nothing new. */
  leave(player: Walker): Promise<void>
  /** Notes a reward at a place: the next one elsewhere has to wait for the cool-down. */
  reward(player: Walker, cell: Cell): Promise<void>
}

export type PositionPorts = {
  store: StandingStore
  clock: Clock
  /** Wins of each player since a moment, in one query: what Redis forgot of the permits. */
  countClaimsSince: (asked: { playerId: string; sinceMs: number }[]) => Promise<number[]>
}

const dayMs = 86_400_000
/** A crowd that arrives at once is counted together. */
const seeding = { maxSize: 500, concurrency: 2 }

export function createPositions({ store, clock, countClaimsSince }: PositionPorts): Positions {
  const countClaims = createBatcher({ ...seeding, run: countClaimsSince })
  const paceOf = (player: Walker): Pace => ({ nowMs: clock.nowMs(), timeScale: player.timeScale })

  function update<A>(
    player: Walker,
    change: (s: Standing, pace: Pace) => { standing: Standing; answer: A },
  ): Promise<A> {
    const pace = paceOf(player)
    const fresh = async () => {
      const sinceMs = pace.nowMs - dayMs / pace.timeScale
      return freshStanding(await countClaims({ playerId: player.id, sinceMs }), pace)
    }
    return store.update(player.id, fresh, standing => change(standing, pace))
  }

  function move(player: Walker, fix: WireFix): Promise<MoveAnswer> {
    const reported = reportFix(fix)
    return update<MoveAnswer>(player, (standing, pace) => {
      const verdict = judgeFix(standing.track, reported, pace)
      const next = { ...standing, track: verdict.track }
      if (verdict.status === 'refused')
        return { standing: next, answer: { status: 'ignored', reason: verdict.reason } }
      const paused = verdict.tooFast ? { paused: 'speed' as const } : {}
      return { standing: next, answer: { status: 'accepted', cell: reported.cell, ...paused } }
    })
  }

  async function lastCell(playerId: string): Promise<Cell | undefined> {
    const standing = await store.read(playerId)
    const last = standing && lastFixOf(standing.track)
    const isRecent = last !== undefined && clock.nowMs() - last.receivedAtMs <= limits.position.maxAgeMs
    return isRecent ? last.cell : undefined
  }

  return {
    move,
    lastCell,

    async standing(player, fix) {
      if (fix !== undefined) {
        const moved = await move(player, fix)
        if (moved.status === 'ignored') return refuse('position_refused', { reason: moved.reason })
        return { status: 'ok', cell: moved.cell }
      }
      const cell = await lastCell(player.id)
      return cell === undefined ? refuse('position_needed') : { status: 'ok', cell }
    },

    enter(player, envelopeId, fix, place) {
      const request = { envelopeId, fix: reportFix(fix), place }
      return update(player, (standing, pace) => judgeEntry(standing, request, pace))
    },

    admit: (player, admission) =>
      update(player, (standing, pace) => judgeAdmission(standing, admission, pace)),

    leave: player =>
      update(player, (standing, pace) => ({
        standing: { ...standing, quotas: givePermitBack(standing.quotas, pace) },
        answer: undefined,
      })),

    reward(player, cell) {
      return update(player, (standing, pace) => ({
        standing: { ...standing, track: rewardAt(standing.track, cell, pace.nowMs) },
        answer: undefined,
      }))
    },
  }
}

/** A fix of the wire as the rules know it: WGS-84, one res-12 cell, nothing finer. */
export function reportFix({ lat, lng, accuracyM, at, crs = 'wgs84' }: WireFix): ReportedFix {
  const point = parsePoint({ lat, lng })
  if (point === undefined) throw new RangeError('a fix is validated before it is judged')
  const cell = locateCell(toWgs84(point, crs))
  return at === undefined ? { cell, accuracyM } : { cell, accuracyM, atMs: Date.parse(at) }
}
