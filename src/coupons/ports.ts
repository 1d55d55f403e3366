/** What the verbs of this folder need from outside; the real ones are composed in app-campaigns.ts. */
import type { Clock } from '#platform/clock.ts'
import type { RunOnce } from '#platform/idempotency.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Transact, Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import type { CouponState as ShownState } from '#protocol/rest/coupons.ts'
import type { Coupon, NewCoupon, NewRedemption, OwnCoupon, Pool, PoolCounts } from './coupon.ts'
import type { Redeemed } from './redeemed.ts'
import type { Vault } from './vault.ts'
import type { WrongCodes } from './wrong-codes.ts'

/** Lists are read one row past the page. Lock order: coupons → their pool, behind envelopes, campaigns and drops. */
export type CouponRecord = {
  insertPool(tx: Tx, pool: Pool): Promise<void>
  findPool(tx: Tx, id: string): Promise<Pool | undefined>
  /** Locks the row, then reads it. */
  lockPool(tx: Tx, id: string): Promise<Pool | undefined>
  listPools(tx: Tx, merchantId: string, page: PageRequest): Promise<Pool[]>
  countCoupons(tx: Tx, poolIds: readonly string[]): Promise<ReadonlyMap<string, PoolCounts>>
  /** Of a locked pool: whether drops or envelopes hold any of its coupons. */
  isInPlay(tx: Tx, poolId: string): Promise<boolean>
  voidPool(tx: Tx, id: string, nowMs: number): Promise<void>
  /** Adds coupons to a locked pool, except those whose payload is there already; how many are new. */
  addCoupons(tx: Tx, poolId: string, coupons: readonly NewCoupon[]): Promise<number>
  listCoupons(
    tx: Tx,
    which: { poolId: string; state: ShownState | undefined; nowMs: number },
    page: PageRequest,
  ): Promise<Coupon[]>

  /** Locks the row, then reads; by its code, to be redeemed, its pool is kept from being made void meanwhile. */
  lockCoupon(
    tx: Tx,
    which: { merchantId: string } & ({ id: string } | { codeMac: Buffer }),
  ): Promise<Coupon | undefined>
  voidCoupon(tx: Tx, coupon: Coupon, nowMs: number): Promise<void>
  /** Whether the till and key of an earlier redemption are these. */
  isRedemption(tx: Tx, redemption: Omit<NewRedemption, 'redeemedAtMs'>): Promise<boolean>
  /** Of a locked coupon; false where the till has used the key for another one. */
  redeem(tx: Tx, redemption: NewRedemption): Promise<boolean>

  listOwn(tx: Tx, playerId: string, page: PageRequest): Promise<OwnCoupon[]>
  findOwn(tx: Tx, which: { id: string; playerId: string }): Promise<OwnCoupon | undefined>
}

export type CouponPorts = {
  database: Tx & { transact: Transact }
  runOnce: RunOnce
  record: CouponRecord
  vault: Vault
  wrongCodes: WrongCodes
  /** Tells others of it, under the coupon's lock and with its commit. */
  onRedeemed?: (tx: Tx, redeemed: Redeemed) => Promise<void>
  clock: Clock
  random: Random
}
