/**
 * An operator bans a player, or lifts the ban. What holds is the record: a ban is committed first, in turn with the
 * settlements of the player's claims, and then told to every server, which closes the player's sockets and forgets
 * the player's tokens. A server that does not hear of it asks the record within minutes by itself.
 */
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Player, PlayerRecord } from './player.ts'

export type BanPorts = {
  players: Pick<PlayerRecord, 'setBan'>
  database: Tx
  clock: Clock
  /** After the commit: tells every server. */
  onBanned: (playerId: string) => void
}

export async function banPlayer(
  { players, database, clock, onBanned }: BanPorts,
  { playerId, reason }: { playerId: string; reason: string },
): Promise<{ status: 'banned'; player: Player } | Refusal> {
  const player = await players.setBan(database, playerId, { atMs: clock.nowMs(), reason })
  if (player === undefined) return refuse('not_found')
  onBanned(playerId)
  return { status: 'banned', player }
}

export async function liftBan(
  { players, database }: BanPorts,
  playerId: string,
): Promise<{ status: 'lifted'; player: Player } | Refusal> {
  const player = await players.setBan(database, playerId, undefined)
  return player === undefined ? refuse('not_found') : { status: 'lifted', player }
}
