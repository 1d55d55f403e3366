/** A player, and what the verbs of this folder need from the table of players. */
import type { Tx } from '#platform/postgres.ts'

export type Player = {
  id: string
  timeScale: number
  createdAtMs: number
  /** Present while the player is banned. */
  ban?: Ban
}

export type Ban = { atMs: number; reason: string }

/** Who somebody is for the identity provider. */
export type Identity = { issuer: string; subject: string }

export type PlayerRecord = {
  /**
   * The player of an identity, added as `first.id` at first sight; of servers that see it at once, one adds it. Runs
   * outside a transaction: the second look must see what another server committed meanwhile.
   */
  findOrAdd(database: Tx, identity: Identity, first: { id: string; nowMs: number }): Promise<Player>
  /** Adds a player whose identity is new. */
  add(tx: Tx, player: Identity & { id: string; timeScale: number; nowMs: number }): Promise<Player>
  find(tx: Tx, id: string): Promise<Player | undefined>
  /** Without a ban it is lifted; nothing where there is no such player. */
  setBan(tx: Tx, id: string, ban: Ban | undefined): Promise<Player | undefined>
  /** Those of the players who are banned; nobody bans any of them until the transaction ends. */
  findBanned(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>>
}
