/**
 * Is anybody there? A phone that lost its network says nothing, so the server asks: every 20 s with jitter, so that
 * thousands of sockets do not answer at once, but after a miss without it. A dead peer is gone within 24 + 20 + 20 s.
 */
import { limits } from '#protocol/limits.ts'
import type { Cancel, Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'

export type Heartbeat = { pong(): void; stop(): void }

const { pingEveryMs, missedPings } = limits.socket
const JITTER = 0.2
/** Node keeps a list for each length of a timer: a hundred of them, and not one for each socket. */
const STEP_MS = 100

type Peer = { ping(): void; terminate(): void }
type HeartbeatPorts = { clock: Clock; random: Random }

export const startHeartbeat = (peer: Peer, ports: HeartbeatPorts): Heartbeat => new PeerHeartbeat(peer, ports)

/** A class, as there is one for each socket. */
class PeerHeartbeat implements Heartbeat {
  private readonly peer: Peer
  private readonly ports: HeartbeatPorts
  private unanswered = 0
  private cancel: Cancel

  constructor(peer: Peer, ports: HeartbeatPorts) {
    this.peer = peer
    this.ports = ports
    this.cancel = this.beatAfter(this.jitter())
  }

  private beatAfter(ms: number): Cancel {
    return this.ports.clock.after(ms, () => this.beat())
  }

  private jitter(): number {
    const ms = pingEveryMs * (1 - JITTER + 2 * JITTER * this.ports.random.fraction())
    return STEP_MS * Math.round(ms / STEP_MS)
  }

  private beat(): void {
    if (this.unanswered >= missedPings) return this.peer.terminate()
    this.unanswered++
    this.cancel = this.beatAfter(pingEveryMs)
    this.peer.ping()
  }

  pong(): void {
    this.unanswered = 0
    this.cancel()
    this.cancel = this.beatAfter(this.jitter())
  }

  stop(): void {
    this.cancel()
  }
}
