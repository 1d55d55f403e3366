/** Requests to another address than they should go to, or by another method. */
import { pickWord } from './memory.ts'
import { oddTexts } from './spoil-body.ts'
import { sometimes, type Spoiler } from './spoiler.ts'

const oddSegments = [
  ...[
    '%00',
    '%',
    '%zz',
    '%ff%fe',
    '%ed%a0%80',
    '..',
    '%2e%2e',
    '%2f',
    '%252e',
    'a'.repeat(101),
    'a'.repeat(3_000),
    '',
  ],
  ...[
    '%20',
    '*',
    'null',
    'undefined',
    '0',
    '-1',
    '%F0%9F%A7%A7',
    '__proto__',
    '{id}',
    ':id',
    ';',
    '019c69d0',
    '%0d%0a',
  ],
]

const spoilAddress: Spoiler = ({ target, params }, { dice }) => {
  const [path = '', query] = target.split('?')
  const tail = query === undefined ? '' : `?${query}`
  const ids = Object.values(params)
  const odd = dice.pick(oddSegments)
  const id = ids.length === 0 ? undefined : encodeURIComponent(dice.pick(ids))
  const changed = [
    ...(id === undefined
      ? []
      : [path.replace(id, odd), path.replace(id, odd), path.replace(id, id.toUpperCase())]),
    ...[
      `${path}/`,
      `/${path}`,
      `${path}//`,
      `${path}/${odd}`,
      path.toUpperCase(),
      `${path};x=1`,
      `${path}%00`,
    ],
    ...[path.replace('/v1', '/v2'), path.replace('/', '//'), `/.${path}`, `/%2e${path}`],
  ]
  return { what: 'address: another path', target: `${dice.pick(changed)}${tail}`, via: 'socket' }
}

const spoilQuery: Spoiler = ({ target, shape }, { dice, memory }) => {
  const names = (shape?.fields ?? []).filter(field => field.in === 'query').map(({ name }) => name)
  const name =
    names.length > 0 && dice.chance(0.85) ? dice.pick(names) : dice.pick(['x', '', '__proto__', 'limit[]'])
  const cursor = pickWord(memory, 'cursor', dice) ?? 'AAAA'
  const forged = Buffer.from(
    dice.pick(['[]', '{}', '["a",1]', 'null', '\0', '[1e99,"x"]', '["\0","\0"]']),
  ).toString('base64url')
  const values = [
    '',
    '0',
    '201',
    '1',
    '-1',
    'ten',
    cursor,
    `${cursor}A`,
    cursor.slice(1),
    forged,
    '%00',
    '%ff',
    '%',
    '%ed%a0%80',
  ]
  const value = dice.chance(0.7) ? dice.pick(values) : encodeOdd(dice.pick(oddTexts))
  const pair = `${encodeURIComponent(name)}=${value}`
  const joint = target.includes('?') ? '&' : '?'
  const kept = dice.chance(0.5)
    ? target.replace(new RegExp(`([?&])${name.replaceAll(/\W/g, '.')}=[^&]*`), '$1')
    : target
  const more = dice.chance(0.1) ? `&${pair}` : ''
  return { what: 'address: another query', target: `${kept}${joint}${pair}${more}`, via: sometimes(dice) }
}

/** Halves of characters have no form in an address. */
const encodeOdd = (text: string): string => encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/g, '?'))

const spoilMethod: Spoiler = ({ method }, { dice }) => {
  const other = dice.pick([
    'PUT',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'PATCH',
    'DELETE',
    'GET',
    'POST',
    'PROPFIND',
    'QUERY',
    'get',
    'X',
  ])
  const isHead = other === 'HEAD' && method === 'GET'
  return { what: 'another method', method: other, via: 'socket', ...(!isHead && { shape: undefined }) }
}

export const addressSpoilers: readonly Spoiler[] = [spoilAddress, spoilQuery, spoilQuery, spoilMethod]
