/**
 * From "you stand there" to a share, or to the reason why not: reserve in Redis, settle in PostgreSQL, and wherever the
 * two disagree believe PostgreSQL and bring Redis in line. Every path through here ends; every round is counted.
 */
import { type Ask, createBatcher } from '#platform/batch.ts'
import type { Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { timed, type Waits } from '#platform/waits.ts'
import type { EndedState } from '../envelopes/state.ts'
import type { Reach } from './failpoints.ts'
import type { ClaimGate, Held, ReserveRequest, ReserveVerdict } from './gate.ts'
import { createLosers, type Losers } from './losers.ts'
import { type Memory, shareWork } from './memory.ts'
import { rebuildGates, rebuildLimits, type Rebuilt, type Wanted } from './rebuild.ts'
import type { Claim, ClaimableEnvelope, ClaimRecord } from './record.ts'
import { claimIdOf, type Reservation } from './reservation.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { Settled } from './settle.ts'

export type Grabbed =
  /** `isNew`: this call reserved the very share, so its permit is used, whoever settled it. */
  | { status: 'claimed'; claim: Claim; isNew: boolean }
  | { status: 'ended'; reason: EndedState }
  /** Reserved, the record has not answered yet; `outcome` will. */
  | { status: 'pending'; claimId: string; outcome: Promise<Settled>; isNew: boolean }
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
  reach: Reach
  onRebuilt?: (() => void) | undefined
}

export type Grab = (player: { id: string }, envelope: ClaimableEnvelope, waits?: Waits) => Promise<Grabbed>

export type Grabs = Pick<Losers, 'isSpokenFor' | 'noteEnd' | 'noteSettled'> & {
  grab: Grab
  /** What there is where every share is reserved: the one that is theirs already, or news of the last one. */
  lose: Grab
  /** Fills the gate of an envelope that nobody has claimed from, and knows its row. */
  prepare(envelopeId: string): Promise<void>
}

const rounds = 8
const tryAgainAfterMs = 500
export const tryAgain = refuse('try_again', { retryAfterMs: tryAgainAfterMs })
const overloaded = refuse('unavailable', { retryAfterMs: 2_000 })
const lockWaitMs = { least: 20, most: 80 }
const rebuildsAtOnce = 3

/** What the next round starts from: the row as read last, or the final word. */
type Step = { next: ClaimableEnvelope } | { done: Grabbed }

/** The ports, and the work that claims on one envelope share while it is under way. */
type Context<T> = GrabPorts<T> & {
  askForGate: Ask<Wanted, Rebuilt>
  rebuilding: Map<string, Promise<unknown>>
  losers: Losers
}

export function createGrab<T>(ports: GrabPorts<T>): Grabs {
  // They take turns: each holds a connection for its locks while it works on another.
  const askForGate = createBatcher<Wanted, Rebuilt>({
    maxSize: rebuildLimits.envelopes,
    concurrency: rebuildsAtOnce,
    clock: ports.clock,
    run: wanted => rebuildGates(ports, wanted),
  })
  const losers = createLosers({ ...ports, tryAgainAfterMs })
  const context: Context<T> = { ...ports, askForGate, losers, rebuilding: new Map() }
  return {
    noteEnd: losers.noteEnd,
    noteSettled: losers.noteSettled,
    isSpokenFor: losers.isSpokenFor,
    prepare: async envelopeId => void (await rebuild(context, envelopeId, undefined)),
    async lose(player, envelope, waits) {
      if (ports.queue.isFull()) return overloaded
      const reservation = await timed(waits, 'redis', losers.findHeld(player.id, envelope))
      if (reservation === undefined && losers.isQuiet(envelope)) return tryAgain
      const step = await timed(waits, 'pg', lose(context, envelope, reservation))
      return 'done' in step ? step.done : tryAgain
    },
    async grab(player, envelope, waits) {
      let current = envelope
      for (let round = 0; round < rounds; round++) {
        if (ports.queue.isFull()) return overloaded
        const { id: envelopeId, epoch } = current
        ports.reach('before-reserve')
        const asked = ports.reserve({ envelopeId, playerId: player.id, epoch })
        const verdict = await timed(waits, 'redis', asked)
        ports.reach('after-reserve')
        const step = await timed(waits, 'pg', follow(context, verdict, current))
        if ('done' in step) return step.done
        current = step.next
      }
      return tryAgain
    },
  }
}

