/**
 * Public text: greetings, clues and brands that strangers read. Text that could pose as something else (controls,
 * direction overrides, unpaired surrogates) is refused rather than repaired, so that what was checked is what is shown.
 * Contact details are masked, not refused: most who write their number mean well, the rest of the line is worth
 * showing, and a refusal would only teach how to spell a number that passes.
 */
import { maskContacts } from './contacts.ts'

export type TextVerdict = { status: 'ok'; text: string } | { status: 'refused'; detail: string }

/** Chinese text needs three bytes a character; emoji, of four bytes and often many code points, run out sooner. */
const BYTES_PER_CHAR = 3

/** Controls, line breaks, direction marks and overrides, unpaired surrogates, private use, invisible separators. */
const DECEPTIVE =
  /[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\u00ad\u180e\u200b\u2060-\u2064\ufeff]/u

/**
 * NFC, trimmed; 1 to `maxChars` code points and at most three bytes for each of them. `allowContact`: whether telephone
 * numbers, addresses and links stay as they are; elsewhere each of them is three asterisks.
 */
export function checkText(
  raw: string,
  { maxChars, allowContact = false }: { maxChars: number; allowContact?: boolean },
): TextVerdict {
  const text = raw.normalize('NFC').trim()
  if (text === '') return { status: 'refused', detail: 'is blank' }
  if (DECEPTIVE.test(text)) return { status: 'refused', detail: 'has control or direction characters' }
  if (countCodePoints(text) > maxChars) return { status: 'refused', detail: 'is too long' }
  if (Buffer.byteLength(text) > maxChars * BYTES_PER_CHAR) {
    return { status: 'refused', detail: 'has too many bytes' }
  }
  return { status: 'ok', text: allowContact ? text : maskContacts(text) }
}

const countCodePoints = (text: string): number => Array.from(text).length
