/** Everything that can be done with coupons besides winning one, composed once from its ports. */
import { getOwn, listCoupons, listOwn } from './look.ts'
import { createPool, getPool, listPools, voidPool } from './pools.ts'
import type { CouponPorts } from './ports.ts'
import { redeemCoupon } from './redeem.ts'
import { uploadCoupons } from './upload.ts'
import { voidCoupon } from './void.ts'

type Request<Verb extends (ports: never, request: never) => unknown> = Parameters<Verb>[1]

export type Coupons = ReturnType<typeof createCoupons>

export const createCoupons = (ports: CouponPorts) => ({
  createPool: (request: Request<typeof createPool>) => createPool(ports, request),
  listPools: (request: Request<typeof listPools>) => listPools(ports, request),
  getPool: (request: Request<typeof getPool>) => getPool(ports, request),
  voidPool: (request: Request<typeof voidPool>) => voidPool(ports, request),
  upload: (request: Request<typeof uploadCoupons>) => uploadCoupons(ports, request),
  list: (request: Request<typeof listCoupons>) => listCoupons(ports, request),
  void: (request: Request<typeof voidCoupon>) => voidCoupon(ports, request),
  redeem: (request: Request<typeof redeemCoupon>) => redeemCoupon(ports, request),
  listOwn: (request: Request<typeof listOwn>) => listOwn(ports, request),
  getOwn: (request: Request<typeof getOwn>) => getOwn(ports, request),
})
