/**
 * Who is there: a connection becomes a session once its token is verified, within 10 s. A wrong token closes the
 * socket; what fails on our side does not, and the client may say `hello` again. The token is verified anew every five
 * minutes, so that no session outlives what it was opened with by more than that.
 */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Cancel } from '#platform/clock.ts'
import { refusalOf } from '#platform/faults.ts'
import { createId } from '#platform/id.ts'
import type { Refusal } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { Cell } from '../geo/cell.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import type { Roster } from './roster.ts'
import { createSession, type Session, type SessionPorts } from './session.ts'

export type ReceptionPorts = SessionPorts & {
  random: Random
  roster: Pick<Roster, 'join' | 'leave'>
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

/** The player behind a token, on the device that `hello` names, or why there is none; throws when nobody can tell. */
export type Authenticate = (token: string, device?: string) => Promise<PlayerCaller | Refusal>

export type Reception = {
  /** Opens the session, once; `ref` is the hello that asks for it. */
  admit(token: string, ref: string | undefined, device?: string): Promise<Session | undefined>
  /** The session, when it is open or about to be. */
  session(): Promise<Session | undefined>
  timeScale(): number
  end(): void
}

type Credential = { token: string; device: string | undefined }

const VERIFY_EVERY_MS = 300_000

export function createReception(
  connection: Connection,
  authenticate: Authenticate,
  ports: ReceptionPorts,
): Reception {
  let player: PlayerCaller | undefined
  let opening: Promise<Session | undefined> = Promise.resolve(undefined)
  let isEnded = false
  let cancelTimer: Cancel = ports.clock.after(limits.socket.helloWithinMs, () => turnAway('no hello in time'))

  const turnAway = (reason: string) => connection.close(closeCodes.unauthorized, reason)
  async function identify({ token, device }: Credential, ref?: string): Promise<PlayerCaller | undefined> {
    const caller = await authenticate(token, device)
    if ('kind' in caller) return caller
    if (caller.code !== 'unauthorized') connection.send(describeRefusal(caller, ref, ports))
    turnAway('no valid token')
    return undefined
  }

  async function open(credential: Credential, ref: string | undefined): Promise<Session | undefined> {
    player = await identify(credential, ref)
    if (player === undefined) return undefined
    const cell = await ports.positions.lastCell(player.id)
    const claimedIds = await ports.claims.claimedIds(player.id)
    const session = createSession({ id: createId(ports), player, connection, claimedIds }, ports)
    await ports.roster.join(session)
    if (isEnded) {
      ports.roster.leave(session)
      return undefined
    }
    cancelTimer()
    verifyLater(credential)
    session.welcome(ref)
    if (cell !== undefined) session.place(cell)
    return session
  }

  function verifyLater(credential: Credential): void {
    if (isEnded) return
    cancelTimer = ports.clock.after(VERIFY_EVERY_MS, () => {
      identify(credential)
        .catch((error: unknown) => ports.log.error({ err: error }, 'a token could not be verified again'))
        .finally(() => verifyLater(credential))
    })
  }

  function explain(error: unknown, ref: string | undefined): undefined {
    const refusal = refusalOf(error as Error)
    ports.log.error({ err: error, code: refusal.code, frame: 'hello' }, 'a frame failed')
    connection.send(describeRefusal(refusal, ref, ports))
  }

  return {
    admit(token, ref, device) {
      opening = opening.then(known => known ?? open({ token, device }, ref).catch(e => explain(e, ref)))
      return opening
    },
    session: () => opening,
    timeScale: () => player?.timeScale ?? 1,
    end() {
      isEnded = true
      cancelTimer()
      void opening.then(session => {
        if (session === undefined) return
        session.end()
        ports.roster.leave(session)
      })
    },
  }
}
