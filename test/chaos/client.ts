/**
 * A client as a phone has one: connections that stay open, a deadline, and the patience to ask again, at another
 * server, until the answer is final. Every answer is counted, whatever it was.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../../src/bin/play/dice.ts'
import type { GameServer } from './game-servers.ts'

export type Call = {
  /** For the count: `claim`, `hide`, `close`. */
  what: string
  method: 'POST' | 'DELETE'
  path: string
  credential: string
  idempotencyKey?: string
  body?: object
}

export type Answer = { status: number; body: Record<string, unknown> }

export type Client = {
  /** Resolves to the final answer; undefined when the run was over before there was one. */
  askUntilFinal(call: Call): Promise<Answer | undefined>
  /** How often each was given: `claim 409 ended empty`, or `claim nobody there`. */
  answers: ReadonlyMap<string, number>
  /** No more patience: whoever still asks goes without an answer. */
  giveUp(): void
}

/** What passes: the protocol says to ask again. */
const passing = new Set([
  'try_again',
  'unavailable',
  'too_many_requests',
  'idempotency_in_flight',
  'internal',
])
const deadlineMs = 4_000
/** Not an attempt at anything: no server was reached. */
export const nobody = 'nobody there'

export function createClient({ servers, dice }: { servers: readonly GameServer[]; dice: Dice }): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const answers = new Map<string, number>()
  let isOver = false

  async function askOnce(call: Call): Promise<Answer | undefined> {
    const up = servers.filter(server => server.isUp())
    const server = dice.pick(up.length > 0 ? up : servers)
    const answer = await send(agent, server.url, call).catch((error: unknown) => (error as Error).message)
    const said = typeof answer === 'string' ? answer : describe(answer)
    answers.set(`${call.what} ${said}`, (answers.get(`${call.what} ${said}`) ?? 0) + 1)
    return typeof answer === 'string' ? undefined : answer
  }

  return {
    answers,
    giveUp() {
      isOver = true
      agent.destroy()
    },
    async askUntilFinal(call) {
      for (let waitMs = 50; !isOver; waitMs = Math.min(waitMs * 2, 1_000)) {
        const answer = await askOnce(call)
        const isFinal = answer && answer.status !== 202 && !passing.has(String(answer.body.code))
        if (isFinal) return answer
        const advisedMs = Number(answer?.body.retryAfterMs ?? waitMs)
        await sleep(advisedMs * (0.5 + dice.fraction()))
      }
      return undefined
    },
  }
}

const describe = ({ status, body }: Answer): string =>
  [String(status), body.code, body.reason].filter(part => typeof part === 'string').join(' ')

async function send(agent: Agent, url: string, call: Call): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      url + call.path,
      {
        ...{ agent, method: call.method, signal: AbortSignal.timeout(deadlineMs) },
        headers: {
          authorization: `Bearer ${call.credential}`,
          ...(call.body !== undefined && { 'content-type': 'application/json' }),
          ...(call.idempotencyKey !== undefined && { 'idempotency-key': call.idempotencyKey }),
        },
      },
      resolve,
    )
    sent.on('error', error => reject(new Error(nameFault(error))))
    sent.end(call.body === undefined ? undefined : JSON.stringify(call.body))
  })
  try {
    const text = ((await response.toArray()) as Buffer[]).join('')
    return { status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }
  } catch (error) {
    throw new Error(nameFault(error as Error), { cause: error })
  }
}

const nameFault = ({ name, code }: NodeJS.ErrnoException): string =>
  /Abort|Timeout/.test(name) ? 'no answer in time' : code === 'ECONNREFUSED' ? nobody : 'connection lost'
