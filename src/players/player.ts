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
  /** In the order of the identities; nothing for one that is seen for the first time. */
  findAll(tx: Tx, identities: readonly Identity[]): Promise<(Player | undefined)[]>
  /**
   * The player of an identity that was not found, added as `first.id`; of servers that see it at once, one adds it.
   * Runs outside a transaction: the look that follows must see what another server committed meanwhile.
   */
  addOrFind(database: Tx, identity: Identity, first: { id: string; nowMs: number }): Promise<Player>
  /** Adds a player whose identity is new. */
  add(tx: Tx, player: Identity & { id: string; timeScale: number; nowMs: number }): Promise<Player>
  find(tx: Tx, id: string): Promise<Player | undefined>
  /** Without a ban it is lifted; nothing where there is no such player. */
  setBan(tx: Tx, id: string, ban: Ban | undefined): Promise<Player | undefined>
  /** Those of the players who are banned; nobody bans any of them until the transaction ends. */
  findBanned(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>>
}
