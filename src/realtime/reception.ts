/**
 * Who is there: a connection becomes a session once its token is verified, within 10 s. A wrong token closes the socket; what
 * fails on our side does not, and the client may say `hello` again.
 */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import { refusalOf } from '#platform/faults.ts'
import { createId } from '#platform/id.ts'
import type { Random } from '#platform/random.ts'
import type { Cell } from '../geo/cell.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import type { Hub } from './hub.ts'
import { createSession, type Session, type SessionPorts } from './session.ts'

export type ReceptionPorts = SessionPorts & {
  random: Random
  hub: Pick<Hub, 'join' | 'leave'>
  /** The player behind a token; `undefined` where it is not valid. Throws when that cannot be told now. */
  authenticate(token: string): Promise<PlayerCaller | undefined>
  positions: {
    /** The res-12 cell of the last accepted fix, at most 60 s old. */
    lastCell(playerId: string): Promise<Cell | undefined>
  }
  claims: {
    /** The live envelopes that a player has won a share of. */
    claimedIds(playerId: string): Promise<readonly string[]>
  }
  log: Pick<Logger, 'error'>
}

export type Reception = {
  /** Opens the session, once; `ref` is the hello that asks for it. */
  admit(token: string, ref: string | undefined): Promise<Session | undefined>
  /** The session, when it is open or about to be. */
  session(): Promise<Session | undefined>
  timeScale(): number
  end(): void
}

export function createReception(connection: Connection, ports: ReceptionPorts): Reception {
  let player: PlayerCaller | undefined
  let opening: Promise<Session | undefined> = Promise.resolve(undefined)
  let isEnded = false
  const cancelWait = ports.clock.after(limits.socket.helloWithinMs, () => {
    connection.close(closeCodes.unauthorized, 'no hello in time')
  })

  async function open(token: string, ref: string | undefined): Promise<Session | undefined> {
    player = await ports.authenticate(token)
    if (player === undefined) {
      connection.close(closeCodes.unauthorized, 'no valid token')
      return undefined
    }
    const [claimedIds, cell] = await Promise.all([
      ports.claims.claimedIds(player.id),
      ports.positions.lastCell(player.id),
    ])
    const session = createSession({ id: createId(ports), player, connection, claimedIds }, ports)
    await ports.hub.join(session)
    if (isEnded) {
      ports.hub.leave(session)
      return undefined
    }
    cancelWait()
    session.welcome(ref)
    if (cell !== undefined) session.place(cell)
    return session
  }

  function explain(error: unknown, ref: string | undefined): undefined {
    const refusal = refusalOf(error as Error)
    ports.log.error({ err: error, code: refusal.code, frame: 'hello' }, 'a frame failed')
    connection.send(describeRefusal(refusal, ref, ports))
  }

  return {
    admit(token, ref) {
      opening = opening.then(known => known ?? open(token, ref).catch(error => explain(error, ref)))
      return opening
    },
    session: () => opening,
    timeScale: () => player?.timeScale ?? 1,
    end() {
      isEnded = true
      cancelWait()
      void opening.then(session => {
        if (session === undefined) return
        session.end()
        ports.hub.leave(session)
      })
    },
  }
}
