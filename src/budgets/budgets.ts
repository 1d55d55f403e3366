/**
 * Caps and freezes, composed once from their ports: what settlement asks, what a server knows, what an operator moves.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import type { NoteAction } from '../operator/action.ts'
import { freezeBudget, type FreezeOrder, type FreezeOutcome, unfreezeBudget } from './freeze.ts'
import { createPayoutGuard, type PayoutGuard } from './guard.ts'
import type { BudgetRecord, IsHolder } from './ports.ts'
import type { FreezeChannel } from './redis.ts'
import { createFreezeWatch, type FreezeWatch } from './watch.ts'

export type BudgetsPorts = {
  record: BudgetRecord
  listFrozen: () => Promise<readonly string[]>
  channel: FreezeChannel
  isHolder: IsHolder
  noteAction: NoteAction
  clock: Clock
  random: Random
  log: Pick<Logger, 'warn'>
}

export type Budgets = PayoutGuard<Tx> &
  Pick<FreezeWatch, 'isFrozen' | 'stop'> &
  Pick<BudgetsPorts, 'isHolder'> & {
    freeze(tx: Tx, order: FreezeOrder): Promise<FreezeOutcome>
    unfreeze(tx: Tx, order: FreezeOrder): Promise<FreezeOutcome>
    /** After the commit of either. */
    announce(): void
    /** Resolves when this server knows what is frozen; from then on it keeps up. */
    start(): Promise<void>
  }

export function createBudgets(ports: BudgetsPorts): Budgets {
  const { record, channel, noteAction } = ports
  const watch = createFreezeWatch(ports)
  function announce(): void {
    channel.announce()
    void watch.refresh()
  }
  return {
    ...createPayoutGuard({ record, noteAction, onFrozen: announce }),
    isFrozen: watch.isFrozen,
    isHolder: ports.isHolder,
    freeze: (tx, order) => freezeBudget(ports, tx, order),
    unfreeze: (tx, order) => unfreezeBudget(ports, tx, order),
    announce,
    start() {
      channel.follow(() => void watch.refresh())
      return watch.start()
    },
    stop: watch.stop,
  }
}
