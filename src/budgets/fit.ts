/**
 * Which payouts still fit under the caps of their budgets, one after the other. Pure: the caller holds the rows' locks,
 * so what is decided here is exact. A payout that does not fit freezes the budgets that are in its way; smaller ones of
 * the same batch may still fit and fill what is left.
 */
import { type Budget, type FreezeReason, usedAt } from './budget.ts'

export type Payout = { amountMinor: bigint; budgetIds: readonly string[] }

export type Fitted = {
  /** In the order of the payouts. */
  fits: boolean[]
  /** All of them, as they are afterwards. */
  budgets: Budget[]
  /** Those that are newly frozen, and why. */
  frozen: { budget: Budget; reason: FreezeReason }[]
}

/**
 * `isLate`: what was reserved before the budgets were frozen, or in another hour, is paid out now. Then neither a
 * freeze nor the cap of the hour is asked, only the total, and nothing is frozen.
 */
export function fitPayouts(
  locked: readonly Budget[],
  payouts: readonly Payout[],
  { nowMs, isLate = false }: { nowMs: number; isLate?: boolean },
): Fitted {
  const budgets = new Map(locked.map(budget => [budget.id, usedAt(budget, nowMs)]))
  const obstacles = new Map<string, FreezeReason>()
  const wasFrozen = (budget: Budget) => !isLate && budget.state === 'frozen'
  const fits = payouts.map(({ amountMinor, budgetIds }) => {
    const over = budgetIds.flatMap(id => budgets.get(id) ?? [])
    if (over.some(wasFrozen)) return false
    const obstructed = over.flatMap(budget => {
      const reason = obstacleOf(budget, amountMinor, isLate)
      return reason === undefined ? [] : [[budget.id, reason] as const]
    })
    for (const [id, reason] of obstructed) if (!obstacles.has(id)) obstacles.set(id, reason)
    if (obstructed.length > 0) return false
    for (const budget of over) budgets.set(budget.id, use(budget, amountMinor, isLate))
    return true
  })
  const frozen = isLate
    ? []
    : [...obstacles].map(([id, reason]) => {
        const budget = { ...(budgets.get(id) as Budget), state: 'frozen' as const, reason, sinceMs: nowMs }
        budgets.set(id, budget)
        return { budget, reason }
      })
  return { fits, budgets: [...budgets.values()], frozen }
}

function obstacleOf(budget: Budget, amountMinor: bigint, isLate: boolean): FreezeReason | undefined {
  const { totalCapMinor, hourCapMinor, usedTotalMinor, usedHourMinor } = budget
  if (totalCapMinor !== undefined && usedTotalMinor + amountMinor > totalCapMinor) return 'cap_total'
  if (isLate || hourCapMinor === undefined) return undefined
  return usedHourMinor + amountMinor > hourCapMinor ? 'cap_hour' : undefined
}

const use = (budget: Budget, amountMinor: bigint, isLate: boolean): Budget => ({
  ...budget,
  usedTotalMinor: budget.usedTotalMinor + amountMinor,
  usedHourMinor: budget.usedHourMinor + (isLate ? 0n : amountMinor),
})
