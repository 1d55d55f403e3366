/**
 * Keeps settlement within the caps. Nothing happens, and nothing is asked, unless a budget over an envelope of the
 * batch has a cap; then the budgets are charged in the order of the reservations, in the same transaction.
 */
import type { PayoutGuard } from '../budgets/guard.ts'
import type { Claim, LockedEnvelope } from './record.ts'

export type WithinCaps = { due: readonly Claim[]; hasFrozen: boolean }

/** The claims that may be made. `isLate`: they should have been made before; see fit.ts. */
export async function keepWithinCaps<T>(
  budgets: PayoutGuard<T>,
  tx: T,
  claims: readonly Claim[],
  { locked, nowMs, isLate }: { locked: readonly LockedEnvelope[]; nowMs: number; isLate: boolean },
): Promise<WithinCaps> {
  const caps = new Map(locked.map(envelope => [envelope.id, envelope.cappedBudgets]))
  const isCapped = ({ envelopeId }: Claim) => (caps.get(envelopeId)?.length ?? 0) > 0
  const capped = claims.filter(isCapped)
  if (capped.length === 0) return { due: claims, hasFrozen: false }
  const payouts = capped.map(({ envelopeId, amountMinor }) => ({
    amountMinor,
    budgetIds: caps.get(envelopeId) ?? [],
  }))
  const { fits, hasFrozen } = await budgets.charge(tx, payouts, { nowMs, isLate })
  const stopped = new Set(capped.filter((_, i) => !fits[i]))
  return { due: claims.filter(claim => !stopped.has(claim)), hasFrozen }
}
