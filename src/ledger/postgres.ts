/** The ledger's tables: accounts are opened on first use, transfers are added in batches, nothing is ever changed. */
import { keysetParams } from '#platform/page.ts'
import { loadStatements, type Tx, violatedConstraint } from '#platform/postgres.ts'
import { type AccountRef, accountId, ownerOf } from './account.ts'
import type { Figures, ReconcileRecord } from './reconcile.ts'
import type { StatementRecord, StatementRow } from './statement.ts'
import type { Transfer, TransferKind } from './transfer.ts'
import type { Balance, Movement, WalletRecord } from './wallet.ts'

const sql = loadStatements(import.meta.url, [
  'open-accounts',
  'insert-transfers',
  'list-balances',
  'find-balance',
  'list-transfers',
  'reconcile-currencies',
  'reconcile-accounts',
  'reconcile-totals',
  'reconcile-claims',
  'reconcile-counters',
  'reconcile-shares',
  'reconcile-ended',
  'reconcile-payouts',
  'reconcile-requests',
  'bound-statement',
  'list-statement',
  'reconcile-budgets',
  'reconcile-campaigns',
  'reconcile-coupons',
  'count-reconciled',
])

/**
 * Posts transfers in one statement inside the caller's transaction, behind the one that opens their accounts; the
 * schema moves the balances.
 * Throws when an account would fall below zero: see {@link isInsufficientFunds}.
 */
export async function postTransfers(tx: Tx, transfers: readonly Transfer[]): Promise<void> {
  if (transfers.length === 0) return
  const accounts = new Map<string, AccountRef>()
  // Many transfers of one account, as a drop's are, name it by the same object.
  const ids = new Map<AccountRef, string>()
  const idOf = (account: AccountRef) => {
    const known = ids.get(account)
    if (known !== undefined) return known
    const id = accountId(account)
    ids.set(account, id)
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
    transfers.map(t => t.payoutId ?? null),
    transfers.map(t => t.reference ?? null),
    transfers.map(t => new Date(t.createdAtMs)),
    transfers.map(t => t.serviceRequestId ?? null),
  ]
  const opened = [...accounts].sort(([a], [b]) => (a < b ? -1 : 1))
  await Promise.all([
    tx.query(sql['open-accounts'], [
      opened.map(([id]) => id),
      opened.map(([, account]) => account.kind),
      opened.map(([, account]) => ownerOf(account)),
      opened.map(([, account]) => account.currency),
    ]),
    tx.query(sql['insert-transfers'], columns),
  ])
}

/** What an account holds; one that nothing happened to yet holds nothing. */
export async function balanceOf(tx: Tx, account: AccountRef): Promise<bigint> {
  const [row] = await tx.query<{ balance: bigint }>(sql['find-balance'], [accountId(account)])
  return row?.balance ?? 0n
}

/** The wallet, escrow or payout holds less than the transfer takes. */
export const isInsufficientFunds = (error: unknown): boolean =>
  violatedConstraint(error) === 'accounts_never_negative'

/** The bank's reference of a deposit is booked already. */
export const isReferenceUsed = (error: unknown): boolean =>
  violatedConstraint(error) === 'transfers_one_reference'

type MovementRow = {
  id: string
  kind: TransferKind
  is_in: boolean
  amount: bigint
  currency: string
  envelope_id: string | null
  payout_id: string | null
  service_request_id: string | null
  created_at: Date
}

export const walletRecord: WalletRecord = {
  async listBalances(tx, ownerId) {
    const rows = await tx.query<{ currency: string; balance: bigint }>(sql['list-balances'], [ownerId])
    return rows.map(({ currency, balance }): Balance => ({ currency, amountMinor: balance }))
  },

  async listMovements(tx, ownerId, page) {
    const rows = await tx.query<MovementRow>(sql['list-transfers'], [ownerId, ...keysetParams(page)])
    return rows.map(toMovement)
  },
}

const toMovement = (row: MovementRow): Movement => ({
  id: row.id,
  kind: row.kind,
  direction: row.is_in ? 'in' : 'out',
  amountMinor: row.amount,
  currency: row.currency,
  ...(row.envelope_id === null ? {} : { envelopeId: row.envelope_id }),
  ...(row.payout_id === null ? {} : { payoutId: row.payout_id }),
  ...(row.service_request_id === null ? {} : { serviceRequestId: row.service_request_id }),
  createdAtMs: row.created_at.getTime(),
})

type StatementRowOf = MovementRow & { reference: string | null; position: string }

/** Before this id comes every other. */
const first = '00000000-0000-0000-0000-000000000000'

export const statementRecord: StatementRecord = {
  async bound(tx, id, { fromMs, toMs }) {
    const params = [id, new Date(fromMs), new Date(toMs)]
    const [row] = await tx.query<{ opening: bigint; closing: bigint }>(sql['bound-statement'], params)
    return row
  },

  async list(tx, id, { fromMs, toMs, after, limit }) {
    const behind = after === undefined ? [new Date(fromMs), first] : [after.position, after.id]
    const params = [id, ...behind, new Date(toMs), limit]
    return (await tx.query<StatementRowOf>(sql['list-statement'], params)).map(toStatementRow)
  },
}

const toStatementRow = (row: StatementRowOf): StatementRow => ({
  id: row.id,
  kind: row.kind,
  isIn: row.is_in,
  amountMinor: row.amount,
  ...(row.envelope_id === null ? {} : { envelopeId: row.envelope_id }),
  ...(row.payout_id === null ? {} : { payoutId: row.payout_id }),
  ...(row.service_request_id === null ? {} : { serviceRequestId: row.service_request_id }),
  ...(row.reference === null ? {} : { reference: row.reference }),
  createdAtMs: row.created_at.getTime(),
  position: row.position,
})

export const reconcileRecord: ReconcileRecord = {
  async check(tx, name, envelopeId) {
    const isOfAll = ['currencies', 'payouts', 'requests', 'budgets', 'campaigns', 'coupons'].includes(name)
    const params = isOfAll ? [] : [envelopeId ?? null]
    const rows = await tx.query<FigureRow>(sql[`reconcile-${name}`], params)
    return { name, differences: Number(rows[0]?.found ?? 0), examples: rows.map(toFigures) }
  },

  async count(tx, envelopeId) {
    const [row] = await tx.query<{ envelopes: bigint; transfers: bigint }>(sql['count-reconciled'], [
      envelopeId ?? null,
    ])
    return { envelopes: Number(row?.envelopes), transfers: Number(row?.transfers) }
  },
}

type FigureRow = Record<string, string | number | bigint | null>

const toFigures = (row: FigureRow): Figures =>
  Object.fromEntries(
    Object.entries(row)
      .filter(([name]) => name !== 'found')
      .map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
  )
