/** Draws codes for the till: nobody guesses one, and every one of them can be read aloud. */
import { checkCharacterOf, couponAlphabet, couponCodeChars } from '#protocol/coupon-code.ts'
import type { Random } from '#platform/random.ts'

/** 55 bits. One in eight has a check character outside of the alphabet and is drawn again. */
export function drawCode(random: Random): string {
  for (;;) {
    // 32 characters: five bits of each byte are exactly one.
    const drawn = [...random.bytes(couponCodeChars - 1)].map(byte => couponAlphabet[byte & 31]).join('')
    const check = checkCharacterOf(drawn)
    if (couponAlphabet.includes(check)) return drawn + check
  }
}
