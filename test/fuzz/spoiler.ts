/** What changes have in common that break a request. */
import type { Dice } from '../simulation/dice.ts'
import type { Making, Request } from './request.ts'
import { oddTexts } from './spoil-body.ts'

export type Change = Partial<Request> & { what: string }
/** Nothing where the request has no such thing. */
export type Spoiler = (request: Request, making: Making) => Change | undefined

export type Headers = Request['headers']
export const without = (headers: Headers, name: string): Headers => headers.filter(([one]) => one !== name)
export const withHeader = (headers: Headers, name: string, value: string): Headers => [
  ...without(headers, name),
  [name, value],
]

/** A socket costs ten times what an injected request does, and shows what only Node.js and the wire would change. */
export const sometimes = (dice: Dice): Request['via'] => (dice.chance(0.3) ? 'socket' : 'inject')

/** What a header may hold on the wire, odd as it is, and as Node.js reads it: a character a byte. */
export const oddHeader = (dice: Dice): string => {
  const read = Buffer.from(dice.pick(oddTexts), 'utf8').toString('latin1')
  // eslint-disable-next-line no-control-regex
  return read.replaceAll(/[\0-\x08\n-\x1f\x7f]/g, '?')
}
