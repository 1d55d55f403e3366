/**
 * One player's session, from `welcome` on, over one socket after another. Claims, pings and errors are answered at
 * once; what a position leads to leaves with the lookout's tick.
 */
import type { Logger } from 'pino'
import type { Static } from 'typebox'
import { limits } from '#protocol/limits.ts'
import type {
  ClaimBody,
  ClaimedAnswer,
  PendingAnswer,
  RevealBody,
  RevealedAnswer,
} from '#protocol/rest/claims.ts'
import type { Fix } from '#protocol/scalars.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Refusal } from '#platform/problem.ts'
import type { Cell } from '../geo/cell.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { MoveAnswer } from '../positions/positions.ts'
import type { PlayerFrame } from './announcer.ts'
import { type Answer, createAnswering, dutyOf, serverTimeOf } from './answering.ts'
import type { Connection } from './connection.ts'
import { refer } from './error-frame.ts'
import { createLine } from './line.ts'
import { createLookout, type LookoutPorts } from './lookout.ts'
import { createTalk, type TalkPorts } from './talk.ts'
import {
  createRequestLookout,
  type RequestLookout,
  type RequestLookoutPorts,
  type Watching,
} from './request-lookout.ts'

export type ClaimRequest = { envelopeId: string } & ClaimBody
export type RevealRequest = { envelopeId: string } & RevealBody

export type ClaimAnswer =
  | { status: 200; body: Static<typeof ClaimedAnswer> }
  | { status: 202; body: Static<typeof PendingAnswer> }
  | Refusal

export type RevealAnswer = { status: 200; body: RevealedAnswer | Static<typeof ClaimedAnswer> } | Refusal

/** Whether service requests are to be told, and which. */
export type Duty = { isOnDuty: boolean; category?: NonNullable<Watching['category']> }

export type SessionPorts = LookoutPorts &
  RequestLookoutPorts &
  TalkPorts & {
    log: Pick<Logger, 'error'>
    duties: { set(player: PlayerCaller, duty: Duty): Promise<{ status: 'set' } | Refusal> }
    positions: { move(player: PlayerCaller, fix: Fix): Promise<MoveAnswer> }
    claims: {
      claim(player: PlayerCaller, request: ClaimRequest): Promise<ClaimAnswer>
      reveal(player: PlayerCaller, request: RevealRequest): Promise<RevealAnswer>
    }
  }

/** What a client says once the session is open. */
export type SessionFrame = Exclude<ClientFrame, { type: 'hello' }>

export type Session = {
  readonly id: string
  readonly playerId: string
  /** The same player on the same device. */
  isOf(player: PlayerCaller): boolean
  welcome(ref: string | undefined): void
  /** The player stands in this res-12 cell, as far as we know. */
  place(cell: Cell): void
  /** Answers one frame; a fault becomes an `error` frame and is logged. */
  receive: Answer
  /** A frame for this player, from wherever it happened; `json` is the same, serialised. */
  deliver(frame: PlayerFrame, json: string): void
  leadsTo(connection: Connection): boolean
  /** Its socket is gone; it waits for another one. */
  cut(): void
  /** Goes on over another socket behind frame `seq`; false where what came after it is not kept any more. */
  resume(connection: Connection, seq: number, ref: string | undefined): boolean
  /** Says goodbye and closes the socket: something newer takes its place, or the player is banned. */
  dismiss(reason: 'replaced' | 'banned'): void
  end(): void
}

export type Opening = {
  id: string
  player: PlayerCaller
  connection: Connection
  /** Live envelopes that the player has a share of. */
  claimedIds: Iterable<string>
  /** As the player left it. */
  duty: Duty
}

export function createSession(opening: Opening, ports: SessionPorts): Session {
  const { id, player, connection, claimedIds } = opening
  const line = createLine(connection)
  const lookout = createLookout({ player, line, claimedIds }, ports)
  const requests = createRequestLookout({ playerId: player.id, line, tickMs: lookout.tickMs }, ports)
  follow(requests, opening.duty)
  const talk = createTalk({ player, line }, ports)
  const answer = createAnswering({ player, line, lookout, requests, talk }, ports)
  const describe = (ref: string | undefined) => ({
    type: 'welcome' as const,
    ...refer(ref),
    sessionId: id,
    playerId: player.id,
    serverTime: serverTimeOf(ports),
    limits: limitsOf(player, lookout.tickMs),
  })

  return {
    id,
    playerId: player.id,
    isOf: another => another.id === player.id && another.deviceId === player.deviceId,
    place(cell) {
      lookout.place(cell)
      requests.place(cell)
    },
    end() {
      lookout.end()
      requests.end()
    },
    welcome(ref) {
      line.send(describe(ref))
      const { isOnDuty: serviceRequests, ...watching } = opening.duty
      if (serviceRequests) line.send({ type: 'watching', serviceRequests, ...watching })
    },
    leadsTo: another => line.leadsTo(another),
    cut: () => line.cut(),
    resume(next, seq, ref) {
      const openingOf = (frames: number) => ({ seq, ...describe(ref), resumed: { frames } })
      const hasResumed = line.resume(next, seq, openingOf)
      if (hasResumed) lookout.wake()
      if (hasResumed) requests.wake()
      return hasResumed
    },
    receive: answer,
    deliver(frame, json) {
      if (talk.isEcho(frame)) return
      if (frame.type === 'watching' && !follow(requests, dutyOf(frame))) return
      line.sendJson(json)
      const wonId = wonIdOf(frame)
      if (wonId !== undefined) lookout.addClaimed(wonId)
    },
    dismiss(reason) {
      line.send({ type: 'goodbye', reason, retryAfterMs: 0, resume: false })
      const why = reason === 'banned' ? 'the player is banned' : 'a newer socket took its place'
      line.close(closeCodes[reason], why)
    },
  }
}

/** Whether it was otherwise before. */
function follow(requests: RequestLookout, { isOnDuty, ...wanted }: Duty): boolean {
  const watching = requests.watching()
  const isSame = isOnDuty
    ? watching !== undefined && watching.category === wanted.category
    : watching === undefined
  if (!isSame) requests.watch(isOnDuty ? wanted : undefined)
  return !isSame
}

/** The envelope of which the frame announces a win. */
function wonIdOf(frame: PlayerFrame): string | undefined {
  if (frame.type === 'claim.settled') return frame.envelopeId
  return frame.type === 'wallet.changed' && frame.kind === 'claim' ? frame.envelopeId : undefined
}

function limitsOf({ timeScale }: PlayerCaller, tickMs: number) {
  const { payloadBytes, framesPerSecond, frameBurst } = limits.socket
  return {
    payloadBytes,
    framesPerSecond: framesPerSecond * timeScale,
    frameBurst: frameBurst * timeScale,
    tickMs,
    publishRadiusM: limits.envelope.publishRadiusM,
  }
}
