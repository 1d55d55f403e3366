/**
 * Who is there: a connection becomes a session once its token is verified, a new one or the one that its client had
 * before. What fails on our side does not close the socket, and the client may say `hello` again.
 */
import type { Logger } from 'pino'
import { closeCodes } from '#protocol/ws/frame.ts'
import { refusalOf } from '#platform/faults.ts'
import { createId } from '#platform/id.ts'
import type { Random } from '#platform/random.ts'
import type { Cell } from '../geo/cell.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import type { Notices } from './redis.ts'
import type { Roster } from './roster.ts'
import { createSession, type Duty, type Session, type SessionPorts } from './session.ts'
import { type Authenticate, type Credential, keepVigil } from './vigil.ts'

export type ReceptionPorts = SessionPorts & {
  random: Random
  roster: Pick<Roster, 'join' | 'leave' | 'find' | 'resume' | 'drop' | 'park'>
  notices: Pick<Notices, 'sessionLeft'>
  positions: {
    /** The res-12 cell of the last accepted fix, at most 60 s old. */
    lastCell(playerId: string): Promise<Cell | undefined>
  }
  claims: {
    /** The live envelopes that a player has won a share of. */
    claimedIds(playerId: string): Promise<readonly string[]>
  }
  duties: SessionPorts['duties'] & { find(player: PlayerCaller): Promise<Duty> }
  log: Pick<Logger, 'error'>
}

export type Reception = {
  /** Opens the session, once, or resumes one. */
  admit(credential: Credential, wish?: Wish): Promise<Session | undefined>
  /** The session, when it is open or about to be. */
  session(): Promise<Session | undefined>
  /** The session, where it is open: nobody has to wait for it then. */
  openSession(): Session | undefined
  timeScale(): number
  /** The socket is gone, with this code of the client's. */
  end(code: number): void
}

/** What `hello` asks for: `ref` names it, `resume` the session that it wants to go on with. */
export type Wish = { ref?: string | undefined; resume?: { sessionId: string; seq: number } | undefined }

const CLOSED_ON_PURPOSE = 1000

/** Whose network failed or who read too slowly comes back; who left, or was sent away, does not. */
const mayComeBack = (theirs: number, ours: number | undefined): boolean =>
  theirs !== CLOSED_ON_PURPOSE && (ours === undefined || ours === closeCodes.tooSlow)

/** With what is on record of the player. */
async function createNew(
  ports: ReceptionPorts,
  player: PlayerCaller,
  connection: Connection,
): Promise<Session> {
  const claimedIds = await ports.claims.claimedIds(player.id)
  const duty = await ports.duties.find(player)
  return createSession({ id: createId(ports), player, connection, claimedIds, duty }, ports)
}

export function createReception(
  connection: Connection,
  authenticate: Authenticate,
  ports: ReceptionPorts,
): Reception {
  let player: PlayerCaller | undefined
  let opening: Promise<Session | undefined> = Promise.resolve(undefined)
  let opened: Session | undefined
  let isEnded = false
  const vigil = keepVigil(connection, authenticate, ports)

  async function open(credential: Credential, wish: Wish): Promise<Session | undefined> {
    player = await vigil.identify(credential, wish.ref)
    if (player === undefined || isEnded) return undefined
    const session = resume(player, wish) ?? (await openNew(player, wish.ref))
    if (session === undefined) return undefined
    // A ban that came meanwhile found no session to close.
    await vigil.verifyFromNowOn(credential)
    return session
  }

  function resume(caller: PlayerCaller, { ref, resume: wanted }: Wish): Session | undefined {
    if (wanted === undefined) return undefined
    const session = ports.roster.find(caller, wanted.sessionId)
    if (session === undefined) {
      ports.notices.sessionLeft(caller.id, wanted.sessionId)
      return undefined
    }
    if (ports.roster.resume(session, connection, { seq: wanted.seq, ref })) return session
    ports.roster.drop(session, 'replaced')
    return undefined
  }

  async function openNew(caller: PlayerCaller, ref: string | undefined): Promise<Session | undefined> {
    const cell = await ports.positions.lastCell(caller.id)
    const session = await createNew(ports, caller, connection)
    await ports.roster.join(session)
    if (isEnded) {
      ports.roster.leave(session)
      return undefined
    }
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
    admit(credential, wish = {}) {
      opening = opening
        .then(known => known ?? open(credential, wish).catch(e => explain(e, wish.ref)))
        .then(session => (opened = session))
      return opening
    },
    session: () => opening,
    openSession: () => opened,
    timeScale: () => player?.timeScale ?? 1,
    end(code) {
      isEnded = true
      vigil.end()
      void opening.then(session => {
        if (session?.leadsTo(connection) !== true) return
        if (mayComeBack(code, connection.closeCode())) ports.roster.park(session)
        else ports.roster.leave(session)
      })
    },
  }
}
