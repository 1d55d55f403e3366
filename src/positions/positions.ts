/** Positions: the verbs over a player's standing. Every socket, list, hide and claim goes through here. */
import { limits } from '#protocol/limits.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import { createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { type Cell, coarsen, locateCell } from '../geo/cell.ts'
import { toWgs84 } from '../geo/datum.ts'
import { parsePoint } from '../geo/point.ts'
import { createSpotter, judgeCells, unusedCells } from './cells.ts'
import { type Entry, type EntryPlace, type EntryVerdict, judgeEntry } from './entry.ts'
import type { ReportedFix } from './fix.ts'
import type { Pace } from './pace.ts'
import { rewardAt } from './presence.ts'
import { givePermitBack } from './quotas.ts'
import {
  freshStanding,
  type Judged,
  type Owner,
  type Pause,
  type Standing,
  type StandingStore,
} from './standing.ts'
import { judgeStep, type Step } from './step.ts'
import { lastFixOf } from './track.ts'

/** Whose position it is; `timeScale` runs a sandbox player's limits faster. The device is judged like the player. */
export type Walker = { id: string; timeScale: number; deviceId?: string }

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

export type PositionPorts = {
  store: StandingStore
  clock: Clock
  /** Wins of each player since a moment, in one query: what Redis forgot of the permits. */
  countClaimsSince: (asked: { playerId: string; sinceMs: number }[]) => Promise<number[]>
  /** Keys what is kept of the cells that a player was in. */
  hmacSecret: string
}

const dayMs = 86_400_000
/** A crowd that arrives at once is counted together. */
const seeding = { maxSize: 500, concurrency: 2 }

export function createPositions({ store, clock, countClaimsSince, hmacSecret }: PositionPorts): Positions {
  const countClaims = createBatcher({ ...seeding, run: countClaimsSince })
  const findSpots = createSpotter(hmacSecret)
  const paceOf = ({ timeScale }: Pick<Walker, 'timeScale'>): Pace => ({ nowMs: clock.nowMs(), timeScale })
  const spotsOf = (owner: Owner, { cell }: ReportedFix) => findSpots(owner.id, coarsen(cell, 10))

  function update<A>(owner: Owner, pace: Pace, change: (standing: Standing) => Judged<A>): Promise<A> {
    const fresh = async () => {
      if (owner.kind === 'device') return freshStanding(0, pace)
      const sinceMs = pace.nowMs - dayMs / pace.timeScale
      return freshStanding(await countClaims({ playerId: owner.id, sinceMs }), pace)
    }
    return store.update(owner, fresh, change)
  }

  /** The device, where there is one, and then the account, which hears what the device was answered. */
  async function judge<A>(
    player: Walker,
    change: (standing: Standing, asked: { owner: Owner; pace: Pace; device?: A | undefined }) => Judged<A>,
  ): Promise<{ answer: A; device?: A | undefined }> {
    const pace = paceOf(player)
    const [account, phone] = [accountOf(player), deviceOf(player)]
    const device = phone && (await update(phone, pace, standing => change(standing, { owner: phone, pace })))
    const answer = await update(account, pace, s => change(s, { owner: account, pace, device }))
    return { answer, device }
  }

  /** A change that both take alike. */
  async function note(player: Walker, change: (standing: Standing, pace: Pace) => Standing): Promise<void> {
    await judge(player, (standing, { pace }) => ({ standing: change(standing, pace), answer: undefined }))
  }

  async function move(player: Walker, fix: WireFix): Promise<MoveAnswer> {
    const reported = reportFix(fix)
    const { answer } = await judge<Step>(player, (standing, { owner, pace, device }) =>
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
      if (recent === undefined) return { status: 'unknown' }
      const { standing, cell } = recent
      if (standing.paused === undefined) return { status: 'open', cell }
      const verdict = judgeCells(standing.cells ?? unusedCells, paceOf(player))
      const wait = standing.paused === 'cells' && verdict.status === 'exhausted'
      return {
        status: 'paused',
        reason: standing.paused,
        ...(wait && { retryAfterMs: Math.ceil(verdict.retryAfterMs) }),
      }
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
      const { answer, device } = await judge<Entry>(player, (standing, { owner, pace, device: before }) => {
        const spots = spotsOf(owner, reported)
        return judgeEntry(standing, { envelopeId, fix: reported, place, spots, device: before }, pace)
      })
      const phone = deviceOf(player)
      const hasPermit = place?.isLive && device?.verdict.status === 'entered'
      // The phone was let in and the player was not: its permit is nobody's.
      if (phone && hasPermit && isRefusal(answer.verdict)) {
        const pace = paceOf(player)
        await update(phone, pace, s => ({ standing: withPermitBack(s, pace), answer: undefined }))
      }
      return answer.verdict
    },

    leave: player => note(player, withPermitBack),

    reward(player, fix) {
      const { cell } = reportFix(fix)
      return note(player, (standing, { nowMs }) => ({
        ...standing,
        track: rewardAt(standing.track, cell, nowMs),
      }))
    },
  }
}

const accountOf = ({ id }: Walker): Owner => ({ kind: 'account', id })
const deviceOf = ({ deviceId }: Walker): Owner | undefined =>
  deviceId === undefined ? undefined : { kind: 'device', id: deviceId }

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
