/**
 * Public text: greetings, clues and brands that strangers read. Text that could pose as something else (controls,
 * direction overrides, unpaired surrogates) is refused rather than repaired, so that what was checked is what is shown.
 * Contact details are masked, not refused: most who write their number mean well, the rest of the line is worth
 * showing, and a refusal would only teach how to spell a number that passes.
 */

export type TextVerdict = { status: 'ok'; text: string } | { status: 'refused'; detail: string }

/** Chinese text needs three bytes a character; emoji, of four bytes and often many code points, run out sooner. */
const BYTES_PER_CHAR = 3

/** Controls, line breaks, direction marks and overrides, unpaired surrogates, private use, invisible separators. */
const DECEPTIVE =
  /[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\u00ad\u180e\u200b\u2060-\u2064\ufeff]/u

/**
 * What is masked, one after the other. A telephone or account number: nine digits or more with at most a separator
 * between two; a date has eight. An address of mail, a link; Chinese writes no spaces, so what stands before and behind
 * is not part of it. Last whatever else looks like an address.
 */
const notHan = String.raw`(?!\p{Script=Han})`
const CONTACTS = [
  /\p{Nd}(?:[ .()-]{0,2}\p{Nd}){8,}/gu,
  new RegExp(
    String.raw`(?:${notHan}[\p{L}\p{N}._%+-])+@(?:${notHan}[\p{L}\p{N}.-])+\.(?:${notHan}\p{L}){2,}`,
    'gu',
  ),
  new RegExp(String.raw`(?:https?:|www\.)(?:${notHan}\S)+`, 'giu'),
  /\S+@\S+\.\p{L}{2}\S*|(?:https?:|www\.)\S+/giu,
]
const MASK = '***'

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

type Letter = { shown: string; plain: string }

/** Looked for in the compatible form, in which full-width digits and letters are the plain ones. */
function maskContacts(text: string): string {
  let letters = Array.from(text, (shown): Letter => ({ shown, plain: shown.normalize('NFKC') }))
  for (const contact of CONTACTS) {
    const plain = letters.map(letter => letter.plain).join('')
    const found = [...plain.matchAll(contact)]
    if (found.length > 0) letters = maskAll(letters, found)
  }
  return letters.map(({ shown }) => shown).join('')
}

/** One letter may be several in the compatible form: it is masked when any of them is. */
function maskAll(letters: readonly Letter[], found: readonly RegExpExecArray[]): Letter[] {
  const masked: Letter[] = []
  let [at, next] = [0, 0]
  for (const letter of letters) {
    const from = at
    at += letter.plain.length
    while ((found[next]?.index ?? Infinity) + (found[next]?.[0].length ?? 0) <= from) next++
    const isInside = (found[next]?.index ?? Infinity) < at
    if (!isInside) masked.push(letter)
    else if (masked.at(-1)?.shown !== MASK) masked.push({ shown: MASK, plain: MASK })
  }
  return masked
}

const countCodePoints = (text: string): number => Array.from(text).length
