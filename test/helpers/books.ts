/** The books of a test's world, counted a second time. */
import type { Test } from 'tap'
import type { Database } from '#platform/postgres.ts'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { reconcileLedger } from '../../src/ledger/reconcile.ts'
import type { World } from './world.ts'

/** As `npm run reconcile` does, it waits longer than a server may: a busy machine counts ten thousand for seconds. */
const wait = { name: 'wait', text: "SELECT set_config('statement_timeout', '60s', true)", isSelect: false }

/** Fails the test with the figures of every difference. */
export async function assertBooks(t: Test, { database }: Pick<World, 'database'>): Promise<void> {
  const patient: Pick<Database, 'snapshot'> = {
    snapshot: run =>
      database.snapshot(async tx => {
        await tx.query(wait)
        return run(tx)
      }),
  }
  const { checks } = await reconcileLedger({ record: reconcileRecord, database: patient })
  const wrong = checks.filter(check => check.differences > 0)
  t.same(wrong, [], 'the books are right')
}
