/** How a coupon goes: from the pool into an envelope, to a player, to the till. */
import type { CouponState as ShownState } from '#protocol/rest/coupons.ts'

export type CouponState = 'pooled' | 'placed' | 'given' | 'redeemed' | 'void'

/** The whole table; PostgreSQL has the same one. */
export const transitions: readonly (readonly [from: CouponState, to: CouponState])[] = [
  ['pooled', 'placed'],
  ['pooled', 'void'],
  ['placed', 'given'],
  ['placed', 'pooled'],
  ['given', 'redeemed'],
  ['given', 'void'],
]

/** Over a coupon stands its pool: void all at once, or past its time. */
type OfPool = { expiresAtMs: number; voidedAtMs: number | null }

/** What a coupon is worth saying at a moment. What was redeemed stays so, whatever became of the pool. */
export function stateAt(state: CouponState, pool: OfPool, nowMs: number): ShownState {
  if (state === 'redeemed' || state === 'void') return state
  if (pool.voidedAtMs !== null) return 'void'
  return pool.expiresAtMs <= nowMs ? 'expired' : state
}

export const poolStateAt = ({ expiresAtMs, voidedAtMs }: OfPool, nowMs: number) => {
  if (voidedAtMs !== null) return 'void' as const
  return expiresAtMs <= nowMs ? ('expired' as const) : ('usable' as const)
}
