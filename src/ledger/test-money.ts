/** Test money of the sandbox: it comes from outside like any deposit, so that the books of a sandbox balance, too. */
import assert from 'node:assert/strict'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { externalAccount, walletOf } from './account.ts'
import type { PostTransfers } from './transfer.ts'

export type TestMoneyPorts = {
  clock: Clock
  random: Random
  currencies: Currencies
  postTransfers: PostTransfers
}

/** Puts `amountMinor` of the first configured currency into a wallet. */
export async function grantTestMoney(
  ports: TestMoneyPorts,
  tx: Tx,
  { ownerId, amountMinor }: { ownerId: string; amountMinor: bigint },
): Promise<void> {
  const currency = firstCurrency(ports.currencies)
  await ports.postTransfers(tx, [
    {
      id: createId(ports),
      kind: 'test_money',
      debit: externalAccount(currency),
      credit: walletOf(ownerId, currency),
      amountMinor,
      currency,
      createdAtMs: ports.clock.nowMs(),
    },
  ])
}

/** The currency of test money and of a wallet that nothing happened to yet. */
export function firstCurrency(currencies: Currencies): string {
  const [first] = currencies.keys()
  assert(first !== undefined, 'CURRENCIES names one at least')
  return first
}
