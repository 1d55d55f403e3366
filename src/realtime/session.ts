/**
 * One player's session, from `welcome` on, over one socket after another. Claims, pings and errors are answered at
 * once; what a position leads to leaves with the lookout's tick.
 */
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Cell } from '../geo/cell.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { PlayerFrame } from './announcer.ts'
import {
  type Answerer,
  type Answering,
  type AnsweringPorts,
  createAnswering,
  type Duty,
  dutyOf,
  serverTimeOf,
  type SessionFrame,
} from './answering.ts'
import type { Connection } from './connection.ts'
import { refer } from './error-frame.ts'
import { createLine, type Line } from './line.ts'
import { createLookout, type Lookout, type LookoutPorts } from './lookout.ts'
import { createTalk, type Talk, type TalkPorts } from './talk.ts'
import {
  createRequestLookout,
  type RequestLookout,
  type RequestLookoutPorts,
  type Watching,
} from './request-lookout.ts'

export type SessionPorts = LookoutPorts & RequestLookoutPorts & TalkPorts & AnsweringPorts

export type Session = {
  readonly id: string
  readonly playerId: string
  /** The same player on the same device. */
  isOf(player: PlayerCaller): boolean
  /** Opens it: with a welcome, then whatever was delivered before. */
  begin(known: Known, ref: string | undefined): void
  welcome(ref: string | undefined): void
  /** The player stands in this res-12 cell, as far as we know. */
  place(cell: Cell): void
  /** Answers one frame; a fault becomes an `error` frame and is logged. */
  receive(frame: SessionFrame): Promise<void> | void
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

export type Opening = { id: string; player: PlayerCaller; connection: Connection }

/** What is on record of the player: read while the session already hears what changes. */
export type Known = {
  /** Live envelopes that the player has a share of. */
  claimedIds: Iterable<string>
  /** As the player left it. */
  duty: Duty
}

type Delivered = { frame: PlayerFrame; json: string }

export const createSession = (opening: Opening, ports: SessionPorts): Session =>
  new PlayerSession(opening, ports)

/** A class, as there are thousands, and most do nothing: each function of its own would be memory. */
class PlayerSession implements Session, Answerer {
  readonly id: string
  readonly player: PlayerCaller
  readonly line: Line
  readonly lookout: Lookout
  /** Of who ever watched service requests. */
  requests: RequestLookout | undefined
  private readonly ports: SessionPorts
  private readonly answering: Answering
  private isEnded = false
  /** Of who ever chatted. */
  private talking: Talk | undefined
  /** What came before the welcome; the latest, as for one who resumes. */
  private early: Delivered[] | undefined = []

  constructor({ id, player, connection }: Opening, ports: SessionPorts) {
    this.id = id
    this.player = player
    this.ports = ports
    this.line = createLine(connection)
    this.lookout = createLookout({ player, line: this.line }, ports)
    this.answering = createAnswering(this, ports)
  }

  get playerId(): string {
    return this.player.id
  }

  watch(watching: Watching | undefined): void {
    if (watching !== undefined && !this.isEnded) this.requests ??= this.lookOutForRequests()
    this.requests?.watch(watching)
  }

  private lookOutForRequests(): RequestLookout {
    const { playerId, line, lookout, ports } = this
    const requests = createRequestLookout({ playerId, line, tickMs: lookout.tickMs }, ports)
    const { cell10, isPaused } = lookout.standpoint()
    requests.pause(isPaused)
    if (cell10 !== undefined) requests.place(cell10)
    return requests
  }

  talk(): Talk {
    return (this.talking ??= createTalk(this, this.ports))
  }

  isOf(another: PlayerCaller): boolean {
    return another.id === this.player.id && another.deviceId === this.player.deviceId
  }

  place(cell: Cell): void {
    this.lookout.place(cell)
    this.requests?.place(cell)
  }

  end(): void {
    this.lookout.end()
    this.requests?.end()
    this.isEnded = true
  }

  private describe(ref: string | undefined) {
    return {
      type: 'welcome' as const,
      ...refer(ref),
      sessionId: this.id,
      playerId: this.playerId,
      serverTime: serverTimeOf(this.ports),
      limits: limitsOf(this.player, this.lookout.tickMs),
    }
  }

  begin({ claimedIds, duty }: Known, ref: string | undefined): void {
    this.lookout.addClaimed(claimedIds)
    this.follow(duty)
    this.welcome(ref)
    const early = this.early ?? []
    this.early = undefined
    for (const { frame, json } of early) this.deliver(frame, json)
  }

  welcome(ref: string | undefined): void {
    this.line.send(this.describe(ref))
    const watching = this.requests?.watching()
    if (watching !== undefined) this.line.send({ type: 'watching', serviceRequests: true, ...watching })
  }

  leadsTo(another: Connection): boolean {
    return this.line.leadsTo(another)
  }

  cut(): void {
    this.line.cut()
  }

  resume(next: Connection, seq: number, ref: string | undefined): boolean {
    const openingOf = (frames: number) => ({ ...this.describe(ref), resumed: { frames } })
    const hasResumed = this.line.resume(next, seq, openingOf)
    if (hasResumed) this.lookout.wake()
    if (hasResumed) this.requests?.wake()
    return hasResumed
  }

  receive(frame: SessionFrame): Promise<void> | void {
    return this.answering.receive(frame)
  }

  deliver(frame: PlayerFrame, json: string): void {
    if (this.early !== undefined) return keepLatest(this.early, { frame, json })
    if (this.talking?.isEcho(frame)) return
    if (frame.type === 'watching' && !this.follow(dutyOf(frame))) return
    this.line.sendText(json)
    const wonId = wonIdOf(frame)
    if (wonId !== undefined) this.lookout.addClaimed([wonId])
  }

  /** Whether it was otherwise before. */
  private follow({ isOnDuty, ...wanted }: Duty): boolean {
    const watching = this.requests?.watching()
    const isSame = isOnDuty
      ? watching !== undefined && watching.category === wanted.category
      : watching === undefined
    if (!isSame) this.watch(isOnDuty ? wanted : undefined)
    return !isSame
  }

  dismiss(reason: 'replaced' | 'banned'): void {
    this.line.send({ type: 'goodbye', reason, retryAfterMs: 0, resume: false })
    const why = reason === 'banned' ? 'the player is banned' : 'a newer socket took its place'
    this.line.close(closeCodes[reason], why)
  }
}

function keepLatest(early: Delivered[], delivered: Delivered): void {
  early.push(delivered)
  if (early.length > limits.socket.resumeFrames) early.shift()
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
