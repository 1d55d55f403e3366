/** What the verbs of this folder need from outside. */
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Budget, BudgetHolder } from './budget.ts'

/** The table of budgets. What is locked is as the last holder left it. */
export type BudgetRecord = {
  lockBudgets(tx: Tx, ids: readonly string[]): Promise<Budget[]>
  lockOfHolder(tx: Tx, holder: BudgetHolder): Promise<Budget[]>
  /** Newest first, one more than the page. */
  list(tx: Tx, page: PageRequest): Promise<Budget[]>
  /** An open one without caps, unless it is there. */
  add(tx: Tx, budget: NewBudget): Promise<void>
  storeUse(tx: Tx, budgets: readonly Budget[]): Promise<void>
  storeState(tx: Tx, change: StateChange): Promise<void>
  storeCaps(tx: Tx, budget: Budget): Promise<void>
}

export type NewBudget = { id: string; holder: BudgetHolder; currency: string | undefined; nowMs: number }
export type StateChange = { ids: readonly string[]; state: Budget['state']; reason: string; nowMs: number }

/** Whether there is such a merchant or campaign. */
export type IsHolder = (tx: Tx, holder: BudgetHolder) => Promise<boolean>
