/**
 * Prints a schema as a document shows it: schemas that have a name become references to it, and tuples are spelled in
 * the document's dialect. The server's own schemas are draft 7, which AsyncAPI 3.0 speaks too; OpenAPI 3.1 speaks
 * 2020-12, where `items: […]` became `prefixItems`.
 */
import type { TSchema } from 'typebox'
import { named } from './components.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }
export type Dialect = 'draft-07' | '2020-12'

export type Printer = {
  print(schema: TSchema): JsonObject
  /** Every named schema that was referred to so far, by name. */
  components(): JsonObject
}

/** Equal schemas are the same schema, however they were made: `Type.Optional(Fix)` is still a `Fix`. */
const nameByText = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(schema), name]))

export function createPrinter(dialect: Dialect): Printer {
  const components = new Map<string, JsonObject>()

  function refer(name: string, schema: Json): JsonObject {
    if (!components.has(name)) {
      components.set(name, {})
      components.set(name, printParts(schema))
    }
    return { $ref: `#/components/schemas/${name}` }
  }

  function printValue(value: Json): Json {
    if (Array.isArray(value)) return value.map(printValue)
    if (value === null || typeof value !== 'object') return value
    const name = nameByText.get(JSON.stringify(value))
    return name === undefined ? printParts(value) : refer(name, value)
  }

  function printParts(value: Json): JsonObject {
    const parts = Object.entries(spell(value as JsonObject, dialect))
    return Object.fromEntries(parts.map(([key, part]) => [key, printValue(part)]))
  }

  return {
    print: schema => printValue(toJson(schema)) as JsonObject,
    components: () =>
      Object.fromEntries([...components].sort(([first], [second]) => (first < second ? -1 : 1))),
  }
}

/** Plain JSON without TypeBox's hidden markers; a bigint becomes its decimal string. */
export const toJson = (value: unknown): Json =>
  JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)),
  ) as Json

function spell(schema: JsonObject, dialect: Dialect): JsonObject {
  const typed = isListOfStrings(schema['enum']) ? { type: 'string', ...schema } : schema
  if (dialect === 'draft-07' || !Array.isArray(typed['items'])) return typed
  const { items, additionalItems, ...rest } = typed
  return { ...rest, prefixItems: items, ...(additionalItems === undefined ? {} : { items: additionalItems }) }
}

const isListOfStrings = (value: Json | undefined): boolean =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
