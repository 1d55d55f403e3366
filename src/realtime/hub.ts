/**
 * The realtime side of one server, composed: connections become dialogues, dialogues sessions; the ticker lets hints
 * out, the crowd keeps the live index where the players are, and the channels bring in what other servers announce.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'
import type { Around } from '../hints/around.ts'
import type { LiveIndex } from '../hints/live-index.ts'
import type { LiveRequests } from '../requests/live-requests.ts'
import type { Nearby } from '../requests/nearby.ts'
import { type Connection, createConnection, type Wire } from './connection.ts'
import { createCrowd } from './crowd.ts'
import { type Dialogue, type Handshake, openDialogue } from './dialogue.ts'
import { type Heartbeat, startHeartbeat } from './heartbeat.ts'
import type { ReceptionPorts } from './reception.ts'
import type { Channels } from './redis.ts'
import { createRoster, type Roster } from './roster.ts'
import { createTicker } from './ticker.ts'
import { createWheel } from './wheel.ts'

export type HubPorts = {
  clock: Clock
  random: Random
  log: Pick<Logger, 'error'>
  isSandbox: boolean
  authenticate: ReceptionPorts['authenticate']
  around: Around
  index: LiveIndex
  requests: { live: LiveRequests; nearby: Nearby }
  channels: Channels
  notices: ReceptionPorts['notices']
  /** The tokens of the player are to be looked up again. */
  forgetTokens(playerId: string): void
  positions: ReceptionPorts['positions']
  claims: ReceptionPorts['claims']
  duties: ReceptionPorts['duties']
  chats: ReceptionPorts['chats']
  /** After the sessions of a tick have spoken. */
  onTick?: (tookMs: number) => void
}

/** One client, as the WebSocket brings it. */
export type Visitor = {
  /** Answers one text frame; `undefined` stands for a binary one. */
  hear(text: string | undefined): Promise<void> | void
  ping(payload: Buffer): void
  /** `payload`: that of the ping which it answers. */
  pong(payload: string): void
  /** The socket is gone, with this code of the client's. */
  end(code: number): void
  /** A fault of ours: closes the socket. */
  fail(): void
}

export type Hub = {
  connect(wire: Wire, handshake: Handshake): Visitor
  /** Closes the player's sockets and forgets the tokens. */
  ban(playerId: string): void
  count(): { sockets: number; players: number }
  /** Says goodbye to everyone; resolves when all sockets are gone. The index is its owner's to close. */
  close(): Promise<void>
}

const INTERNAL_ERROR = 1011

export function createHub(ports: HubPorts): Hub {
  const { clock, index, around, channels, requests } = ports
  const ticker = createTicker(clock, ports.onTick)
  const crowd = createCrowd({ around, ticker })
  const { nearby } = requests
  const requestCrowd = createCrowd({ around: nearby, ticker })
  const roster = createRoster(ports)
  channels.listen({
    onCell: index.apply,
    onRequest: requests.live.apply,
    onPlayer: roster.toPlayer,
    onSessionLeft: roster.endSession,
    onBanned: ban,
    onRestored() {
      void index.reread()
      void requests.live.reread()
    },
  })

  const wheel = createWheel(clock)
  const all = { ...ports, ticker, wheel, crowd, roster, nearby, requestCrowd }
  let closing: Promise<void> | undefined

  function ban(playerId: string): void {
    ports.forgetTokens(playerId)
    roster.ban(playerId)
  }

  async function closeAll(): Promise<void> {
    await roster.close()
    ticker.close()
  }

  return {
    connect: (wire, handshake) => new SocketVisitor(wire, handshake, all),
    ban,
    count: roster.count,
    close: () => (closing ??= closeAll()),
  }
}

type VisitorPorts = ReceptionPorts & { roster: Pick<Roster, 'connected' | 'disconnected'> }

/** A class, as there is one for each socket. */
class SocketVisitor implements Visitor {
  private readonly roster: VisitorPorts['roster']
  private readonly connection: Connection
  private readonly heartbeat: Heartbeat
  private readonly dialogue: Dialogue

  constructor(wire: Wire, handshake: Handshake, ports: VisitorPorts) {
    this.roster = ports.roster
    this.connection = createConnection(wire, ports.clock)
    this.heartbeat = startHeartbeat(this.connection, ports)
    this.dialogue = openDialogue(this.connection, handshake, ports)
    this.roster.connected(this.connection)
  }

  hear(text: string | undefined): Promise<void> | void {
    return this.dialogue.hear(text)
  }

  ping(payload: Buffer): void {
    if (this.dialogue.hearControl()) this.connection.answerPing(payload)
  }

  pong(payload: string): void {
    this.heartbeat.pong()
    this.connection.pong(payload)
    this.dialogue.hearControl()
  }

  end(code: number): void {
    this.heartbeat.stop()
    this.connection.ended()
    this.dialogue.end(code)
    this.roster.disconnected(this.connection)
  }

  fail(): void {
    this.connection.close(INTERNAL_ERROR, 'internal error')
  }
}
