/** The table of reports, and their counter at the envelope. */
import { keysetParams } from '#platform/page.ts'
import { loadStatements, lockNumber, type Row } from '#platform/postgres.ts'
import type { ListedReport, Report, ReportRecord } from './report.ts'

const sql = loadStatements(import.meta.url, [
  'lock-reporter',
  'find-report',
  'find-nth-newest-report',
  'find-voice',
  'insert-report',
  'count-report',
  'list-reports',
])

export const reportRecord: ReportRecord = {
  async lockReporter(tx, playerId) {
    await tx.query(sql['lock-reporter'], [lockNumber({ scope: 'report-by-player', id: playerId })])
  },

  async find(tx, { envelopeId, playerId }) {
    const [row] = await tx.query<ReportRow>(sql['find-report'], [envelopeId, playerId])
    return row && toReport(row)
  },

  async findNthNewestMs(tx, { playerId, nth }) {
    const [row] = await tx.query<{ created_at: Date }>(sql['find-nth-newest-report'], [playerId, nth - 1])
    return row?.created_at.getTime()
  },

  async hasHeard(tx, { envelopeId, deviceId }) {
    return (await tx.query(sql['find-voice'], [envelopeId, deviceId])).length > 0
  },

  async insert(tx, { id, envelopeId, playerId, reason, createdAtMs }, deviceId) {
    const params = [id, envelopeId, playerId, deviceId ?? null, reason, new Date(createdAtMs)]
    await tx.query(sql['insert-report'], params)
  },

  async count(tx, envelopeId) {
    await tx.query(sql['count-report'], [envelopeId])
  },

  async list(tx, page) {
    const rows = await tx.query<ListedRow>(sql['list-reports'], keysetParams(page))
    return rows.map(row => ({ ...toReport(row), state: row.state, reports: row.reports }))
  },
}

type ReportRow = Row & {
  id: string
  envelope_id: string
  player_id: string
  reason: Report['reason']
  created_at: Date
}
type ListedRow = ReportRow & Pick<ListedReport, 'state' | 'reports'>

const toReport = (row: ReportRow): Report => ({
  ...{ id: row.id, envelopeId: row.envelope_id, playerId: row.player_id, reason: row.reason },
  createdAtMs: row.created_at.getTime(),
})
