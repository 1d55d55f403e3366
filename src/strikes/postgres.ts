/** The tables of strikes and of appeals. */
import { keysetParams } from '#platform/page.ts'
import { loadStatements, lockNumber } from '#platform/postgres.ts'
import type { Appeal, AppealRecord, AppealState } from './appeal.ts'
import type { Strike, StrikeRecord } from './strike.ts'

const sql = loadStatements(import.meta.url, [
  'lock-strikes',
  'list-strikes',
  'add-strike',
  'lift-strikes',
  'list-counting',
  'add-appeal',
  'latest-appeal',
  'lock-appeal',
  'end-appeal',
  'list-appeals',
])

type StrikeRow = {
  id: string
  player_id: string
  reason: Strike['reason']
  figures: Strike['figures']
  given_at: Date
  expires_at: Date
  lifted_at: Date | null
}

export const strikeRecord: StrikeRecord = {
  async lock(tx, playerId) {
    await tx.query(sql['lock-strikes'], [lockNumber({ scope: 'strikes', id: playerId })])
  },

  async list(tx, playerId) {
    const rows = await tx.query<StrikeRow>(sql['list-strikes'], [playerId])
    return rows.map(row => ({
      ...{ id: row.id, playerId: row.player_id, reason: row.reason, figures: row.figures },
      ...{ givenAtMs: row.given_at.getTime(), expiresAtMs: row.expires_at.getTime() },
      ...(row.lifted_at !== null && { liftedAtMs: row.lifted_at.getTime() }),
    }))
  },

  async add(tx, { id, playerId, reason, figures, givenAtMs, expiresAtMs }) {
    const moments = [new Date(givenAtMs), new Date(expiresAtMs)]
    await tx.query(sql['add-strike'], [id, playerId, reason, JSON.stringify(figures), ...moments])
  },

  async lift(tx, { playerId, givenUntilMs, nowMs }) {
    await tx.query(sql['lift-strikes'], [playerId, new Date(givenUntilMs), new Date(nowMs)])
  },

  async listCounting(database, { playerIds, nowMs }) {
    type CountingRow = Pick<StrikeRow, 'player_id' | 'expires_at'>
    const rows = await database.query<CountingRow>(sql['list-counting'], [playerIds, new Date(nowMs)])
    return rows.map(row => ({ playerId: row.player_id, expiresAtMs: row.expires_at.getTime() }))
  },
}

type AppealRow = {
  id: string
  player_id: string
  text: string
  state: AppealState
  reason: string | null
  created_at: Date
  ended_at: Date | null
}

export const appealRecord: AppealRecord = {
  async add(tx, { id, playerId, text, sentAtMs }) {
    await tx.query(sql['add-appeal'], [id, playerId, text, new Date(sentAtMs)])
  },

  async latest(tx, playerId) {
    const [row] = await tx.query<AppealRow>(sql['latest-appeal'], [playerId])
    return row && toAppeal(row)
  },

  async lock(tx, id) {
    const [row] = await tx.query<AppealRow>(sql['lock-appeal'], [id])
    return row && toAppeal(row)
  },

  async end(tx, { id, state, reason, endedAtMs = 0 }) {
    await tx.query(sql['end-appeal'], [id, state, reason, new Date(endedAtMs)])
  },

  async list(database, state, page) {
    const rows = await database.query<AppealRow>(sql['list-appeals'], [state, ...keysetParams(page)])
    return rows.map(toAppeal)
  },
}

const toAppeal = (row: AppealRow): Appeal => ({
  ...{ id: row.id, playerId: row.player_id, text: row.text, state: row.state },
  sentAtMs: row.created_at.getTime(),
  ...(row.ended_at !== null && { endedAtMs: row.ended_at.getTime() }),
  ...(row.reason !== null && { reason: row.reason }),
})
