/**
 * Is anybody there? A phone that lost its network says nothing, so the server asks: every 20 s with jitter, so that
 * thousands of sockets do not answer at once, but after a miss without it. A dead peer is gone within 24 + 20 + 20 s.
 */
import { limits } from '#protocol/limits.ts'
import type { Random } from '#platform/random.ts'
import type { Slot, Task, Wheel } from './wheel.ts'

export type Heartbeat = { pong(): void; stop(): void }

const { pingEveryMs, missedPings } = limits.socket
const JITTER = 0.2

type Peer = { ping(): void; terminate(): void }
type HeartbeatPorts = { wheel: Wheel; random: Random }

export const startHeartbeat = (peer: Peer, ports: HeartbeatPorts): Heartbeat => new PeerHeartbeat(peer, ports)

/** A class, as there is one for each socket. */
class PeerHeartbeat implements Heartbeat, Task {
  private readonly peer: Peer
  private readonly ports: HeartbeatPorts
  private unanswered = 0
  private slot: Slot

  constructor(peer: Peer, ports: HeartbeatPorts) {
    this.peer = peer
    this.ports = ports
    this.slot = this.beatAfter(this.jitter())
  }

  private beatAfter(ms: number): Slot {
    return this.ports.wheel.put(this, ms)
  }

  private jitter(): number {
    return pingEveryMs * (1 - JITTER + 2 * JITTER * this.ports.random.fraction())
  }

  due(): void {
    if (this.unanswered >= missedPings) return this.peer.terminate()
    this.unanswered++
    this.slot = this.beatAfter(pingEveryMs)
    this.peer.ping()
  }

  pong(): void {
    this.unanswered = 0
    this.stop()
    this.slot = this.beatAfter(this.jitter())
  }

  stop(): void {
    this.slot.take(this)
  }
}
