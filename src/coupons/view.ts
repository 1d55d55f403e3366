/** Pools and coupons as they are sent. Only their winner is ever sent a code of ours. */
import type { Static } from 'typebox'
import { writeCouponCode } from '#protocol/coupon-code.ts'
import type { Coupon as CouponAnswer, CouponPool, ListedCoupon } from '#protocol/rest/coupons.ts'
import { claimIdOf } from '../claims/reservation.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { Coupon, OwnCoupon, Pool, PoolCounts } from './coupon.ts'
import { poolStateAt, stateAt } from './state.ts'
import type { Codes } from './vault.ts'

export type PoolView = Static<typeof CouponPool>

const none: PoolCounts = { given: 0, redeemed: 0, unredeemed: 0, void: 0, voidGiven: 0 }

export function viewPool(pool: Pool, counts: PoolCounts = none, nowMs: number): PoolView {
  const { id, name, title, terms, uploaded, free, voidedAtMs } = pool
  const state = poolStateAt(pool, nowMs)
  const { given, redeemed, unredeemed, void: worthless, voidGiven } = counts
  return {
    ...{ id, name, title, ...(terms !== null && { terms }), expiresAt: toTimestamp(pool.expiresAtMs), state },
    coupons: {
      ...{ uploaded, free, placed: uploaded - free - given - (worthless - voidGiven) },
      ...{ given, redeemed, unredeemed: state === 'usable' ? unredeemed : 0, void: worthless },
    },
    createdAt: toTimestamp(pool.createdAtMs),
    ...(voidedAtMs !== null && { voidedAt: toTimestamp(voidedAtMs) }),
  }
}

export function viewListed(coupon: Coupon, nowMs: number): ListedCoupon {
  const { id, pool, envelopeId, givenAtMs, redeemedAtMs, till } = coupon
  const state = stateAt(coupon.state, pool, nowMs)
  const voidedAtMs = coupon.voidedAtMs ?? (state === 'void' ? pool.voidedAtMs : null)
  return {
    ...{ id, poolId: pool.id, state, createdAt: toTimestamp(coupon.createdAtMs) },
    ...(envelopeId !== null && { envelopeId }),
    ...(givenAtMs !== null && { givenAt: toTimestamp(givenAtMs) }),
    ...(redeemedAtMs !== null && { redeemedAt: toTimestamp(redeemedAtMs) }),
    ...(till !== null && { till }),
    ...(voidedAtMs !== null && { voidedAt: toTimestamp(voidedAtMs) }),
  }
}

export function viewOwn(coupon: OwnCoupon, { code, payload }: Codes, nowMs: number): CouponAnswer {
  const { id, pool, envelopeId, playerId, givenAtMs, redeemedAtMs } = coupon
  if (envelopeId === null || playerId === null || givenAtMs === null) throw new Error(`${id} is nobody's`)
  return {
    ...{ id, claimId: claimIdOf(envelopeId, playerId), envelopeId, merchant: coupon.merchantName },
    ...{ title: pool.title, ...(pool.terms !== null && { terms: pool.terms }) },
    state: stateAt(coupon.state, pool, nowMs) as CouponAnswer['state'],
    ...{ code: writeCouponCode(code), payload },
    ...{ givenAt: toTimestamp(givenAtMs), expiresAt: toTimestamp(pool.expiresAtMs) },
    ...(redeemedAtMs !== null && { redeemedAt: toTimestamp(redeemedAtMs) }),
  }
}
