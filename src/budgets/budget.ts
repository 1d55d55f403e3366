/**
 * A budget is what may be paid out for the platform, a merchant or a campaign, in one currency or in all of them. It
 * is open or frozen, and in one currency it may have caps. Up to six budgets cover an envelope; one that has no row is
 * open and without caps. A freeze covers every currency where an operator orders it, and only its own where a cap
 * does.
 */

export type BudgetKind = 'platform' | 'merchant' | 'campaign'

/** Of whom: the platform has no owner. */
export type BudgetHolder = { kind: 'platform' } | { kind: 'merchant' | 'campaign'; ownerId: string }

export type FreezeReason = 'cap_total' | 'cap_hour'

export type BudgetState = {
  state: 'open' | 'frozen'
  /** Why it has this state, in the operator's words, or the cap that was reached. */
  reason: string | undefined
  sinceMs: number
}

export type Caps = { totalCapMinor: bigint | undefined; hourCapMinor: bigint | undefined }

export type Used = {
  usedTotalMinor: bigint
  /** In the hour that began at `hourAtMs`. */
  usedHourMinor: bigint
  hourAtMs: number | undefined
}

export type Budget = { id: string; holder: BudgetHolder; currency: string | undefined } & BudgetState &
  Caps &
  Used & { countedSinceMs: number | undefined; createdAtMs: number }

/** What decides which budgets cover an envelope. */
export type Covered = {
  currency: string
  hiderKind: 'player' | 'merchant'
  hiderId: string
  campaignId: string | undefined
}

/** As the table computes it: `merchant:<id>:CNY`. */
export const nameBudget = (holder: BudgetHolder, currency?: string): string =>
  [
    holder.kind,
    ...(holder.kind === 'platform' ? [] : [holder.ownerId]),
    ...(currency ? [currency] : []),
  ].join(':')

/** The names of all budgets that cover an envelope, whether there is a row or not. */
export function namesOver({ currency, hiderKind, hiderId, campaignId }: Covered): string[] {
  const holders: BudgetHolder[] = [{ kind: 'platform' }]
  if (hiderKind === 'merchant') holders.push({ kind: 'merchant', ownerId: hiderId })
  if (campaignId !== undefined) holders.push({ kind: 'campaign', ownerId: campaignId })
  return holders.flatMap(holder => [nameBudget(holder), nameBudget(holder, currency)])
}

const hourMs = 3_600_000

/** The UTC hour of a moment. */
export const hourOf = (atMs: number): number => Math.floor(atMs / hourMs) * hourMs

/** What is used by now: nothing of an hour that is over. */
export function usedAt<B extends Used>(budget: B, nowMs: number): B {
  const hourAtMs = hourOf(nowMs)
  // Clocks of two servers may stand on both sides of the hour: it never goes back.
  const isOver = budget.hourAtMs === undefined || budget.hourAtMs < hourAtMs
  return isOver ? { ...budget, hourAtMs, usedHourMinor: 0n } : budget
}
