/**
 * Redeeming: the row of the coupon orders everybody who shows it, and the redemption is what the till was answered, for
 * ever. In this order, and the order is the rule:
 *
 *   1 `coupon_code_mistyped`   the code alone, without looking anything up
 *   2 `too_many_requests`      the merchant alone: too many wrong codes
 *   3 `not_found`              no coupon of this merchant has the code, or nobody has won it
 *   4 the first answer         the same till and key; `already_redeemed` otherwise
 *   5 `coupon_state`           void, expired
 *   6 `idempotency_mismatch`   the till's key has redeemed another coupon
 */
import type { Redemption } from '#protocol/rest/coupons.ts'
import { readCouponCode } from '#protocol/coupon-code.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import { claimIdOf } from '../claims/reservation.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { MerchantCaller } from '../players/caller.ts'
import type { Coupon } from './coupon.ts'
import type { CouponPorts } from './ports.ts'
import { stateAt } from './state.ts'

export type RedeemRequest = {
  caller: MerchantCaller
  body: { code: string; till: string }
  idempotencyKey: string
}

type Answer = { status: 200; body: Redemption } | Refusal

export async function redeemCoupon(
  ports: CouponPorts,
  { caller, body: { code: typed, till }, idempotencyKey }: RedeemRequest,
): Promise<Answer> {
  const code = readCouponCode(typed)
  if (code === undefined) return refuse('coupon_code_mistyped')
  const { database, vault, wrongCodes } = ports
  const retryAfterMs = wrongCodes.waitMs(caller.id)
  if (retryAfterMs !== undefined) return refuse('too_many_requests', { retryAfterMs })
  const codeMac = vault.digest('code', { merchantId: caller.id, text: code })
  const order = { merchantId: caller.id, codeMac, till, idempotencyKey }
  const answer = await database.transact<Answer>(tx => redeemLocked(ports, tx, order))
  if (isRefusal(answer) && answer.code === 'not_found') wrongCodes.note(caller.id)
  return answer
}

type Order = { merchantId: string; codeMac: Buffer; till: string; idempotencyKey: string }

async function redeemLocked(
  ports: CouponPorts,
  tx: Tx,
  { merchantId, codeMac, till, idempotencyKey }: Order,
): Promise<Answer> {
  const { record, clock } = ports
  const redeemedAtMs = clock.nowMs()
  const coupon = await record.lockCoupon(tx, { merchantId, codeMac })
  if (coupon === undefined || coupon.playerId === null || coupon.envelopeId === null)
    return refuse('not_found')
  const { id: couponId, envelopeId, playerId } = coupon
  const asked = { couponId, merchantId, till, idempotencyKey }
  const state = stateAt(coupon.state, coupon.pool, redeemedAtMs)
  if (state === 'redeemed') {
    if (await record.isRedemption(tx, asked)) return confirm(ports, coupon)
    return refuse('already_redeemed', { at: toTimestamp(coupon.redeemedAtMs ?? redeemedAtMs) })
  }
  if (state !== 'given') return refuse('coupon_state', { reason: state })
  if (!(await record.redeem(tx, { ...asked, redeemedAtMs }))) return refuse('idempotency_mismatch')
  const claimId = claimIdOf(envelopeId, playerId)
  await ports.onRedeemed?.(tx, {
    ...{ merchantId, couponId, poolId: coupon.pool.id, envelopeId, claimId, till, redeemedAtMs },
  })
  return confirm(ports, { ...coupon, till, redeemedAtMs })
}

const confirm = ({ vault }: CouponPorts, coupon: Coupon): Answer => ({
  status: 200,
  body: {
    ...{ couponId: coupon.id, poolId: coupon.pool.id, title: coupon.pool.title },
    payload: vault.open(coupon.id, coupon).payload,
    till: coupon.till ?? '',
    redeemedAt: toTimestamp(coupon.redeemedAtMs ?? 0),
  },
})
