/**
 * From "you stand there" to a share, or to the reason why not: reserve in Redis, settle in PostgreSQL, and wherever the
 * two disagree believe PostgreSQL and bring Redis in line. Every path through here ends; every round is counted.
 */
import type { Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { ClaimGate, ReserveRequest, ReserveVerdict } from './gate.ts'
import { type Memory, shareWork } from './memory.ts'
import { type RebuildPorts, rebuildGate } from './rebuild.ts'
import type { Claim, ClaimableEnvelope, ClaimRecord } from './record.ts'
import { claimIdOf, type Reservation } from './reservation.ts'
import type { EndReason } from './settlement.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { Settled } from './settle.ts'

export type Grabbed =
  /** `isNew`: won by this call, not known before. */
  | { status: 'claimed'; claim: Claim; isNew: boolean }
  | { status: 'ended'; reason: EndReason }
  /** Reserved, the record has not answered yet; `outcome` will. */
  | { status: 'pending'; claimId: string; outcome: Promise<Settled> }
  | Refusal

export type GrabPorts<T> = {
  gate: ClaimGate
  record: ClaimRecord<T>
  memory: Memory
  queue: SettleQueue
  reserve: (request: ReserveRequest) => Promise<ReserveVerdict>
  clock: Clock
  random: Random
  /** After this long the answer is "pending". */
  pendingAfterMs: number
}

export type Grab = (player: { id: string }, envelope: ClaimableEnvelope) => Promise<Grabbed>

const rounds = 8
const tryAgain = refuse('try_again', { retryAfterMs: 500 })
const overloaded = refuse('unavailable', { retryAfterMs: 2_000 })
const softEmptyWaitMs = 60
const lockWaitMs = { least: 20, most: 80 }

/** What the next round starts from: the row as read last, or the final word. */
type Step = { next: ClaimableEnvelope } | { done: Grabbed }

export function createGrab<T>(ports: GrabPorts<T>): Grab {
  const { gate, memory, queue, reserve, clock, random } = ports
  const rebuilding = new Map<string, Promise<unknown>>()
  const softEmpty = new Map<string, Promise<ClaimableEnvelope | undefined>>()

  async function grab(player: { id: string }, envelope: ClaimableEnvelope): Promise<Grabbed> {
    let current = envelope
    for (let round = 0; round < rounds; round++) {
      if (queue.isFull()) return overloaded
      const verdict = await reserve({ envelopeId: current.id, playerId: player.id, epoch: current.epoch })
      const step = await follow(verdict, current)
      if ('done' in step) return step.done
      current = step.next
    }
    return tryAgain
  }

  async function follow(verdict: ReserveVerdict, envelope: ClaimableEnvelope): Promise<Step> {
    switch (verdict.status) {
      case 'won':
      case 'have':
        return settle(verdict.reservation, envelope, verdict.status === 'won')
      case 'stale': {
        const fresh = await memory.refresh(envelope.id)
        if (fresh?.state !== 'live') return conclude(fresh)
        return fresh.epoch === verdict.storedEpoch ? { next: fresh } : rebuild(fresh, undefined)
      }
      case 'expired':
      case 'closed': {
        const fresh = await memory.refresh(envelope.id)
        if (fresh?.state !== 'live') return conclude(fresh)
        // The row has not ended yet: its end is a matter of moments, or the gate was loaded with other times.
        return fresh.epoch === envelope.epoch ? { done: tryAgain } : { next: fresh }
      }
      case 'corrupt':
        return rebuild(envelope, envelope.epoch)
      case 'empty':
      case 'soft_empty': {
        // One waiter an envelope: the losers of a rush share its reading of the row.
        const fresh = await shareWork(softEmpty, envelope.id, async () => {
          if (verdict.status === 'soft_empty') await clock.sleep(softEmptyWaitMs)
          return memory.refresh(envelope.id)
        })
        return fresh?.state === 'live' && fresh.epoch === envelope.epoch
          ? { done: tryAgain }
          : conclude(fresh)
      }
    }
  }

  /** Where a row that is read again leads: on, or to the end. */
  function conclude(envelope: ClaimableEnvelope | undefined): Step {
    switch (envelope?.state) {
      case 'live':
        return { next: envelope }
      case 'empty':
      case 'expired':
      case 'closed':
        return { done: { status: 'ended', reason: envelope.state } }
      case 'frozen':
        return { done: refuse('frozen') }
      default:
        return { done: refuse('out_of_reach') }
    }
  }

  async function rebuild(envelope: ClaimableEnvelope, badEpoch: number | undefined): Promise<Step> {
    const rebuildPorts: RebuildPorts<T> = ports
    await shareWork(rebuilding, envelope.id, async () => {
      const outcome = await rebuildGate(rebuildPorts, envelope, badEpoch)
      const { least, most } = lockWaitMs
      if (outcome === 'busy') await clock.sleep(least + random.fraction() * (most - least))
    })
    return conclude(await memory.refresh(envelope.id))
  }

  async function settle(
    reservation: Reservation,
    envelope: ClaimableEnvelope,
    isNew: boolean,
  ): Promise<Step> {
    const outcome = queue.settle(reservation)
    const settled = await within(outcome, ports.pendingAfterMs)
    if (settled === undefined) {
      const claimId = claimIdOf(reservation.envelopeId, reservation.playerId)
      return { done: { status: 'pending', claimId, outcome } }
    }
    switch (settled.status) {
      case 'settled':
        return { done: { status: 'claimed', claim: settled.claim, isNew } }
      case 'duplicate':
        return { done: { status: 'claimed', claim: settled.claim, isNew: false } }
      case 'ended':
        return { done: settled }
      case 'frozen':
        return { done: refuse('frozen') }
      case 'fenced':
        await gate.void([reservation])
        return rebuild(envelope, undefined)
      case 'conflict':
        await gate.void([reservation])
        return rebuild(envelope, reservation.epoch)
      case 'failed':
        // The sweeper tries again and buries it in the end, with the fault.
        return { done: overloaded }
    }
  }

  /** The value, or nothing when it takes longer or its outcome is unknown: the win may still be recorded. */
  async function within(outcome: Promise<Settled>, limitMs: number): Promise<Settled | undefined> {
    let cancel: () => void = () => {}
    const late = new Promise<undefined>(resolve => {
      cancel = clock.after(limitMs, () => resolve(undefined))
    })
    try {
      return await Promise.race([outcome, late])
    } catch {
      // Logged by the queue; the reservation stays in the outbox and is answered by a retry.
      return undefined
    } finally {
      cancel()
    }
  }

  return grab
}
