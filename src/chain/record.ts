/** The tables of the audit chain, as a port. */
import type { Tx } from '#platform/postgres.ts'
import type { Head, Link } from './chain.ts'

export type ChainRecord = {
  findHead(tx: Tx): Promise<(Link & Head) | undefined>
  countUnlinked(tx: Tx): Promise<number>
  hasUnlinked(tx: Tx): Promise<boolean>
  /** Removes the longest waiting, about `limit`, and returns their ids in the order in which they are to be linked. */
  takeUnlinked(tx: Tx, limit: number): Promise<string[]>
  /** The text of each row that exists, inside a transaction. */
  readRows(tx: Tx, transferIds: readonly string[]): Promise<ReadonlyMap<string, string>>
  insertLinks(tx: Tx, links: readonly Link[]): Promise<void>
  /** Behind `sequence`, in order. */
  listLinks(tx: Tx, sequence: number, limit: number): Promise<Link[]>
  /** Transfers without a link for which nothing waits, or that have waited for more than `waitedMs`. */
  listStrays(
    tx: Tx,
    { waitedMs, limit }: { waitedMs: number; limit: number },
  ): Promise<{ found: number; strays: readonly { transferId: string; isWaiting: boolean }[] }>
}
