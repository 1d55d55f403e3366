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
import type { Duty } from './answering.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import type { Notices } from './redis.ts'
import type { Roster } from './roster.ts'
import { createSession, type Known, type Session, type SessionPorts } from './session.ts'
import { type Credential, keepVigil, type Vigil, type VigilPorts } from './vigil.ts'

export type ReceptionPorts = SessionPorts &
  VigilPorts & {
    random: Random
    roster: Pick<Roster, 'join' | 'makeRoom' | 'leave' | 'find' | 'resume' | 'drop' | 'park'>
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

export const createReception = (connection: Connection, ports: ReceptionPorts): Reception =>
  new SocketReception(connection, ports)

/** A class, as there is one for each socket. */
class SocketReception implements Reception {
  private readonly connection: Connection
  private readonly ports: ReceptionPorts
  private readonly vigil: Vigil
  private player: PlayerCaller | undefined
  /** While somebody comes in. */
  private opening: Promise<Session | undefined> | undefined
  private opened: Session | undefined
  private isEnded = false

  constructor(connection: Connection, ports: ReceptionPorts) {
    this.connection = connection
    this.ports = ports
    this.vigil = keepVigil(connection, ports)
  }

  admit(credential: Credential, wish: Wish = {}): Promise<Session | undefined> {
    const opening = this.session()
      .then(known => known ?? this.open(credential, wish).catch(e => this.explain(e, wish.ref)))
      .then(session => {
        if (this.opening === opening) this.opening = undefined
        return (this.opened = session)
      })
    return (this.opening = opening)
  }

  session(): Promise<Session | undefined> {
    return this.opening ?? Promise.resolve(this.opened)
  }

  openSession(): Session | undefined {
    return this.opened
  }

  timeScale(): number {
    return this.player?.timeScale ?? 1
  }

  end(code: number): void {
    const { connection, ports } = this
    this.isEnded = true
    this.vigil.end()
    void this.session().then(session => {
      if (session?.leadsTo(connection) !== true) return
      if (mayComeBack(code, connection.closeCode())) ports.roster.park(session)
      else ports.roster.leave(session)
    })
  }

  private async open(credential: Credential, wish: Wish): Promise<Session | undefined> {
    this.player = await this.vigil.identify(credential, wish.ref)
    if (this.player === undefined || this.isEnded) return undefined
    const session = this.resume(this.player, wish) ?? (await this.openNew(this.player, wish.ref))
    if (session === undefined) return undefined
    // A ban that came meanwhile found no session to close.
    await this.vigil.verifyFromNowOn(credential)
    return session
  }

  private resume(caller: PlayerCaller, { ref, resume: wanted }: Wish): Session | undefined {
    if (wanted === undefined) return undefined
    const { roster, notices } = this.ports
    const session = roster.find(caller, wanted.sessionId)
    if (session === undefined) {
      notices.sessionLeft(caller.id, wanted.sessionId)
      return undefined
    }
    if (roster.resume(session, this.connection, { seq: wanted.seq, ref })) return session
    roster.drop(session, 'replaced')
    return undefined
  }

  /** What is on record is read once the session hears of changes: whatever happens meanwhile is in one or the other. */
  private async openNew(player: PlayerCaller, ref: string | undefined): Promise<Session | undefined> {
    const { ports, connection } = this
    const session = createSession({ id: createId(ports), player, connection }, ports)
    await ports.roster.join(session)
    try {
      const [cell, known] = await Promise.all([ports.positions.lastCell(player.id), this.find(player)])
      if (this.isEnded) {
        ports.roster.leave(session)
        return undefined
      }
      session.begin(known, ref)
      ports.roster.makeRoom(player.id)
      if (cell !== undefined) session.place(cell)
    } catch (error) {
      ports.roster.leave(session)
      throw error
    }
    return session
  }

  private async find(player: PlayerCaller): Promise<Known> {
    const { claims, duties } = this.ports
    const [claimedIds, duty] = await Promise.all([claims.claimedIds(player.id), duties.find(player)])
    return { claimedIds, duty }
  }

  private explain(error: unknown, ref: string | undefined): undefined {
    const refusal = refusalOf(error as Error)
    this.ports.log.error({ err: error, code: refusal.code, frame: 'hello' }, 'a frame failed')
    this.connection.send(describeRefusal(refusal, ref, this.ports))
  }
}
