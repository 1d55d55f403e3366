/** Good requests, broken: one change or two, in the body, the credential, the headers, the address or the bytes. */
import type { Dice } from '../simulation/dice.ts'
import { type Actor, pickWord } from './memory.ts'
import { type Making, pickActor, type Request } from './request.ts'
import { breakBody, deep, oddTexts } from './spoil-body.ts'
import { writeRequest } from './wire.ts'

type Change = Partial<Request> & { what: string }
type Spoiler = (request: Request, making: Making) => Change | undefined

type Headers = Request['headers']
const without = (headers: Headers, name: string): Headers => headers.filter(([one]) => one !== name)
const withHeader = (headers: Headers, name: string, value: string): Headers => [
  ...without(headers, name),
  [name, value],
]

/** A socket costs ten times what an injected request does, and shows what only Node.js and the wire would change. */
const sometimes = (dice: Dice): Request['via'] => (dice.chance(0.3) ? 'socket' : 'inject')

/** What a header may hold on the wire, odd as it is, and as Node.js reads it: a character a byte. */
const oddHeader = (dice: Dice): string => {
  const read = Buffer.from(dice.pick(oddTexts), 'utf8').toString('latin1')
  // eslint-disable-next-line no-control-regex
  return read.replaceAll(/[\0-\x08\n-\x1f\x7f]/g, '?')
}

const spoilBody: Spoiler = ({ json, shape }, { dice, document }) => {
  if (json === undefined || shape?.json === undefined) return undefined
  const { what, text } = breakBody(dice, document, { json, schema: shape.json })
  return { what: `body: ${what}`, body: text }
}

const spoilFile: Spoiler = ({ body, shape }, { dice }) => {
  if (shape?.files === undefined || body === undefined) return undefined
  const odd = dice.pick(oddTexts)
  const text = dice.pick([
    '',
    body.slice(0, dice.between(0, body.length)),
    `${body}${odd},${odd}\n`,
    body.replace(/\d/, odd),
    body.replace('lat', odd),
    `${body}"`,
    body.replaceAll('\n', '\r'),
    'x'.repeat(9_000),
    `lat,lng\n${'0,0\n'.repeat(900)}`,
    deep(5_000),
    '{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{}}]}',
  ])
  return { what: 'body: another file', body: text }
}

/** A body where none is asked for. */
const addBody: Spoiler = ({ body, headers, method }, { dice }) => {
  if (body !== undefined || method === 'GET') return undefined
  const [type, text] = dice.pick([
    ['application/json', '{}'],
    ['application/json', '{"x":1}'],
    ['application/json', 'x'],
    ['text/plain', 'x'],
  ] as const)
  return {
    what: 'a body that nobody asked for',
    body: text,
    headers: withHeader(headers, 'content-type', type),
  }
}

const spoilType: Spoiler = ({ headers, body }, { dice }) => {
  if (body === undefined) return undefined
  const type = dice.pick([
    ...[
      '',
      'text/plain',
      'application/json; charset=utf-16',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
    ],
    ...[
      'application/json;',
      'application/json; charset=utf-8; x=y',
      'application/JSON',
      'text/csv',
      '*/*',
      ';;;',
    ],
    ...['application/geo+json', 'application/problem+json', 'application/json, text/csv', 'x'.repeat(3_000)],
  ])
  const changed = dice.chance(0.2)
    ? without(headers, 'content-type')
    : withHeader(headers, 'content-type', type)
  return { what: 'another content type', headers: changed }
}

/** Whose operation needs a credential; what must come of it without a good one. */
const spoilCredential: Spoiler = ({ shape, headers, actor }, { dice }) => {
  if (shape === undefined || actor === undefined) return undefined
  const { credential } = actor
  const bad = dice.pick([
    ...[
      '',
      'Bearer',
      'Bearer ',
      'Basic eDp5',
      `Bearer ${credential}x`,
      `Bearer ${credential.slice(0, -3)}AAA`,
    ],
    ...[credential, `Bearer ${credential} ${credential}`, `Bearer ${'x'.repeat(7_000)}`, 'Bearer hbk_test_x'],
    ...[
      'Bearer hbo_x',
      'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
      'Bearer \xe9',
      'Bearer hbk_',
      'Bearer ..',
    ],
  ])
  const changed = dice.chance(0.2)
    ? without(headers, 'authorization')
    : withHeader(headers, 'authorization', bad)
  return { what: 'no good credential', headers: changed, only: [401] }
}

const spoilRole: Spoiler = ({ shape, headers }, { dice, memory }) => {
  if (shape === undefined || shape.callers.length === 0) return undefined
  const others = (['player', 'merchant', 'operator'] as const).filter(kind => !shape.callers.includes(kind))
  const other = pickActor(memory, others, dice)
  if (other === undefined) return undefined
  const as = withHeader(headers, 'authorization', `Bearer ${other.credential}`)
  const device = dice.pick(['x', oddHeader(dice), '3f2b8c1e-6f0a-4d52-9a43-0c9f5c0e7b11'])
  const changed = dice.chance(0.5) ? withHeader(as, 'hexbao-device', device) : as
  // Whoever was banned or revoked meanwhile is nobody.
  return { what: 'a caller of another kind', headers: changed, only: [401, 403] }
}

