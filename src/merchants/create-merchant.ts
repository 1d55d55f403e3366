/** A new merchant with its first key, which may do everything; in the sandbox, with test money. */
import { limits } from '#protocol/limits.ts'
import { scopes } from '#protocol/operation.ts'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { checkText } from '../envelopes/text.ts'
import { grantTestMoney } from '../ledger/test-money.ts'
import type { PostTransfers } from '../ledger/transfer.ts'
import type { ApiKey } from './api-key.ts'
import { addKey } from './keys.ts'
import type { Area, Merchant, MerchantRecord } from './merchant.ts'

export type CreateMerchantPorts = {
  sandbox: boolean
  merchants: MerchantRecord
  clock: Clock
  random: Random
  currencies: Currencies
  postTransfers: PostTransfers
}

/** `secret` is the only time the key is readable. */
export type CreatedMerchant = { status: 'created'; merchant: Merchant; apiKey: ApiKey; secret: string }

/** Refuses a name that is no plain text (`bad_request`) and an area that is none (`merchant_refused`). */
export async function createMerchantWithKey(
  ports: CreateMerchantPorts,
  tx: Tx,
  { name, area }: { name: string; area?: Area | undefined },
): Promise<CreatedMerchant | Refusal> {
  const { merchants, clock } = ports
  const text = checkText(name, { maxChars: limits.merchant.nameChars, allowContact: true })
  if (text.status === 'refused') {
    return refuse('bad_request', { errors: [{ pointer: '/body/name', message: text.detail }] })
  }
  if (area !== undefined && !(isClosed(area) && (await merchants.isArea(tx, area)))) {
    return refuse('merchant_refused', { reason: 'area_invalid' })
  }
  const merchant = { id: createId(ports), name: text.text, createdAtMs: clock.nowMs() }
  await merchants.add(tx, { ...merchant, area })
  const key = await addKey(ports, tx, { merchantId: merchant.id, scopes })
  if (ports.sandbox) {
    await grantTestMoney(ports, tx, {
      ownerId: merchant.id,
      amountMinor: limits.sandbox.merchantTestMinor,
    })
  }
  return { status: 'created', merchant, ...key }
}

/** RFC 7946, 3.1.6: the first and the last position of a ring are the same. */
const isClosed = ({ coordinates }: Area): boolean =>
  coordinates.every(ring => {
    const [first, last] = [ring[0], ring.at(-1)]
    return first !== undefined && last !== undefined && first[0] === last[0] && first[1] === last[1]
  })
