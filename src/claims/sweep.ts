/**
 * The sweeper settles what a dead server reserved. It reads the outbox behind a cursor, asks the record, settles the
 * rest, marks all in Redis and only then stores the cursor: the cursor may lag the marks, never lead them. Entries that
 * PostgreSQL refuses for what they are go to the dead letters and never hold up the others; outages count for nothing.
 */
import type { Logger } from 'pino'
import type { Reach } from './failpoints.ts'
import type { ClaimGate, OutboxEntry } from './gate.ts'
import type { Claim, ClaimRecord } from './record.ts'
import { partitionOf, type Reservation } from './reservation.ts'
import { rebuildGate } from './rebuild.ts'
import { isMarked, type Settle, type Settled } from './settle.ts'

export const sweepLimits = {
  batch: 500,
  minAgeMs: 3_000,
  keptMs: 3_600_000,
  attempts: 8,
  unsettledMs: 10_000,
  page: 200,
  /** Gates of a page that are looked at together. */
  gatesAtOnce: 16,
}

export type SweepPorts<T> = {
  gate: ClaimGate
  record: ClaimRecord<T>
  settle: Settle
  nowMs: () => number
  log: Pick<Logger, 'error' | 'info'>
  /** A win of somebody who may have heard nothing yet. */
  onLateWin: (claim: Claim) => void
  reach: Reach
  onRebuilt?: (() => void) | undefined
}

/** Which partitions have something to sweep: two questions for all, so that an idle server asks little. */
export async function findDuePartitions<T>({ gate, record }: SweepPorts<T>): Promise<number[]> {
  const { cursors, retries } = await record.readProgress(await gate.identity())
  const pending = await gate.findPending(cursors, sweepLimits.minAgeMs)
  return [...new Set([...pending, ...retries])]
}

/** Age in ms of the oldest entry that no cursor has passed; 0 where there is none. */
export async function measureOutboxLag<T>({ gate, record }: SweepPorts<T>): Promise<number> {
  const { cursors } = await record.readProgress(await gate.identity())
  return gate.oldestPendingMs(cursors)
}

export async function sweepPartition<T>(ports: SweepPorts<T>, partition: number): Promise<{ more: boolean }> {
  const { gate, record } = ports
  const identity = await gate.identity()
  const cursor = await record.readCursor(partition, identity)
  const { batch: limit, minAgeMs, keptMs } = sweepLimits
  const entries = await gate.readOutbox(partition, cursor ?? '0-0', { minAgeMs, limit })
  await retryDeadLetters(ports, partition, identity)
  const last = entries.at(-1)
  if (last === undefined) return { more: false }

  const { failed } = await settleAndMark(ports, entries)
  for (const { entry, fault } of failed) await noteFailure(ports, { entry, fault, identity, attempts: 1 })
  ports.reach('sweeper-before-cursor')
  await record.storeCursor(partition, identity, last.entryId, ports.nowMs())
  await gate.trimOutbox(partition, last.entryId, keptMs)
  return { more: entries.length === limit }
}

type Failure<E> = { entry: E; fault: Error }

/**
 * Settles what the record does not have, marks what it has now, and rebuilds the gates that hold a share for one player
 * which the record gave to another; answers the entries that the record refuses, and those that a freeze holds back.
 */
async function settleAndMark<T, E extends Reservation>(
  ports: SweepPorts<T>,
  entries: readonly E[],
): Promise<{ failed: Failure<E>[]; frozen: E[] }> {
  const settled = await settleMissing(ports, entries)
  const pairs = entries.map((entry, i) => ({ entry, outcome: settled[i] as Settled }))
  ports.reach('sweeper-after-commit-before-mark')
  await ports.gate.mark(pairs.filter(pair => isMarked(pair.entry, pair.outcome)).map(pair => pair.entry))
  for (const { entry, outcome } of pairs) if (isTorn(entry, outcome)) await rebuildTorn(ports, entry)
  const failed = pairs.flatMap(({ entry, outcome }) =>
    outcome.status === 'failed' ? [{ entry, fault: outcome.fault }] : [],
  )
  const frozen = pairs.filter(({ outcome }) => outcome.status === 'frozen').map(({ entry }) => entry)
  return { failed, frozen }
}

/** The gate holds a share for this player; the record gave it to another, or the player another, or none. */
const isTorn = (entry: Reservation, outcome: Settled): boolean =>
  outcome.status === 'conflict' ||
  outcome.status === 'banned' ||
  outcome.status === 'over_limit' ||
  (outcome.status === 'duplicate' && outcome.claim.shareNo !== entry.shareNo)

async function rebuildTorn<T>(ports: SweepPorts<T>, { envelopeId, epoch }: Reservation): Promise<void> {
  const [envelope] = await ports.record.findEnvelopes([envelopeId])
  if (envelope?.state !== 'live') return
  ports.log.info({ envelopeId, epoch }, 'the gate contradicts the record and is rebuilt')
  await rebuildGate(ports, { envelopeId, badEpoch: epoch })
}

