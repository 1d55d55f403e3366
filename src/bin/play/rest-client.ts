/** The REST API as its clients see it: an operation of the protocol is called, its answer comes back checked. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { Problem } from '#protocol/problem.ts'
import type { Operation } from '#protocol/operation.ts'

/** No server, or one that does not speak this protocol: nothing that a request could be changed for. */
export class ServerFault extends Error {
  override name = 'ServerFault'
}

type BodyOf<O extends Operation> = O['body'] extends TSchema ? { body: Static<O['body']> } : { body?: never }
type KeyOf<O extends Operation> = O['idempotencyKey'] extends 'required'
  ? { idempotencyKey: string }
  : { idempotencyKey?: never }
export type CallOf<O extends Operation> = BodyOf<O> &
  KeyOf<O> & { id?: string; query?: Record<string, string> }
type AnswerOf<O extends Operation> = {
  [S in keyof O['answers']]: O['answers'][S] extends TSchema ? Static<O['answers'][S]> : never
}[keyof O['answers']]
type AnyCall = {
  id?: string
  query?: Record<string, string>
  body?: unknown
  idempotencyKey?: string | undefined
}

export type Answer<O extends Operation> =
  | { status: 'ok'; body: AnswerOf<O>; serverTimeMs: number }
  | { status: 'refused'; problem: Problem }

export type RestClient = {
  /** Repeats what the server asks to repeat. Throws a {@link ServerFault} where nobody answers as the protocol says. */
  call<O extends Operation>(operation: O, call: CallOf<O>): Promise<Answer<O>>
}

const CALL_MS = 20_000
const REPEATS = 5
const repeatable: readonly string[] = ['too_many_requests', 'unavailable', 'idempotency_in_flight']

/** `credential`: a player's token or a merchant's key. */
export function createRestClient({ url, credential }: { url: string; credential?: string }): RestClient {
  const base = url.replace(/\/+$/, '')

  async function send(operation: Operation, call: AnyCall): Promise<Response> {
    const path = operation.path.replace('{id}', encodeURIComponent(call.id ?? ''))
    const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query).toString()}`
    try {
      return await fetch(`${base}${path}${query}`, {
        method: operation.method,
        headers: {
          ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
          ...(call.idempotencyKey !== undefined && { 'idempotency-key': call.idempotencyKey }),
          ...(call.body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
        signal: AbortSignal.timeout(CALL_MS),
      })
    } catch (error) {
      throw new ServerFault(`no server answers at ${base}: start one with npm start, or name it with --url`, {
        cause: error,
      })
    }
  }

  async function callOnce<O extends Operation>(operation: O, call: CallOf<O>): Promise<Answer<O>> {
    const response = await send(operation, call)
    const body: unknown = await response.json().catch(() => undefined)
    const schema = operation.answers[response.status]
    if (schema !== undefined && Check(schema, body)) {
      const serverTimeMs = Date.parse(response.headers.get('date') ?? '')
      return { status: 'ok', body: body as AnswerOf<O>, serverTimeMs }
    }
    if (Check(Problem, body)) return { status: 'refused', problem: body }
    const what = `${operation.method} ${operation.path}`
    throw new ServerFault(
      `${base} is no hexbao server: ${what} answered ${response.status}, not as the protocol says`,
    )
  }

  return {
    async call(operation, call) {
      for (let repeat = 0; ; repeat++) {
        const answer = await callOnce(operation, call)
        const isFinal = answer.status === 'ok' || !repeatable.includes(answer.problem.code)
        if (isFinal || repeat === REPEATS) return answer
        await sleep(answer.problem.retryAfterMs ?? 200 * 2 ** repeat)
      }
    },
  }
}

/** The body of an answer that has to be a good one. */
export function demand<B>(
  answer: { status: 'ok'; body: B } | { status: 'refused'; problem: Problem },
  what: string,
): B {
  if (answer.status === 'ok') return answer.body
  throw new ServerFault(`${what}: ${describeProblem(answer.problem)}`)
}

/** One line: what was refused and why. */
export function describeProblem({ code, reason, title, detail, errors }: Problem): string {
  const fields = (errors ?? []).map(({ pointer, message }) => `${pointer} ${message}`)
  const why = [detail, ...fields].filter(part => part !== undefined).join('; ')
  return `${code}${reason === undefined ? '' : ` (${reason})`}: ${why === '' ? title : why}`
}
