/** The books of a test's world, counted a second time. */
import type { Test } from 'tap'
import { reconcileRecord } from '../../src/ledger/postgres.ts'
import { reconcileLedger } from '../../src/ledger/reconcile.ts'
import type { World } from './world.ts'

/** Fails the test with the figures of every difference. */
export async function assertBooks(t: Test, { database }: Pick<World, 'database'>): Promise<void> {
  const { checks } = await reconcileLedger({ record: reconcileRecord, database })
  const wrong = checks.filter(check => check.differences > 0)
  t.same(wrong, [], 'the books are right')
}
