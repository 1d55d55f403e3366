/** HTTP: the operator's freezes, and the log of what was done. */
import { freeze, listActions, unfreeze } from '#protocol/rest/operator.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import type { Clock } from '#platform/clock.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import type { NotedAction } from './action.ts'
import { listActions as listNoted } from './postgres.ts'
import { stop, type StopOrder, type StopPorts } from './stop.ts'

export type OperatorRoutePorts = {
  database: Database
  clock: Clock
  freeze: StopPorts
  unfreeze: StopPorts
}

export function registerOperatorRoutes(bind: Bind<Caller>, ports: OperatorRoutePorts): void {
  const { database, clock } = ports

  /** Others hear of it after the commit, and only where it was this request that did it. */
  async function runStop(
    stopPorts: StopPorts,
    order: StopOrder,
    request: { tenant: string; operation: string; key: string; body: unknown },
  ) {
    let announce = () => {}
    const outcome = await runOnce(database, { ...request, nowMs: clock.nowMs() }, async tx => {
      const stopped = await stop(stopPorts, tx, order)
      if (isRefusal(stopped)) return stopped
      const { state, changed } = stopped
      if (changed) announce = stopped.announce
      return answer(200, { target: order.target, state, changed })
    })
    if (!isRefusal(outcome)) announce()
    return outcome
  }

  bind(freeze, ({ caller, body, idempotencyKey: key }) =>
    runStop(
      ports.freeze,
      { ...body, state: 'frozen' },
      { tenant: caller.id, operation: freeze.id, key, body },
    ),
  )

  bind(unfreeze, ({ caller, body, idempotencyKey: key }) =>
    runStop(
      ports.unfreeze,
      { ...body, state: 'open' },
      { tenant: caller.id, operation: unfreeze.id, key, body },
    ),
  )

  bind(listActions, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const actions = await listNoted(database, page)
    const request = { path: listActions.path, limit: page.limit }
    const key = ({ atMs, id }: NotedAction) => ({ atMs, id })
    return answer(200, toPage(actions, request, { item: describeAction, key }))
  })
}

const describeAction = ({ id, actor, action, target, reason, before, after, atMs }: NotedAction) => ({
  ...{ id, actor, action, target: { ...target }, reason },
  ...(before !== undefined && { before: { ...before } }),
  ...(after !== undefined && { after: { ...after } }),
  at: new Date(atMs).toISOString(),
})
