/** Bodies that are broken in one way: by type, by a limit, by a field, by what JSON allows and by what it does not. */
import type { Dice } from '../simulation/dice.ts'
import type { ApiDocument, Schema } from './document.ts'

/** Stands in JSON text for what no value of JavaScript can be. */
const raw = (text: string): string => `«raw:${text}»`
const write = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"«raw:(.*?)»"/g, (_, text: string) => JSON.parse(`"${text}"`) as string)

export const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

/** Texts that others have stumbled over. */
export const oddTexts = [
  ...['', ' ', '\0', 'a\0b', '\ud800', 'x\udfffy', '\u202eabc', '\ufeff', '\u200b', '\u{1f9e7}'.repeat(60)],
  ...['x'.repeat(300), 'é'.repeat(2_000), 'a\nb', '\r\n', '\t', "'; drop table players; --", '%00', '%s%n'],
  ...['${7*7}', '<script>', '../../etc/passwd', '__proto__', 'constructor', 'null', 'true', '0', '-1', 'NaN'],
  ...[
    '1e309',
    '٣٤',
    '١',
    '0x10',
    '9'.repeat(40),
    '00000000-0000-0000-0000-000000000000',
    '2026-02-30T00:00:00Z',
  ],
  ...['0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '+275760-09-13T00:00:00Z', '2026-01-01T00:00:00+99:99'],
  ...[
    '1969-12-31T23:59:59.999Z',
    '2026-01-01t00:00:00z',
    '24:00',
    'UTC',
    'Etc/Nowhere',
    'file:///etc/passwd',
  ],
  ...['http://[::1]/', 'http://169.254.169.254/', 'http://user:pass@x/', 'http://x:99999/', 'javascript:1'],
]

const oddValues: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 1.5, 1e21, 2 ** 53, -(2 ** 53), 2 ** 31, 5e-324, [], {}, [[]], [null]],
  ...[
    raw('-0'),
    raw('1e309'),
    raw('-1e309'),
    raw('0.1e1'),
    raw('1E400'),
    raw('123456789012345678901234567890'),
  ],
  ...[raw('NaN'), raw('01'), raw('.5'), raw('undefined'), raw('1_000'), { toString: 1 }, { length: -1 }],
]

type Node = { path: readonly (string | number)[]; value: unknown; schema: Schema | undefined }

/** Every value of a body, with the schema that it was meant for. */
function listNodes(document: ApiDocument, root: unknown, schema: Schema): Node[] {
  const nodes: Node[] = []
  const walk = (value: unknown, given: Schema | undefined, path: Node['path']): void => {
    const resolved = given && chooseFor(document, given, value)
    nodes.push({ path, value, schema: resolved })
    if (Array.isArray(value)) {
      const { prefixItems, items } = resolved ?? {}
      value
        .slice(0, 20)
        .forEach((item, i) => walk(item, prefixItems?.[i] ?? (items || undefined), [...path, i]))
    } else if (typeof value === 'object' && value !== null)
      for (const [name, part] of Object.entries(value))
        walk(part, resolved?.properties?.[name], [...path, name])
  }
  walk(root, schema, [])
  return nodes
}

/** Of alternatives, the one whose fixed fields the value has. */
function chooseFor(document: ApiDocument, given: Schema, value: unknown): Schema {
  const schema = document.resolve(given)
  if (schema.anyOf === undefined) return schema
  const fits = (one: Schema) =>
    Object.entries(document.resolve(one).properties ?? {}).every(
      ([name, part]) =>
        part.const === undefined || part.const === (value as Record<string, unknown> | null)?.[name],
    )
  return chooseFor(document, schema.anyOf.find(fits) ?? schema.anyOf[0] ?? {}, value)
}

/** A copy of `root` with another value at `path`; `undefined` leaves it out. */
function replace(root: unknown, [first, ...rest]: Node['path'], value: unknown): unknown {
  if (first === undefined) return value
  if (Array.isArray(root))
    return root.map((item: unknown, i) => (i === first ? replace(item, rest, value) : item))
  const parts = root as Record<string, unknown>
  return { ...parts, [first]: replace(parts[first], rest, value) }
}

