/** Values that fit a schema, drawn at random; a hint by the name of a property makes them mean something as well. */
import type { Dice } from '../simulation/dice.ts'
import type { ApiDocument, Schema } from './document.ts'

export type Drawing = {
  document: ApiDocument
  dice: Dice
  nowMs: number
  /** What a property of that name should be; nothing leaves it to the schema. */
  hint(name: string, schema: Schema): unknown
}

/** The patterns of the document. One that is not here stops the fuzzer: it would be tried with nothing that fits. */
const patterns: Readonly<Record<string, (dice: Dice) => string>> = {
  '^[1-9][0-9]{0,2}$': dice => String(dice.between(1, 200)),
  '^[A-Za-z0-9_-]+$': dice => letters(dice, 'AZaz09_-', dice.between(1, 80)),
  '^[A-Za-z0-9_-]{1,200}$': dice => letters(dice, 'AZaz09_-', dice.between(1, 200)),
  '^[0-9a-zA-Z_-]{1,64}$': dice => letters(dice, 'AZaz09_-', dice.between(1, 64)),
  '^[A-Z]{3}$': dice => letters(dice, 'ABCXYZ', 3),
  '^[1-9][0-9]{0,12}$': dice => `${dice.between(1, 9)}${letters(dice, '0123456789', dice.between(0, 12))}`,
  '^(0|[1-9][0-9]{0,12})$': dice => String(dice.between(0, 9_999)),
  '^(0|[1-9][0-9]{0,17})$': dice => String(dice.between(0, 9_999_999)),
  '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$': dice => dice.uuid(),
  '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$': dice => dice.uuid(),
  '^[0-9]{6}$': dice => letters(dice, '0123456789', 6),
  '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$': dice => dice.pick(['00:00', '08:30', '12:00', '23:59', '24:00']),
  '^[a-z0-9][a-z0-9._-]{1,39}$': dice => dice.pick(['ann', 'bo.li', 'c-3', 'dora']),
  '^[\\x21-\\x7e]+$': dice => letters(dice, 'AZaz09~!', dice.between(1, 60)),
}

export const letters = (dice: Dice, from: string, length: number): string =>
  Array.from({ length }, () => from[dice.between(0, from.length - 1)]).join('')

const sayings = [
  'Tea',
  '新年快乐',
  'Under the clock',
  '🧧 for you',
  "L'été, naïve",
  'a',
  'Tür 4, zwei Mal',
  'שלום',
]

/** A value that fits `schema`, which stands in a property called `name`. */
export function drawValue(drawing: Drawing, given: Schema, name: string): unknown {
  const schema = drawing.document.resolve(given)
  const { dice } = drawing
  if (schema.const !== undefined) return schema.const
  const meant = dice.chance(0.95) ? drawing.hint(name, schema) : undefined
  if (meant !== undefined) return meant
  if (schema.enum !== undefined) return dice.pick(schema.enum)
  if (schema.anyOf !== undefined) return drawValue(drawing, dice.pick(schema.anyOf), name)
  switch (schema.type) {
    case 'object':
      return drawObject(drawing, schema)
    case 'array':
      return drawArray(drawing, schema, name)
    case 'string':
      return drawString(drawing, schema)
    case 'integer':
      return dice.between(schema.minimum ?? 0, Math.min(schema.maximum ?? 1_000, (schema.minimum ?? 0) + 300))
    case 'number':
      return drawNumber(dice, schema)
    case 'boolean':
      return dice.chance(0.5)
    default:
      return null
  }
}

function drawObject(drawing: Drawing, { properties = {}, required = [], oneOf = [] }: Schema) {
  const { dice } = drawing
  // Alternatives name what they need: what another one needs is left out.
  const chosen = oneOf.length === 0 ? undefined : dice.pick(oneOf)
  const others = oneOf.filter(one => one !== chosen).flatMap(one => one.required ?? [])
  const needed = [...required, ...(chosen?.required ?? [])]
  const wanted = Object.entries(properties).filter(
    ([name]) => needed.includes(name) || (!others.includes(name) && dice.chance(0.35)),
  )
  return Object.fromEntries(wanted.map(([name, schema]) => [name, drawValue(drawing, schema, name)]))
}

function drawArray(drawing: Drawing, schema: Schema, name: string): unknown[] {
  const { dice } = drawing
  const { prefixItems, items, minItems = 0, maxItems = 5, uniqueItems } = schema
  if (prefixItems !== undefined) return prefixItems.map(item => drawValue(drawing, item, name))
  if (items === undefined || items === false) return []
  const length = dice.between(minItems, Math.min(maxItems, minItems + 2))
  const drawn = Array.from({ length }, () => drawValue(drawing, items, name))
  return uniqueItems ? [...new Map(drawn.map(value => [JSON.stringify(value), value])).values()] : drawn
}

function drawString(
  { dice, nowMs }: Drawing,
  { pattern, format, minLength = 0, maxLength = 200 }: Schema,
): string {
  if (format === 'date-time') return new Date(nowMs + dice.between(-5, 5) * 3_600_000).toISOString()
  if (pattern !== undefined) {
    const make = patterns[pattern]
    if (make === undefined) throw new Error(`values.ts has nothing for the pattern ${pattern}`)
    return make(dice)
  }
  const said = dice.chance(0.8)
    ? dice.pick(sayings)
    : letters(dice, 'abc xyz', dice.between(minLength, 40)).trim()
  return said.padEnd(minLength, 'x').slice(0, maxLength)
}

function drawNumber(dice: Dice, { minimum = -1_000, maximum = 1_000 }: Schema): number {
  return dice.chance(0.05) ? dice.pick([minimum, maximum]) : minimum + dice.fraction() * (maximum - minimum)
}
