/** The OpenAPI document as the fuzzer reads it: what may be sent to each operation, and what it may answer. */
import type { CallerKind } from '#protocol/operation.ts'

/** JSON Schema 2020-12, as far as requests use it. */
export type Schema = {
  $ref?: string
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null'
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly Schema[]
  oneOf?: readonly Schema[]
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  items?: Schema | false
  prefixItems?: readonly Schema[]
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  pattern?: string
  format?: string
}

export type Field = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Schema }

/** An answer that is documented: its media type and where its schema stands in the document. */
export type AnswerShape = { type: string; pointer: string }

export type Shape = {
  id: string
  method: string
  path: string
  fields: readonly Field[]
  json?: Schema
  /** Files that it takes instead of JSON, by media type, with an example. */
  files?: Readonly<Record<string, string>>
  callers: readonly CallerKind[]
  answers: ReadonlyMap<number, AnswerShape>
}

export type ApiDocument = {
  root: object
  shapes: readonly Shape[]
  /** Follows references. */
  resolve(schema: Schema): Schema
}

type Ref<T> = T & { $ref?: string }
type RawOperation = {
  operationId: string
  security: Record<string, readonly string[]>[]
  parameters?: Ref<Field>[]
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> }
  responses: Record<string, Ref<{ content: Record<string, object> }>>
}

const kindOf: Readonly<Record<string, CallerKind>> = {
  playerToken: 'player',
  merchantKey: 'merchant',
  operatorKey: 'operator',
}

export function readDocument(root: object): ApiDocument {
  const at = (pointer: string): unknown =>
    pointer
      .split('/')
      .slice(1)
      .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], root)
  const follow = <T>(value: Ref<T>): T =>
    value.$ref === undefined ? value : follow(at(value.$ref) as Ref<T>)
  const { paths } = root as { paths: Record<string, Record<string, RawOperation>> }
  const shapes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => {
      const pointer = `#/paths/${escapePart(path)}/${method}/responses`
      return {
        ...readOperation(raw, follow),
        method: method.toUpperCase(),
        path,
        answers: readAnswers(raw, pointer),
      }
    }),
  )
  return { root, shapes, resolve: schema => follow(schema) }
}

function readOperation(
  raw: RawOperation,
  follow: <T>(value: Ref<T>) => T,
): Omit<Shape, 'method' | 'path' | 'answers'> {
  const { operationId: id, security, parameters = [], requestBody } = raw
  const content = Object.entries(requestBody?.content ?? {})
  const json = requestBody?.content['application/json']?.schema
  const files = content.filter(([type]) => type !== 'application/json')
  return {
    ...{ id, fields: parameters.map(follow) },
    ...(json !== undefined && { json }),
    ...(files.length > 0 && {
      files: Object.fromEntries(files.map(([type, { example }]) => [type, String(example)])),
    }),
    callers: security.flatMap(one => Object.keys(one)).flatMap(scheme => kindOf[scheme] ?? []),
  }
}

function readAnswers({ responses }: RawOperation, pointer: string): Map<number, AnswerShape> {
  return new Map(
    Object.entries(responses).map(([status, response]) => {
      const isShared = response.$ref !== undefined
      const type = isShared ? 'application/problem+json' : (Object.keys(response.content)[0] ?? '')
      const where = response.$ref ?? `${pointer}/${status}`
      return [Number(status), { type, pointer: `${where}/content/${escapePart(type)}/schema` }]
    }),
  )
}

const escapePart = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')
