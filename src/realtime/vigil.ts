/**
 * Whether whoever is on a connection may be there: a token has to come within 10 s; a wrong one, or that of a banned
 * player, closes the socket. The token is verified anew every two minutes, so that no session outlives what it was
 * opened with by much more than that.
 */
import type { Logger } from 'pino'
import { limits } from '#protocol/limits.ts'
import { closeCodes } from '#protocol/ws/frame.ts'
import type { Refusal } from '#platform/problem.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { Connection } from './connection.ts'
import { describeRefusal } from './error-frame.ts'
import type { Slot, Task, Wheel } from './wheel.ts'

/** The player behind a token, on the device that the client names, or why not; throws when nobody can tell. */
export type Authenticate = (token: string, device?: string) => Promise<PlayerCaller | Refusal>

/** What a client says of itself, kept so that it can be verified again. */
export type Credential = { token: string; device?: string | undefined }

export type Vigil = {
  /** Closes the socket where nobody may come in with this; `ref` is the hello that brought it. */
  identify(credential: Credential, ref?: string): Promise<PlayerCaller | undefined>
  /** Once now, and then again and again. */
  verifyFromNowOn(credential: Credential): Promise<void>
  end(): void
}

export type VigilPorts = {
  authenticate: Authenticate
  wheel: Wheel
  log: Pick<Logger, 'error'>
  isSandbox: boolean
}

export const keepVigil = (connection: Connection, ports: VigilPorts): Vigil =>
  new SocketVigil(connection, ports)

/** A class, as there is one for each socket. */
class SocketVigil implements Vigil, Task {
  private readonly connection: Connection
  private readonly ports: VigilPorts
  /** Once it was good. */
  private credential: Credential | undefined
  private isEnded = false
  private slot: Slot

  constructor(connection: Connection, ports: VigilPorts) {
    this.connection = connection
    this.ports = ports
    this.slot = ports.wheel.put(this, limits.socket.helloWithinMs)
  }

  due(): void {
    if (this.credential === undefined) this.turnAway('no hello in time')
    else void this.verifyFromNowOn(this.credential)
  }

  private turnAway(reason: string): void {
    this.connection.close(closeCodes.unauthorized, reason)
  }

  async identify({ token, device }: Credential, ref?: string): Promise<PlayerCaller | undefined> {
    const caller = await this.ports.authenticate(token, device)
    if ('kind' in caller) return caller
    if (caller.code === 'device_refused') this.connection.send(describeRefusal(caller, ref, this.ports))
    if (caller.code === 'banned') this.connection.close(closeCodes.banned, 'the player is banned')
    else this.turnAway('no valid token')
    return undefined
  }

  async verifyFromNowOn(credential: Credential): Promise<void> {
    this.slot.take(this)
    try {
      await this.identify(credential)
    } catch (error) {
      this.ports.log.error({ err: error }, 'a token could not be verified again')
    }
    if (this.isEnded) return
    this.credential = credential
    this.slot = this.ports.wheel.put(this, limits.socket.verifyEveryMs)
  }

  end(): void {
    this.isEnded = true
    this.slot.take(this)
  }
}
