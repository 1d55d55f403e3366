/** HTTP: the merchant behind a key, its keys, and the operator who makes merchants. */
import {
  createApiKey,
  createMerchant,
  getMerchant,
  listApiKeys,
  revokeApiKey,
} from '#protocol/rest/merchants.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Seal } from '#platform/seal.ts'
import type { Caller } from '../players/caller.ts'
import type { ApiKey } from './api-key.ts'
import { type CreateMerchantPorts, createMerchantWithKey } from './create-merchant.ts'
import { rotateKey } from './keys.ts'
import type { Merchant } from './merchant.ts'

export type MerchantRoutePorts = CreateMerchantPorts & {
  database: Database
  /** Keeps new keys unreadable inside the kept answers of idempotent requests. */
  seal: Seal
}

export function registerMerchantRoutes(bind: Bind<Caller>, ports: MerchantRoutePorts): void {
  const { database, merchants, clock, seal } = ports

  bind(getMerchant, async ({ caller }) => {
    const merchant = await merchants.find(database, caller.id)
    if (merchant === undefined) return refuse('unauthorized', { detail: 'The merchant is gone.' })
    return answer(200, describeMerchant(merchant))
  })

  bind(createApiKey, async ({ caller, body }) => {
    const request = { merchantId: caller.id, scopes: body.scopes }
    const outcome = await database.transact(tx => rotateKey(ports, tx, request))
    if (isRefusal(outcome)) return outcome
    const { apiKey, secret } = outcome
    return answer(201, { apiKey: describeKey(apiKey), secret })
  })

  bind(listApiKeys, async ({ caller }) => {
    const keys = await merchants.listKeys(database, caller.id)
    return answer(200, { items: keys.map(describeKey) })
  })

  bind(revokeApiKey, async ({ caller, params }) => {
    const which = { id: params.id, merchantId: caller.id, nowMs: clock.nowMs() }
    const key = await merchants.revokeKey(database, which)
    return key === undefined ? refuse('not_found') : answer(200, describeKey(key))
  })

  bind(createMerchant, async ({ caller, body, idempotencyKey }) => {
    const request = { tenant: caller.id, operation: createMerchant.id, key: idempotencyKey, body }
    const kept = await runOnce(database, { ...request, nowMs: clock.nowMs() }, async tx => {
      const outcome = await createMerchantWithKey(ports, tx, body)
      if (isRefusal(outcome)) return outcome
      const merchant = describeMerchant(outcome.merchant)
      const apiKey = describeKey(outcome.apiKey)
      return answer(201, { merchant, apiKey, secret: seal.close(outcome.secret) })
    })
    return isRefusal(kept) ? kept : { ...kept, body: { ...kept.body, secret: seal.open(kept.body.secret) } }
  })
}

const describeMerchant = ({ id, name, createdAtMs }: Merchant) => ({
  id,
  name,
  createdAt: new Date(createdAtMs).toISOString(),
})

const describeKey = ({ id, prefix, scopes, createdAtMs, lastUsedAtMs, revokedAtMs }: ApiKey) => ({
  id,
  prefix,
  scopes: [...scopes],
  createdAt: new Date(createdAtMs).toISOString(),
  ...(lastUsedAtMs === undefined ? {} : { lastUsedAt: new Date(lastUsedAtMs).toISOString() }),
  ...(revokedAtMs === undefined ? {} : { revokedAt: new Date(revokedAtMs).toISOString() }),
})