/** Somebody of the right kind, whose it may not be. */
const spoilOwner: Spoiler = ({ shape, headers, actor }, { dice, memory }) => {
  if (shape === undefined || actor === undefined) return undefined
  const other: Actor | undefined = pickActor(memory, shape.callers, dice)
  if (other === undefined || other === actor) return undefined
  return {
    what: 'somebody else',
    headers: withHeader(headers, 'authorization', `Bearer ${other.credential}`),
  }
}

const spoilDevice: Spoiler = ({ headers }, { dice }) => ({
  what: 'an odd device',
  headers: withHeader(headers, 'hexbao-device', dice.chance(0.3) ? dice.uuid() : oddHeader(dice)),
})

const spoilKey: Spoiler = ({ headers }, { dice, memory }) => {
  const has = headers.some(([name]) => name === 'idempotency-key')
  const used = pickWord(memory, 'key', dice) ?? 'x'
  const key = dice.pick([
    used,
    used,
    used,
    '',
    ' ',
    'a b',
    'k'.repeat(255),
    'k'.repeat(256),
    '\xe9',
    oddHeader(dice),
  ])
  const isLeftOut = has && dice.chance(0.15)
  return {
    what: 'another Idempotency-Key',
    headers: isLeftOut ? without(headers, 'idempotency-key') : withHeader(headers, 'idempotency-key', key),
  }
}

const spoilHeader: Spoiler = ({ headers }, { dice }) => {
  const name = dice.pick([
    ...['if-match', 'if-none-match', 'last-event-id', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
    ...[
      'accept',
      'accept-encoding',
      'origin',
      'range',
      'x-forwarded-for',
      'x-http-method-override',
      'cookie',
    ],
    ...['accept-version', 'request-id', 'content-encoding', 'forwarded', 'prefer', 'traceparent', 'referer'],
  ])
  const value = dice.pick([
    oddHeader(dice),
    '*',
    '"1"',
    'W/"1"',
    '"999999999999"',
    'bytes=0-1',
    'gzip',
    '0',
    '-1',
  ])
  return { what: `an odd ${name}`, headers: withHeader(headers, name, value), via: sometimes(dice) }
}

const repeatHeader: Spoiler = ({ headers }, { dice }) => {
  if (headers.length === 0) return undefined
  const [name, value] = dice.pick(headers)
  const again = dice.chance(0.5) ? value : `${value}x`
  return { what: `${name} twice`, headers: [...headers, [name, again]], via: 'socket' }
}

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

/** Bytes that no client sends. */
const spoilBytes: Spoiler = (request, { dice }) => {
  const bytes = writeRequest(request)
  const place = dice.between(0, bytes.length - 1)
  const noise = Buffer.from(Array.from({ length: dice.between(1, 6) }, () => dice.between(0, 255)))
  const text = bytes.toString('latin1')
  const made = dice.pick([
    bytes.subarray(0, place),
    Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place)]),
    Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place + noise.length)]),
    Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + dice.between(1, 9))]),
    Buffer.concat([bytes, bytes]),
    Buffer.concat([noise, bytes]),
    text.replace('HTTP/1.1', dice.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'HTTPS', ''])),
    text.replace(
      'connection: close',
      dice.pick(['connection: upgrade\r\nupgrade: websocket', 'transfer-encoding: chunked']),
    ),
    text.replace(
      'connection: close',
      dice.pick(['expect: 100-continue', 'expect: x', 'content-length: 5', 'te: trailers']),
    ),
    text.replace(
      'host: fuzz',
      dice.pick([
        '',
        'host: a\r\nhost: b',
        'host:',
        `x: ${'y'.repeat(20_000)}`,
        `${'x:y\r\n'.repeat(2_500)}z:`,
      ]),
    ),
    text.replaceAll('\r\n', '\n'),
  ])
  return {
    what: 'other bytes',
    raw: typeof made === 'string' ? Buffer.from(made, 'latin1') : made,
    via: 'socket',
  }
}

const spoilers: readonly Spoiler[] = [
  ...[spoilBody, spoilBody, spoilBody, spoilBody, spoilFile, spoilFile, addBody, spoilType, spoilCredential],
  ...[
    spoilRole,
    spoilOwner,
    spoilDevice,
    spoilKey,
    spoilHeader,
    repeatHeader,
    spoilAddress,
    spoilQuery,
    spoilQuery,
  ],
  ...[spoilMethod],
]

function apply(request: Request, spoiler: Spoiler, making: Making): Request | undefined {
  const change = spoiler(request, making)
  if (change === undefined) return undefined
  const { what, ...parts } = change
  // What only a socket can carry stays on one.
  const via = request.via === 'socket' ? request.via : (parts.via ?? request.via)
  return { ...request, ...parts, via, spoilt: [...request.spoilt, what] }
}

export function spoil(request: Request, making: Making): Request {
  const { dice } = making
  // Another order of headers and bytes costs a connection, so it is not as frequent as what is only another value.
  if (dice.chance(0.04)) return apply(request, spoilBytes, making) ?? request
  let spoilt: Request | undefined
  while (spoilt === undefined) spoilt = apply(request, dice.pick(spoilers), making)
  if (!dice.chance(0.2)) return spoilt
  const twice = apply(spoilt, dice.pick(spoilers), making)
  if (twice === undefined) return spoilt
  // Which of two mistakes is answered is not said anywhere.
  const { only: _, ...open } = twice
  return open
}
