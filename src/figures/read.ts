/**
 * Reading figures: on one unmoving picture of the database, so that coupons and money are those of one moment. However
 * many ask for a campaign, one reading of it is under way; who comes meanwhile shares the next, which begins later and
 * so has everything that was committed before they asked.
 */
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres.ts'
import type { CountRedeemed, FiguresRecord } from './ports.ts'
import type { Reading } from './view.ts'

export type ReadPorts = {
  database: Pick<Database, 'snapshot'>
  record: Pick<FiguresRecord, 'readTallies'>
  /** Absent where nothing can be redeemed. */
  countRedeemed?: CountRedeemed | undefined
  clock: Clock
}

/** Nothing where there is no such campaign. */
export type ReadFigures = (campaignId: string) => Promise<Reading | undefined>

export function createReadFigures({ database, record, countRedeemed, clock }: ReadPorts): ReadFigures {
  let readings = 0
  return shareTurns(campaignId =>
    database.snapshot(async tx => {
      const no = ++readings
      const atMs = clock.nowMs()
      const tallies = await record.readTallies(tx, campaignId)
      if (tallies === undefined) return undefined
      const redeemed = await countRedeemed?.(tx, campaignId)
      return { no, campaignId, atMs, tallies, ...(redeemed !== undefined && { redeemed }) }
    }),
  )
}

/** One piece of work a key at a time; who asks meanwhile shares the turn after it. */
export function shareTurns<V>(work: (key: string) => Promise<V>): (key: string) => Promise<V> {
  const running = new Map<string, Promise<V>>()
  const next = new Map<string, Promise<V>>()

  function run(key: string): Promise<V> {
    const turn = work(key).finally(() => running.delete(key))
    running.set(key, turn)
    return turn
  }

  return key => {
    const current = running.get(key)
    if (current === undefined) return run(key)
    const follow = () => {
      next.delete(key)
      return run(key)
    }
    const turn = next.get(key) ?? current.then(follow, follow)
    next.set(key, turn)
    return turn
  }
}
