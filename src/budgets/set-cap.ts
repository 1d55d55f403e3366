/**
 * Sets the caps of a holder in one currency; one that is left out is lifted. Its use is counted from the moment it gets
 * its first cap, so a cap that is raised or lowered goes on counting, and one that was lifted begins anew. A frozen
 * budget stays frozen: opening it is a decision of its own.
 */
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { NoteAction } from '../operator/action.ts'
import type { Budget, BudgetHolder, Caps } from './budget.ts'
import type { BudgetRecord, IsHolder } from './ports.ts'
import { describeTarget } from './target.ts'

export type SetCapPorts = {
  record: BudgetRecord
  isHolder: IsHolder
  noteAction: NoteAction
  currencies: Currencies
  clock: Clock
  random: Random
}

export type CapOrder = Caps & { holder: BudgetHolder; currency: string; reason: string }

/** Refuses a currency that is not configured, then a holder that does not exist. */
export async function setCap(
  ports: SetCapPorts,
  tx: Tx,
  { holder, currency, reason, totalCapMinor, hourCapMinor }: CapOrder,
): Promise<{ status: 'ok'; budget: Budget } | Refusal> {
  const { record, currencies, clock } = ports
  if (!currencies.has(currency)) {
    return refuse('bad_request', { errors: [{ pointer: '/body/currency', message: 'is not in CURRENCIES' }] })
  }
  if (!(await ports.isHolder(tx, holder))) return refuse('not_found')
  const nowMs = clock.nowMs()
  await record.add(tx, { id: createId(ports), holder, currency, nowMs })
  const before = (await record.lockOfHolder(tx, holder)).find(budget => budget.currency === currency)
  if (before === undefined) throw new Error('a budget that was added is not there')
  const caps = { totalCapMinor, hourCapMinor }
  const budget = isCapped(before) || !isCapped(caps) ? { ...before, ...caps } : begin(before, caps, nowMs)
  await record.storeCaps(tx, budget)
  const target = { ...describeTarget(holder), currency }
  const what = { actor: 'operator', action: 'set_cap', target, reason } as const
  await ports.noteAction(tx, { ...what, before: figuresOf(before), after: figuresOf(budget), atMs: nowMs })
  return { status: 'ok', budget }
}

const isCapped = ({ totalCapMinor, hourCapMinor }: Caps): boolean =>
  totalCapMinor !== undefined || hourCapMinor !== undefined

const begin = (budget: Budget, caps: Caps, nowMs: number): Budget => ({
  ...budget,
  ...caps,
  countedSinceMs: nowMs,
  usedTotalMinor: 0n,
  usedHourMinor: 0n,
})

const figuresOf = ({ totalCapMinor, hourCapMinor, usedTotalMinor, usedHourMinor }: Budget) => ({
  totalCapMinor,
  hourCapMinor,
  usedTotalMinor,
  usedHourMinor,
})
