/** Requests with another credential, device, key or header than they should have. */
import { type Actor, pickWord } from './memory.ts'
import { pickActor } from './request.ts'
import { oddHeader, sometimes, type Spoiler, withHeader, without } from './spoiler.ts'

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

export const headSpoilers: readonly Spoiler[] = [
  ...[spoilType, spoilCredential, spoilRole, spoilOwner, spoilDevice, spoilKey, spoilHeader, repeatHeader],
]
