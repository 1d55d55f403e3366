/** The table of budgets. */
import { loadStatements, type Row, type Statement, type Tx } from '#platform/postgres.ts'
import { type Budget, type BudgetHolder, type BudgetKind, type Covered, namesOver } from './budget.ts'
import type { BudgetRecord } from './ports.ts'

const sql = loadStatements(import.meta.url, [
  'lock-budgets',
  'lock-of-holder',
  'list-budgets',
  'add-budget',
  'store-use',
  'store-state',
  'store-caps',
  'list-frozen',
  'find-frozen',
])

export const budgetRecord: BudgetRecord = {
  lockBudgets: (tx, ids) => readBudgets(tx, sql['lock-budgets'], [ids]),
  lockOfHolder: (tx, holder) => readBudgets(tx, sql['lock-of-holder'], [holder.kind, ownerOf(holder)]),
  list: (tx, { limit, after }) =>
    readBudgets(tx, sql['list-budgets'], [limit + 1, after ? new Date(after.atMs) : null, after?.id ?? null]),

  async add(tx, { id, holder, currency, nowMs }) {
    const params = [id, holder.kind, ownerOf(holder), currency ?? null, new Date(nowMs)]
    await tx.query(sql['add-budget'], params)
  },

  async storeUse(tx, budgets) {
    const use = [
      budgets.map(b => b.id),
      budgets.map(b => b.usedTotalMinor),
      budgets.map(b => b.usedHourMinor),
      budgets.map(b => toDate(b.hourAtMs)),
    ]
    const state = [
      budgets.map(b => b.state),
      budgets.map(b => b.reason ?? null),
      budgets.map(b => new Date(b.sinceMs)),
    ]
    await tx.query(sql['store-use'], [...use, ...state])
  },

  async storeState(tx, { ids, state, reason, nowMs }) {
    await tx.query(sql['store-state'], [ids, state, reason, new Date(nowMs)])
  },

  async storeCaps(tx, budget) {
    const { id, totalCapMinor, hourCapMinor, countedSinceMs, usedTotalMinor, usedHourMinor } = budget
    const caps = [totalCapMinor ?? null, hourCapMinor ?? null, toDate(countedSinceMs)]
    await tx.query(sql['store-caps'], [id, ...caps, usedTotalMinor, usedHourMinor])
  },
}

/** The names of everything that is frozen. */
export const listFrozen = async (tx: Tx): Promise<string[]> =>
  (await tx.query<{ name: string }>(sql['list-frozen'])).map(({ name }) => name)

/** Whether any budget over an envelope is frozen, on record. */
export const isFrozen = async (tx: Tx, covered: Covered): Promise<boolean> =>
  (await tx.query(sql['find-frozen'], [namesOver(covered)])).length > 0

const ownerOf = (holder: BudgetHolder): string | null => (holder.kind === 'platform' ? null : holder.ownerId)
const toDate = (atMs: number | undefined): Date | null => (atMs === undefined ? null : new Date(atMs))

type BudgetRow = Row & {
  id: string
  kind: BudgetKind
  owner_id: string | null
  currency: string | null
  state: 'open' | 'frozen'
  reason: string | null
  since: Date
  total_cap: bigint | null
  hour_cap: bigint | null
  counted_since: Date | null
  used_total: bigint
  used_hour: bigint
  hour_at: Date | null
  created_at: Date
}

const readBudgets = async (tx: Tx, statement: Statement, params: readonly unknown[]): Promise<Budget[]> =>
  (await tx.query<BudgetRow>(statement, params)).map(row => ({
    id: row.id,
    holder:
      row.kind === 'platform' ? { kind: row.kind } : { kind: row.kind, ownerId: row.owner_id as string },
    currency: row.currency ?? undefined,
    state: row.state,
    reason: row.reason ?? undefined,
    sinceMs: row.since.getTime(),
    totalCapMinor: row.total_cap ?? undefined,
    hourCapMinor: row.hour_cap ?? undefined,
    countedSinceMs: row.counted_since?.getTime(),
    usedTotalMinor: row.used_total,
    usedHourMinor: row.used_hour,
    hourAtMs: row.hour_at?.getTime(),
    createdAtMs: row.created_at.getTime(),
  }))
