/**
 * Public text: greetings, clues and brands that strangers read. Text that could pose as something else (controls,
 * direction overrides, unpaired surrogates) is refused rather than repaired, so that what was checked is what is shown.
 */

export type TextVerdict = { status: 'ok'; text: string } | { status: 'refused'; detail: string }

/** Chinese text needs three bytes a character; emoji, of four bytes and often many code points, run out sooner. */
const BYTES_PER_CHAR = 3

/** Controls, line breaks, direction marks and overrides, unpaired surrogates, private use, invisible separators. */
const DECEPTIVE =
  /[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\u00ad\u180e\u200b\u2060-\u2064\ufeff]/u

/** A telephone or account number: nine digits or more with at most a separator between two; a date has eight. */
const NUMBER = /\p{Nd}(?:[ .()-]{0,2}\p{Nd}){8}/u
const ADDRESS = /\S@\S+\.\p{L}{2}|(?:https?:|www\.)\S/iu

/**
 * NFC, trimmed; 1 to `maxChars` code points and at most three bytes for each of them. `allowContact`: whether telephone
 * numbers, addresses and links may occur; a player's text must not have them.
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
  if (!allowContact && hasContact(text)) return { status: 'refused', detail: 'has contact details' }
  return { status: 'ok', text }
}

/** Judged on the compatible form, in which full-width digits and letters are the plain ones. */
function hasContact(text: string): boolean {
  const plain = text.normalize('NFKC')
  return NUMBER.test(plain) || ADDRESS.test(plain)
}

const countCodePoints = (text: string): number => Array.from(text).length
