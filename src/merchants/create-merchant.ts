/** A new merchant with its first key, which may do everything; in the sandbox, with test money. */
import type { Area } from '#protocol/rest/areas.ts'
import { limits } from '#protocol/limits.ts'
import { scopes } from '#protocol/operation.ts'
import type { Clock } from '#platform/clock.ts'
import type { Currencies } from '#platform/config.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import type { AreaRecord } from '../areas/area.ts'
import { checkText } from '../envelopes/text.ts'
import { grantTestMoney } from '../ledger/test-money.ts'
import type { PostTransfers } from '../ledger/transfer.ts'
import type { ApiKey } from './api-key.ts'
import { addKey } from './keys.ts'
import type { Merchant, MerchantRecord } from './merchant.ts'
import { refuseMerchantArea } from './set-area.ts'

export type CreateMerchantPorts = {
  sandbox: boolean
  merchants: MerchantRecord
  areas: AreaRecord
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
  const refusal = area && (await refuseMerchantArea(ports, tx, area))
  if (refusal !== undefined) return refusal
  const merchant = { id: createId(ports), name: text.text, area, createdAtMs: clock.nowMs() }
  await merchants.add(tx, merchant)
  const key = await addKey(ports, tx, { merchantId: merchant.id, scopes })
  if (ports.sandbox) {
    await grantTestMoney(ports, tx, {
      ownerId: merchant.id,
      amountMinor: limits.sandbox.merchantTestMinor,
    })
  }
  return { status: 'created', merchant, ...key }
}
