/** Freezing and unfreezing, whatever is named: a budget, or one envelope. */
import type { FreezeTarget } from '#protocol/rest/operator.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal } from '#platform/problem.ts'
import type { FreezeOrder, FreezeOutcome } from '../budgets/freeze.ts'
import { readTarget } from '../budgets/target.ts'
import type { EnvelopeFreezeOrder, Moved } from '../envelopes/freeze.ts'

export type StopPorts = {
  moveBudget: (tx: Tx, order: FreezeOrder) => Promise<FreezeOutcome>
  moveEnvelope: (tx: Tx, order: EnvelopeFreezeOrder) => Promise<Moved>
  /** Tells all servers that a budget was frozen or opened. */
  announceFreezes: () => void
}

export type StopOrder = { target: FreezeTarget; reason: string; state: 'frozen' | 'open' }

/** `announce` is for after the commit. */
export type Stopped =
  | {
      status: 'ok'
      state: (Moved & { status: 'ok' })['state'] | 'open'
      changed: boolean
      announce: () => void
    }
  | Refusal

export async function stop(
  { moveBudget, moveEnvelope, announceFreezes }: StopPorts,
  tx: Tx,
  { target, reason, state }: StopOrder,
): Promise<Stopped> {
  if ('envelopeId' in target) {
    const moved = await moveEnvelope(tx, { envelopeId: target.envelopeId, reason })
    if (isRefusal(moved)) return moved
    const { changed, announce } = moved
    return { status: 'ok', state: moved.state, changed, announce }
  }
  const outcome = await moveBudget(tx, { holder: readTarget(target), reason })
  return isRefusal(outcome) ? outcome : { ...outcome, state, announce: announceFreezes }
}
