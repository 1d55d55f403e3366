/** One transfer is one debit and one credit: the only way that money moves. */
import type { Static } from 'typebox'
import type { TransferKind as KindSchema } from '#protocol/rest/players.ts'
import type { Tx } from '#platform/postgres.ts'
import type { AccountRef } from './account.ts'

export type TransferKind = Static<typeof KindSchema>

export type Transfer = {
  /** Chosen by the caller, so that a retry is the same transfer. */
  id: string
  kind: TransferKind
  debit: AccountRef
  credit: AccountRef
  /** 1 to 10^13 - 1 minor units of both accounts' currency. */
  amountMinor: bigint
  currency: string
  envelopeId?: string
  payoutId?: string
  serviceRequestId?: string
  /** The bank's reference of a deposit. */
  reference?: string
  createdAtMs: number
}

/** The ledger, as verbs of other folders need it. */
export type Ledger = {
  post(tx: Tx, transfers: readonly Transfer[]): Promise<void>
  isInsufficientFunds(error: unknown): boolean
}

/** Posts transfers inside the caller's transaction; throws when an account would fall below zero. */
export type PostTransfers = (tx: Tx, transfers: readonly Transfer[]) => Promise<void>
