/**
 * An operator stops the payouts of a holder, whatever the currency, with one row; or lets them go on, which opens what
 * a cap froze, too. Nothing else is touched: envelopes stay as they are, what is reserved keeps its share and is
 * settled once the budget is open again, and refunds go home all the time.
 */
import { createId } from '#platform/id.ts'
import type { Clock } from '#platform/clock.ts'
import type { Random } from '#platform/random.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { NoteAction } from '../operator/action.ts'
import type { Budget, BudgetHolder } from './budget.ts'
import type { BudgetRecord, IsHolder } from './ports.ts'
import { describeTarget } from './target.ts'

export type FreezePorts = {
  record: BudgetRecord
  isHolder: IsHolder
  noteAction: NoteAction
  clock: Clock
  random: Random
}

export type FreezeOrder = { holder: BudgetHolder; reason: string }

/** `changed` is false where it was so already; then nothing is noted. */
export type FreezeOutcome = { status: 'ok'; changed: boolean } | Refusal

export async function freezeBudget(ports: FreezePorts, tx: Tx, order: FreezeOrder): Promise<FreezeOutcome> {
  const { record, clock } = ports
  const nowMs = clock.nowMs()
  if (!(await ports.isHolder(tx, order.holder))) return refuse('not_found')
  await record.add(tx, { id: createId(ports), holder: order.holder, currency: undefined, nowMs })
  const budgets = await record.lockOfHolder(tx, order.holder)
  const open = budgets.filter(({ currency, state }) => currency === undefined && state === 'open')
  return move(ports, tx, { ...order, budgets: open, state: 'frozen', nowMs })
}

export async function unfreezeBudget(ports: FreezePorts, tx: Tx, order: FreezeOrder): Promise<FreezeOutcome> {
  if (!(await ports.isHolder(tx, order.holder))) return refuse('not_found')
  const budgets = await ports.record.lockOfHolder(tx, order.holder)
  const frozen = budgets.filter(({ state }) => state === 'frozen')
  return move(ports, tx, { ...order, budgets: frozen, state: 'open', nowMs: ports.clock.nowMs() })
}

type Move = FreezeOrder & { budgets: readonly Budget[]; state: Budget['state']; nowMs: number }

async function move(
  { record, noteAction }: FreezePorts,
  tx: Tx,
  { holder, reason, budgets, state, nowMs }: Move,
): Promise<FreezeOutcome> {
  if (budgets.length === 0) return { status: 'ok', changed: false }
  await record.storeState(tx, { ids: budgets.map(({ id }) => id), state, reason, nowMs })
  for (const budget of budgets) {
    const { currency, usedTotalMinor, usedHourMinor, totalCapMinor, hourCapMinor } = budget
    const target = { ...describeTarget(holder), currency }
    const figures = { usedTotalMinor, usedHourMinor, totalCapMinor, hourCapMinor }
    const action = state === 'frozen' ? 'freeze' : 'unfreeze'
    const before = { state: budget.state, reason: budget.reason, ...figures }
    const what = { actor: 'operator', action, target, reason, before, after: { state } } as const
    await noteAction(tx, { ...what, atMs: nowMs })
  }
  return { status: 'ok', changed: true }
}
