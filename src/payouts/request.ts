/**
 * Asking for a payout: the money leaves the wallet in the same transaction that makes the payout, so nothing else can
 * spend it while it is on its way. Handing it over to a provider is a job's, after the commit.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { checkText } from '../envelopes/text.ts'
import type { PostTransfers } from '../ledger/transfer.ts'
import { type Payout, type PayoutRecord, reservePayout } from './payout.ts'

export type RequestPorts = {
  record: Pick<PayoutRecord, 'insert'>
  postTransfers: PostTransfers
  isInsufficientFunds: (error: unknown) => boolean
  currencies: Currencies
  clock: Clock
  random: Random
}

export type PayoutOrder = {
  owner: Payout['owner']
  amountMinor: bigint
  currency: string
  destination?: string | undefined
  isMinor?: boolean
}

/**
 * Refusals in this order: `minors_mode`; `payout_refused` currency_unknown, too_small, too_large; the
 * destination is no plain text (`bad_request`); `insufficient_funds`, which leaves the transaction to be rolled back.
 */
export async function requestPayout(
  ports: RequestPorts,
  tx: Tx,
  { owner, amountMinor, currency, destination, isMinor = false }: PayoutOrder,
): Promise<{ status: 'reserved'; payout: Payout } | Refusal> {
  if (isMinor) return refuse('minors_mode', { reason: 'cash' })
  const { minMinor, maxMinor, destinationChars: maxChars } = limits.payout
  if (!ports.currencies.has(currency)) return refuse('payout_refused', { reason: 'currency_unknown' })
  if (amountMinor < minMinor) return refuse('payout_refused', { reason: 'too_small' })
  if (amountMinor > maxMinor) return refuse('payout_refused', { reason: 'too_large' })
  const text = readText(destination, { pointer: '/body/destination', maxChars })
  if (isRefusal(text)) return text
  const nowMs = ports.clock.nowMs()
  const payout: Payout = {
    ...{ id: createId(ports), owner, currency, amountMinor, state: 'reserved', createdAtMs: nowMs, tries: 0 },
    ...(text.text === undefined ? {} : { destination: text.text }),
  }
  await ports.record.insert(tx, { ...payout, nextTryAtMs: nowMs })
  try {
    await ports.postTransfers(tx, [reservePayout(payout)])
  } catch (error) {
    if (ports.isInsufficientFunds(error)) return refuse('insufficient_funds')
    throw error
  }
  return { status: 'reserved', payout }
}

/** Plain text where there is any; account numbers and addresses are what these fields are for. */
export function readText(
  raw: string | undefined,
  { pointer, maxChars }: { pointer: string; maxChars: number },
): { status: 'ok'; text: string | undefined } | Refusal {
  if (raw === undefined) return { status: 'ok', text: undefined }
  const text = checkText(raw, { maxChars, allowContact: true })
  if (text.status === 'ok') return text
  return refuse('bad_request', { errors: [{ pointer, message: text.detail }] })
}
