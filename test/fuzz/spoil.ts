/** Good requests, broken: one change or two, in the body, the credential, the headers, the address or the bytes. */
import type { Making, Request } from './request.ts'
import { addressSpoilers } from './spoil-address.ts'
import { breakBody, deep, oddTexts } from './spoil-body.ts'
import { headSpoilers } from './spoil-head.ts'
import { type Spoiler, withHeader } from './spoiler.ts'
import { writeRequest } from './wire.ts'

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
  ...[spoilBody, spoilBody, spoilBody, spoilBody, spoilFile, spoilFile, addBody],
  ...[...headSpoilers, ...addressSpoilers],
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
