/** HTTP: the merchant behind a key, its keys, what was changed with them, and the operator who makes merchants. */
import {
  createApiKey,
  createMerchant,
  getMerchant,
  listApiKeys,
  listMerchantActions,
  revokeApiKey,
} from '#protocol/rest/merchants.ts'
import { listMerchants, replaceApiKeys, setMerchantArea } from '#protocol/rest/operator-merchants.ts'
import { answer, type Bind } from '#platform/http.ts'
import { runOnce } from '#platform/idempotency.ts'
import { createId } from '#platform/id.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { isRefusal, refuse } from '#platform/problem.ts'
import type { Seal } from '#platform/seal.ts'
import type { Caller } from '../players/caller.ts'
import type { ApiKey } from './api-key.ts'
import { type CreateMerchantPorts, createMerchantWithKey } from './create-merchant.ts'
import { replaceKeys, rotateKey } from './keys.ts'
import type { Merchant, MerchantAction } from './merchant.ts'
import { type SetAreaPorts, setMerchantArea as setArea } from './set-area.ts'

export type MerchantRoutePorts = CreateMerchantPorts &
  SetAreaPorts & {
    database: Database
    /** Keeps new keys unreadable inside the kept answers of idempotent requests. */
    seal: Seal
    /** After the commit: tells every server, this one at once. */
    onRevoked: (keyId: string) => void
  }

export function registerMerchantRoutes(bind: Bind<Caller>, ports: MerchantRoutePorts): void {
  bindKeys(bind, ports)
  bindOperators(bind, ports)
  const { database, merchants } = ports

  bind(getMerchant, async ({ caller }) => {
    const merchant = await merchants.find(database, caller.id)
    if (merchant === undefined) return refuse('unauthorized', { detail: 'The merchant is gone.' })
    return answer(200, describeMerchant(merchant))
  })

  bind(listMerchantActions, async ({ caller, query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const actions = await merchants.listActions(database, caller.id, page)
    const request = { path: listMerchantActions.path, limit: page.limit }
    const key = ({ atMs, id }: MerchantAction) => ({ atMs, id })
    return answer(200, toPage(actions, request, { item: describeAction, key }))
  })
}

function bindKeys(bind: Bind<Caller>, ports: MerchantRoutePorts): void {
  const { database, merchants, clock, onRevoked } = ports

  bind(createApiKey, ({ caller, body }) =>
    database.transact(async tx => {
      const outcome = await rotateKey(ports, tx, { merchantId: caller.id, scopes: body.scopes })
      if (isRefusal(outcome)) return outcome
      return answer(201, { apiKey: describeKey(outcome.apiKey), secret: outcome.secret })
    }),
  )

  bind(listApiKeys, async ({ caller }) => {
    const keys = await merchants.listKeys(database, caller.id)
    return answer(200, { items: keys.map(describeKey) })
  })

  bind(revokeApiKey, async ({ caller, params }) => {
    const which = { id: params.id, merchantId: caller.id, nowMs: clock.nowMs() }
    const key = await merchants.revokeKey(database, which)
    if (key === undefined) return refuse('not_found')
    onRevoked(key.id)
    return answer(200, describeKey(key))
  })
}

function bindOperators(bind: Bind<Caller>, ports: MerchantRoutePorts): void {
  const { database, merchants, clock, seal, noteAction } = ports

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

  bind(listMerchants, async ({ query }) => {
    const page = readPage(query)
    if (isRefusal(page)) return page
    const found = await merchants.list(database, page)
    const request = { path: listMerchants.path, limit: page.limit }
    const key = ({ createdAtMs, id }: Merchant) => ({ atMs: createdAtMs, id })
    return answer(200, toPage(found, request, { item: describeMerchant, key }))
  })

  bind(setMerchantArea, ({ params, body }) =>
    database.transact(async tx => {
      const order = { merchantId: params.id, area: body.area ?? undefined, reason: body.reason }
      const outcome = await setArea(ports, tx, order)
      return isRefusal(outcome) ? outcome : answer(200, describeMerchant(outcome.merchant))
    }),
  )

  bind(replaceApiKeys, async ({ params: { id: merchantId }, body: { reason } }) => {
    const outcome = await database.transact(async tx => {
      if ((await merchants.find(tx, merchantId)) === undefined) return refuse('not_found')
      const replaced = await replaceKeys(ports, tx, merchantId)
      const [target, atMs] = [{ merchantId }, clock.nowMs()]
      await noteAction(tx, { actor: 'operator', action: 'replace_keys', target, reason, atMs })
      const noted = { id: createId(ports), merchantId, keyId: undefined, operation: replaceApiKeys.id }
      await merchants.noteAction(tx, { ...noted, target, atMs })
      return { status: 'replaced' as const, ...replaced }
    })
    if (isRefusal(outcome)) return outcome
    outcome.revokedIds.forEach(ports.onRevoked)
    return answer(201, { apiKey: describeKey(outcome.apiKey), secret: outcome.secret })
  })
}

const describeMerchant = ({ id, name, area, createdAtMs }: Merchant) => ({
  ...{ id, name },
  ...(area !== undefined && { area }),
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

const describeAction = ({ id, keyId, operation, target, atMs }: MerchantAction) => ({
  id,
  ...(keyId === undefined ? { actor: 'operator' as const } : { actor: 'key' as const, keyId }),
  ...{ operation, target: { ...target } },
  at: new Date(atMs).toISOString(),
})
