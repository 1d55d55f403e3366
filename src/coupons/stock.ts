/**
 * What other folders do with coupons, each step in a transaction of theirs: a drop takes them out of what is free, its
 * envelopes get them share by share, a settled claim gives one to its player, and what nobody won comes back.
 */
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Pool } from './coupon.ts'
import { poolStateAt } from './state.ts'

/** A coupon's share that somebody has won. */
export type WonCoupon = { couponId: string; envelopeId: string; playerId: string; claimedAtMs: number }

export type CouponStock = {
  findPool(tx: Tx, id: string): Promise<Pool | undefined>
  /** Locks the row, then reads it. */
  lockPool(tx: Tx, id: string): Promise<Pool | undefined>
  /** Out of what is free in a locked pool. */
  take(tx: Tx, what: { poolId: string; coupons: number }): Promise<void>
  /** What was taken and never placed. */
  putBack(tx: Tx, what: { poolId: string; coupons: number }): Promise<void>
  /** One for each share of envelopes that are made in this transaction, in their order. */
  place(
    tx: Tx,
    where: { poolId: string; envelopeIds: readonly string[]; shareCount: number },
  ): Promise<string[]>
  /** To those who won the shares that they lie in. */
  give(tx: Tx, won: readonly WonCoupon[]): Promise<void>
  /** Out of locked envelopes that end, what nobody won. */
  giveBack(tx: Tx, envelopeIds: readonly string[]): Promise<void>
}

type Asked = { poolId: string; merchantId: string; untilMs: number; nowMs: number }

/** Why a campaign cannot give out coupons of this pool until its end; nothing where it can. */
export function refuseStock(
  pool: Pool | undefined,
  { merchantId, untilMs, nowMs }: Omit<Asked, 'poolId'>,
): 'pool_unknown' | 'pool_void' | 'coupons_expire' | undefined {
  if (pool?.merchantId !== merchantId) return 'pool_unknown'
  if (poolStateAt(pool, nowMs) === 'void') return 'pool_void'
  // Nobody is to win a coupon that is worth nothing any more.
  return pool.expiresAtMs < untilMs ? 'coupons_expire' : undefined
}

/** Takes what a drop will need, all or none. */
export async function takeForDrop(
  stock: Pick<CouponStock, 'lockPool' | 'take'>,
  tx: Tx,
  { poolId, coupons, ...asked }: Asked & { coupons: number },
): Promise<Refusal | undefined> {
  const pool = await stock.lockPool(tx, poolId)
  const reason = refuseStock(pool, asked) ?? ((pool?.free ?? 0) < coupons ? 'coupons_short' : undefined)
  if (reason !== undefined) return refuse('drop_refused', { reason })
  await stock.take(tx, { poolId, coupons })
  return undefined
}
