/** What the redemption of a coupon means to others, and the event that tells its merchant: no player and no code. */
import { toTimestamp } from '../envelopes/view.ts'
import type { NewEvent } from '../webhooks/event.ts'

export type Redeemed = {
  merchantId: string
  couponId: string
  poolId: string
  envelopeId: string
  claimId: string
  till: string
  redeemedAtMs: number
}

/** Of the coupon, whose row lock is held: it is redeemed once, so there is one for each. */
export const toEvent = ({ merchantId, redeemedAtMs, ...told }: Redeemed): NewEvent => ({
  owner: `merchant:${merchantId}`,
  type: 'coupon.redeemed',
  subjectId: told.couponId,
  data: { ...told, redeemedAt: toTimestamp(redeemedAtMs) },
  atMs: redeemedAtMs,
})
