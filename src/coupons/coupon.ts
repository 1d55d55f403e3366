/** A pool and its coupons as the record holds them. */
import type { Sealed } from './vault.ts'
import type { CouponState } from './state.ts'

export type Pool = {
  id: string
  merchantId: string
  name: string
  title: string
  terms: string | null
  expiresAtMs: number
  /** Coupons that it was ever given, and how many of them no drop has asked for. */
  uploaded: number
  free: number
  createdAtMs: number
  voidedAtMs: number | null
}

/** Counted from the rows. */
export type PoolCounts = {
  given: number
  redeemed: number
  unredeemed: number
  void: number
  voidGiven: number
}

export type NewCoupon = Sealed & {
  id: string
  poolId: string
  merchantId: string
  codeMac: Buffer
  payloadMac: Buffer
  createdAtMs: number
}

export type Coupon = Sealed & {
  id: string
  state: CouponState
  pool: Pick<Pool, 'id' | 'merchantId' | 'title' | 'terms' | 'expiresAtMs' | 'voidedAtMs'>
  envelopeId: string | null
  playerId: string | null
  createdAtMs: number
  givenAtMs: number | null
  redeemedAtMs: number | null
  voidedAtMs: number | null
  till: string | null
}

/** A coupon with whom it belongs to, as its winner is shown it. */
export type OwnCoupon = Coupon & { merchantName: string }

export type NewRedemption = {
  couponId: string
  merchantId: string
  till: string
  idempotencyKey: string
  redeemedAtMs: number
}
