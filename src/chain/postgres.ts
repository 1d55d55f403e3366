/** Owns `transfer_links` and `unlinked_transfers`; reads transfers, as whoever checks them must. */
import { loadStatements, type Row } from '#platform/postgres.ts'
import type { Link } from './chain.ts'
import type { ChainRecord } from './record.ts'

const sql = loadStatements(import.meta.url, [
  'find-head',
  'count-unlinked',
  'has-unlinked',
  'take-unlinked',
  'use-utc',
  'read-rows',
  'insert-links',
  'list-links',
  'list-strays',
])

type LinkRow = Row & { sequence: bigint; transfer_id: string; hash: Buffer }

const toLink = ({ sequence, transfer_id, hash }: LinkRow): Link => ({
  sequence: Number(sequence),
  transferId: transfer_id,
  hash,
})

export const chainRecord: ChainRecord = {
  async findHead(tx) {
    const [row] = await tx.query<LinkRow>(sql['find-head'])
    return row && toLink(row)
  },

  async countUnlinked(tx) {
    const [row] = await tx.query<{ waiting: bigint }>(sql['count-unlinked'])
    return Number(row?.waiting)
  },

  async hasUnlinked(tx) {
    const [row] = await tx.query<{ waits: boolean }>(sql['has-unlinked'])
    return row?.waits === true
  },

  async takeUnlinked(tx, limit) {
    const rows = await tx.query<{ turn: bigint; ids: string[] }>(sql['take-unlinked'], [limit])
    return rows.sort((a, b) => (a.turn < b.turn ? -1 : 1)).flatMap(({ ids }) => ids)
  },

  async readRows(tx, transferIds) {
    await tx.query(sql['use-utc'])
    const rows = await tx.query<{ id: string; text: string }>(sql['read-rows'], [transferIds])
    return new Map(rows.map(({ id, text }) => [id, text]))
  },

  async insertLinks(tx, links) {
    const columns = [
      links.map(link => link.sequence),
      links.map(link => link.transferId),
      links.map(link => link.hash),
    ]
    await tx.query(sql['insert-links'], columns)
  },

  listLinks: async (tx, sequence, limit) =>
    (await tx.query<LinkRow>(sql['list-links'], [sequence, limit])).map(toLink),

  async listStrays(tx, { waitedMs, limit }) {
    type StrayRow = { transfer_id: string; is_waiting: boolean; found: bigint }
    const rows = await tx.query<StrayRow>(sql['list-strays'], [waitedMs / 1_000, limit])
    const strays = rows.map(row => ({ transferId: row.transfer_id, isWaiting: row.is_waiting }))
    return { found: Number(rows[0]?.found ?? 0), strays }
  },
}
