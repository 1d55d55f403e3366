/**
 * Restoring settles reservations outside of their time: what was buried as a dead letter, and what a kept outbox holds
 * after PostgreSQL came back from a backup. It is a settlement whose only differences are that the epoch does not
 * matter, that freezes do not (of the caps only that in total does), and that every envelope it adds a claim to starts
 * a new epoch, because its gate may still offer the share. The row lock, the rivals and the constraints decide as
 * always.
 */
import assert from 'node:assert/strict'
import type { EndedState } from '../envelopes/state.ts'
import type { Claim, LockedEnvelope } from './record.ts'
import type { Reservation } from './reservation.ts'
import { createSettle, type Settled, type SettlePorts, type SettleRules } from './settle.ts'
import { settleLimits } from './settle-queue.ts'
import { judge, type Rivals, type Verdict } from './settlement.ts'

export type Restored =
  | { status: 'settled'; claim: Claim }
  /** The player has a claim on this envelope already, maybe with another share. */
  | { status: 'duplicate'; claim: Claim }
  | { status: 'ended'; reason: EndedState }
  /** The share belongs to another player's claim. */
  | { status: 'conflict' }
  /** The player was banned meanwhile: possible once the ban is lifted. */
  | { status: 'banned' }
  /** A cap leaves no room for it: possible once the cap is raised. */
  | { status: 'frozen' }
  /** PostgreSQL refuses the row itself. */
  | { status: 'failed'; fault: Error }
  /** There is no such envelope, or it has not opened yet. */
  | { status: 'unknown' }

/**
 * Answers in the order of the reservations; batches are transactions of their own, so that restoring again after it was
 * interrupted goes on where it was. Throws when PostgreSQL is down or the outcome of COMMIT is unknown.
 */
export async function restoreReservations<T>(
  ports: SettlePorts<T>,
  reservations: readonly Reservation[],
  options: Pick<SettleRules<T>, 'claimedAtMs'> = {},
): Promise<Restored[]> {
  const settle = createSettle(ports, {
    ...options,
    judge: judgeRestored,
    isLate: true,
    afterwards: (tx, recorded) =>
      ports.record.raiseEpochs(tx, [...new Set(recorded.map(({ envelopeId }) => envelopeId))]),
  })
  const restored: Restored[] = []
  for (let start = 0; start < reservations.length; start += settleLimits.batch) {
    const outcomes = await settle(reservations.slice(start, start + settleLimits.batch))
    restored.push(...outcomes.map(describe))
  }
  return restored
}

/** The usual verdict on an envelope that nothing has frozen and that has the reservation's epoch. */
function judgeRestored(
  reservation: Reservation,
  envelope: LockedEnvelope | undefined,
  rivals: Rivals,
): Verdict {
  if (envelope === undefined) return judge(reservation, undefined, rivals)
  const state = envelope.state === 'frozen' ? 'live' : envelope.state
  return judge(
    reservation,
    { ...envelope, state, epoch: reservation.epoch },
    { ...rivals, stopped: new Set() },
  )
}

function describe(outcome: Settled): Restored {
  assert(outcome.status !== 'over_limit', 'what is settled late meets no limit of a player')
  return outcome.status === 'fenced' ? { status: 'unknown' } : outcome
}
