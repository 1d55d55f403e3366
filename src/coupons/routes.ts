/** Coupons over HTTP. What belongs to another merchant or player is not there. */
import {
  createCouponPool,
  getCouponPool,
  getOwnCoupon,
  listCouponPools,
  listCoupons,
  listOwnCoupons,
  redeemCoupon,
  uploadCoupons,
  voidCoupon,
  voidCouponPool,
} from '#protocol/rest/coupons.ts'
import type { Bind } from '#platform/http.ts'
import type { Caller } from '../players/caller.ts'
import type { Coupons } from './coupons.ts'

export function registerCouponRoutes(bind: Bind<Caller>, { coupons }: { coupons: Coupons }): void {
  bind(createCouponPool, request => coupons.createPool(request))
  bind(listCouponPools, request => coupons.listPools(request))
  bind(getCouponPool, ({ caller, params }) => coupons.getPool({ caller, id: params.id }))
  bind(voidCouponPool, ({ caller, params }) => coupons.voidPool({ caller, id: params.id }))
  bind(uploadCoupons, ({ caller, params, file }) =>
    coupons.upload({ caller, id: params.id, pieces: file.pieces }),
  )
  bind(listCoupons, ({ caller, params, query }) => coupons.list({ caller, id: params.id, query }))
  bind(voidCoupon, ({ caller, params }) => coupons.void({ caller, id: params.id }))
  bind(redeemCoupon, request => coupons.redeem(request))
  bind(listOwnCoupons, request => coupons.listOwn(request))
  bind(getOwnCoupon, ({ caller, params }) => coupons.getOwn({ caller, id: params.id }))
}
