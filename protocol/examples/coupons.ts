/** Examples of coupons: the tea house uploads its own codes, Mei wins one of them, and shows it at the till. */
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
} from '../rest/coupons.ts'
import { exampleOf } from './example.ts'

const poolId = '019c6a31-4c02-7d19-8a6e-5b1c0f2e7d44'
const couponId = '019c6a31-7b60-7e21-9c0d-2f64a1b8c3d9'
const envelopeId = '019c6a33-0a1b-7e40-8c11-0b9f6a7d2c33'
const claimId = 'b6b1d1f3-0c2e-5f0a-9a57-3f2f8a6f4c11'

const plan = {
  name: 'New Year tea',
  title: 'One pot of jasmine tea',
  terms: 'One a table, not on 17 February.',
  expiresAt: '2026-03-31T16:00:00.000Z',
}
const counts = { uploaded: 0, free: 0, placed: 0, given: 0, redeemed: 0, unredeemed: 0, void: 0 }
const pool = {
  ...{ id: poolId, ...plan, state: 'usable' as const, coupons: counts },
  createdAt: '2026-02-17T05:40:00.000Z',
}
const inPlay = {
  ...pool,
  coupons: { ...counts, uploaded: 500, free: 100, placed: 387, given: 13, redeemed: 4, unredeemed: 9 },
}
const times = { given: '2026-02-18T03:12:09.511Z', redeemed: '2026-02-18T03:20:44.030Z' }
const listed = {
  ...{ id: couponId, poolId, state: 'given' as const, createdAt: '2026-02-17T05:41:10.008Z' },
  ...{ envelopeId, givenAt: times.given },
}
const coupon = {
  ...{ id: couponId, claimId, envelopeId, merchant: 'Lotus Tea House', title: plan.title, terms: plan.terms },
  ...{ state: 'given' as const, code: 'K7QM-3XNA-TB4Y', payload: 'LOTUS-0042' },
  ...{ givenAt: times.given, expiresAt: plan.expiresAt },
}
const page = (path: string) => ({ numberReturned: 1, links: { self: path } })
const params = { id: poolId }

export const couponExamples = [
  exampleOf(createCouponPool, { body: plan, answers: { 201: pool } }),
  exampleOf(listCouponPools, { answers: { 200: { items: [inPlay], ...page(listCouponPools.path) } } }),
  exampleOf(getCouponPool, { params, answers: { 200: inPlay } }),
  exampleOf(uploadCoupons, {
    params,
    files: { 'text/csv': 'code\r\nLOTUS-0041\r\nLOTUS-0042\r\nLOTUS-0042\r\n' },
    answers: { 200: { poolId, rows: 3, added: 2, duplicates: 1, refused: 0, errors: [] } },
  }),
  exampleOf(listCoupons, {
    params,
    query: { state: 'given' },
    answers: { 200: { items: [listed], ...page(listCoupons.path.replace('{id}', poolId)) } },
  }),
  exampleOf(voidCouponPool, {
    params,
    answers: { 200: { ...pool, state: 'void', voidedAt: '2026-02-17T05:50:00.000Z' } },
  }),
  exampleOf(voidCoupon, {
    params: { id: couponId },
    answers: { 200: { ...listed, state: 'void', voidedAt: '2026-02-18T03:15:00.000Z' } },
  }),
  exampleOf(redeemCoupon, {
    body: { code: 'k7qm 3xna tb4y', till: 'counter-2' },
    answers: {
      200: {
        ...{ couponId, poolId, title: plan.title, payload: coupon.payload },
        ...{ till: 'counter-2', redeemedAt: times.redeemed },
      },
    },
  }),
  exampleOf(listOwnCoupons, { answers: { 200: { items: [coupon], ...page(listOwnCoupons.path) } } }),
  exampleOf(getOwnCoupon, { params: { id: couponId }, answers: { 200: coupon } }),
]
