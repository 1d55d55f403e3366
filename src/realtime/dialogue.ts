/**
 * What is said on one connection, from the first frame on: who floods, who speaks another protocol, what is for whom.
 * `hello` opens the session; where the handshake carried the token it opens by itself, and a `hello` is answered all
 * the same.
 */
import { closeCodes } from '#protocol/ws/frame.ts'
import type { ClientFrame } from '#protocol/ws/client.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import { createFloodGuard } from './flood.ts'
import { parseFrame } from './frames.ts'
import { createReception, type ReceptionPorts } from './reception.ts'
import type { SessionFrame } from './session.ts'
import type { Authenticate } from './vigil.ts'

export type Dialogue = {
  /** One text frame; `undefined` stands for a binary one. */
  hear(text: string | undefined): Promise<void> | void
  /** A control frame counts like any other, and says nothing. */
  hearControl(): void
  /** The socket is gone, with this code of the client's. */
  end(code: number): void
}

export type Handshake = {
  /** The one beside the subprotocol, where there was one. */
  token: string | undefined
  authenticate: Authenticate
}

export function openDialogue(
  connection: Connection,
  { token: handshakeToken, authenticate }: Handshake,
  ports: ReceptionPorts,
): Dialogue {
  const guard = createFloodGuard(ports.clock)
  const reception = createReception(connection, authenticate, ports)
  const tell = (refusal: Refusal, ref?: string) => connection.send(describeRefusal(refusal, ref, ports))

  function isAdmitted(): boolean {
    if (!connection.isOpen()) return false
    const verdict = guard.admit(reception.timeScale())
    if (verdict.status === 'warned') {
      tell(refuse('too_many_requests', { retryAfterMs: verdict.retryAfterMs }))
    }
    if (verdict.status === 'flooding') connection.close(closeCodes.flood, 'too many frames')
    return verdict.status === 'admitted'
  }

  async function greet({
    token,
    id: ref,
    device,
    resume,
  }: Extract<ClientFrame, { type: 'hello' }>): Promise<void> {
    if (resume !== undefined && token === undefined) return tell(badFrame('/token', 'goes with resume'), ref)
    const known = await reception.session()
    if (known !== undefined && token === undefined) return known.welcome(ref)
    if (known !== undefined) return tell(badFrame('/token', 'the session is open already'), ref)
    const credential = token ?? handshakeToken
    if (credential === undefined) return connection.close(closeCodes.unauthorized, 'no token')
    await reception.admit({ token: credential, device }, { ref, resume })
  }

  function answer(frame: ClientFrame): Promise<void> | void {
    if (frame.type === 'hello') return greet(frame)
    const session = reception.openSession()
    return session === undefined ? answerLater(frame) : session.receive(frame)
  }

  async function answerLater(frame: SessionFrame): Promise<void> {
    const session = await reception.session()
    if (session === undefined) return tell(refuse('unauthorized'), frame.id)
    await session.receive(frame)
  }

  if (handshakeToken !== undefined) void reception.admit({ token: handshakeToken })

  return {
    hear(text) {
      if (!isAdmitted()) return undefined
      const parsed = text === undefined ? { status: 'not_json' as const } : parseFrame(text)
      if (parsed.status === 'frame') return answer(parsed.frame)
      if (parsed.status === 'bad_frame') {
        return tell(refuse('bad_frame', { errors: parsed.errors }), parsed.ref)
      }
      tell(badFrame('', 'frames are JSON text'))
      return connection.close(closeCodes.badFrame, 'frames are JSON text')
    },
    hearControl: () => void isAdmitted(),
    end: reception.end,
  }
}

const badFrame = (pointer: string, message: string): Refusal =>
  refuse('bad_frame', { errors: [{ pointer, message }] })
