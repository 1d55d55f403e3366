/**
 * Answers what a client says once its session is open: each frame as it comes, and fixes and watches in their order. A
 * fault becomes an `error` frame and is logged.
 */
import type { Logger } from 'pino'
import type { Static } from 'typebox'
import type {
  ClaimBody,
  ClaimedAnswer,
  PendingAnswer,
  RevealBody,
  RevealedAnswer,
} from '#protocol/rest/claims.ts'
import type { Clock } from '#platform/clock.ts'
import { refusalOf } from '#platform/faults.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import type { Fix } from '#protocol/scalars.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { MoveAnswer } from '../positions/positions.ts'
import { describeRefusal, refer } from './error-frame.ts'
import type { Line } from './line.ts'
import type { Lookout } from './lookout.ts'
import type { RequestLookout, Watching } from './request-lookout.ts'
import type { Talk } from './talk.ts'

export type ClaimRequest = { envelopeId: string } & ClaimBody
export type RevealRequest = { envelopeId: string } & RevealBody

export type ClaimAnswer =
  | { status: 200; body: Static<typeof ClaimedAnswer> }
  | { status: 202; body: Static<typeof PendingAnswer> }
  | Refusal

export type RevealAnswer = { status: 200; body: RevealedAnswer | Static<typeof ClaimedAnswer> } | Refusal

/** Whether service requests are to be told, and which. */
export type Duty = { isOnDuty: boolean; category?: NonNullable<Watching['category']> }

export type AnsweringPorts = {
  clock: Pick<Clock, 'nowMs'>
  log: Pick<Logger, 'error'>
  isSandbox: boolean
  duties: { set(player: PlayerCaller, duty: Duty): Promise<{ status: 'set' } | Refusal> }
  positions: { move(player: PlayerCaller, fix: Fix): Promise<MoveAnswer> }
  claims: {
    claim(player: PlayerCaller, request: ClaimRequest): Promise<ClaimAnswer>
    reveal(player: PlayerCaller, request: RevealRequest): Promise<RevealAnswer>
  }
}

/** What a client says once the session is open. */
export type SessionFrame = Exclude<ClientFrame, { type: 'hello' }>

type WatchFrame = Extract<ClientFrame, { type: 'watch' }>

/** The session that answers. */
export type Answerer = {
  readonly player: PlayerCaller
  readonly line: Line
  readonly lookout: Lookout
  /** Of who watches service requests, or did. */
  readonly requests: RequestLookout | undefined
  watch(watching: Watching | undefined): void
  talk(): Talk
}

export type Answering = {
  /** Never rejects. */
  receive(frame: SessionFrame): Promise<void> | void
}

export const createAnswering = (answerer: Answerer, ports: AnsweringPorts): Answering =>
  new SessionAnswering(answerer, ports)

/** A class, as there is one for each session. */
class SessionAnswering implements Answering {
  private readonly answerer: Answerer
  private readonly ports: AnsweringPorts
  private readonly moves = createTurns()
  /** Of who ever watched. */
  private watches: Turns | undefined

  constructor(answerer: Answerer, ports: AnsweringPorts) {
    this.answerer = answerer
    this.ports = ports
  }

  receive(frame: SessionFrame): Promise<void> | void {
    try {
      return this.answer(frame)?.catch((error: unknown) => this.explain(frame, error))
    } catch (error) {
      return this.explain(frame, error)
    }
  }

  private explain(frame: SessionFrame, error: unknown): void {
    const refusal = refusalOf(error as Error)
    this.ports.log.error({ err: error, code: refusal.code, frame: frame.type }, 'a frame failed')
    this.refuse(refusal, frame.id)
  }

  private refuse(refusal: Refusal, ref: string | undefined): void {
    this.answerer.line.send(describeRefusal(refusal, ref, this.ports))
  }

  private answer(frame: SessionFrame): Promise<void> | void {
    switch (frame.type) {
      case 'position':
        // The order of fixes is what their plausibility is judged by.
        return this.moves.take(() => this.move(frame.id, frame.fix))
      case 'reveal': {
        const { type: _, id, ...request } = frame
        return this.reveal(id, request)
      }
      case 'claim': {
        const { type: _, id, ...request } = frame
        return this.claim(id, request)
      }
      case 'watch':
        this.watches ??= createTurns()
        return this.watches.take(() => this.watch(frame.id, dutyOf(frame)))
      case 'chat.send':
      case 'chat.read':
        return this.answerer.talk().answer(frame)
      case 'ping': {
        const serverTime = serverTimeOf(this.ports)
        return this.answerer.line.send({ type: 'pong', ...refer(frame.id), serverTime })
      }
    }
  }

  private move(ref: string | undefined, fix: Fix): Promise<void> {
    return this.ports.positions.move(this.answerer.player, fix).then(answer => this.tellMove(ref, answer))
  }

  private tellMove(ref: string | undefined, answer: MoveAnswer): void {
    const { lookout, requests } = this.answerer
    if (answer.status === 'accepted') {
      const isPaused = answer.paused !== undefined
      lookout.pause(isPaused)
      lookout.place(answer.cell)
      requests?.pause(isPaused)
      requests?.place(answer.cell)
    }
    lookout.acknowledge({ type: 'position.ack', ...refer(ref), ...describeMove(answer) })
  }

  private async claim(ref: string | undefined, request: ClaimRequest): Promise<void> {
    const { player, line, lookout } = this.answerer
    const answer = await this.ports.claims.claim(player, request)
    if (isRefusal(answer)) return this.refuse(answer, ref)
    line.send({ type: 'claim.result', ...refer(ref), result: answer.body })
    if (answer.status === 200) lookout.addClaimed([answer.body.envelopeId])
  }

  private async reveal(ref: string | undefined, request: RevealRequest): Promise<void> {
    const { player, line } = this.answerer
    const answer = await this.ports.claims.reveal(player, request)
    if (isRefusal(answer)) return this.refuse(answer, ref)
    line.send({ type: 'reveal.result', ...refer(ref), result: answer.body })
  }

  /** Kept first; then here, from its beginning whatever was told before. The player's other sessions follow. */
  private async watch(ref: string | undefined, duty: Duty): Promise<void> {
    const { answerer } = this
    const { player, line } = answerer
    const set = await this.ports.duties.set(player, duty)
    if (isRefusal(set)) return this.refuse(set, ref)
    const { isOnDuty: serviceRequests, ...watching } = duty
    line.send({ type: 'watching', ...refer(ref), serviceRequests, ...watching })
    answerer.watch(serviceRequests ? watching : undefined)
  }
}

type Turns = { take(work: () => Promise<void>): Promise<void> }

const createTurns = (): Turns => new OneByOne()

/** One after the other, as they come; what fails does not stop the next. What comes alone waits for nothing. */
class OneByOne implements Turns {
  private last: Promise<void> | undefined
  private left = 0

  take(work: () => Promise<void>): Promise<void> {
    const done = this.last === undefined ? work() : this.last.then(work)
    const leave = () => {
      if (--this.left === 0) this.last = undefined
    }
    this.left++
    this.last = done.then(leave, leave)
    return done
  }
}

export const serverTimeOf = ({ clock }: Pick<AnsweringPorts, 'clock'>): string =>
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
