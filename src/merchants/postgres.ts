/** The tables of merchants and their API keys. */
import type { Scope } from '#protocol/operation.ts'
import { loadStatements, lockNumber } from '#platform/postgres.ts'
import type { ApiKey } from './api-key.ts'
import type { MerchantRecord } from './merchant.ts'

const sql = loadStatements(import.meta.url, [
  'add-merchant',
  'find-merchant',
  'check-area',
  'covers-place',
  'lock-keys',
  'add-key',
  'list-keys',
  'find-live-key',
  'list-live',
  'revoke-key',
  'touch-key',
])

type MerchantRow = { id: string; name: string; created_at: Date }

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
    const geometry = area === undefined ? null : JSON.stringify(area)
    await tx.query(sql['add-merchant'], [id, name, geometry, new Date(createdAtMs)])
  },

  async find(tx, id) {
    const [row] = await tx.query<MerchantRow>(sql['find-merchant'], [id])
    return row && { id: row.id, name: row.name, createdAtMs: row.created_at.getTime() }
  },

  async isArea(tx, area) {
    const [row] = await tx.query<{ is_area: boolean }>(sql['check-area'], [JSON.stringify(area)])
    return row?.is_area === true
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
}

const toKey = (row: KeyRow): ApiKey => ({
  id: row.id,
  merchantId: row.merchant_id,
  prefix: row.prefix,
  scopes: row.scopes,
  createdAtMs: row.created_at.getTime(),
  ...(row.last_used_at === null ? {} : { lastUsedAtMs: row.last_used_at.getTime() }),
  ...(row.revoked_at === null ? {} : { revokedAtMs: row.revoked_at.getTime() }),
})
