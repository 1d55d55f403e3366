/** Positions: the verbs over a player's standing. Every socket, list, hide and claim goes through here. */
import { limits } from '#protocol/limits.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { type Cell, coarsen, locateCell } from '../geo/cell.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint } from '../geo/point.ts'
import { type Allowance, measureAllowance, stricter } from './allowance.ts'
import { createSpotter, judgeCells, unusedCells } from './cells.ts'
import { admit, createEnter, type EnterPorts, withPause, withPermitBack } from './enter.ts'
import type { Admission, EntryPlace, EntryVerdict } from './entry.ts'
import type { Sample } from './fake-walk.ts'
import type { ReportedFix } from './fix.ts'
import { accountOf, createJudging, deviceOf, type JudgingPorts, type Walker } from './judging.ts'
import type { Pace } from './pace.ts'
import { rewardAt } from './presence.ts'
import { type Owner, type Pause, type Standing, unusedStanding } from './standing.ts'
import { judgeStep, type Step } from './step.ts'
import { lastFixOf } from './track.ts'
import { createWalks } from './walks.ts'

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
  /** The position gate of a claim or reveal; `entered` has taken a permit if the place says so. */
  enter(
    player: Walker,
    envelopeId: string,
    fix: WireFix,
    place: EntryPlace | undefined,
    more?: { bringsCode: boolean },
  ): Promise<EntryVerdict>
  /** The same for a claim whose ticket was given in this cell; notes the reward together with the permit. */
  admit(player: Walker, admission: Omit<Admission, 'device'>): Promise<EntryVerdict>
  /** Gives back the permit of a claim that won nothing new. */
  leave(player: Walker): Promise<void>
  /** Notes a reward at a place: the next one elsewhere has to wait for the cool-down. */
  reward(player: Walker, cell: Cell): Promise<void>
  /** What is left of the quotas and of the cool-down, by account and device. */
  allowance(player: Walker): Promise<Allowance>
  /** Strikes pause the player's rewards until then, or no longer. */
  pause(playerId: string, untilMs: number | undefined): Promise<void>
}

export type PositionPorts = JudgingPorts &
  Pick<EnterPorts, 'giveStrike' | 'log'> & {
    /** Keys what is kept of the cells that a player was in. */
    hmacSecret: string
  }

export function createPositions({ hmacSecret, giveStrike, log, ...ports }: PositionPorts): Positions {
  const { clock } = ports
  const judging = createJudging(ports)
  const walks = createWalks()
  const findSpots = createSpotter(hmacSecret, clock)
  const spotsOf = (owner: Owner, { cell }: ReportedFix) => findSpots(owner.id, coarsen(cell, 10))
  const enter = createEnter({ judging, walks, spotsOf, giveStrike, log })

  function move(player: Walker, fix: WireFix): Promise<MoveAnswer> {
    const reported = reportFix(fix)
    const judged = judging.judge<Step>(player, (standing, { owner, pace, device }) =>
      judgeStep(standing, { fix: reported, spots: spotsOf(owner, reported), device }, pace),
    )
    return judged.then(({ answer }) => {
      if (answer.status === 'ignored') return answer
      if (answer.paused === 'speed') walks.forget(player.id)
      else walks.add(player.id, sampleOf(fix, clock.nowMs()))
      return answer
    })
  }

  const { readRecent, ...looks } = createLooks(ports)

  return {
    move,
    ...looks,

    async standing(player, fix) {
      if (fix !== undefined) {
        const moved = await move(player, fix)
        if (moved.status === 'ignored') return refuse('position_refused', { reason: moved.reason })
        return { status: 'ok', cell: moved.cell }
      }
      const recent = await readRecent(player.id)
      return recent === undefined ? refuse('position_needed') : { status: 'ok', cell: recent.cell }
    },

    enter(player, envelopeId, fix, place, { bringsCode } = { bringsCode: false }) {
      const tried = { reported: reportFix(fix), sample: sampleOf(fix, clock.nowMs()), bringsCode }
      return enter(player, { envelopeId, tried, place })
    },

    admit: (player, admission) => admit(judging, player, admission),

    leave: player => judging.note(player, withPermitBack),

    reward: (player, cell) =>
      judging.note(player, (standing, { nowMs }) => ({
        ...standing,
        track: rewardAt(standing.track, cell, nowMs),
      })),

    pause: (playerId, untilMs) =>
      judging.noteOfAccount({ id: playerId, timeScale: 1 }, standing => withPause(standing, untilMs)),
  }
}

/** What changes nothing. */
function createLooks({ store, clock }: Pick<PositionPorts, 'store' | 'clock'>) {
  const paceOf = ({ timeScale }: Pick<Walker, 'timeScale'>): Pace => ({ nowMs: clock.nowMs(), timeScale })

  async function readRecent(playerId: string): Promise<{ standing: Standing; cell: Cell } | undefined> {
    const standing = await store.read({ kind: 'account', id: playerId })
    if (standing === undefined) return undefined
    const last = lastFixOf(standing.track)
    const isRecent = last !== undefined && clock.nowMs() - last.receivedAtMs <= limits.position.maxAgeMs
    return isRecent ? { standing, cell: last.cell } : undefined
  }

  return {
    readRecent,

    async viewpoint(player: Pick<Walker, 'id' | 'timeScale'>): Promise<Viewpoint> {
      const recent = await readRecent(player.id)
      return recent === undefined ? { status: 'unknown' } : describeView(recent, paceOf(player))
    },

    async lastCell(playerId: string): Promise<Cell | undefined> {
      const recent = await readRecent(playerId)
      return recent?.standing.paused === undefined ? recent?.cell : undefined
    },

    async allowance(player: Walker): Promise<Allowance> {
      const pace = paceOf(player)
      const phone = deviceOf(player)
      const [account, device] = await Promise.all([
        store.read(accountOf(player)),
        phone === undefined ? undefined : store.read(phone),
      ])
      return stricter(
        measureAllowance(account ?? unusedStanding, pace),
        device && measureAllowance(device, pace),
      )
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

/** The fix as the score of walks sees it: by the phone's own time where it tells one, which jitters less than ours. */
function sampleOf({ lat, lng, accuracyM, at, crs = 'wgs84' }: WireFix, nowMs: number): Sample {
  return {
    point: toWgs84({ lat, lng }, crs),
    accuracyM,
    atMs: at === undefined ? nowMs : Date.parse(at),
  }
}

/** A fix of the wire as the rules know it: WGS-84, one res-12 cell, nothing finer. */
export function reportFix({ lat, lng, accuracyM, at, crs = 'wgs84' }: WireFix): ReportedFix {
  const point = parsePoint({ lat, lng })
  if (point === undefined) throw new RangeError('a fix is validated before it is judged')
  const cell = locateCell(toWgs84(point, crs))
  return at === undefined ? { cell, accuracyM } : { cell, accuracyM, atMs: Date.parse(at) }
}
