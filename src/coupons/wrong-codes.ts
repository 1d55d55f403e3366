/**
 * How many codes that no coupon has one merchant may ask for: whoever holds a stolen key would else try codes as fast
 * as requests are let in. Only wrong ones count, so that honest tills never wait for each other; those that come at the
 * same moment all count, more than there are if need be, and are waited for afterwards. Mistyped codes are not looked
 * up and cost nothing. Kept in this process, like every limit of requests.
 */
import { LRUCache } from 'lru-cache'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'

export type WrongCodes = {
  /** How long to wait before another code is looked up; nothing where one may be now. */
  waitMs(merchantId: string): number | undefined
  note(merchantId: string): void
}

const burst = limits.coupon.wrongCodesPerMinute
const intervalMs = 60_000 / burst
const rememberedMerchants = 10_000

export function createWrongCodes(clock: Pick<Clock, 'nowMs'>): WrongCodes {
  /** When all that a merchant may try is there again: every wrong code puts it off. */
  const fullAtMs = new LRUCache<string, number>({ max: rememberedMerchants })
  return {
    waitMs(merchantId) {
      const waitMs = (fullAtMs.get(merchantId) ?? 0) - clock.nowMs() - (burst - 1) * intervalMs
      return waitMs > 0 ? Math.ceil(waitMs) : undefined
    },
    note(merchantId) {
      const fromMs = Math.max(fullAtMs.get(merchantId) ?? 0, clock.nowMs())
      fullAtMs.set(merchantId, fromMs + intervalMs)
    },
  }
}
