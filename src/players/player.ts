/** A player, and what the verbs of this folder need from the table of players. */
import type { Tx } from '#platform/postgres.ts'

export type Player = { id: string; timeScale: number; createdAtMs: number }

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
}
