/**
 * What settlement asks before it pays from an envelope that is under a cap: the rows of the budgets are locked, in
 * order of id and after the envelopes, charged, and frozen where a payout does not fit, in the transaction of the
 * payout. So what is paid under a cap is at most the cap, exactly, whichever server pays.
 */
import type { Action } from '../operator/action.ts'
import type { Budget } from './budget.ts'
import { fitPayouts, type Payout } from './fit.ts'
import { describeTarget } from './target.ts'

/** The budgets as settlement sees them; `T` is whatever the record calls a transaction. */
export type PayoutGuard<T> = {
  /** Whether each payout may be made, in order. Those that may are charged. */
  charge(
    tx: T,
    payouts: readonly Payout[],
    options: { nowMs: number; isLate: boolean },
  ): Promise<{ fits: readonly boolean[]; hasFrozen: boolean }>
  /** Called after a commit that froze a budget. */
  onFrozen(): void
}

export type PayoutGuardPorts<T> = {
  record: {
    lockBudgets(tx: T, ids: readonly string[]): Promise<Budget[]>
    storeUse(tx: T, budgets: readonly Budget[]): Promise<void>
  }
  noteAction: (tx: T, action: Action) => Promise<void>
  onFrozen: () => void
}

export function createPayoutGuard<T>({ record, noteAction, onFrozen }: PayoutGuardPorts<T>): PayoutGuard<T> {
  return {
    onFrozen,
    async charge(tx, payouts, options) {
      const ids = [...new Set(payouts.flatMap(({ budgetIds }) => budgetIds))]
      const { fits, budgets, frozen } = fitPayouts(await record.lockBudgets(tx, ids), payouts, options)
      await record.storeUse(tx, budgets)
      for (const { budget, reason } of frozen) {
        const { usedTotalMinor, usedHourMinor, totalCapMinor, hourCapMinor } = budget
        const after = { state: 'frozen', ...{ usedTotalMinor, usedHourMinor, totalCapMinor, hourCapMinor } }
        const target = { ...describeTarget(budget.holder), currency: budget.currency }
        const what = { actor: 'cap', action: 'freeze', target, reason } as const
        await noteAction(tx, { ...what, before: { state: 'open' }, after, atMs: options.nowMs })
      }
      return { fits, hasFrozen: frozen.length > 0 }
    },
  }
}

/** For whoever settles where there are no budgets. */
export const withoutCaps: PayoutGuard<unknown> = {
  charge: async (_tx, payouts) => ({ fits: payouts.map(() => true), hasFrozen: false }),
  onFrozen: () => {},
}
