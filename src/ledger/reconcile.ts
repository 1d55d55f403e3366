/**
 * Reconciliation, the part that PostgreSQL alone can answer: the money of the whole game is counted a second time, by
 * other statements than those that moved it, on one unmoving picture of the database. The books are right when every
 * check finds nothing.
 */
import type { Database, Tx } from '#platform/postgres.ts'

/** What is compared; in words for the operator in {@link checkTitles}. */
export type CheckName =
  | 'currencies'
  | 'accounts'
  | 'totals'
  | 'claims'
  | 'counters'
  | 'shares'
  | 'ended'
  | 'payouts'
  | 'requests'
  | 'budgets'
  | 'campaigns'
  | 'coupons'

export const checkTitles: Record<CheckName, string> = {
  currencies: 'all accounts of a currency add up to zero',
  accounts: 'accounts are the sums of their transfers, and none is below zero',
  totals: 'envelopes are funded once: total = claims + refund + escrow',
  claims: 'every claim is one transfer from the escrow to the winner, and the reverse',
  counters: 'counters of envelopes are what their claims add up to',
  shares: 'shares add up to the total, and claims are worth their shares',
  ended: 'ended envelopes hold nothing in escrow',
  payouts: 'payouts hold what is on its way, and their transfers are those of their state',
  requests: 'service requests hold their price until they end, and nothing afterwards',
  budgets: 'what is used of a cap was won under it',
  coupons:
    'coupons are in their pool, in an envelope or with the winner of their share, and redeemed once at most',
  campaigns: 'the budget of a campaign was won, came home, or is held by it, its drops and their envelopes',
}

/** Figures of one difference: ids and amounts in minor units as decimal strings, and nothing about places. */
export type Figures = Readonly<Record<string, string | number | null>>

/** `examples` are the first ten of the `differences`. */
export type Check = { name: CheckName; differences: number; examples: readonly Figures[] }

export type Reconciliation = { checks: readonly Check[]; envelopes: number; transfers: number }

export type ReconcileRecord = {
  check(tx: Tx, name: CheckName, envelopeId: string | undefined): Promise<Check>
  count(tx: Tx, envelopeId: string | undefined): Promise<{ envelopes: number; transfers: number }>
}

export type ReconcilePorts = {
  record: ReconcileRecord
  database: Pick<Database, 'snapshot'>
}

const ofEnvelopes: readonly CheckName[] = ['accounts', 'totals', 'claims', 'counters', 'shares', 'ended']
const ofEverything: readonly CheckName[] = [
  ...(['currencies', ...ofEnvelopes] as const),
  ...(['payouts', 'requests', 'budgets', 'campaigns', 'coupons'] as const),
]

/** Checks everything, or one envelope with its escrow. */
export function reconcileLedger(
  { record, database }: ReconcilePorts,
  { envelopeId }: { envelopeId?: string } = {},
): Promise<Reconciliation> {
  return database.snapshot(async tx => {
    const checks: Check[] = []
    for (const name of envelopeId === undefined ? ofEverything : ofEnvelopes) {
      checks.push(await record.check(tx, name, envelopeId))
    }
    return { checks, ...(await record.count(tx, envelopeId)) }
  })
}

export const countDifferences = ({ checks }: Reconciliation): number =>
  checks.reduce((sum, check) => sum + check.differences, 0)