/** What a verdict of the gate leads to. Refreshing is enough where only this server is behind; else Redis is. */
async function follow<T>(
  context: Context<T>,
  verdict: ReserveVerdict,
  envelope: ClaimableEnvelope,
): Promise<Step> {
  switch (verdict.status) {
    case 'won':
    case 'have':
      return settle(context, { envelope, ...verdict })
    case 'stale': {
      const fresh = await context.memory.refresh(envelope.id)
      if (fresh?.state !== 'live') return conclude(fresh)
      return fresh.epoch === verdict.storedEpoch ? { next: fresh } : rebuild(context, fresh.id, undefined)
    }
    case 'corrupt':
      return rebuild(context, envelope.id, envelope.epoch)
    case 'empty': {
      // Marks follow commits, and the last commit ends the row: a live one means that the gate is wrong.
      const fresh = await context.losers.reread(envelope.id)
      return isSame(fresh, envelope) ? rebuild(context, envelope.id, envelope.epoch) : conclude(fresh)
    }
    case 'closed':
    case 'expired': {
      const fresh = await context.losers.reread(envelope.id)
      if (!isSame(fresh, envelope)) return conclude(fresh)
      // Over by its row as well, its end is a matter of moments and not ours to foretell; else the gate is wrong.
      const isOver = verdict.status === 'expired' && !isOpenAt(envelope, context.clock.nowMs())
      return isOver ? { done: tryAgain } : rebuild(context, envelope.id, envelope.epoch)
    }
    case 'soft_empty': {
      context.losers.note(envelope)
      if (context.losers.isQuiet(envelope)) return { done: tryAgain }
      const fresh = await context.losers.hearOfLast(envelope)
      // Somebody's win is being settled: whether it was the last share is for the row to say.
      if (!isSame(fresh, envelope)) return conclude(fresh)
      context.losers.note(envelope)
      return { done: tryAgain }
    }
  }
}

const lose = async <T>(context: Context<T>, envelope: ClaimableEnvelope, reservation: Held): Promise<Step> =>
  reservation === undefined
    ? conclude(await context.losers.hearOfLast(envelope))
    : settle(context, { envelope, reservation, status: 'have' })

export const isOpenAt = ({ opensAtMs, expiresAtMs }: ClaimableEnvelope, nowMs: number): boolean =>
  opensAtMs <= nowMs && nowMs < expiresAtMs

const isSame = (fresh: ClaimableEnvelope | undefined, known: ClaimableEnvelope): boolean =>
  fresh?.state === 'live' && fresh.epoch === known.epoch

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

async function rebuild<T>(
  context: Context<T>,
  envelopeId: string,
  badEpoch: number | undefined,
): Promise<Step> {
  const { rebuilding, askForGate, clock, random, memory } = context
  await shareWork(rebuilding, envelopeId, async () => {
    let outcome: Rebuilt
    do outcome = await askForGate({ envelopeId, badEpoch })
    while (outcome === 'postponed')
    if (typeof outcome === 'object') throw outcome.fault
    const { least, most } = lockWaitMs
    if (outcome === 'busy') await clock.sleep(least + random.fraction() * (most - least))
  })
  return conclude(await memory.refresh(envelopeId))
}

type Taken = { envelope: ClaimableEnvelope; reservation: Reservation; status: 'won' | 'have' }

async function settle<T>(context: Context<T>, { envelope, reservation, status }: Taken): Promise<Step> {
  const { queue, gate, clock, pendingAfterMs } = context
  const outcome = queue.settle(reservation)
  const settled = await within(outcome, clock, pendingAfterMs)
  switch (settled?.status) {
    case undefined: {
      const claimId = claimIdOf(reservation.envelopeId, reservation.playerId)
      return { done: { status: 'pending', claimId, outcome, isNew: status === 'won' } }
    }
    case 'settled':
    case 'duplicate': {
      const isNew = status === 'won' && settled.claim.shareNo === reservation.shareNo
      return { done: { status: 'claimed', claim: settled.claim, isNew } }
    }
    case 'ended':
      return { done: settled }
    case 'frozen':
      // Whoever asks next is stopped before they reserve.
      await context.memory.refresh(envelope.id)
      return { done: refuse('frozen') }
    case 'banned':
      // The share goes back into the game with the rebuilt gate.
      await gate.void([reservation])
      await rebuild(context, envelope.id, reservation.epoch)
      return { done: refuse('banned') }
    case 'over_limit':
      await gate.void([reservation])
      await rebuild(context, envelope.id, reservation.epoch)
      return { done: refuse('player_limit') }
    case 'fenced':
      await gate.void([reservation])
      return rebuild(context, envelope.id, undefined)
    case 'conflict':
      await gate.void([reservation])
      return rebuild(context, envelope.id, reservation.epoch)
    case 'failed':
      // The sweeper tries again and buries it in the end, with the fault.
      return { done: overloaded }
  }
}

/** The value, or nothing when it takes longer or its outcome is unknown: the win may still be recorded. */
async function within(
  outcome: Promise<Settled>,
  clock: Clock,
  limitMs: number,
): Promise<Settled | undefined> {
  let cancel: () => void = () => {}
  const late = new Promise<undefined>(resolve => {
    cancel = clock.after(limitMs, () => resolve(undefined))
  })
  try {
    return await Promise.race([outcome, late])
  } catch {
    // Whoever waits for the outcome logs it; the reservation stays in the outbox and is answered by a retry.
    return undefined
  } finally {
    cancel()
  }
}
