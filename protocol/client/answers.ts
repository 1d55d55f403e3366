/** What the client has asked and not been answered yet, matched by `ref`, over however many sockets it takes. */
import type { ClientFrame } from '../ws/client.ts'
import type { ServerFrame } from '../ws/server.ts'

/** A frame before the client names it. */
type Unnamed<F extends ClientFrame> = F extends ClientFrame ? Omit<F, 'id'> : never
export type PlayRequest = Unnamed<Exclude<ClientFrame, { type: 'hello' }>>

/** No answer will come; what was asked for may or may not have happened. */
export class PlayClosed extends Error {
  override name = 'PlayClosed'
  readonly code: number
  constructor(code: number, reason: string) {
    super(reason === '' ? `the socket closed with ${code}` : `${reason} (${code})`)
    this.code = code
  }
}

/** The code of a socket that broke. */
export const lost = 1006
const mostWaiting = 100

export type Answers = {
  ask(frame: PlayRequest, send: ((text: string) => void) | undefined, isClosed: boolean): Promise<ServerFrame>
  take(frame: ServerFrame): void
  /** To be sent again, in order; of several positions only the last counts. */
  unanswered(): string[]
  fail(error: Error): void
}

export function createAnswers(answerMs: number): Answers {
  type Waiting = {
    type: string
    text: string
    resolve: (frame: ServerFrame) => void
    reject: (e: Error) => void
  }
  const waiting = new Map<string, Waiting>()
  let lastId = 0

  function fail(error: Error): void {
    for (const { reject } of [...waiting.values()]) reject(error)
  }

  return {
    ask(frame, send, isClosed) {
      if (isClosed) return Promise.reject(new PlayClosed(lost, 'the client is closed'))
      if (waiting.size >= mostWaiting)
        return Promise.reject(new PlayClosed(lost, 'too many answers are open'))
      const id = String(++lastId)
      const text = JSON.stringify({ ...frame, id })
      const answered = new Promise<ServerFrame>((resolve, reject) => {
        const timer = setTimeout(() => settle(new PlayClosed(lost, 'no answer in time')), answerMs)
        const settle = (outcome: ServerFrame | Error) => {
          clearTimeout(timer)
          waiting.delete(id)
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        }
        waiting.set(id, { type: frame.type, text, resolve: settle, reject: settle })
      })
      send?.(text)
      return answered
    },
    take: frame => frame.ref !== undefined && waiting.get(frame.ref)?.resolve(frame),
    unanswered() {
      const older = [...waiting.values()].filter(({ type }) => type === 'position').slice(0, -1)
      for (const { reject } of older) reject(new PlayClosed(lost, 'a newer fix took its place'))
      return [...waiting.values()].map(({ text }) => text)
    },
    fail,
  }
}
