/**
 * Contact details in what strangers read, each replaced by three asterisks. Looked for in the compatible form, in which
 * full-width, circled and emphasised letters are the plain ones and nothing invisible stands between two. A game
 * between masks and spellings has no end: this finds what people write, a reviewer what is left.
 */

const MASK = '***'

/** Chinese writes no spaces, so what stands before and behind is not part of an address. */
const notHan = String.raw`(?!\p{Script=Han})`
/** Between two digits of one number: up to two spaces or brackets, or a sign with a space on either side. */
const between = String.raw`(?:[ .()-]{0,2}| ?[.·•_–—-] ?)`

/** Nine digits or more: a telephone, a bank account, an identity card. */
const NUMBER = new RegExp(String.raw`\p{Nd}(?:${between}\p{Nd}){8,}`, 'gu')
/** A day is no number: `2026-11-26 18:30` may be said. */
const DAY = /(?<!\p{Nd})20[2-9]\d([-./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?!\p{Nd})/gu
/** As a caller says them (幺 is a one), and as a cheque has them. */
const NUMERAL = /[〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]/gu

/** Addresses of mail, links and domains, names on messengers; last whatever else looks like an address. */
const ADDRESSES = [
  new RegExp(
    String.raw`(?:${notHan}[\p{L}\p{N}._%+-])+@(?:${notHan}[\p{L}\p{N}.-])+\.(?:${notHan}\p{L}){2,}`,
    'gu',
  ),
  new RegExp(String.raw`(?:https?:|www\.)(?:${notHan}\S)+`, 'giu'),
  new RegExp(
    String.raw`(?:[a-z0-9-]+\.)+(?:(?:com|cn|net|org|cc|io|xyz|vip)(?![a-z0-9])(?:/(?:${notHan}\S)*)?` +
      String.raw`|[a-z]{2,6}/(?:${notHan}\S)+)`,
    'giu',
  ),
  // 微信 (WeChat), its abbreviations, QQ and others, with a name or number of theirs: one with a digit or a hyphen in it.
  new RegExp(
    String.raw`(?:微信|薇信|v信|(?<![a-z])(?:wechat|weixin|wx|vx|qq|telegram|whatsapp))(?:号|id)?[\s:是=为]{0,3}` +
      String.raw`(?=[a-z_-]*[\d_-])[a-z\d][\w-]{4,}`,
    'giu',
  ),
  /(?<![\p{L}\p{N}])@[a-z][\w.]{4,}/giu,
  /\S+@\S+\.\p{L}{2}\S*|(?:https?:|www\.)\S+/giu,
]

type Letter = { shown: string; plain: string }

/** The text with each of its contact details masked; masking it again changes nothing. */
export function maskContacts(text: string): string {
  let letters = Array.from(text, (shown): Letter => ({ shown, plain: plainOf(shown) }))
  for (let before = -1; before !== letters.length; ) {
    before = letters.length
    for (const find of finders) {
      const found = find(letters.map(({ plain }) => plain).join(''))
      if (found.length > 0) letters = maskAll(letters, found)
    }
  }
  return letters.map(({ shown }) => shown).join('')
}

const plainOf = (shown: string): string => shown.normalize('NFKC').replaceAll(/[\p{M}\p{Cf}]/gu, '')

type Find = (plain: string) => RegExpExecArray[]

const findNumbers: Find = plain => {
  const digits = plain.replaceAll(DAY, day => '/'.repeat(day.length)).replaceAll(NUMERAL, '1')
  return [...digits.matchAll(NUMBER)]
}

const finders: readonly Find[] = [
  findNumbers,
  ...ADDRESSES.map(
    (address): Find =>
      plain => [...plain.matchAll(address)],
  ),
]

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
