/**
 * CSV by RFC 4180, safe to open in a spreadsheet: a text that would be taken for a formula is kept from being one by an
 * apostrophe in front. Amounts are written with all their digits and never pass through a floating-point number.
 */

/** Text of others than ourselves; what we write ourselves (ids, times, amounts) needs no apostrophe. */
export const neutralise = (text: string): string => (/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text)

export const toCsvLine = (fields: readonly string[]): string => `${fields.map(quote).join(',')}\r\n`

const quote = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)

/** Minor units as a decimal with exactly `decimals` places: -5 with two is `-0.05`. */
export function toDecimal(minor: bigint, decimals: number): string {
  const digits = String(minor < 0n ? -minor : minor).padStart(decimals + 1, '0')
  const point = digits.length - decimals
  const text = decimals === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return minor < 0n ? `-${text}` : text
}
