/** HTTP: the operator's caps, and what is used of them. */
import { listBudgets, setCap } from '#protocol/rest/operator.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { type Budget, usedAt } from './budget.ts'
import { setCap as setCapOf, type SetCapPorts } from './set-cap.ts'
import { describeTarget, readTarget } from './target.ts'

export type BudgetRoutePorts = SetCapPorts & { database: Database }

export function registerBudgetRoutes(bind: Bind<Caller>, ports: BudgetRoutePorts): void {
  const { database, record, clock } = ports
  const describe = (budget: Budget) => describeBudget(usedAt(budget, clock.nowMs()))

  bind(setCap, ({ caller, body, idempotencyKey }) => {
    const request = { tenant: caller.id, operation: setCap.id, key: idempotencyKey, body }
    const { currency, reason, totalMinor, perHourMinor } = body
    const order = {
      ...{ holder: readTarget(body.target), currency, reason },
      totalCapMinor: totalMinor === undefined ? undefined : BigInt(totalMinor),
      hourCapMinor: perHourMinor === undefined ? undefined : BigInt(perHourMinor),
    }
    return runOnce(database, { ...request, nowMs: clock.nowMs() }, async tx => {
      const outcome = await setCapOf(ports, tx, order)
      return isRefusal(outcome) ? outcome : answer(200, describe(outcome.budget))
    })
  })

  bind(listBudgets, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const budgets = await record.list(database, page)
    const request = { path: listBudgets.path, limit: page.limit }
    const key = ({ createdAtMs, id }: Budget) => ({ atMs: createdAtMs, id })
    return answer(200, toPage(budgets, request, { item: describe, key }))
  })
}

function describeBudget(budget: Budget) {
  const { holder, currency, state, reason, totalCapMinor, hourCapMinor, countedSinceMs } = budget
  return {
    target: describeTarget(holder),
    ...(currency !== undefined && { currency }),
    state,
    ...(reason !== undefined && { reason }),
    since: new Date(budget.sinceMs).toISOString(),
    ...(totalCapMinor !== undefined && { totalMinor: String(totalCapMinor) }),
    ...(hourCapMinor !== undefined && { perHourMinor: String(hourCapMinor) }),
    ...(countedSinceMs !== undefined && { countedSince: new Date(countedSinceMs).toISOString() }),
    usedTotalMinor: String(budget.usedTotalMinor),
    usedHourMinor: String(budget.usedHourMinor),
  }
}
