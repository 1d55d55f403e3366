/** Reads what other folders recorded of a campaign, and writes none of it. Owns `campaign_reveals`. */
import { loadStatements, type Row } from '#platform/postgres.ts'
import { fromBigInt } from '../geo/cell.ts'
import type { CampaignState } from '../campaigns/state.ts'
import type { ExportedClaim, ExportedEnvelope, FiguresRecord, Tallies } from './ports.ts'

const sql = loadStatements(import.meta.url, [
  'read-figures',
  'list-quarters',
  'list-finders',
  'count-by-cell',
  'export-envelopes',
  'export-claims',
  'add-reveals',
])

export const figuresRecord: FiguresRecord = {
  async readTallies(tx, campaignId) {
    const [row] = await tx.query<TalliesRow>(sql['read-figures'], [campaignId])
    return row && toTallies(row)
  },

  async listQuarters(tx, campaignId, limit) {
    type QuarterRow = { at: Date; revealed: number; claimed: number; amount: bigint }
    const rows = await tx.query<QuarterRow>(sql['list-quarters'], [campaignId, limit])
    return rows.map(({ at, revealed, claimed, amount }) => ({
      ...{ atMs: at.getTime(), revealed, claimed, amountMinor: amount },
    }))
  },

  async listFinders(tx, campaignId, { beforeMs, windowMs }) {
    type FindersRow = { window_no: number; cell: bigint | null; players: number }
    const params = [campaignId, new Date(beforeMs), windowMs]
    const rows = await tx.query<FindersRow>(sql['list-finders'], params)
    return rows.map(({ window_no: windowNo, cell, players }) => ({
      ...{ windowNo, players, cell: cell === null ? undefined : fromBigInt(cell) },
    }))
  },

  async countByCell(tx, campaignId) {
    const rows = await tx.query<{ cell: bigint; envelopes: number }>(sql['count-by-cell'], [campaignId])
    return rows.map(({ cell, envelopes }) => ({ cell: fromBigInt(cell), envelopes }))
  },

  async pageEnvelopes(tx, campaignId, { after, limit }) {
    const params = [campaignId, ...behind(after?.createdAtMs, after?.id), limit]
    return (await tx.query<EnvelopeRow>(sql['export-envelopes'], params)).map(toEnvelope)
  },

  async pageClaims(tx, campaignId, { after, limit }) {
    const from = behind(after?.createdAtMs, after?.envelopeId)
    const params = [campaignId, ...from, after?.shareNo ?? 0, limit]
    return (await tx.query<ClaimRow>(sql['export-claims'], params)).map(toClaim)
  },

  async addReveals(tx, counts) {
    const columns = [counts.map(c => c.campaignId), counts.map(c => new Date(c.quarterMs))]
    await tx.query(sql['add-reveals'], [...columns, counts.map(c => c.reveals)])
  },
}

/** Before it comes every row. */
const behind = (createdAtMs: number | undefined, id: string | undefined): unknown[] =>
  createdAtMs === undefined
    ? ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff']
    : [new Date(createdAtMs), id]

type TalliesRow = Row & {
  state: CampaignState
  currency: string
  funded: bigint
  returned: bigint
  available: bigint
  to_place: number
  in_drops: bigint
  placed: number
  waiting: number
  live: number
  empty: number
  expired: number
  closed: number
  frozen: number
  found: number
  shares: number
  claimed_shares: number
  claimed: bigint
  in_envelopes: bigint
  waits: [number, number, number] | null
  revealed: number
}

function toTallies(row: TalliesRow): Tallies {
  const { placed, waiting, live, empty, expired, closed, frozen, found, shares } = row
  return {
    ...{ state: row.state, currency: row.currency, toPlace: row.to_place },
    ...{ placed, waiting, live, empty, expired, closed, frozen, found, shares },
    ...{ claimedShares: row.claimed_shares, revealed: row.revealed },
    ...{ fundedMinor: row.funded, availableMinor: row.available, inDropsMinor: row.in_drops },
    ...{ inEnvelopesMinor: row.in_envelopes, claimedMinor: row.claimed, returnedMinor: row.returned },
    waitsMs: row.waits ?? undefined,
  }
}

type EnvelopeRow = Row & {
  id: string
  cell_r9: bigint
  lng: number
  lat: number
  state: string
  share_count: number
  claimed_shares: number
  total: bigint
  claimed_amount: bigint
  currency: string
  opens_at: Date
  expires_at: Date
  ended_at: Date | null
  first_claimed_at: Date | null
  drop_id: string
  greeting: string | null
  clue: string | null
  brand: string | null
  created_at: Date
}

const toEnvelope = (row: EnvelopeRow): ExportedEnvelope => ({
  ...{ id: row.id, cell9: fromBigInt(row.cell_r9), lng: row.lng, lat: row.lat, state: row.state },
  ...{ shares: row.share_count, claimedShares: row.claimed_shares, dropId: row.drop_id },
  ...{ totalMinor: row.total, claimedMinor: row.claimed_amount, currency: row.currency },
  ...{ opensAtMs: row.opens_at.getTime(), expiresAtMs: row.expires_at.getTime() },
  ...{ endedAtMs: row.ended_at?.getTime(), firstClaimedAtMs: row.first_claimed_at?.getTime() },
  ...{ greeting: row.greeting ?? '', clue: row.clue ?? '', brand: row.brand ?? '' },
  createdAtMs: row.created_at.getTime(),
})

type ClaimRow = Row & {
  id: string
  envelope_id: string
  share_no: number
  cell_r9: bigint
  claimed_at: Date
  amount: bigint | null
  currency: string
  player_id: string
  created_at: Date
}

const toClaim = (row: ClaimRow): ExportedClaim => ({
  ...{ id: row.id, envelopeId: row.envelope_id, shareNo: row.share_no, cell9: fromBigInt(row.cell_r9) },
  ...{ claimedAtMs: row.claimed_at.getTime(), amountMinor: row.amount ?? undefined, currency: row.currency },
  ...{ playerId: row.player_id, createdAtMs: row.created_at.getTime() },
})
