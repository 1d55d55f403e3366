/**
 * What is said on one connection, from the first frame on: who floods, who speaks another protocol, what is for whom.
 * `hello` opens the session; where the handshake carried the token it opens by itself, and a `hello` is answered all
 * the same.
 */
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { SessionFrame } from './answering.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import { createFloodGuard, type FloodGuard } from './flood.ts'
import { parseFrame } from './frames.ts'
import { createReception, type Reception, type ReceptionPorts } from './reception.ts'
import type { Credential } from './vigil.ts'

export type Dialogue = {
  /** One text frame; `undefined` stands for a binary one. */
  hear(text: string | undefined): Promise<void> | void
  /** A control frame counts like any other, and says nothing; false where it is not heard. */
  hearControl(): boolean
  /** The socket is gone, with this code of the client's. */
  end(code: number): void
}

/** What a client said of itself when it opened the socket. */
export type Handshake = {
  /** The one beside the subprotocol, where there was one. */
  token: string | undefined
  /** The one that a header names: browsers can send none here. */
  device?: string | undefined
}

export const openDialogue = (connection: Connection, handshake: Handshake, ports: ReceptionPorts): Dialogue =>
  new SocketDialogue(connection, handshake, ports)

const carriesToken = (handshake: Handshake): handshake is Handshake & Credential =>
  handshake.token !== undefined

type Hello = Extract<ClientFrame, { type: 'hello' }>

/** A class, as there is one for each socket. */
class SocketDialogue implements Dialogue {
  private readonly connection: Connection
  private readonly handshake: Handshake
  private readonly ports: ReceptionPorts
  private readonly guard: FloodGuard
  private readonly reception: Reception

  constructor(connection: Connection, handshake: Handshake, ports: ReceptionPorts) {
    this.connection = connection
    this.handshake = handshake
    this.ports = ports
    this.guard = createFloodGuard(ports.clock)
    this.reception = createReception(connection, ports)
    if (carriesToken(handshake)) void this.reception.admit(handshake)
  }

  hear(text: string | undefined): Promise<void> | void {
    if (!this.isAdmitted()) return undefined
    const parsed = text === undefined ? { status: 'not_json' as const } : parseFrame(text)
    if (parsed.status === 'frame') return this.answer(parsed.frame)
    if (parsed.status === 'bad_frame') {
      return this.tell(refuse('bad_frame', { errors: parsed.errors }), parsed.ref)
    }
    this.tell(badFrame('', 'frames are JSON text'))
    return this.connection.close(closeCodes.badFrame, 'frames are JSON text')
  }

  hearControl(): boolean {
    return this.isAdmitted()
  }

  end(code: number): void {
    this.reception.end(code)
  }

  private tell(refusal: Refusal, ref?: string): void {
    this.connection.send(describeRefusal(refusal, ref, this.ports))
  }

  private isAdmitted(): boolean {
    if (!this.connection.isOpen()) return false
    const verdict = this.guard.admit(this.reception.timeScale())
    if (verdict.status === 'warned') {
      this.tell(refuse('too_many_requests', { retryAfterMs: verdict.retryAfterMs }))
    }
    if (verdict.status === 'flooding') this.connection.close(closeCodes.flood, 'too many frames')
    return verdict.status === 'admitted'
  }

  private answer(frame: ClientFrame): Promise<void> | void {
    if (frame.type === 'hello') return this.greet(frame)
    const session = this.reception.openSession()
    return session === undefined ? this.answerLater(frame) : session.receive(frame)
  }

  private async answerLater(frame: SessionFrame): Promise<void> {
    const session = await this.reception.session()
    if (session === undefined) return this.tell(refuse('unauthorized'), frame.id)
    await session.receive(frame)
  }

  private async greet({ token, id: ref, device = this.handshake.device, resume }: Hello): Promise<void> {
    const { reception, handshake } = this
    if (resume !== undefined && token === undefined) {
      return this.tell(badFrame('/token', 'goes with resume'), ref)
    }
    const known = await reception.session()
    if (known !== undefined && token === undefined) return known.welcome(ref)
    if (known !== undefined) return this.tell(badFrame('/token', 'the session is open already'), ref)
    const credential = token ?? handshake.token
    if (credential === undefined) return this.connection.close(closeCodes.unauthorized, 'no token')
    await reception.admit({ token: credential, device }, { ref, resume })
  }
}

const badFrame = (pointer: string, message: string): Refusal =>
  refuse('bad_frame', { errors: [{ pointer, message }] })
