/**
 * What a player says to their strikes, and what the operator makes of it. One appeal is open at a time, and another one
 * needs another strike: nobody can bury the operator in the same complaint. An upheld appeal lifts the strikes that it
 * is about; those given later stay.
 */
import type { PageRequest } from '#platform/page.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Database, Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { NoteAction } from '../operator/action.ts'
import { counts, pausedUntilMs, type StrikeRecord } from './strike.ts'

export type AppealState = 'open' | 'upheld' | 'rejected'

export type Appeal = {
  id: string
  playerId: string
  text: string
  state: AppealState
  sentAtMs: number
  endedAtMs?: number
  reason?: string
}

export type AppealRecord = {
  add(tx: Tx, appeal: Appeal): Promise<void>
  /** The player's latest. */
  latest(tx: Tx, playerId: string): Promise<Appeal | undefined>
  /** Locks it until the transaction ends. */
  lock(tx: Tx, id: string): Promise<Appeal | undefined>
  end(tx: Tx, appeal: Appeal): Promise<void>
  /** Newest first, one more than the page. */
  list(database: Database, state: AppealState, page: PageRequest): Promise<Appeal[]>
}

export type AppealPorts = {
  strikes: StrikeRecord
  appeals: AppealRecord
  database: Database
  noteAction: NoteAction
  clock: Clock
  random: Random
  /** After the commit: rewards pause until then, or no longer. */
  onPause: (playerId: string, untilMs: number | undefined) => Promise<void>
}

export async function sendAppeal(
  ports: AppealPorts,
  { playerId, text }: { playerId: string; text: string },
): Promise<{ status: 'sent' | 'open'; appeal: Appeal } | Refusal> {
  const { strikes, appeals, database, clock } = ports
  const nowMs = clock.nowMs()
  const id = createId(ports)
  return database.transact(async tx => {
    await strikes.lock(tx, playerId)
    const latest = await appeals.latest(tx, playerId)
    if (latest?.state === 'open') return { status: 'open', appeal: latest }
    const known = await strikes.list(tx, playerId)
    const isNews = known.some(one => counts(one, nowMs) && one.givenAtMs > (latest?.sentAtMs ?? 0))
    if (!isNews) return refuse('appeal_refused', { reason: 'no_strikes' })
    const appeal: Appeal = { id, playerId, text, state: 'open', sentAtMs: nowMs }
    await appeals.add(tx, appeal)
    return { status: 'sent', appeal }
  })
}

type Outcome = { id: string; outcome: 'upheld' | 'rejected'; reason: string }

export async function endAppeal(
  ports: AppealPorts,
  { id, outcome, reason }: Outcome,
): Promise<{ status: 'ended'; appeal: Appeal } | Refusal> {
  const { strikes, appeals, database, clock, noteAction, onPause } = ports
  const nowMs = clock.nowMs()
  const ended = await database.transact(async tx => {
    const appeal = await appeals.lock(tx, id)
    if (appeal === undefined) return refuse('not_found')
    if (appeal.state !== 'open') {
      if (appeal.state !== outcome) return refuse('appeal_ended', { reason: appeal.state })
      return { status: 'ended' as const, appeal }
    }
    const { playerId, sentAtMs } = appeal
    const next: Appeal = { ...appeal, state: outcome, endedAtMs: nowMs, reason }
    await appeals.end(tx, next)
    if (outcome === 'upheld') {
      await strikes.lock(tx, playerId)
      await strikes.lift(tx, { playerId, givenUntilMs: sentAtMs, nowMs })
    }
    const action = outcome === 'upheld' ? 'uphold_appeal' : 'reject_appeal'
    await noteAction(tx, {
      ...{ actor: 'operator', action, reason, atMs: nowMs },
      target: { playerId, appealId: id },
    })
    return { status: 'ended' as const, appeal: next }
  })
  if (ended.status === 'ended' && outcome === 'upheld') {
    const { playerId } = ended.appeal
    const counting = await strikes.listCounting(database, { playerIds: [playerId], nowMs })
    await onPause(playerId, pausedUntilMs(counting))
  }
  return ended
}
