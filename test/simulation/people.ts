/** Those who ask: players who claim until they have a final answer, and hiders who close. They only see answers. */
import type { ClaimAnswer } from '../../src/claims/claim.ts'
import type { MerchantCaller, PlayerCaller } from '../../src/players/caller.ts'
import { isDatabaseDown } from '#platform/postgres.ts'
import { Unavailable } from '#platform/problem.ts'
import type { Auditor } from './auditor.ts'
import type { Dice } from './dice.ts'
import type { Scheduler } from './scheduler.ts'
import { Crash, farAccuracyM, type Server } from './server.ts'

export type PeoplePorts = {
  scheduler: Scheduler
  dice: Dice
  auditor: Auditor
  note: (what: () => string) => void
  /** One that takes connections now, if any. */
  findServer: () => Server | undefined
}

/** A call that a living server has not answered yet. */
type Call = { server: Server; what: string; sinceMs: number }

export type People = ReturnType<typeof createPeople>

export type Client = { player: PlayerCaller; envelopeId: string; isFinal: boolean; asks: number }

const clientTimeoutMs = 10_000
const hungMs = 60_000

export function createPeople(ports: PeoplePorts) {
  const { scheduler, dice, auditor, note } = ports
  const { send, listHung } = createCalls(ports)
  const counts = { claims: 0, closes: 0 }
  /** Until the end, a frozen envelope may still be on its way to an end. */
  let isHealed = false

  function claim(client: Client, done: () => void, isFar: boolean): void {
    const { player, envelopeId } = client
    const fix = { lat: 31.2, lng: 121.5, accuracyM: isFar ? farAccuracyM : 8 }
    counts.claims += 1
    client.asks += 1
    const asked = { playerId: player.id, envelopeId, askedAtMs: scheduler.nowMs() }
    const run = async (server: Server) => {
      const answer = await server.claim(player, { envelopeId, fix })
      // Whatever a server says counts, also when the caller has given up waiting.
      if (server.isAlive) {
        note(
          () => `${server.name} tells ${player.id.slice(0, 4)} of ${envelopeId.slice(0, 4)}: ${say(answer)}`,
        )
        auditor.heard(server.name, asked, answer)
      }
      return answer
    }
    send(`claim ${envelopeId} by ${player.id}`, run, reply => {
      const waitMs =
        reply.status === 'refused' ? dice.between(200, 1_500) : waitAfter(dice, reply.answer, isHealed)
      if (waitMs === undefined) {
        client.isFinal = true
        done()
      } else scheduler.after(waitMs, () => claim(client, done, false))
    })
  }

  function close(caller: MerchantCaller, envelopeId: string): void {
    counts.closes += 1
    send(
      `close ${envelopeId}`,
      server => server.close(caller, envelopeId),
      reply => {
        if (reply.status === 'refused')
          scheduler.after(dice.between(300, 2_000), () => close(caller, envelopeId))
        else note(() => `${reply.server.name} closes ${envelopeId.slice(0, 4)}: ${reply.answer.status}`)
      },
    )
  }

  return {
    counts,
    /** Asks until the answer is final. */
    claim: (client: Client, done: () => void = () => {}) => claim(client, done, dice.chance(0.1)),
    close,
    heal: () => {
      isHealed = true
    },
    listHung,
  }
}

type Calls = {
  /** Sends a call to some server; the answer reaches the caller if the server lives to give it. */
  send<V>(what: string, run: (server: Server) => Promise<V>, heard: (reply: Heard<V>) => void): void
  /** Calls that a living server has not answered for a minute. */
  listHung(): string[]
}

function createCalls({ scheduler, auditor, findServer }: PeoplePorts): Calls {
  const calls = new Set<Call>()
  function send<V>(
    what: string,
    run: (server: Server) => Promise<V>,
    heard: (reply: Heard<V>) => void,
  ): void {
    const server = findServer()
    if (server === undefined) return heard({ status: 'refused' })
    const call: Call = { server, what, sinceMs: scheduler.nowMs() }
    calls.add(call)
    let isOpen = true
    const hear = (reply: Heard<V>) => {
      if (!isOpen) return
      isOpen = false
      heard(reply)
    }
    scheduler.after(clientTimeoutMs, () => hear({ status: 'refused' }))
    run(server).then(
      answer => {
        calls.delete(call)
        if (server.isAlive) hear({ status: 'answered', answer, server })
      },
      (error: unknown) => {
        calls.delete(call)
        if (!server.isAlive) return
        const isKnown = error instanceof Crash || error instanceof Unavailable || isDatabaseDown(error)
        if (!isKnown) auditor.sawFault(`${server.name}, ${what}`, error)
        hear({ status: 'refused' })
      },
    )
  }
  const listHung = () =>
    [...calls]
      .filter(({ server, sinceMs }) => server.isAlive && scheduler.nowMs() - sinceMs > hungMs)
      .map(c => `${c.what} at ${c.server.name} since ${c.sinceMs}`)
  return { send, listHung }
}

type Heard<V> = { status: 'refused' } | { status: 'answered'; answer: V; server: Server }

const say = (answer: ClaimAnswer): string =>
  answer.status === 'claimed'
    ? `share ${answer.claim.shareNo}`
    : answer.status === 'pending'
      ? 'pending'
      : [answer.code, answer.reason].filter(Boolean).join(' ')

/** How long a client waits before it asks again; nothing where the answer is final. */
function waitAfter(dice: Dice, answer: ClaimAnswer, isHealed: boolean): number | undefined {
  if (answer.status === 'claimed') return undefined
  if (answer.status === 'pending') return dice.between(500, 2_000)
  switch (answer.code) {
    case 'ended':
      return undefined
    case 'frozen':
      // An operator has to look, and there is none here.
      return isHealed ? undefined : dice.between(2_000, 6_000)
    default:
      return (answer.retryAfterMs ?? 500) + dice.between(0, 500)
  }
}
