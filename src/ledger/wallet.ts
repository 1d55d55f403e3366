/** A wallet as its owner sees it: what is in it, and every movement in or out. */
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Currencies } from '#platform/config.ts'
import { firstCurrency } from './test-money.ts'
import type { TransferKind } from './transfer.ts'

export type Balance = { currency: string; amountMinor: bigint }

export type Movement = {
  id: string
  kind: TransferKind
  direction: 'in' | 'out'
  amountMinor: bigint
  currency: string
  envelopeId?: string
  payoutId?: string
  serviceRequestId?: string
  createdAtMs: number
}

export type WalletRecord = {
  /** By currency code; only wallets that something happened to. */
  listBalances(tx: Tx, ownerId: string): Promise<Balance[]>
  /** Newest first, one row past the page. */
  listMovements(tx: Tx, ownerId: string, page: PageRequest): Promise<Movement[]>
}

/** Nobody's wallet looks missing: before its first movement it is an empty one in the first currency. */
export function completeBalances(balances: readonly Balance[], currencies: Currencies): Balance[] {
  const currency = firstCurrency(currencies)
  return balances.some(balance => balance.currency === currency)
    ? [...balances]
    : [{ currency, amountMinor: 0n }, ...balances]
}
