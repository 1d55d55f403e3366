/**
 * The port to Redis, the gate: it decides who may try for which share, quickly and at most once, and forgets nothing
 * that PostgreSQL does not also know. The fault simulation has another implementation of the same port.
 */
import type { Reservation } from './reservation.ts'

export type ReserveRequest = { envelopeId: string; playerId: string; epoch: number }

export type ReserveVerdict =
  /** `won`: reserved now. `have`: this player holds this share already, whatever became of the envelope since. */
  | { status: 'won' | 'have'; reservation: Reservation }
  /** Redis holds another epoch, or none. */
  | { status: 'stale'; storedEpoch: number | undefined }
  /** Its state is not live, its time has not come or has passed, its counts do not add up. */
  | { status: 'closed' | 'expired' | 'corrupt' }
  /** No share left: every one settled, or some only reserved. */
  | { status: 'empty' | 'soft_empty' }

/** A player's reservation, if there is one. */
export type Held = Reservation | undefined

/** What a gate is loaded with, read from PostgreSQL under one epoch. */
export type GateLoad = {
  envelopeId: string
  epoch: number
  opensAtMs: number
  expiresAtMs: number
  shareCount: number
  freeShares: readonly number[]
  winners: readonly { playerId: string; shareNo: number }[]
}

export type OutboxEntry = Reservation & { partition: number }

export type ClaimGate = {
  /** Requests of one partition, at most {@link maxReserveBatch}; verdicts in their order. */
  reserve(partition: number, requests: readonly ReserveRequest[], nowMs: number): Promise<ReserveVerdict[]>
  /** The share that each of the players holds, whatever became of the envelope since; looks and reserves nothing. */
  findHeld(envelopeId: string, epoch: number, playerIds: readonly string[]): Promise<Held[]>
  /** Notes that these are settled; repeating it changes nothing. */
  mark(reservations: readonly Reservation[]): Promise<void>
  /** Takes reservations out of the outbox and does nothing else: shares come back only by a rebuild. */
  void(reservations: readonly Reservation[]): Promise<void>
  storedEpoch(envelopeId: string): Promise<number | undefined>
  /** Loads a new epoch beside the old one, then switches, unless a newer one is there: `false`. */
  load(load: GateLoad, previousEpoch: number | undefined): Promise<boolean>
  /** Outbox entries after `cursor` that are older than `minAgeMs` by Redis' own time. */
  readOutbox(
    partition: number,
    cursor: string,
    options: { minAgeMs: number; limit: number },
  ): Promise<OutboxEntry[]>
  /** Partitions that have an entry after their cursor that is older than `minAgeMs`. */
  findPending(cursors: ReadonlyMap<number, string>, minAgeMs: number): Promise<number[]>
  /** Age of the oldest entry that is after its partition's cursor; 0 where there is none. */
  oldestPendingMs(cursors: ReadonlyMap<number, string>): Promise<number>
  /** Drops entries older than `keptMs` behind the cursor. */
  trimOutbox(partition: number, cursor: string, keptMs: number): Promise<void>
  /** Reservations of an envelope that are not settled after `minAgeMs`; finds those whose outbox entry was lost. */
  findUnsettled(envelopeId: string, epoch: number, minAgeMs: number): Promise<Reservation[]>
  /** Lets the keys of an ended envelope go a day later; those that nobody asks for again go a day after its expiry. */
  retire(envelopeId: string): Promise<void>
  /** Which Redis this is: cursors belong to one. */
  identity(): Promise<string>
}

export const maxReserveBatch = 64
