/** Tries for envelopes and follows each claim to its end: won, refused, or promised an answer that comes later. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Static } from 'typebox'
import type { ErrorCode } from '#protocol/errors.ts'
import { type ClaimedAnswer, getClaim } from '#protocol/rest/claims.ts'
import type { Fix as WireFix } from '#protocol/scalars.ts'
import type { ServerFrame } from '#protocol/ws/server.ts'
import { type RestClient, ServerFault } from './rest-client.ts'
import type { PlaySocket } from './play-socket.ts'
import type { WalkEvent, Win } from './walk-event.ts'
import type { TryOutcome, Walker } from './walker.ts'

export type Claimant = {
  /** Resolves when the try is answered. */
  tryFor(envelopeId: string, fix: WireFix): Promise<void>
  /** The server's word on a claim that was pending. */
  settle(answer: Static<typeof ClaimedAnswer>): void
  /** Waits for what is pending, asking again; answers how many stay without an answer. */
  finish(fix: WireFix, options: { withinMs: number }): Promise<number>
  wins(): readonly Win[]
}

export type ClaimantOptions = {
  request: PlaySocket['request']
  client: RestClient
  /** Of the walk's clock. */
  speed: number
  tell: (event: WalkEvent) => void
  conclude: Walker['conclude']
}

type ErrorFrame = Extract<ServerFrame, { type: 'error' }>
type Answer = Extract<ServerFrame, { type: 'claim.result' }>['result'] | ErrorFrame

const passing: readonly ErrorCode[] = ['try_again', 'unavailable', 'too_many_requests']
const over: readonly ErrorCode[] = ['ended', 'own_envelope']
const REPEATS = 3
const LONGEST_WAIT_MS = 2_000
const ASK_AGAIN_MS = 500
/** For what is refused now, without saying until when. */
const LATER_MS = 60_000

export function createClaimant({ request, client, speed, tell, conclude }: ClaimantOptions): Claimant {
  const wins = new Map<string, Win>()
  /** Envelopes whose claim has been promised an answer. */
  const pending = new Set<string>()

  const claim = (envelopeId: string, fix: WireFix) => askForShare(request, { envelopeId, fix })

  /** Notes a win once; answers whether it is new. */
  function take({ claimId, envelopeId, amount, couponId, claimedAt }: Static<typeof ClaimedAnswer>): boolean {
    pending.delete(envelopeId)
    if (wins.has(claimId)) return false
    const worth = { ...(amount !== undefined && { amount }), ...(couponId !== undefined && { couponId }) }
    wins.set(claimId, { claimId, envelopeId, ...worth, claimedAt })
    return true
  }

  async function learnPlace(claimId: string): Promise<void> {
    const found = await client.call(getClaim, { id: claimId })
    if (found.status === 'ok') wins.set(claimId, found.body)
  }

  function tellWin(claimId: string): void {
    const win = wins.get(claimId)
    if (win !== undefined) tell({ type: 'won', win })
  }

  function refuse(envelopeId: string, { code, reason, figures }: ErrorFrame): void {
    tell({ type: 'refused', envelopeId, code, reason, figures })
  }

  return {
    async tryFor(envelopeId, fix) {
      const answer = await claim(envelopeId, fix)
      conclude(envelopeId, judgeAnswer(answer, speed))
      if ('type' in answer) return refuse(envelopeId, answer)
      if (answer.status === 'pending') {
        pending.add(envelopeId)
        return tell({ type: 'pending', envelopeId })
      }
      if (!take(answer)) return
      await learnPlace(answer.claimId)
      tellWin(answer.claimId)
    },

    settle(answer) {
      if (take(answer)) tellWin(answer.claimId)
    },

    async finish(fix, { withinMs }) {
      const deadlineMs = Date.now() + withinMs
      while (pending.size > 0 && Date.now() < deadlineMs) {
        await sleep(ASK_AGAIN_MS)
        for (const envelopeId of [...pending]) {
          const answer = await claim(envelopeId, fix)
          if ('type' in answer) {
            pending.delete(envelopeId)
            refuse(envelopeId, answer)
          } else if (answer.status === 'claimed' && take(answer)) tellWin(answer.claimId)
        }
      }
      for (const { claimId, place } of wins.values()) if (place === undefined) await learnPlace(claimId)
      return pending.size
    },
    wins: () => [...wins.values()],
  }
}

/** Looks first, as a client does that draws the envelope in front of the camera, and then grabs it by the ticket. */
async function askForShare(
  request: PlaySocket['request'],
  { envelopeId, fix }: { envelopeId: string; fix: WireFix },
): Promise<Answer> {
  const seen = await ask(request, { type: 'reveal', envelopeId, fix })
  if (seen.type === 'error') return seen
  if (seen.type !== 'reveal.result') throw new ServerFault(`a reveal was answered with ${seen.type}`)
  if (seen.result.status === 'claimed') return seen.result
  const answer = await ask(request, { type: 'claim', envelopeId, ticket: seen.result.ticket })
  if (answer.type === 'claim.result') return answer.result
  if (answer.type !== 'error') throw new ServerFault(`a claim was answered with ${answer.type}`)
  return answer
}

/** Asks again while the answer may change in a moment. */
async function ask(
  request: PlaySocket['request'],
  frame: Parameters<PlaySocket['request']>[0],
): Promise<ServerFrame> {
  for (let repeat = 0; ; repeat++) {
    const answer = await request(frame)
    if (answer.type !== 'error' || !passing.includes(answer.code) || repeat === REPEATS) return answer
    await sleep(Math.min(answer.retryAfterMs ?? ASK_AGAIN_MS, LONGEST_WAIT_MS))
  }
}

/** Waits are told in our time and noted in the walk's. */
function judgeAnswer(answer: Answer, speed: number): TryOutcome {
  if (!('type' in answer) || over.includes(answer.code)) return { status: 'done' }
  const waitMs = answer.retryAfterMs === undefined ? undefined : answer.retryAfterMs * speed
  if (answer.code === 'out_of_reach') return { status: 'out_of_reach' }
  if (answer.code === 'position_refused') return { status: 'position_refused', waitMs: waitMs ?? 0 }
  return { status: 'later', waitMs: waitMs ?? LATER_MS }
}
