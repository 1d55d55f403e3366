/**
 * The statement of one account for one period: the balance before, every transfer, the balance after. Both balances
 * are counted back from what the account holds, the transfers forward from the first; a statement whose two ends do
 * not meet is cut off before its last line. A period must have been over for a minute, because a transfer is
 * committed after its time: post-fresh.ts and the time limits of PostgreSQL keep that below a minute, so no statement
 * ever changes.
 */
import assert from 'node:assert/strict'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { type AccountRef, accountId } from './account.ts'
import { neutralise, toCsvLine, toDecimal } from './csv.ts'
import type { TransferKind } from './transfer.ts'

export type Period = { fromMs: number; toMs: number }

export type StatementRow = {
  id: string
  kind: TransferKind
  isIn: boolean
  amountMinor: bigint
  envelopeId?: string
  payoutId?: string
  serviceRequestId?: string
  reference?: string
  createdAtMs: number
  /** Exact, for the next page. */
  position: string
}

export type StatementRecord = {
  /** Nothing where the account was never opened. */
  bound(tx: Tx, accountId: string, period: Period): Promise<{ opening: bigint; closing: bigint } | undefined>
  /** Oldest first, behind `after`, or from the period's beginning. */
  list(
    tx: Tx,
    accountId: string,
    page: Period & { after: StatementRow | undefined; limit: number },
  ): Promise<StatementRow[]>
}

export type StatementPorts = { record: StatementRecord; tx: Tx; currencies: Currencies; clock: Clock }

/** Rows that are in memory at once. */
const pageRows = 500

type Opened = { status: 'opened'; lines: AsyncIterable<string> }

/**
 * Refusals: `statement_refused` currency_unknown, period_empty, period_too_long, period_not_over; `not_found` for an
 * account that was never opened, unless `mayBeUnopened`.
 */
export async function openStatement(
  ports: StatementPorts,
  account: AccountRef,
  { mayBeUnopened, ...period }: Period & { mayBeUnopened: boolean },
): Promise<Opened | Refusal> {
  const decimals = ports.currencies.get(account.currency)
  if (decimals === undefined) return refuse('statement_refused', { reason: 'currency_unknown' })
  const refusal = refusePeriod(period, ports.clock.nowMs())
  if (refusal !== undefined) return refusal
  const id = accountId(account)
  const bounds = await ports.record.bound(ports.tx, id, period)
  if (bounds === undefined && !mayBeUnopened) {
    return refuse('not_found', { detail: 'Nothing ever moved on this account.' })
  }
  const { currency } = account
  const ends = bounds ?? { opening: 0n, closing: 0n }
  return { status: 'opened', lines: writeLines(ports, { id, currency, decimals, ...period, ...ends }) }
}

function refusePeriod({ fromMs, toMs }: Period, nowMs: number): Refusal | undefined {
  const { periodMs, settledMs } = limits.statement
  if (toMs <= fromMs) return refuse('statement_refused', { reason: 'period_empty' })
  if (toMs - fromMs > periodMs) return refuse('statement_refused', { reason: 'period_too_long' })
  if (toMs > nowMs - settledMs) return refuse('statement_refused', { reason: 'period_not_over' })
  return undefined
}

/** The times of a query; a leap second passes the schema and is no time here. */
export function readPeriod({
  from,
  to,
}: {
  from: string
  to: string
}): (Period & { status: 'ok' }) | Refusal {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)]
  if (!Number.isNaN(fromMs) && !Number.isNaN(toMs)) return { status: 'ok', fromMs, toMs }
  const pointer = `/querystring/${Number.isNaN(fromMs) ? 'from' : 'to'}`
  return refuse('bad_request', { errors: [{ pointer, message: 'is not a time' }] })
}

type Bounded = Period & { id: string; currency: string; decimals: number; opening: bigint; closing: bigint }

const columns = [
  ...[
    'line',
    'at',
    'transferId',
    'kind',
    'envelopeId',
    'payoutId',
    'serviceRequestId',
    'reference',
    'currency',
  ],
  ...['debitMinor', 'creditMinor', 'balanceMinor', 'debit', 'credit', 'balance'],
]

async function* writeLines({ record, tx }: StatementPorts, statement: Bounded): AsyncGenerator<string> {
  const { id, fromMs, toMs, opening, closing } = statement
  let balance = opening
  let [debits, credits] = [0n, 0n]
  yield toCsvLine(columns) + writeEnd(statement, { line: 'opening', atMs: fromMs, balance })
  for (let after: StatementRow | undefined; ; ) {
    const rows = await record.list(tx, id, { fromMs, toMs, after, limit: pageRows })
    let text = ''
    for (const row of rows) {
      if (row.isIn) credits += row.amountMinor
      else debits += row.amountMinor
      balance = opening + credits - debits
      text += writeRow(statement, row, balance)
    }
    if (text !== '') yield text
    if (rows.length < pageRows) break
    after = rows.at(-1)
  }
  assert.equal(balance, closing, 'a statement ends with what the account held')
  yield writeEnd(statement, { line: 'closing', atMs: toMs, balance, debits, credits })
}

type Sums = { debits?: bigint | undefined; credits?: bigint | undefined; balance: bigint }

/** Debit, credit and balance, as minor units and as decimals. */
function writeSums({ debits, credits, balance }: Sums, decimals: number): string[] {
  const sums = [debits, credits, balance]
  return [
    ...sums.map(sum => (sum === undefined ? '' : String(sum))),
    ...sums.map(sum => (sum === undefined ? '' : toDecimal(sum, decimals))),
  ]
}

function writeEnd(
  { currency, decimals }: Bounded,
  { line, atMs, ...sums }: Sums & { line: string; atMs: number },
): string {
  const at = new Date(atMs).toISOString()
  return toCsvLine([line, at, '', '', '', '', '', '', currency, ...writeSums(sums, decimals)])
}

function writeRow({ currency, decimals }: Bounded, row: StatementRow, balance: bigint): string {
  const { id, kind, envelopeId = '', payoutId = '', serviceRequestId = '' } = row
  const { reference = '', isIn, amountMinor } = row
  const at = new Date(row.createdAtMs).toISOString()
  const sums = { debits: isIn ? undefined : amountMinor, credits: isIn ? amountMinor : undefined, balance }
  const names = [id, kind, envelopeId, payoutId, serviceRequestId, neutralise(reference), currency]
  return toCsvLine(['transfer', at, ...names, ...writeSums(sums, decimals)])
}

/** The account that an operator names; `account_unclear` unless it is exactly one. */
export function readAccount(query: {
  playerId?: string
  merchantId?: string
  envelopeId?: string
  payoutId?: string
  serviceRequestId?: string
  external?: string
  currency: string
}): { status: 'ok'; account: AccountRef } | Refusal {
  const { playerId, merchantId, envelopeId, payoutId, serviceRequestId, external, currency } = query
  const named: AccountRef[] = [
    ...[playerId, merchantId].flatMap(id =>
      id === undefined ? [] : [{ kind: 'wallet', ownerId: id, currency } as const],
    ),
    ...[envelopeId, serviceRequestId].flatMap(id =>
      id === undefined ? [] : [{ kind: 'escrow', ownerId: id, currency } as const],
    ),
    ...(payoutId === undefined ? [] : [{ kind: 'payout', ownerId: payoutId, currency } as const]),
    ...(external === undefined ? [] : [{ kind: 'external', currency } as const]),
  ]
  const [account] = named
  if (account === undefined || named.length > 1)
    return refuse('statement_refused', { reason: 'account_unclear' })
  return { status: 'ok', account }
}
