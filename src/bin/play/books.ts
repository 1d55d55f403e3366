/**
 * Whether the money of a walk adds up: the wallet by what the player was told, and, where the server's database is at
 * hand, the books of the whole game, counted a second time.
 */
import { formatDatabaseUrl } from '#platform/embedded/postgres-server.ts'
import { isRunning } from '#platform/embedded/process-identity.ts'
import { readRunFile } from '#platform/embedded/run-file.ts'
import { createDatabase, isDatabaseDown } from '#platform/postgres.ts'
import { reconcileRecord, walletRecord } from '../../ledger/postgres.ts'
import { type Reconciliation, reconcileLedger } from '../../ledger/reconcile.ts'
import type { Win } from './walk-event.ts'

/** Minor units by currency. */
export type Purse = ReadonlyMap<string, bigint>

/** `differenceMinor`: what the wallet has more than it should. */
export type WalletCheck = {
  currency: string
  beforeMinor: bigint
  wonMinor: bigint
  afterMinor: bigint
  differenceMinor: bigint
}

export type LedgerCheck =
  | ({ status: 'counted' } & Reconciliation)
  /** No database at hand, or not the one that this player plays on. */
  | { status: 'unseen'; why: string }

export const readPurse = (
  balances: readonly { amountMinor: string; currency: string }[],
): Map<string, bigint> =>
  new Map(balances.map(({ amountMinor, currency }) => [currency, BigInt(amountMinor)]))

/** Every currency that was in the wallet or was won. */
export function checkWallet(before: Purse, wins: readonly Win[], after: Purse): WalletCheck[] {
  const won = new Map<string, bigint>()
  for (const { amount } of wins) {
    // A coupon is in no wallet.
    if (amount === undefined) continue
    won.set(amount.currency, (won.get(amount.currency) ?? 0n) + BigInt(amount.amountMinor))
  }
  return [...new Set([...before.keys(), ...won.keys(), ...after.keys()])].map(currency => {
    const minorIn = (purse: Purse): bigint => purse.get(currency) ?? 0n
    const [beforeMinor, wonMinor, afterMinor] = [minorIn(before), minorIn(won), minorIn(after)] as const
    const differenceMinor = afterMinor - beforeMinor - wonMinor
    return { currency, beforeMinor, wonMinor, afterMinor, differenceMinor }
  })
}

/** Whole tables are read, which the server itself never does. */
const STATEMENT_MS = 600_000

/**
 * Reconciles the ledger, reading only. `databaseUrl` is tried first, then the servers that `npm start` runs in
 * `dataDir`; a database in which this player's wallet is another one is some other server's.
 */
export async function checkLedger(
  { databaseUrl, dataDir }: { databaseUrl: string | undefined; dataDir: string },
  { playerId, purse }: { playerId: string; purse: Purse },
): Promise<LedgerCheck> {
  const url = databaseUrl ?? (await findLocalDatabase(dataDir))
  if (url === undefined) return { status: 'unseen', why: 'there is no database at hand' }
  const database = createDatabase({
    url,
    role: 'hexbao_game',
    connections: 1,
    statementTimeoutMs: STATEMENT_MS,
    // An idle connection that dies is found dead by the next statement, which says so.
    onIdleError: () => undefined,
  })
  try {
    const balances = await walletRecord.listBalances(database, playerId)
    const recorded = new Map(balances.map(({ currency, amountMinor }) => [currency, amountMinor]))
    if (!holdTheSame(recorded, purse)) {
      return { status: 'unseen', why: "the database at hand is not that server's" }
    }
    return { status: 'counted', ...(await reconcileLedger({ record: reconcileRecord, database })) }
  } catch (error) {
    if (!isDatabaseDown(error)) throw error
    return { status: 'unseen', why: 'the database at hand does not answer' }
  } finally {
    await database.close()
  }
}

async function findLocalDatabase(dataDir: string): Promise<string | undefined> {
  const { postgres } = await readRunFile(dataDir)
  const { process, port, password } = postgres ?? {}
  const isUp = process !== undefined && isRunning(process)
  return isUp && port !== undefined && password !== undefined
    ? formatDatabaseUrl({ password, port })
    : undefined
}

/** An empty wallet and none are the same. */
function holdTheSame(a: Purse, b: Purse): boolean {
  const currencies = [...a.keys(), ...b.keys()]
  return currencies.every(currency => (a.get(currency) ?? 0n) === (b.get(currency) ?? 0n))
}
