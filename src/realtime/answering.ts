/**
 * Answers what a client says once its session is open: each frame as it comes, and fixes and watches in their order. A
 * fault becomes an `error` frame and is logged.
 */
import { refusalOf } from '#platform/faults.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Fix } from '#protocol/scalars.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { MoveAnswer } from '../positions/positions.ts'
import { describeRefusal, refer } from './error-frame.ts'
import type { Line } from './line.ts'
import type { Lookout } from './lookout.ts'
import type { RequestLookout } from './request-lookout.ts'
import type { ClaimRequest, Duty, RevealRequest, SessionFrame, SessionPorts } from './session.ts'
import type { Talk } from './talk.ts'

type WatchFrame = Extract<ClientFrame, { type: 'watch' }>

type Standing = {
  player: PlayerCaller
  line: Line
  lookout: Lookout
  requests: RequestLookout
  talk: Talk
}

/** Never rejects. */
export type Answer = (frame: SessionFrame) => Promise<void> | void

export function createAnswering(
  { player, line, lookout, requests, talk }: Standing,
  ports: SessionPorts,
): Answer {
  const [moves, watches] = [createTurns(), createTurns()]

  function explain(frame: SessionFrame, error: unknown): void {
    const refusal = refusalOf(error as Error)
    ports.log.error({ err: error, code: refusal.code, frame: frame.type }, 'a frame failed')
    line.send(describeRefusal(refusal, frame.id, ports))
  }

  function tellMove(ref: string | undefined, answer: MoveAnswer): void {
    if (answer.status === 'accepted') {
      const isPaused = answer.paused !== undefined
      lookout.pause(isPaused)
      lookout.place(answer.cell)
      requests.pause(isPaused)
      requests.place(answer.cell)
    }
    lookout.acknowledge({ type: 'position.ack', ...refer(ref), ...describeMove(answer) })
  }

  const move = (ref: string | undefined, fix: Fix): Promise<void> =>
    ports.positions.move(player, fix).then(answer => tellMove(ref, answer))

  async function claim(ref: string | undefined, request: ClaimRequest): Promise<void> {
    const answer = await ports.claims.claim(player, request)
    if (isRefusal(answer)) return line.send(describeRefusal(answer, ref, ports))
    line.send({ type: 'claim.result', ...refer(ref), result: answer.body })
    if (answer.status === 200) lookout.addClaimed(answer.body.envelopeId)
  }

  async function reveal(ref: string | undefined, request: RevealRequest): Promise<void> {
    const answer = await ports.claims.reveal(player, request)
    if (isRefusal(answer)) return line.send(describeRefusal(answer, ref, ports))
    line.send({ type: 'reveal.result', ...refer(ref), result: answer.body })
  }

  /** Kept first; then here, from its beginning whatever was told before. The player's other sessions follow. */
  async function watch(ref: string | undefined, duty: Duty): Promise<void> {
    const set = await ports.duties.set(player, duty)
    if (isRefusal(set)) return line.send(describeRefusal(set, ref, ports))
    const { isOnDuty: serviceRequests, ...watching } = duty
    line.send({ type: 'watching', ...refer(ref), serviceRequests, ...watching })
    requests.watch(serviceRequests ? watching : undefined)
  }

  function answer(frame: SessionFrame): Promise<void> | void {
    switch (frame.type) {
      case 'position':
        // The order of fixes is what their plausibility is judged by.
        return moves(() => move(frame.id, frame.fix))
      case 'reveal': {
        const { type: _, id, ...request } = frame
        return reveal(id, request)
      }
      case 'claim': {
        const { type: _, id, ...request } = frame
        return claim(id, request)
      }
      case 'watch':
        return watches(() => watch(frame.id, dutyOf(frame)))
      case 'chat.send':
      case 'chat.read':
        return talk.answer(frame)
      case 'ping':
        return line.send({ type: 'pong', ...refer(frame.id), serverTime: serverTimeOf(ports) })
    }
  }

  return frame => {
    try {
      return answer(frame)?.catch((error: unknown) => explain(frame, error))
    } catch (error) {
      return explain(frame, error)
    }
  }
}

/** One after the other, as they come; what fails does not stop the next. What comes alone waits for nothing. */
function createTurns(): (work: () => Promise<void>) => Promise<void> {
  let last: Promise<void> | undefined
  let left = 0
  const leave = () => {
    if (--left === 0) last = undefined
  }
  return work => {
    const done = last === undefined ? work() : last.then(work)
    left++
    last = done.then(leave, leave)
    return done
  }
}

export const serverTimeOf = ({ clock }: Pick<SessionPorts, 'clock'>): string =>
  new Date(clock.nowMs()).toISOString()

export const dutyOf = ({
  serviceRequests,
  category,
}: Pick<WatchFrame, 'serviceRequests' | 'category'>): Duty => ({
  isOnDuty: serviceRequests,
  ...(serviceRequests && category !== undefined && { category }),
})

function describeMove(answer: MoveAnswer) {
  if (answer.status === 'ignored') return { accepted: false, reason: answer.reason }
  return { accepted: true, ...(answer.paused !== undefined && { paused: answer.paused }) }
}
