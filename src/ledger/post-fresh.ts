/**
 * Posts only what is of now. A statement ends a minute ago and must never change, so a transfer may not be committed
 * long after the time it carries: what was held up for half a minute (a process that was frozen, a machine that was
 * suspended) is refused and comes again with a new time. From here to the commit, PostgreSQL's own limits for a
 * statement and for an idle transaction take care of the other half.
 */
import type { Clock } from '#platform/clock.ts'
import { Unavailable } from '#platform/problem.ts'
import type { PostTransfers } from './transfer.ts'

export const latestMs = 30_000

export const createFreshPost =
  (post: PostTransfers, clock: Pick<Clock, 'nowMs'>): PostTransfers =>
  async (tx, transfers) => {
    const oldestMs = clock.nowMs() - latestMs
    if (transfers.some(({ createdAtMs }) => createdAtMs < oldestMs)) {
      throw new Unavailable(`a transfer was held up for more than ${latestMs} ms`)
    }
    await post(tx, transfers)
  }
