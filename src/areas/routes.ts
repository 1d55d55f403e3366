/** HTTP: the operator's exclusion areas. */
import { addExclusionArea, listExclusionAreas, removeExclusionArea } from '#protocol/rest/areas.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { addExclusion, type Exclusion, type ExclusionPorts, removeExclusion } from './exclusion.ts'

export function registerAreaRoutes(bind: Bind<Caller>, ports: ExclusionPorts & { database: Database }): void {
  const { database, areas, clock } = ports

  bind(addExclusionArea, ({ caller, body, idempotencyKey }) => {
    const request = { tenant: caller.id, operation: addExclusionArea.id, key: idempotencyKey, body }
    return runOnce(database, { ...request, nowMs: clock.nowMs() }, async tx => {
      const outcome = await addExclusion(ports, tx, body)
      return isRefusal(outcome) ? outcome : answer(201, describe(outcome.exclusion))
    })
  })

  bind(listExclusionAreas, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const rows = await areas.listExclusions(database, page)
    const key = ({ createdAtMs, id }: Exclusion) => ({ atMs: createdAtMs, id })
    return answer(
      200,
      toPage(rows, { path: listExclusionAreas.path, limit: page.limit }, { item: describe, key }),
    )
  })

  bind(removeExclusionArea, async ({ params }) => {
    const outcome = await database.transact(tx => removeExclusion(ports, tx, params.id))
    return isRefusal(outcome) ? outcome : answer(200, describe(outcome.exclusion))
  })
}

const describe = ({ id, name, area, createdAtMs }: Exclusion) => ({
  ...{ id, name, area },
  createdAt: new Date(createdAtMs).toISOString(),
})
