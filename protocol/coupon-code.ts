/**
 * The code of a coupon, as a player shows it and a till types it: eleven characters drawn at random (55 bits) and one
 * that checks them, by ISO/IEC 7064, MOD 37-2. A single wrong character and two that changed places, neighbours or
 * not quite, are always found, without a network. No I, O, 0 and 1: codes whose check character would be one of them,
 * or the `*` of the standard, are never drawn.
 */
export const couponAlphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
export const couponCodeChars = 12

const codeShape = new RegExp(`^[${couponAlphabet}]{${couponCodeChars}}$`)

/** The characters of the standard; each counts for its place. */
const values = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*'
const [modulus, radix] = [37, 2]

/** The check character of the standard for letters and digits, in upper case. */
export function checkCharacterOf(text: string): string {
  let sum = 0
  for (const character of text) sum = ((sum + values.indexOf(character)) * radix) % modulus
  return values[(modulus + 1 - sum) % modulus] as string
}

/** The code without its blanks, hyphens and small letters; nothing where it is mistyped. */
export function readCouponCode(typed: string): string | undefined {
  const code = typed.toUpperCase().replace(/[\s-]/g, '')
  return codeShape.test(code) && checkCharacterOf(code.slice(0, -1)) === code.at(-1) ? code : undefined
}

/** In groups of four, for people. */
export const writeCouponCode = (code: string): string => code.match(/.{4}/g)?.join('-') ?? code
