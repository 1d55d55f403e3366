/** The tables of merchants, their API keys, and what was changed with them. */
import type { Scope } from '#protocol/operation.ts'
import type { Area } from '#protocol/rest/areas.ts'
import { keysetParams } from '#platform/page.ts'
import { loadStatements, lockNumber, type Row } from '#platform/postgres.ts'
import type { ApiKey } from './api-key.ts'
import type { Merchant, MerchantAction, MerchantRecord } from './merchant.ts'

const sql = loadStatements(import.meta.url, [
  'add-merchant',
  'find-merchant',
  'list-merchants',
  'store-area',
  'covers-place',
  'lock-keys',
  'add-key',
  'list-keys',
  'find-live-key',
  'list-live',
  'revoke-key',
  'touch-key',
  'note-action',
  'list-actions',
])

type MerchantRow = { id: string; name: string; area: Area | null; created_at: Date }

type KeyRow = {
  id: string
  merchant_id: string
  prefix: string
  scopes: Scope[]
  created_at: Date
  last_used_at: Date | null
  revoked_at: Date | null
}

export const merchantRecord: MerchantRecord = {
  async add(tx, { id, name, area, createdAtMs }) {
    await tx.query(sql['add-merchant'], [id, name, toJson(area), new Date(createdAtMs)])
  },

  async find(tx, id) {
    const [row] = await tx.query<MerchantRow>(sql['find-merchant'], [id])
    return row && toMerchant(row)
  },

  async list(tx, page) {
    return (await tx.query<MerchantRow>(sql['list-merchants'], keysetParams(page))).map(toMerchant)
  },

  async storeArea(tx, id, area) {
    const [row] = await tx.query<MerchantRow>(sql['store-area'], [id, toJson(area)])
    return row && toMerchant(row)
  },

  async coversPlace(tx, merchantId, { lat, lng }) {
    const [row] = await tx.query<{ is_covered: boolean }>(sql['covers-place'], [merchantId, lng, lat])
    return row?.is_covered === true
  },

  async lockKeys(tx, merchantId) {
    await tx.query(sql['lock-keys'], [lockNumber({ scope: 'api-keys', id: merchantId })])
  },

  async addKey(tx, { id, merchantId, prefix, hash, scopes, createdAtMs }) {
    await tx.query(sql['add-key'], [id, merchantId, prefix, hash, scopes, new Date(createdAtMs)])
  },

  async listKeys(tx, merchantId) {
    return (await tx.query<KeyRow>(sql['list-keys'], [merchantId])).map(toKey)
  },

  async findLiveKey(tx, hash) {
    const [row] = await tx.query<KeyRow>(sql['find-live-key'], [hash])
    return row && toKey(row)
  },

  async listLiveKeys(tx, ids) {
    return (await tx.query<{ id: string }>(sql['list-live'], [ids])).map(({ id }) => id)
  },

  async revokeKey(tx, { id, merchantId, nowMs }) {
    const [row] = await tx.query<KeyRow>(sql['revoke-key'], [id, merchantId, new Date(nowMs)])
    return row && toKey(row)
  },

  async touchKey(tx, { id, nowMs }) {
    await tx.query(sql['touch-key'], [id, new Date(nowMs)])
  },

  async noteAction(tx, { id, merchantId, keyId, operation, target, atMs }) {
    const what = [keyId ?? null, operation, JSON.stringify(target), new Date(atMs)]
    await tx.query(sql['note-action'], [id, merchantId, ...what])
  },

  async listActions(tx, merchantId, page) {
    return (await tx.query<ActionRow>(sql['list-actions'], [merchantId, ...keysetParams(page)])).map(toAction)
  },
}

const toJson = (area: Area | undefined): string | null => (area === undefined ? null : JSON.stringify(area))

const toMerchant = ({ id, name, area, created_at }: MerchantRow): Merchant => ({
  ...{ id, name, area: area ?? undefined },
  createdAtMs: created_at.getTime(),
})

type ActionRow = Row & {
  id: string
  merchant_id: string
  key_id: string | null
  operation: string
  target: object
  created_at: Date
}

const toAction = (row: ActionRow): MerchantAction => ({
  ...{ id: row.id, merchantId: row.merchant_id, keyId: row.key_id ?? undefined },
  ...{ operation: row.operation, target: row.target, atMs: row.created_at.getTime() },
})

const toKey = (row: KeyRow): ApiKey => ({
  id: row.id,
  merchantId: row.merchant_id,
  prefix: row.prefix,
  scopes: row.scopes,
  createdAtMs: row.created_at.getTime(),
  ...(row.last_used_at === null ? {} : { lastUsedAtMs: row.last_used_at.getTime() }),
  ...(row.revoked_at === null ? {} : { revokedAtMs: row.revoked_at.getTime() }),
})
