/** A payout, its three transfers, and what the verbs of this folder need from its table. */
import { v5 as uuidV5 } from 'uuid'
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import { type AccountRef, externalAccount, payoutOf, walletOf } from '../ledger/account.ts'
import type { Transfer } from '../ledger/transfer.ts'
import type { Outcome, PayoutState } from './state.ts'

export type Payout = {
  id: string
  owner: { kind: 'player' | 'merchant'; id: string }
  currency: string
  amountMinor: bigint
  destination?: string
  state: PayoutState
  /** Why it failed. */
  reason?: string
  /** What the provider or the bank calls it. */
  reference?: string
  createdAtMs: number
  endedAtMs?: number
  /** How often handing it over to the provider was begun. */
  tries: number
}

/** What is said at its end: by the operator, by a callback, or by a provider that refuses it. */
export type PayoutEnd = { outcome: Outcome; reason?: string; reference?: string }

export type PayoutRecord = {
  insert(tx: Tx, payout: Payout & { nextTryAtMs: number }): Promise<void>
  find(tx: Tx, id: string): Promise<Payout | undefined>
  /** As found after its row lock was taken: of two that end it, the second sees the first. */
  lock(tx: Tx, id: string): Promise<Payout | undefined>
  /** Moves a locked payout to its end. */
  end(tx: Tx, end: PayoutEnd & { id: string; endedAtMs: number }): Promise<void>
  /** Newest first, one row past the page. */
  listOwn(tx: Tx, ownerId: string, page: PageRequest): Promise<Payout[]>
  listByState(tx: Tx, state: PayoutState, page: PageRequest): Promise<Payout[]>

  /** Counts a try of each payout that is due, and puts off the next one; rows that others hold are left to them. */
  beginTries(tx: Tx, due: { nowMs: number; limit: number }): Promise<Payout[]>
  /** No more tries: it waits for the operator. */
  noteByHand(tx: Tx, id: string): Promise<void>
  /** Handed over; leaves it as it is where it has ended meanwhile. */
  noteSubmitted(tx: Tx, which: { id: string; reference: string | undefined }): Promise<void>
}

const move = (
  payout: Payout,
  {
    kind,
    debit,
    credit,
    atMs,
  }: { kind: Transfer['kind']; debit: AccountRef; credit: AccountRef; atMs: number },
): Transfer => ({
  // Named after the payout, so doing it twice is doing the same thing.
  id: uuidV5(kind, payout.id),
  kind,
  debit,
  credit,
  amountMinor: payout.amountMinor,
  currency: payout.currency,
  payoutId: payout.id,
  createdAtMs: atMs,
})

const walletOfOwner = ({ owner, currency }: Payout): AccountRef => walletOf(owner.id, currency)
const held = ({ id, currency }: Payout): AccountRef => payoutOf(id, currency)

/** Wallet to payout. */
export const reservePayout = (payout: Payout): Transfer =>
  move(payout, {
    kind: 'payout',
    debit: walletOfOwner(payout),
    credit: held(payout),
    atMs: payout.createdAtMs,
  })

/** Payout to the outside, or back to the wallet. */
export const releasePayout = (
  payout: Payout,
  { outcome, atMs }: { outcome: Outcome; atMs: number },
): Transfer =>
  outcome === 'paid'
    ? move(payout, {
        kind: 'payout_paid',
        debit: held(payout),
        credit: externalAccount(payout.currency),
        atMs,
      })
    : move(payout, { kind: 'payout_returned', debit: held(payout), credit: walletOfOwner(payout), atMs })
