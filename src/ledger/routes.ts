/** HTTP: the wallet, its movements, and the operator's deposits. */
import { deposit } from '#protocol/rest/merchants.ts'
import { getWallet, listWalletTransfers } from '#protocol/rest/players.ts'
import { getAccountStatement, getStatement } from '#protocol/rest/statements.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { type AccountRef, walletOf } from './account.ts'
import { type DepositPorts, depositMoney } from './deposit.ts'
import { openStatement, readAccount, readPeriod, type StatementRecord } from './statement.ts'
import { completeBalances, type Movement } from './wallet.ts'

export type LedgerRoutePorts = DepositPorts & { database: Database; statements: StatementRecord }

export function registerLedgerRoutes(bind: Bind<Caller>, ports: LedgerRoutePorts): void {
  const { database, wallets, currencies } = ports

  bind(getWallet, async ({ caller }) => {
    const balances = completeBalances(await wallets.listBalances(database, caller.id), currencies)
    return answer(200, { balances: balances.map(describeMoney) })
  })

  bind(listWalletTransfers, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const movements = await wallets.listMovements(database, caller.id, page)
    const request = { path: listWalletTransfers.path, limit: page.limit }
    const body = toPage(movements, request, {
      item: describeMovement,
      key: ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }),
    })
    return answer(200, body)
  })

  bind(deposit, ({ caller, body, idempotencyKey }) => {
    const { owner, amount, reference } = body
    const order = {
      owner,
      reference,
      amountMinor: BigInt(amount.amountMinor),
      currency: amount.currency,
    }
    const request = { tenant: caller.id, operation: deposit.id, key: idempotencyKey, body }
    return runOnce(database, { ...request, nowMs: ports.clock.nowMs() }, async tx => {
      const outcome = await depositMoney(ports, tx, order)
      if (isRefusal(outcome)) return outcome
      const { transferId, balance } = outcome
      return answer(201, { transferId, balance: describeMoney(balance) })
    })
  })
  bindStatements(bind, ports)
}

function bindStatements(bind: Bind<Caller>, { database, statements, ...ports }: LedgerRoutePorts): void {
  async function open(
    account: AccountRef,
    query: { from: string; to: string },
    { mayBeUnopened }: { mayBeUnopened: boolean },
  ) {
    const period = readPeriod(query)
    if (isRefusal(period)) return period
    const { fromMs, toMs } = period
    const all = { ...ports, record: statements, tx: database }
    const statement = await openStatement(all, account, { fromMs, toMs, mayBeUnopened })
    return isRefusal(statement) ? statement : answer(200, statement.lines)
  }

  bind(getStatement, ({ caller, query }) =>
    // A wallet that nothing happened to is an empty one, here as in the balances.
    open(walletOf(caller.id, query.currency), query, { mayBeUnopened: true }),
  )

  bind(getAccountStatement, async ({ query }) => {
    const named = readAccount(query)
    return isRefusal(named) ? named : open(named.account, query, { mayBeUnopened: false })
  })
}

const describeMoney = ({ amountMinor, currency }: { amountMinor: bigint; currency: string }) => ({
  amountMinor: String(amountMinor),
  currency,
})

const describeMovement = (movement: Movement) => ({
  id: movement.id,
  kind: movement.kind,
  direction: movement.direction,
  amount: describeMoney(movement),
  ...(movement.envelopeId === undefined ? {} : { envelopeId: movement.envelopeId }),
  ...(movement.payoutId === undefined ? {} : { payoutId: movement.payoutId }),
  ...(movement.serviceRequestId !== undefined && { serviceRequestId: movement.serviceRequestId }),
  createdAt: new Date(movement.createdAtMs).toISOString(),
})
