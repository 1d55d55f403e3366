/**
 * A deposit: money that arrived outside, booked once. The bank's reference is unique in the schema, so two operators
 * who book the same arrival with different Idempotency-Keys still add it once.
 */
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { checkText } from '../envelopes/text.ts'
import { externalAccount, walletOf } from './account.ts'
import type { PostTransfers } from './transfer.ts'
import type { Balance, WalletRecord } from './wallet.ts'

export type Owner = { playerId: string } | { merchantId: string }

export type DepositOrder = { owner: Owner; amountMinor: bigint; currency: string; reference: string }

export type DepositPorts = {
  clock: Clock
  random: Random
  currencies: Currencies
  wallets: WalletRecord
  postTransfers: PostTransfers
  /** The reference of a transfer is booked already. */
  isReferenceUsed: (error: unknown) => boolean
  isPlayer: (tx: Tx, id: string) => Promise<boolean>
  isMerchant: (tx: Tx, id: string) => Promise<boolean>
}

/** As the schema of the operation says. */
const longestReference = 120

export type Deposited = { status: 'deposited'; transferId: string; balance: Balance }

/**
 * Refusals in this order: the reference is no plain text (`bad_request`), `deposit_refused` currency_unknown,
 * `not_found` for an unknown owner, `deposit_refused` reference_used. The last one leaves the transaction to be rolled
 * back.
 */
export async function depositMoney(
  ports: DepositPorts,
  tx: Tx,
  { owner, amountMinor, currency, reference }: DepositOrder,
): Promise<Deposited | Refusal> {
  const text = checkText(reference, { maxChars: longestReference, allowContact: true })
  if (text.status === 'refused') {
    return refuse('bad_request', { errors: [{ pointer: '/body/reference', message: text.detail }] })
  }
  if (!ports.currencies.has(currency)) return refuse('deposit_refused', { reason: 'currency_unknown' })
  const ownerId = 'playerId' in owner ? owner.playerId : owner.merchantId
  const isOwner = 'playerId' in owner ? ports.isPlayer : ports.isMerchant
  if (!(await isOwner(tx, ownerId))) return refuse('not_found', { detail: 'No such player or merchant.' })
  const transferId = createId(ports)
  try {
    await ports.postTransfers(tx, [
      {
        id: transferId,
        kind: 'deposit',
        debit: externalAccount(currency),
        credit: walletOf(ownerId, currency),
        amountMinor,
        currency,
        reference: text.text,
        createdAtMs: ports.clock.nowMs(),
      },
    ])
  } catch (error) {
    if (ports.isReferenceUsed(error)) return refuse('deposit_refused', { reason: 'reference_used' })
    throw error
  }
  const balances = await ports.wallets.listBalances(tx, ownerId)
  const amount = balances.find(balance => balance.currency === currency)?.amountMinor ?? amountMinor
  return { status: 'deposited', transferId, balance: { currency, amountMinor: amount } }
}
