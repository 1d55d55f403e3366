/**
 * An operator bans a player, or lifts the ban. What holds is the record: a ban is committed first, in turn with the
 * settlements of the player's claims, and then told to every server, which closes the player's sockets and forgets
 * the player's tokens. A server that does not hear of it asks the record within minutes by itself.
 */
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { NoteAction } from '../operator/action.ts'
import type { Player, PlayerRecord } from './player.ts'

export type BanPorts = {
  players: Pick<PlayerRecord, 'setBan'>
  database: Database
  noteAction: NoteAction
  clock: Clock
  /** After the commit: tells every server. */
  onBanned: (playerId: string) => void
}

export async function banPlayer(
  ports: BanPorts,
  { playerId, reason }: { playerId: string; reason: string },
): Promise<{ status: 'banned'; player: Player } | Refusal> {
  const { players, database, noteAction, clock, onBanned } = ports
  const atMs = clock.nowMs()
  const player = await database.transact(async tx => {
    const changed = await players.setBan(tx, playerId, { atMs, reason })
    if (changed === undefined) return undefined
    await noteAction(tx, { actor: 'operator', action: 'ban', target: { playerId }, reason, atMs })
    return changed
  })
  if (player === undefined) return refuse('not_found')
  onBanned(playerId)
  return { status: 'banned', player }
}

export async function liftBan(
  { players, database, noteAction, clock }: BanPorts,
  playerId: string,
): Promise<{ status: 'lifted'; player: Player } | Refusal> {
  const reason = 'the ban is lifted'
  const player = await database.transact(async tx => {
    const changed = await players.setBan(tx, playerId, undefined)
    if (changed === undefined) return undefined
    const action = { actor: 'operator', action: 'lift_ban', target: { playerId }, reason } as const
    await noteAction(tx, { ...action, atMs: clock.nowMs() })
    return changed
  })
  return player === undefined ? refuse('not_found') : { status: 'lifted', player }
}
