/** The table of ratings. */
import { loadStatements, type Row } from '#platform/postgres.ts'
import type { RatingRecord } from './ports.ts'
import { type Side, summarise } from './rating.ts'

const sql = loadStatements(import.meta.url, ['add-rating', 'list-ratings', 'summarise-ratings'])

export const ratingRecord: RatingRecord = {
  async add(tx, { requestId, side, ratedId, stars, text, ratedAtMs, tellsAtMs }) {
    const what = [requestId, side, ratedId, stars, text]
    await tx.query(sql['add-rating'], [...what, new Date(ratedAtMs), new Date(tellsAtMs)])
  },

  async list(tx, requestId) {
    const rows = await tx.query<RatingRow>(sql['list-ratings'], [requestId])
    return rows.map(row => ({
      ...{ requestId: row.request_id, side: row.side, ratedId: row.rated_id, stars: row.stars },
      ...{ text: row.text, ratedAtMs: row.rated_at.getTime(), tellsAtMs: row.tells_at.getTime() },
    }))
  },

  async summarise(tx, { playerIds, as, nowMs }) {
    const side: Side = as === 'poster' ? 'provider' : 'poster'
    const rows = await tx.query<SumRow>(sql['summarise-ratings'], [playerIds, side, new Date(nowMs)])
    const sums = new Map(rows.map(row => [row.rated_id, row]))
    return new Map(playerIds.map(id => [id, summarise(sums.get(id) ?? { count: 0, stars: 0 })]))
  },
}

type SumRow = Row & { rated_id: string; count: number; stars: number }

type RatingRow = Row & {
  request_id: string
  side: Side
  rated_id: string
  stars: number
  text: string | null
  rated_at: Date
  tells_at: Date
}
