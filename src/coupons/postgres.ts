/** The tables of coupons: pools, coupons, redemptions; and what drops, envelopes and claims do with them. */
import assert from 'node:assert/strict'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, type Row, type Tx } from '#platform/postgres.ts'
import type { Coupon, OwnCoupon, Pool } from './coupon.ts'
import type { CouponRecord } from './ports.ts'
import type { CouponState } from './state.ts'
import type { CouponStock } from './stock.ts'

const sql = loadStatements(import.meta.url, [
  ...(['insert-pool', 'find-pool', 'lock-pool', 'list-pools', 'count-coupons', 'is-in-play'] as const),
  ...(['void-pool', 'add-coupons', 'list-coupons', 'find-coupon', 'void-coupon'] as const),
  ...(['lock-coupon', 'lock-to-redeem'] as const),
  ...(['count-redeemed', 'find-redemption', 'redeem-coupon', 'list-own', 'find-own'] as const),
  ...(['take-free', 'place-coupons', 'give-coupons', 'give-back'] as const),
])

/** For the figures of a campaign; nothing where it gives no coupons. */
export async function countRedeemed(tx: Tx, campaignId: string): Promise<number | undefined> {
  const [row] = await tx.query<{ redeemed: number }>(sql['count-redeemed'], [campaignId])
  return row?.redeemed
}

export const couponRecord: CouponRecord = {
  async insertPool(tx, { id, merchantId, name, title, terms, expiresAtMs, createdAtMs }) {
    const times = [new Date(expiresAtMs), new Date(createdAtMs)]
    await tx.query(sql['insert-pool'], [id, merchantId, name, title, terms, ...times])
  },

  findPool,

  async lockPool(tx, id) {
    await tx.query(sql['lock-pool'], [id])
    return findPool(tx, id)
  },

  listPools: async (tx, merchantId, page) =>
    (await tx.query<PoolRow>(sql['list-pools'], [merchantId, ...keysetParams(page)])).map(toPool),

  async countCoupons(tx, poolIds) {
    const rows = await tx.query<CountRow>(sql['count-coupons'], [poolIds])
    return new Map(
      rows.map(({ pool_id, void_given: voidGiven, ...counts }) => [pool_id, { ...counts, voidGiven }]),
    )
  },

  async isInPlay(tx, poolId) {
    const [row] = await tx.query<{ is_in_play: boolean }>(sql['is-in-play'], [poolId])
    return row?.is_in_play === true
  },

  async voidPool(tx, id, nowMs) {
    await tx.query(sql['void-pool'], [id, new Date(nowMs)])
  },

  async addCoupons(tx, poolId, coupons) {
    const [first] = coupons
    if (first === undefined) return 0
    const columns = [
      ...[coupons.map(c => c.id), coupons.map(c => c.keyId), coupons.map(c => c.sealed)],
      ...[coupons.map(c => c.payloadMac), coupons.map(c => c.codeMac)],
    ]
    const params = [poolId, first.merchantId, ...columns, new Date(first.createdAtMs)]
    const [row] = await tx.query<{ added: number }>(sql['add-coupons'], params)
    return row?.added ?? 0
  },

  async listCoupons(tx, { poolId, state, nowMs }, page) {
    const params = [poolId, state ?? null, new Date(nowMs), ...keysetParams(page)]
    return (await tx.query<CouponRow>(sql['list-coupons'], params)).map(toCoupon)
  },

  async lockCoupon(tx, which) {
    const [lock, by] = 'id' in which ? [sql['lock-coupon'], which.id] : [sql['lock-to-redeem'], which.codeMac]
    const [row] = await tx.query<{ id: string }>(lock, [which.merchantId, by])
    if (row === undefined) return undefined
    const [found] = await tx.query<CouponRow>(sql['find-coupon'], [row.id])
    return found && toCoupon(found)
  },

  async voidCoupon(tx, { id }, nowMs) {
    await tx.query(sql['void-coupon'], [id, new Date(nowMs)])
  },

  async isRedemption(tx, { couponId, till, idempotencyKey }) {
    return (await tx.query(sql['find-redemption'], [couponId, till, idempotencyKey])).length > 0
  },

  async redeem(tx, { couponId, merchantId, till, idempotencyKey, redeemedAtMs }) {
    const params = [couponId, merchantId, till, idempotencyKey, new Date(redeemedAtMs)]
    return (await tx.query(sql['redeem-coupon'], params)).length > 0
  },

  listOwn: async (tx, playerId, page) =>
    (await tx.query<OwnRow>(sql['list-own'], [playerId, ...keysetParams(page)])).map(toOwn),

  async findOwn(tx, { id, playerId }) {
    const [row] = await tx.query<OwnRow>(sql['find-own'], [id, playerId])
    return row && toOwn(row)
  },
}

