/** One coupon made worthless: one that nobody has any more, or one that was won and has not been redeemed. */
import type { ListedCoupon } from '#protocol/rest/coupons.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { CouponPorts } from './ports.ts'
import { viewListed } from './view.ts'

export function voidCoupon(
  { database, record, clock }: CouponPorts,
  { caller, id }: { caller: MerchantCaller; id: string },
): Promise<{ status: 200; body: ListedCoupon } | Refusal> {
  const nowMs = clock.nowMs()
  return database.transact<{ status: 200; body: ListedCoupon } | Refusal>(async tx => {
    const coupon = await record.lockCoupon(tx, { merchantId: caller.id, id })
    if (coupon === undefined) return refuse('not_found')
    if (coupon.state === 'redeemed' || coupon.state === 'placed') {
      return refuse('coupon_state', { reason: coupon.state })
    }
    // Of those in the pool, drops on their way may have asked for every one.
    const isAsked = coupon.state === 'pooled' && (await record.lockPool(tx, coupon.pool.id))?.free === 0
    if (isAsked) return refuse('coupon_state', { reason: 'placed' })
    if (coupon.state === 'void') return { status: 200, body: viewListed(coupon, nowMs) }
    await record.voidCoupon(tx, coupon, nowMs)
    return { status: 200, body: viewListed({ ...coupon, state: 'void', voidedAtMs: nowMs }, nowMs) }
  })
}
