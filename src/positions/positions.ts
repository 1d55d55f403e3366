/** Positions: the verbs over a player's standing. Every socket, list, hide and claim goes through here. */
import { limits } from '#protocol/limits.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { type Cell, coarsen, locateCell } from '../geo/cell.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint } from '../geo/point.ts'
import { createSpotter, judgeCells, unusedCells } from './cells.ts'
import { type Entry, type EntryPlace, type EntryVerdict, judgeEntry } from './entry.ts'
import type { ReportedFix } from './fix.ts'
import { createJudging, type JudgingPorts, type Walker } from './judging.ts'
import type { Pace } from './pace.ts'
import { rewardAt } from './presence.ts'
import { givePermitBack } from './quotas.ts'
import type { Owner, Pause, Standing } from './standing.ts'
import { judgeStep, type Step } from './step.ts'
import { lastFixOf } from './track.ts'

export type MoveAnswer = Step

/** The res-12 cell from which a player may look around, if the last accepted fix is at most 60 s old. */
export type Viewpoint =
  | { status: 'open'; cell: Cell }
  | { status: 'paused'; reason: Pause; retryAfterMs?: number }
  | { status: 'unknown' }

export type Positions = {
  /** Judges a fix and keeps it if it counts. */
  move(player: Walker, fix: WireFix): Promise<MoveAnswer>
  viewpoint(player: Pick<Walker, 'id' | 'timeScale'>): Promise<Viewpoint>
  /** The res-12 cell of the last accepted fix, at most 60 s old, unless hints pause there. */
  lastCell(playerId: string): Promise<Cell | undefined>
  /** Where a player stands who hides: the fix sent along, else the last one. */
  standing(player: Walker, fix: WireFix | undefined): Promise<{ status: 'ok'; cell: Cell } | Refusal>
  /** The position gate of a claim; `entered` has taken a permit if the envelope is live. */
  enter(
    player: Walker,
    envelopeId: string,
    fix: WireFix,
    place: EntryPlace | undefined,
  ): Promise<EntryVerdict>
  /** Gives back the permit of a claim that won nothing new. */
  leave(player: Walker): Promise<void>
  /** Notes a reward at a place: the next one elsewhere has to wait for the cool-down. */
  reward(player: Walker, fix: WireFix): Promise<void>
}

export type PositionPorts = JudgingPorts & {
  /** Keys what is kept of the cells that a player was in. */
  hmacSecret: string
}

export function createPositions({ store, clock, countClaimsSince, hmacSecret }: PositionPorts): Positions {
  const judging = createJudging({ store, clock, countClaimsSince })
  const findSpots = createSpotter(hmacSecret)
  const spotsOf = (owner: Owner, { cell }: ReportedFix) => findSpots(owner.id, coarsen(cell, 10))

  async function move(player: Walker, fix: WireFix): Promise<MoveAnswer> {
    const reported = reportFix(fix)
    const { answer } = await judging.judge<Step>(player, (standing, { owner, pace, device }) =>
      judgeStep(standing, { fix: reported, spots: spotsOf(owner, reported), device }, pace),
    )
    return answer
  }

  async function readRecent(playerId: string): Promise<{ standing: Standing; cell: Cell } | undefined> {
    const standing = await store.read({ kind: 'account', id: playerId })
    if (standing === undefined) return undefined
    const last = lastFixOf(standing.track)
    const isRecent = last !== undefined && clock.nowMs() - last.receivedAtMs <= limits.position.maxAgeMs
    return isRecent ? { standing, cell: last.cell } : undefined
  }

  return {
    move,

    async viewpoint(player) {
      const recent = await readRecent(player.id)
      const pace = { nowMs: clock.nowMs(), timeScale: player.timeScale }
      return recent === undefined ? { status: 'unknown' } : describeView(recent, pace)
    },

    async lastCell(playerId) {
      const recent = await readRecent(playerId)
      return recent?.standing.paused === undefined ? recent?.cell : undefined
    },

    async standing(player, fix) {
      if (fix !== undefined) {
        const moved = await move(player, fix)
        if (moved.status === 'ignored') return refuse('position_refused', { reason: moved.reason })
        return { status: 'ok', cell: moved.cell }
      }
      const recent = await readRecent(player.id)
      return recent === undefined ? refuse('position_needed') : { status: 'ok', cell: recent.cell }
    },

    async enter(player, envelopeId, fix, place) {
      const reported = reportFix(fix)
      const request = { envelopeId, fix: reported, place }
      const { answer, device } = await judging.judge<Entry>(player, (standing, { owner, pace, ...asked }) =>
        judgeEntry(standing, { ...request, ...asked, spots: spotsOf(owner, reported) }, pace),
      )
      const hasPermit = place?.isLive && device?.verdict.status === 'entered'
      // The device was let in and the player was not: its permit is nobody's.
      if (hasPermit && isRefusal(answer.verdict)) await judging.noteOfDevice(player, withPermitBack)
      return answer.verdict
    },

    leave: player => judging.note(player, withPermitBack),

    reward(player, fix) {
      const { cell } = reportFix(fix)
      return judging.note(player, (standing, { nowMs }) => ({
        ...standing,
        track: rewardAt(standing.track, cell, nowMs),
      }))
    },
  }
}

function describeView({ standing, cell }: { standing: Standing; cell: Cell }, pace: Pace): Viewpoint {
  const { paused, cells = unusedCells } = standing
  if (paused === undefined) return { status: 'open', cell }
  const verdict = judgeCells(cells, pace)
  const isWaiting = paused === 'cells' && verdict.status === 'exhausted'
  return {
    status: 'paused',
    reason: paused,
    ...(isWaiting && { retryAfterMs: Math.ceil(verdict.retryAfterMs) }),
  }
}

const withPermitBack = (standing: Standing, pace: Pace): Standing => ({
  ...standing,
  quotas: givePermitBack(standing.quotas, pace),
})

/** A fix of the wire as the rules know it: WGS-84, one res-12 cell, nothing finer. */
export function reportFix({ lat, lng, accuracyM, at, crs = 'wgs84' }: WireFix): ReportedFix {
  const point = parsePoint({ lat, lng })
  if (point === undefined) throw new RangeError('a fix is validated before it is judged')
  const cell = locateCell(toWgs84(point, crs))
  return at === undefined ? { cell, accuracyM } : { cell, accuracyM, atMs: Date.parse(at) }
}
