/** The two ways in which a crowd asks: over HTTP, on connections that stay open, and over sockets, one each. */
import { claimEnvelope } from '#protocol/rest/claims.ts'
import { openPlaySocket, type PlaySocket } from '../play/play-socket.ts'
import { type Answer, readFrame, readHttp } from './answers.ts'
import { createKeepAlive, formatRest, type KeepAlive, type RawOutcome } from './keep-alive.ts'
import type { Claimant } from './stage.ts'

export type Heard = {
  answer: Answer
  /** What the server says that it waited for, in milliseconds; HTTP in the sandbox only. */
  waits?: { redisMs: number; pgMs: number }
}

export type Asking = {
  /** `player` is the index of a claimant. */
  claim(player: number, envelopeId: string, options: { isDropped: boolean }): Promise<Heard>
  close(): void
}

export function createHttpAsking(url: string, claimants: readonly Claimant[]): Asking {
  const requests = claimants.map(({ token, fix }) => formatRest({ url, token, body: { fix } }))
  const idle: KeepAlive[] = []
  const all: KeepAlive[] = []

  function connect(): KeepAlive {
    const made = createKeepAlive(url)
    all.push(made)
    return made
  }

  return {
    claim(player, envelopeId, { isDropped }) {
      const connection = idle.pop() ?? connect()
      const request = `POST ${claimEnvelope.path.replace('{id}', envelopeId)}${requests[player]}`
      return new Promise(resolve => {
        const take = (outcome: RawOutcome) => {
          idle.push(connection)
          resolve(hear(outcome))
        }
        connection.ask(request, take, isDropped)
      })
    },
    close: () => all.forEach(connection => connection.close()),
  }
}

function hear(outcome: RawOutcome): Heard {
  if (typeof outcome === 'string') return { answer: { status: outcome } }
  const answer = readHttp(outcome)
  const timing = /\r\nserver-timing: *([^\r]*)/i.exec(outcome.headers)?.[1]
  if (timing === undefined) return { answer }
  const told = (what: string) => Number(new RegExp(`\\b${what};dur=([\\d.]+)`).exec(timing)?.[1] ?? 0)
  return { answer, waits: { redisMs: told('redis'), pgMs: told('pg') } }
}

const OPENED_AT_ONCE = 16

/** Resolves when every player has a session. */
export async function openSocketAsking(url: string, claimants: readonly Claimant[]): Promise<Asking> {
  const sockets: PlaySocket[] = []
  let next = 0
  async function openSome(): Promise<void> {
    while (next < claimants.length) {
      const index = next++
      const { token = '' } = claimants[index] ?? {}
      const nothing = () => undefined
      // The server lets 200 a second in and says to others when to come back: the client does.
      sockets[index] = await openPlaySocket({ url, token, onFrame: nothing, onReconnected: nothing })
    }
  }
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openSome))
  return {
    async claim(player, envelopeId, { isDropped }) {
      const [socket, claimant] = [sockets[player], claimants[player]]
      if (socket === undefined || claimant === undefined) throw new RangeError('no such player')
      const frame = { type: 'claim', envelopeId, fix: claimant.fix } as const
      const answer = await socket.request(frame).then(readFrame, (): Answer => ({ status: 'lost' }))
      return { answer: isDropped ? { status: 'dropped' } : answer }
    },
    close: () => sockets.forEach(socket => socket.close()),
  }
}
