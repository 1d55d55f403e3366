/**
 * The books, counted again while the game runs, for whoever watches it: by the same statements as `npm run reconcile`,
 * when somebody asks and the last count is old enough, never twice at once. Whole tables are read, so a count is rare.
 */
import type { Logger } from 'pino'
import type { Clock } from '#platform/clock.ts'
import type { CheckName, Reconciliation } from './reconcile.ts'

/** Differences that were found: none of each is what keeps operators asleep. */
export type BooksFigures = { oversold: number; doublePaid: number; unbalanced: number; countedAtMs: number }

const kinds: Record<CheckName, 'oversold' | 'doublePaid' | 'unbalanced'> = {
  // More shares, or other ones, than the envelope had.
  ...{ shares: 'oversold', counters: 'oversold' },
  // A claim with other than its one transfer, a coupon with more than one winner.
  ...{ claims: 'doublePaid', coupons: 'doublePaid' },
  ...{ currencies: 'unbalanced', accounts: 'unbalanced', totals: 'unbalanced', ended: 'unbalanced' },
  ...{ payouts: 'unbalanced', requests: 'unbalanced', budgets: 'unbalanced', campaigns: 'unbalanced' },
}

const countEveryMs = 5 * 60_000

export type BooksWatch = {
  /** As counted last; asks for another count where that is long ago. Nothing before the first. */
  read(): BooksFigures | undefined
  /** Resolves when no count is under way. */
  settle(): Promise<void>
}

export function createBooksWatch({
  reconcile,
  clock,
  log,
}: {
  reconcile: () => Promise<Reconciliation>
  clock: Clock
  log: Pick<Logger, 'error'>
}): BooksWatch {
  let figures: BooksFigures | undefined
  let askedAtMs = Number.NEGATIVE_INFINITY
  let counting: Promise<void> = Promise.resolve()

  async function count(): Promise<void> {
    try {
      const { checks } = await reconcile()
      const sums = { oversold: 0, doublePaid: 0, unbalanced: 0 }
      for (const { name, differences } of checks) sums[kinds[name]] += differences
      figures = { ...sums, countedAtMs: clock.nowMs() }
    } catch (error) {
      log.error({ err: error }, 'the books could not be counted')
    }
  }

  return {
    read() {
      if (clock.nowMs() - askedAtMs >= countEveryMs) {
        askedAtMs = clock.nowMs()
        counting = counting.then(count)
      }
      return figures
    },
    settle: () => counting,
  }
}