export const couponStock: CouponStock = {
  async lockPool(tx, id) {
    return couponRecord.lockPool(tx, id)
  },
  findPool,
  async take(tx, { poolId, coupons }) {
    await tx.query(sql['take-free'], [poolId, coupons])
  },
  async putBack(tx, { poolId, coupons }) {
    await tx.query(sql['take-free'], [poolId, -coupons])
  },
  async place(tx, { poolId, envelopeIds, shareCount }) {
    const params = [poolId, envelopeIds, shareCount]
    const rows = await tx.query<{ id: string }>(sql['place-coupons'], params)
    assert.equal(rows.length, envelopeIds.length * shareCount, 'a drop places no more than it has taken')
    return rows.map(({ id }) => id)
  },
  async give(tx, won) {
    const columns = [won.map(w => w.couponId), won.map(w => w.envelopeId), won.map(w => w.playerId)]
    await tx.query(sql['give-coupons'], [...columns, won.map(w => new Date(w.claimedAtMs))])
  },
  async giveBack(tx, envelopeIds) {
    await tx.query(sql['give-back'], [envelopeIds])
  },
}

async function findPool(tx: Tx, id: string): Promise<Pool | undefined> {
  const [row] = await tx.query<PoolRow>(sql['find-pool'], [id])
  return row && toPool(row)
}

type PoolRow = {
  id: string
  merchant_id: string
  name: string
  title: string
  terms: string | null
  expires_at: Date
  uploaded: number
  free: number
  created_at: Date
  voided_at: Date | null
}

const toMs = (date: Date | null): number | null => date?.getTime() ?? null

const toPool = (row: PoolRow): Pool => ({
  ...{ id: row.id, merchantId: row.merchant_id, name: row.name, title: row.title, terms: row.terms },
  ...{ expiresAtMs: row.expires_at.getTime(), uploaded: row.uploaded, free: row.free },
  ...{ createdAtMs: row.created_at.getTime(), voidedAtMs: toMs(row.voided_at) },
})

type CountRow = {
  pool_id: string
  given: number
  redeemed: number
  unredeemed: number
  void: number
  void_given: number
}

type CouponRow = Row & {
  id: string
  pool_id: string
  key_id: string
  sealed: Buffer
  state: CouponState
  envelope_id: string | null
  player_id: string | null
  created_at: Date
  given_at: Date | null
  redeemed_at: Date | null
  voided_at: Date | null
  till: string | null
  merchant_id: string
  title: string
  terms: string | null
  expires_at: Date
  pool_voided_at: Date | null
}

const toCoupon = (row: CouponRow): Coupon => ({
  ...{ id: row.id, keyId: row.key_id, sealed: row.sealed, state: row.state, till: row.till },
  pool: {
    ...{ id: row.pool_id, merchantId: row.merchant_id, title: row.title, terms: row.terms },
    ...{ expiresAtMs: row.expires_at.getTime(), voidedAtMs: toMs(row.pool_voided_at) },
  },
  ...{ envelopeId: row.envelope_id, playerId: row.player_id, createdAtMs: row.created_at.getTime() },
  ...{ givenAtMs: toMs(row.given_at), redeemedAtMs: toMs(row.redeemed_at), voidedAtMs: toMs(row.voided_at) },
})

type OwnRow = CouponRow & { merchant_name: string }

const toOwn = (row: OwnRow): OwnCoupon => ({ ...toCoupon(row), merchantName: row.merchant_name })
