/** Calls by the operations of the protocol; every answer, good or not, has to be one that the protocol knows. */
import { STATUS_CODES } from 'node:http'
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { type ErrorCode } from '#protocol/errors.ts'
import { Problem } from '#protocol/problem.ts'
import type { Operation } from '#protocol/operation.ts'

export type Call = {
  id?: string
  query?: Record<string, string>
  body?: object
  idempotencyKey?: string
}

type AnswerOf<O extends Operation> = {
  [S in keyof O['answers'] & number]: O['answers'][S] extends TSchema ? Static<O['answers'][S]> : never
}[keyof O['answers'] & number]

export type Outcome<O extends Operation> =
  | { status: 'ok'; code: number; body: AnswerOf<O> }
  | { status: 'refused'; code: ErrorCode; problem: Problem }

export type Rest = {
  call<O extends Operation>(operation: O, call?: Call): Promise<Outcome<O>>
  /** The body of an answer that has to be a good one. */
  get<O extends Operation>(operation: O, call?: Call): Promise<AnswerOf<O>>
  /** Code and reason of an answer that has to be a refusal: `ended empty`. */
  refusal(operation: Operation, call?: Call): Promise<string>
}

export type RestOptions = {
  url: string
  credential?: string
  headers?: Readonly<Record<string, string>>
  /** Told of every byte that comes back. */
  onText?: (text: string) => void
}

export function createRest({ url, credential, headers, onText }: RestOptions): Rest {
  async function call<O extends Operation>(operation: O, given: Call = {}): Promise<Outcome<O>> {
    const { id = '', query, body, idempotencyKey } = given
    const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`
    const response = await fetch(`${url}${operation.path.replace('{id}', id)}${search}`, {
      method: operation.method,
      headers: {
        ...headers,
        ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    onText?.(`${JSON.stringify([...response.headers])}\n${text}`)
    return judge(operation, { code: response.status, text, type: response.headers.get('content-type') ?? '' })
  }

  return {
    call,
    async get(operation, given) {
      const outcome = await call(operation, given)
      if (outcome.status === 'ok') return outcome.body
      throw new Error(`${operation.id} was refused: ${JSON.stringify(outcome.problem)}`)
    },
    async refusal(operation, given) {
      const outcome = await call(operation, given)
      if (outcome.status === 'ok') throw new Error(`${operation.id} was not refused`)
      const { code, reason } = outcome.problem
      return reason === undefined ? code : `${code} ${reason}`
    },
  }
}

function judge<O extends Operation>(
  operation: O,
  { code, text, type }: { code: number; text: string; type: string },
): Outcome<O> {
  const body: unknown = JSON.parse(text)
  const schema = operation.answers[code]
  if (schema !== undefined) {
    if (!Check(schema, body)) throw new Error(`${operation.id}: not an answer of the protocol: ${text}`)
    return { status: 'ok', code, body: body as AnswerOf<O> }
  }
  if (!Check(Problem, body)) throw new Error(`${operation.id}: ${code} ${STATUS_CODES[code]}: ${text}`)
  const isDocumented = operation.errors.includes(body.code) && body.status === code
  if (!isDocumented || type !== 'application/problem+json') {
    throw new Error(`${operation.id}: not a documented refusal: ${code} ${type} ${text}`)
  }
  return { status: 'refused', code: body.code, problem: body }
}
