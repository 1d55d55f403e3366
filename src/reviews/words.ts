/**
 * Finds words of the list however they are spelled: compatible forms, case, invisible and combining marks make no
 * difference, and for Chinese nothing does that stands between the characters. A Latin word counts only as a word, so
 * that no town is suspicious for the letters in its name.
 */
import type { Reason } from './review.ts'
import { wordList } from './word-list.ts'

const normalise = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/[\p{Cf}\p{M}]/gu, '')
    .normalize('NFKC')
    .toLowerCase()

const isHan = (text: string): boolean => /\p{Script=Han}/u.test(text)
const squeeze = (text: string): string => text.replaceAll(/[^\p{L}\p{N}]/gu, '')
/** Words with one space between them and around all. */
const spell = (text: string): string => ` ${text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim()} `

const entries = Object.entries(wordList) as [Reason, readonly string[]][]
const words = entries.flatMap(([reason, list]) =>
  list.map(word => ({ reason, isHan: isHan(word), form: isHan(word) ? squeeze(word) : spell(word) })),
)

/** The reason of the first word of the list that is in one of the lines. */
export function suspect(lines: readonly string[]): Reason | undefined {
  for (const line of lines) {
    const plain = normalise(line)
    const [squeezed, spelled] = [squeeze(plain), spell(plain)]
    const found = words.find(word => (word.isHan ? squeezed : spelled).includes(word.form))
    if (found !== undefined) return found.reason
  }
  return undefined
}
