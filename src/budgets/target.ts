/** Holders of budgets as the operator names them. */
import type { BudgetHolder } from './budget.ts'

export type Target = { platform: true } | { merchantId: string } | { campaignId: string }

export function readTarget(target: Target): BudgetHolder {
  if ('merchantId' in target) return { kind: 'merchant', ownerId: target.merchantId }
  if ('campaignId' in target) return { kind: 'campaign', ownerId: target.campaignId }
  return { kind: 'platform' }
}

export function describeTarget(holder: BudgetHolder): Target {
  switch (holder.kind) {
    case 'platform':
      return { platform: true }
    case 'merchant':
      return { merchantId: holder.ownerId }
    case 'campaign':
      return { campaignId: holder.ownerId }
  }
}
