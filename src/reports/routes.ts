/** Reports over HTTP: players make them, the operator reads them. */
import { listReports, reportEnvelope as reportOperation } from '#protocol/rest/reports.ts'
import { answer, type Bind } from '#platform/http.ts'
import { readPage, toPage } from '#platform/page.ts'
import { isRefusal } from '#platform/problem.ts'
import { toTimestamp } from '../envelopes/view.ts'
import type { Caller } from '../players/caller.ts'
import { type ListedReport, reportEnvelope, type ReportPorts } from './report.ts'

export function registerReportRoutes(bind: Bind<Caller>, ports: ReportPorts): void {
  bind(reportOperation, ({ caller, params, body }) =>
    reportEnvelope(ports, { caller, envelopeId: params.id, reason: body.reason }),
  )

  bind(listReports, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const rows = await ports.reports.list(ports.database, page)
    const key = ({ createdAtMs, id }: ListedReport) => ({ atMs: createdAtMs, id })
    return answer(
      200,
      toPage(rows, { path: listReports.path, limit: page.limit }, { item: describeReport, key }),
    )
  })
}

const describeReport = ({ envelopeId, playerId, reason, createdAtMs, state, reports }: ListedReport) => ({
  ...{ envelopeId, playerId, reason, reportedAt: toTimestamp(createdAtMs) },
  ...{ state, reports },
})
