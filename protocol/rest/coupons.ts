/** Coupons: pools that a merchant uploads, what players have won of them, and the till that redeems them. */
import { type Static, Type } from 'typebox'
import { limits } from '../limits.ts'
import { bodyErrors, callerErrors, commonErrors, idempotencyErrors, operation } from '../operation.ts'
import { playerErrors } from '../operation.ts'
import { Page, PageQuery, Shape, Text, Timestamp, Uuid } from '../scalars.ts'

const rules = limits.coupon
const id = Shape({ id: Uuid })
const reading = [...commonErrors, ...callerErrors, 'not_found'] as const
const writing = [...commonErrors, ...bodyErrors, ...callerErrors] as const
const tag = 'coupons'

export const PoolPlan = Shape({
  name: Text(rules.nameChars, 'For you.'),
  title: Text(rules.titleChars, 'For players: what they get for it.'),
  terms: Type.Optional(Text(rules.termsChars)),
  expiresAt: Timestamp,
})
export type PoolPlan = Static<typeof PoolPlan>

const count = (description: string) => Type.Integer({ minimum: 0, description })

export const CouponPool = Shape({
  id: Uuid,
  ...PoolPlan.properties,
  state: Type.Enum(['usable', 'expired', 'void']),
  coupons: Shape({
    uploaded: count('All of them.'),
    free: count('In no drop: a drop may take them.'),
    placed: count('In drops and their envelopes.'),
    given: count('Won by players, whatever became of them since.'),
    redeemed: count('Of those given.'),
    unredeemed: count('Of those given: still good at the till.'),
    void: count('Made void one by one.'),
  }),
  createdAt: Timestamp,
  voidedAt: Type.Optional(Timestamp),
})

export const createCouponPool = operation({
  id: 'createCouponPool',
  method: 'POST',
  path: '/v1/coupon-pools',
  tag,
  summary: 'Make a pool, for coupons to be uploaded to',
  callers: ['merchant'],
  scope: 'campaigns',
  idempotencyKey: 'required',
  body: PoolPlan,
  answers: { 201: CouponPool },
  errors: [...writing, ...idempotencyErrors, 'pool_refused'],
})

export const listCouponPools = operation({
  id: 'listCouponPools',
  method: 'GET',
  path: '/v1/coupon-pools',
  tag,
  summary: 'Your pools, newest first',
  callers: ['merchant'],
  scope: 'read',
  query: PageQuery,
  answers: { 200: Page(CouponPool) },
  errors: [...commonErrors, ...callerErrors],
})

export const getCouponPool = operation({
  id: 'getCouponPool',
  method: 'GET',
  path: '/v1/coupon-pools/{id}',
  tag,
  summary: 'One pool and its counts',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  answers: { 200: CouponPool },
  errors: reading,
})

export const UploadReport = Shape({
  poolId: Uuid,
  rows: Type.Integer({ description: 'Of the file, without its header.' }),
  added: Type.Integer(),
  duplicates: Type.Integer({ description: 'Uploaded before, to any pool of yours, or twice in the file.' }),
  refused: Type.Integer(),
  errors: Type.Array(Shape({ row: Type.Integer({ minimum: 1 }), message: Type.String() }), {
    description: `The first ${rules.uploadErrors} rows that were refused; the header is row 1.`,
  }),
})
export type UploadReport = Static<typeof UploadReport>

export const uploadCoupons = operation({
  id: 'uploadCoupons',
  method: 'POST',
  path: '/v1/coupon-pools/{id}/coupons',
  tag,
  summary: 'Upload coupons as CSV',
  description:
    'RFC 4180 in UTF-8 with the header `code`: one code of yours a row, which the player is shown beside ours. Read ' +
    'as a stream and kept encrypted. Rows that were there before are counted and nothing else, so that a broken ' +
    'upload is simply sent again.',
  callers: ['merchant'],
  scope: 'campaigns',
  params: id,
  consumes: ['text/csv'],
  answers: { 200: UploadReport },
  errors: [...writing, 'not_found', 'pool_state', 'coupon_file_refused'],
})

/** Of one coupon, as its merchant sees it: `expired` follows from the time, and from the pool where that is void. */
export const CouponState = Type.Enum(['pooled', 'placed', 'given', 'redeemed', 'expired', 'void'])
export type CouponState = Static<typeof CouponState>

export const ListedCoupon = Shape({
  id: Uuid,
  poolId: Uuid,
  state: CouponState,
  createdAt: Timestamp,
  envelopeId: Type.Optional(Uuid),
  givenAt: Type.Optional(Timestamp),
  redeemedAt: Type.Optional(Timestamp),
  till: Type.Optional(Type.String()),
  voidedAt: Type.Optional(Timestamp),
})
export type ListedCoupon = Static<typeof ListedCoupon>