/** One reading tells which entries are recorded already, which is nearly all of them; only the rest take locks. */
async function settleMissing<T>(ports: SweepPorts<T>, entries: readonly Reservation[]): Promise<Settled[]> {
  const keyOf = (claim: { envelopeId: string; playerId: string }) => `${claim.envelopeId}:${claim.playerId}`
  const known = new Map((await ports.record.findClaims(entries)).map(claim => [keyOf(claim), claim]))
  const missing = entries.filter(entry => !known.has(keyOf(entry)))
  const outcomes = missing.length === 0 ? [] : await ports.settle(missing)
  for (const outcome of outcomes) if (outcome.status === 'settled') ports.onLateWin(outcome.claim)
  const byEntry = new Map(missing.map((entry, i) => [entry, outcomes[i] as Settled]))
  return entries.map(entry => {
    const claim = known.get(keyOf(entry))
    return claim === undefined ? (byEntry.get(entry) as Settled) : { status: 'duplicate', claim }
  })
}

async function retryDeadLetters<T>(ports: SweepPorts<T>, partition: number, identity: string): Promise<void> {
  const letters = await ports.record.listDeadLetters(partition, identity)
  if (letters.length === 0) return
  const { failed, frozen } = await settleAndMark(ports, letters)
  // A freeze is no answer: the letter stays, and the attempt does not count.
  const open = new Set([...failed.map(({ entry }) => entry), ...frozen].map(({ entryId }) => entryId))
  const answered = letters.map(letter => letter.entryId).filter(id => !open.has(id))
  await ports.record.forgetDeadLetters(partition, identity, answered)
  for (const { entry, fault } of failed) {
    await noteFailure(ports, { entry, fault, identity, attempts: entry.attempts + 1 })
  }
}

type Noted = Failure<OutboxEntry> & { identity: string; attempts: number }

async function noteFailure<T>(
  ports: SweepPorts<T>,
  { entry, fault, identity, attempts }: Noted,
): Promise<void> {
  const buried = attempts >= sweepLimits.attempts
  const { partition, entryId, envelopeId, playerId, shareNo, epoch } = entry
  const plain = { partition, entryId, envelopeId, playerId, shareNo, epoch }
  const letter = { entry: plain, redisIdentity: identity, fault: fault.message, attempts, buried }
  await ports.record.noteDeadLetter(letter, ports.nowMs())
  if (!buried) return
  ports.log.error(
    { err: fault, envelopeId, entryId },
    'a reservation cannot be settled; its envelope is frozen',
  )
  await ports.record.freeze(envelopeId)
}

/** Those that the record refuses become dead letters, unless they are: the sweeper counts their attempts from there. */
async function noteForgotten<T>(
  ports: SweepPorts<T>,
  envelopeId: string,
  failed: readonly Failure<Reservation>[],
): Promise<void> {
  if (failed.length === 0) return
  const partition = partitionOf(envelopeId)
  const identity = await ports.gate.identity()
  const letters = await ports.record.listDeadLetters(partition, identity)
  const known = new Set(letters.map(({ entryId }) => entryId))
  for (const { entry, fault } of failed) {
    if (known.has(entry.entryId)) continue
    await noteFailure(ports, { entry: { ...entry, partition }, fault, identity, attempts: 1 })
  }
}

/**
 * The outbox key itself may be lost: players that the gate calls winners but the record does not know are settled from
 * the gate, for every live envelope that has one; a page at each call, so that no lock is held for long. What a frozen
 * budget holds back is left alone, and settled here once it is open again.
 */
export function createForgottenSweep<T>(ports: SweepPorts<T>): () => Promise<{ more: boolean }> {
  const { page, gatesAtOnce, unsettledMs } = sweepLimits
  let afterId: string | undefined
  return async () => {
    const envelopes = await ports.record.listGated(afterId, page)
    const inPlay = envelopes.filter(({ isStopped }) => !isStopped)
    for (let start = 0; start < inPlay.length; start += gatesAtOnce) {
      const some = inPlay.slice(start, start + gatesAtOnce)
      const looks = await Promise.allSettled(
        some.map(({ id, epoch }) => ports.gate.findUnsettled(id, epoch, unsettledMs)),
      )
      for (const look of looks) if (look.status === 'fulfilled') await settleForgotten(ports, look.value)
      for (const look of looks) if (look.status === 'rejected') throw look.reason
    }
    const more = envelopes.length === page
    afterId = more ? envelopes.at(-1)?.id : undefined
    return { more }
  }
}

async function settleForgotten<T>(ports: SweepPorts<T>, unsettled: readonly Reservation[]): Promise<void> {
  const envelopeId = unsettled[0]?.envelopeId
  if (envelopeId === undefined) return
  ports.log.info({ envelopeId, reservations: unsettled.length }, 'settling what the outbox has lost')
  const { failed } = await settleAndMark(ports, unsettled)
  await noteForgotten(ports, envelopeId, failed)
}
