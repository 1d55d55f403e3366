/**
 * The port to PostgreSQL, the record: it alone decides who won. The fault simulation has another implementation of
 * the same port; `T` is whatever it calls a transaction.
 */
import type { EnvelopeState } from '../envelopes/state.ts'
import type { SiteCode } from '../campaigns/site-code.ts'
import type { Cell } from '../geo/cell.ts'
import type { OutboxEntry } from './gate.ts'
import type { Reservation } from './reservation.ts'

/** A win, as recorded for ever. */
export type Claim = {
  id: string
  envelopeId: string
  playerId: string
  shareNo: number
  /** 0 where the share is a coupon. */
  amountMinor: bigint
  currency: string
  couponId?: string
  claimedAtMs: number
}

/** What the claim path knows of an envelope. All but state, epoch and times never changes. */
export type ClaimableEnvelope = {
  id: string
  state: EnvelopeState
  epoch: number
  opensAtMs: number
  expiresAtMs: number
  cell12: Cell
  cell7: Cell
  claimRadiusM: number
  hiderKind: 'player' | 'merchant'
  hiderId: string
  currency: string
  campaignId: string | undefined
  /** The most that one player wins in its campaign. */
  winsPerPlayer?: number
  /** Whose on-site code it asks for, instead of a fix within its radius. */
  code?: { campaignId: string; site: SiteCode | undefined }
  audience: 'anyone' | 'players' | 'passphrase'
  guestIds: readonly string[]
  passphraseMac: Buffer | null
}

/** The envelope's row as settlement sees it, under its lock. */
export type LockedEnvelope = {
  id: string
  state: EnvelopeState
  epoch: number
  opensAtMs: number
  expiresAtMs: number
  currency: string
  shareCount: number
  claimedShares: number
  hiderKind: 'player' | 'merchant'
  hiderId: string
  cell7: Cell
  /** Budgets over it that have a cap; hardly ever any. */
  cappedBudgets: readonly string[]
  campaignId?: string
  /** Its campaign lets one player win so often. */
  winLimit?: { campaignId: string; wins: number }
}

/** A live envelope with a gate. */
export type GatedEnvelope = {
  id: string
  epoch: number
  /** A budget over it is frozen: reservations wait. */
  isStopped: boolean
  /** When a budget over it was opened last, if any was. */
  openedAtMs: number | undefined
}

/** What lies in a share. */
export type Share = Pick<Claim, 'amountMinor' | 'couponId'>

export type UnsettledClaim = Omit<Claim, 'currency' | keyof Share>

export type ClaimRecord<T> = {
  transact<V>(run: (tx: T) => Promise<V>): Promise<V>
  /** Runs while this process alone holds the advisory locks; `held` leaves out those that another has. */
  withLocks<V>(
    scope: string,
    ids: readonly string[],
    run: (held: readonly string[]) => Promise<V>,
  ): Promise<V>

  findEnvelopes(ids: readonly string[]): Promise<ClaimableEnvelope[]>
  findClaims(pairs: readonly { envelopeId: string; playerId: string }[]): Promise<Claim[]>
  listWinners(envelopeId: string): Promise<Claim[]>

  /** Locks rows in id order; a statement of its own, so that what follows sees what the lock waited for. */
  lockEnvelopes(tx: T, ids: readonly string[]): Promise<LockedEnvelope[]>
  /** Claims that hold the player's place or the share of any of these; and which of their envelopes pay nothing now. */
  findRivals(
    tx: T,
    reservations: readonly Reservation[],
  ): Promise<{ claims: Claim[]; stopped: ReadonlySet<string> }>
  /** What lies in their shares, in order; nothing in a share that does not exist. It never changes. */
  findShares(tx: T, shares: readonly Pick<UnsettledClaim, 'envelopeId' | 'shareNo'>[]): Promise<Share[]>
  /** Adds claims with what lies in their shares, which it reads itself; a share that does not exist is refused. */
  insertClaims(tx: T, claims: readonly UnsettledClaim[]): Promise<void>
  /**
   * Hands over what was won: each amount moves from the envelope's escrow to the player's wallet, by a transfer with
   * the claim's id; a coupon becomes the player's.
   */
  pay(tx: T, claims: readonly Claim[]): Promise<void>
  /** Adds to the counters; an envelope whose last share went becomes empty, with epoch + 1. */
  count(tx: T, claims: readonly Claim[], nowMs: number): Promise<void>

  /** Raises the epoch of each above itself and above the given one, under the row locks; throws if one has ended. */
  startEpochs(tx: T, above: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>>
  /** Raises the epoch of each that has not ended, under the row lock: their gates load again. */
  raiseEpochs(tx: T, envelopeIds: readonly string[]): Promise<void>
  /** By envelope, in order; one without any is left out. */
  listFreeShares(tx: T, envelopeIds: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>
  listWinningShares(
    tx: T,
    envelopeIds: readonly string[],
  ): Promise<{ envelopeId: string; playerId: string; shareNo: number }[]>
  freeze(envelopeId: string): Promise<void>

  readCursor(partition: number, redisIdentity: string): Promise<string | undefined>
  /** All cursors of one Redis, and the partitions that have dead letters to try again. */
  readProgress(redisIdentity: string): Promise<{ cursors: Map<number, string>; retries: number[] }>
  storeCursor(partition: number, redisIdentity: string, entryId: string, nowMs: number): Promise<void>
  listDeadLetters(partition: number, redisIdentity: string): Promise<(OutboxEntry & { attempts: number })[]>
  /** Notes a failed attempt; `buried` ends the attempts. */
  noteDeadLetter(letter: DeadLetter, nowMs: number): Promise<void>
  forgetDeadLetters(partition: number, redisIdentity: string, entryIds: readonly string[]): Promise<void>
  /** Live envelopes that have a gate, by id after `afterId`; or this one, if it is one. */
  listGated(afterId: string | undefined, limit: number, onlyId?: string): Promise<GatedEnvelope[]>
}

export type DeadLetter = {
  entry: OutboxEntry
  redisIdentity: string
  fault: string
  attempts: number
  buried: boolean
}