export const listCoupons = operation({
  id: 'listCoupons',
  method: 'GET',
  path: '/v1/coupon-pools/{id}/coupons',
  tag,
  summary: 'The coupons of a pool, newest first',
  description: 'Neither codes nor players are named. `state=given` lists what may still be redeemed.',
  callers: ['merchant'],
  scope: 'read',
  params: id,
  query: Shape({ ...PageQuery.properties, state: Type.Optional(CouponState) }),
  answers: { 200: Page(ListedCoupon) },
  errors: reading,
})

export const voidCouponPool = operation({
  id: 'voidCouponPool',
  method: 'POST',
  path: '/v1/coupon-pools/{id}/void',
  tag,
  summary: 'Make all coupons of a pool worthless',
  description:
    'Final; what was redeemed stays redeemed. Refused while envelopes hold some, so that nobody wins a coupon that ' +
    'is void. Repeating is safe.',
  callers: ['merchant'],
  scope: 'campaigns',
  params: id,
  answers: { 200: CouponPool },
  errors: [...reading, 'pool_state'],
})

export const voidCoupon = operation({
  id: 'voidCoupon',
  method: 'POST',
  path: '/v1/coupons/{id}/void',
  tag,
  summary: 'Make one coupon worthless',
  description: 'Final: one that nobody has, or one that was won and not redeemed. Repeating is safe.',
  callers: ['merchant'],
  scope: 'campaigns',
  params: id,
  answers: { 200: ListedCoupon },
  errors: [...reading, 'coupon_state'],
})

export const Redemption = Shape({
  couponId: Uuid,
  poolId: Uuid,
  title: Type.String(),
  payload: Type.String({ description: 'The code that you uploaded.' }),
  till: Type.String(),
  redeemedAt: Timestamp,
})
export type Redemption = Static<typeof Redemption>

export const redeemCoupon = operation({
  id: 'redeemCoupon',
  method: 'POST',
  path: '/v1/coupons/redeem',
  tag,
  summary: 'Redeem a coupon at the till, once',
  description:
    'By the code that the player shows, as it is typed: blanks, hyphens and small letters do not matter. The same ' +
    'till with the same key gets the same answer, for ever; everybody else `already_redeemed`, with when. Codes of ' +
    'others, and of coupons that nobody has won, are `not_found`; ' +
    `${rules.wrongCodesPerMinute} of them a minute are answered.`,
  callers: ['merchant'],
  scope: 'till',
  idempotencyKey: 'required',
  body: Shape({ code: Text(64), till: Text(rules.tillChars, 'Your name for the till.') }),
  answers: { 200: Redemption },
  errors: [
    ...writing,
    'idempotency_key_missing',
    'idempotency_mismatch',
    'not_found',
    'coupon_code_mistyped',
    'coupon_state',
    'already_redeemed',
  ],
})

/** A coupon that a player has won. */
export const Coupon = Shape({
  id: Uuid,
  claimId: Uuid,
  envelopeId: Uuid,
  merchant: Type.String({ description: 'Whose till takes it.' }),
  title: Type.String(),
  terms: Type.Optional(Type.String()),
  state: Type.Enum(['given', 'redeemed', 'expired', 'void']),
  code: Type.String({
    pattern: '^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$',
    description: 'For the till; the last character checks the others (ISO/IEC 7064, MOD 37-2).',
  }),
  payload: Type.String({ description: 'The code of the merchant.' }),
  givenAt: Timestamp,
  expiresAt: Timestamp,
  redeemedAt: Type.Optional(Timestamp),
})
export type Coupon = Static<typeof Coupon>

export const listOwnCoupons = operation({
  id: 'listOwnCoupons',
  method: 'GET',
  path: '/v1/coupons',
  tag,
  summary: 'Your coupons, newest first',
  callers: ['player'],
  query: PageQuery,
  answers: { 200: Page(Coupon) },
  errors: [...commonErrors, ...playerErrors],
})

export const getOwnCoupon = operation({
  id: 'getOwnCoupon',
  method: 'GET',
  path: '/v1/coupons/{id}',
  tag,
  summary: 'One of your coupons',
  description: 'The `couponId` of a claim.',
  callers: ['player'],
  params: id,
  answers: { 200: Coupon },
  errors: [...commonErrors, ...playerErrors, 'not_found'],
})

export const couponOperations = [
  createCouponPool,
  listCouponPools,
  getCouponPool,
  uploadCoupons,
  listCoupons,
  voidCouponPool,
  voidCoupon,
  redeemCoupon,
]
export const ownCouponOperations = [listOwnCoupons, getOwnCoupon]
