/** The ledger's tables: accounts are opened on first use, transfers are added in batches, nothing is ever changed. */
import { loadStatements, type Tx, violatedConstraint } from '#platform/postgres.ts'
import { type AccountRef, accountId, ownerOf } from './account.ts'
import type { Transfer } from './transfer.ts'

const sql = loadStatements(import.meta.url, [
  'open-accounts',
  'insert-transfers',
  'list-balances',
  'list-transfers',
])

/**
 * Posts transfers in one statement inside the caller's transaction; the schema moves the balances.
 * Throws when an account would fall below zero: see {@link isInsufficientFunds}.
 */
export async function postTransfers(tx: Tx, transfers: readonly Transfer[]): Promise<void> {
  if (transfers.length === 0) return
  const accounts = new Map<string, AccountRef>()
  const idOf = (account: AccountRef) => {
    const id = accountId(account)
    accounts.set(id, account)
    return id
  }
  const columns = [
    transfers.map(t => t.id),
    transfers.map(t => t.kind),
    transfers.map(t => idOf(t.debit)),
    transfers.map(t => idOf(t.credit)),
    transfers.map(t => t.currency),
    transfers.map(t => t.amountMinor),
    transfers.map(t => t.envelopeId ?? null),
    transfers.map(t => t.reference ?? null),
    transfers.map(t => new Date(t.createdAtMs)),
  ]
  const opened = [...accounts].sort(([a], [b]) => (a < b ? -1 : 1))
  await tx.query(sql['open-accounts'], [
    opened.map(([id]) => id),
    opened.map(([, account]) => account.kind),
    opened.map(([, account]) => ownerOf(account)),
    opened.map(([, account]) => account.currency),
  ])
  await tx.query(sql['insert-transfers'], columns)
}

/** The wallet or escrow holds less than the transfer takes. */
export const isInsufficientFunds = (error: unknown): boolean =>
  violatedConstraint(error) === 'accounts_never_negative'