const isObject = ({ value }: Node): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Values at a limit and one beyond it, on both sides. */
function listEdges(
  { minimum, maximum, minLength, maxLength, minItems, maxItems }: Schema,
  value: unknown,
): unknown[] {
  const text = (length: number) => 'm'.repeat(Math.max(0, length))
  const list = (length: number) =>
    Array.from({ length: Math.max(0, length) }, () => (value as unknown[])[0] ?? 1)
  // Not the largest numbers that fit: what costs much is for those tests that measure it.
  return [
    ...(minimum === undefined ? [] : [minimum, minimum - 1, minimum - 1e-9]),
    ...(maximum === undefined ? [] : [maximum + 1, maximum + 1e-9, ...(maximum <= 400 ? [maximum] : [])]),
    ...(minLength === undefined ? [] : [text(minLength), text(minLength - 1)]),
    ...(maxLength === undefined ? [] : [text(maxLength), text(maxLength + 1), '\u{1f9e7}'.repeat(maxLength)]),
    ...(Array.isArray(value) && minItems !== undefined ? [list(minItems), list(minItems - 1)] : []),
    ...(Array.isArray(value) && maxItems !== undefined ? [list(maxItems + 1)] : []),
  ]
}

type Broken = { what: string; text: string }
type Breaker = (target: {
  document: ApiDocument
  dice: Dice
  json: unknown
  nodes: readonly Node[]
}) => Broken | undefined

const at = ({ path }: Node): string => `/${path.join('/')}`

const breakers: readonly Breaker[] = [
  ({ dice, json, nodes }) => {
    const node = dice.pick(nodes)
    const value = dice.pick(oddValues)
    return { what: `another type at ${at(node)}`, text: write(replace(json, node.path, value)) }
  },
  ({ dice, json, nodes }) => {
    const texts = nodes.filter(({ value }) => typeof value === 'string')
    if (texts.length === 0) return undefined
    const node = dice.pick(texts)
    return { what: `an odd text at ${at(node)}`, text: write(replace(json, node.path, dice.pick(oddTexts))) }
  },
  ({ dice, json, nodes }) => {
    const edges = nodes.flatMap(node =>
      listEdges(node.schema ?? {}, node.value).map(value => ({ node, value })),
    )
    if (edges.length === 0) return undefined
    const { node, value } = dice.pick(edges)
    return { what: `a limit at ${at(node)}`, text: write(replace(json, node.path, value)) }
  },
  ({ dice, json, nodes }) => {
    const node = dice.pick(nodes)
    return { what: `without ${at(node)}`, text: write(replace(json, node.path, undefined) ?? null) }
  },
  ({ dice, json, nodes }) => {
    const node = dice.pick(nodes.filter(isObject))
    const name = dice.pick([
      'x',
      '',
      'id',
      'lat',
      '\0',
      '\ud800',
      'toString',
      'hasOwnProperty',
      'x'.repeat(500),
    ])
    return { what: `a field too many at ${at(node)}`, text: write(replace(json, [...node.path, name], 1)) }
  },
  ({ dice, json, nodes }) => {
    const node = dice.pick(nodes.filter(isObject))
    const key = dice.pick(['«p»', '«c»'])
    const text = write(replace(json, [...node.path, key], { x: 1, prototype: { x: 1 } }))
    return {
      what: `a prototype at ${at(node)}`,
      text: text.replace('«p»', '__proto__').replace('«c»', 'constructor'),
    }
  },
  ({ dice, json, nodes }) => {
    const node = dice.pick(nodes)
    const text = write(replace(json, node.path, raw(deep(dice.pick([10, 500, 7_000])))))
    return { what: `depth at ${at(node)}`, text }
  },
  ({ dice, json }) => {
    const text = write(json)
    const cut = text.slice(0, dice.between(0, text.length - 1))
    return { what: 'cut off', text: cut }
  },
  ({ dice, json }) => {
    const text = write(json)
    const place = dice.between(0, text.length)
    const noise = dice.pick([',', '"', '{', '}', '\0', '\\', '\\u12', '//', '\ufeff', '\u2028', '1'])
    return { what: 'noise in it', text: `${text.slice(0, place)}${noise}${text.slice(place)}` }
  },
  ({ dice, json }) => {
    const text = write(json)
    const doubled = text.replace(/^\{("[^"]+":)/, `{$1null,$1`)
    return { what: 'a name twice', text: dice.chance(0.5) ? doubled : `${text.slice(0, -1)},"fix":null}` }
  },
  ({ dice }) => ({
    what: 'something else',
    text: dice.pick(['', ' ', 'null', '[]', '""', '0', 'true', '{}', '{}{}', '\0']),
  }),
  ({ dice, json }) => {
    const padding = ' '.repeat(dice.pick([32_768, 40_000, 200_000]))
    return { what: 'too long', text: `${write(json)}${padding}` }
  },
]

export function breakBody(
  dice: Dice,
  document: ApiDocument,
  { json, schema }: { json: unknown; schema: Schema },
): Broken {
  const nodes = listNodes(document, json, schema)
  for (;;) {
    const broken = dice.pick(breakers)({ document, dice, json, nodes })
    if (broken !== undefined) return broken
  }
}
