/**
 * What a session sees: where its player stands, what the index holds around, what the client was told of it. All that
 * says something about the surroundings leaves on the tick: hints, warmth, and the acknowledgement of the position
 * that they belong to, so that the time of an answer tells nothing about what lies near.
 */
import type { ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import type { Around, Hint, Surroundings, Viewer } from '../hints/around.ts'
import type { LiveIndex } from '../hints/live-index.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Crowd } from './crowd.ts'
import type { Line } from './line.ts'
import type { Ticker, Ticking } from './ticker.ts'
import { createView, type GoneReason, type Manner } from './view.ts'

export type LookoutPorts = {
  clock: Clock
  around: Around
  index: Pick<LiveIndex, 'endOf'>
  crowd: Crowd
  ticker: Ticker
}

export type PositionAck = Unnumbered<Extract<ServerFrame, { type: 'position.ack' }>>

export type Lookout = {
  readonly tickMs: number
  /** The player stands in this res-12 cell. */
  place(cell: Cell): void
  /** Hints pause: the player moves too fast. */
  pause(isPaused: boolean): void
  /** Where hints are given from, if from anywhere, and whether they pause. */
  standpoint(): { cell10: Cell | undefined; isPaused: boolean }
  acknowledge(ack: PositionAck): void
  /** This player has a share of each of these envelopes. */
  addClaimed(envelopeIds: Iterable<string>): void
  /** There is a socket again: what has changed meanwhile is told. */
  wake(): void
  end(): void
}

/** So fast does no tick need to be, however fast a player's time runs. */
const MIN_TICK_MS = 4
/** An acknowledgement waits this long for hints that still have to be loaded. */
const ACK_WAITS_MS = 2_000

export type Watcher = { player: PlayerCaller; line: Line }

export const createLookout = (watcher: Watcher, ports: LookoutPorts): Lookout =>
  new PlayerLookout(watcher, ports)

/** Of those who have won nothing. */
const nothingClaimed: ReadonlySet<string> = new Set()

/** A class, as there is one for each session. */
class PlayerLookout implements Lookout, Ticking, Manner, Viewer {
  readonly id: string
  readonly tickMs: number
  claimedIds: ReadonlySet<string> = nothingClaimed
  private readonly ports: LookoutPorts
  private readonly line: Line
  private readonly view = createView()
  private cell10: Cell | undefined
  private isPaused = false
  private isEnded = false
  /** Acknowledgements that wait for the tick, and when the latest came. */
  private acks: PositionAck[] | undefined
  private ackedAtMs = 0
  /** What the view was brought to last; undefined when it has to be looked at again whatever it is. */
  private told: Surroundings | undefined

  constructor({ player, line }: Watcher, ports: LookoutPorts) {
    this.id = player.id
    this.tickMs = Math.max(MIN_TICK_MS, limits.hint.tickMs / player.timeScale)
    this.ports = ports
    this.line = line
  }

  tick(): boolean {
    const { line } = this
    if (!line.isOpen()) return false
    if (line.isCongested()) return true
    const stands = this.isPaused ? undefined : this.cell10
    const seen = stands && this.ports.around.surroundings(stands)
    if (stands !== undefined && seen === undefined && this.areAcksFresh()) return true
    line.hold()
    for (const frame of this.acks ?? []) line.send(frame)
    this.acks = undefined
    return seen !== undefined && seen !== this.told && !this.tell(seen)
  }

  pack(): number {
    return this.line.pack()
  }

  send(): void {
    this.line.release()
  }

  private areAcksFresh(): boolean {
    return this.acks !== undefined && this.ports.clock.nowMs() - this.ackedAtMs < ACK_WAITS_MS
  }

  /** True where that was all. */
  private tell(seen: Surroundings): boolean {
    const hints = this.ports.around.select(this, seen)
    const { frames, isComplete } = this.view.update(hints, seen.warmth, this)
    for (const text of frames) this.line.sendText(text)
    this.told = isComplete ? seen : undefined
    return isComplete
  }

  inOrder(hints: readonly Hint[]): readonly Hint[] {
    return this.ports.around.inOrder(this, hints)
  }

  reasonOf(envelopeId: string): GoneReason {
    if (this.claimedIds.has(envelopeId)) return 'claimed'
    return this.ports.index.endOf(envelopeId) ?? 'out_of_range'
  }

  place(cell: Cell): void {
    if (this.isEnded) return
    this.cell10 = coarsen(cell, 10)
    this.ports.crowd.move(this, this.cell10)
    this.ports.ticker.mark(this)
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused
  }

  standpoint(): { cell10: Cell | undefined; isPaused: boolean } {
    return { cell10: this.cell10, isPaused: this.isPaused }
  }

  acknowledge(ack: PositionAck): void {
    if (this.isEnded) return
    this.acks ??= []
    this.acks.push(ack)
    this.ackedAtMs = this.ports.clock.nowMs()
    this.ports.ticker.mark(this)
  }

  addClaimed(envelopeIds: Iterable<string>): void {
    const { claimedIds } = this
    const all = new Set([...claimedIds, ...envelopeIds])
    if (this.isEnded || all.size === claimedIds.size) return
    this.claimedIds = all
    this.told = undefined
    this.ports.ticker.mark(this)
  }

  wake(): void {
    this.ports.ticker.mark(this)
  }

  end(): void {
    this.isEnded = true
    this.ports.ticker.forget(this)
    this.ports.crowd.leave(this)
  }
}
