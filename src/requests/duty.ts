/**
 * On duty or not: a provider's one switch, kept, so that a new session begins as the last one was left. Whoever turns
 * it, over a socket or over HTTP, turns it for all sockets of theirs.
 */
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { RequestAnnouncer } from '../realtime/announcer.ts'
import { refuseMinor } from './provider.ts'
import type { RequestCategory } from './request.ts'

export type Duty = { isOnDuty: boolean; category?: RequestCategory }

export type DutyRecord = {
  /** Undefined for who has never turned it: off. */
  find(tx: Tx, playerId: string): Promise<Duty | undefined>
  set(tx: Tx, duty: Duty & { playerId: string; nowMs: number }): Promise<void>
}

export type DutyPorts = {
  duties: DutyRecord
  tx: Tx
  announcer: Pick<RequestAnnouncer, 'toPlayer'>
  clock: Clock
}

export async function findDuty({ duties, tx }: DutyPorts, { id, isMinor }: PlayerCaller): Promise<Duty> {
  const kept = isMinor === true ? undefined : await duties.find(tx, id)
  return kept ?? { isOnDuty: false }
}

/** `minors_mode`. The sockets that it leaves as they are ignore the announcement. */
export async function setDuty(
  { duties, tx, announcer, clock }: DutyPorts,
  { caller, duty }: { caller: PlayerCaller; duty: Duty },
): Promise<{ status: 'set'; duty: Duty } | Refusal> {
  const minor = refuseMinor(caller)
  if (minor !== undefined) return minor
  await duties.set(tx, { ...duty, playerId: caller.id, nowMs: clock.nowMs() })
  const { isOnDuty: serviceRequests, ...more } = duty
  announcer.toPlayer(caller.id, { type: 'watching', serviceRequests, ...more })
  return { status: 'set', duty }
}
