/** A merchant, and what the verbs of this folder need from its tables. */
import type { Tx } from '#platform/postgres.ts'
import type { Point } from '../geo/point.ts'
import type { ApiKey } from './api-key.ts'

export type Merchant = { id: string; name: string; createdAtMs: number }

/** GeoJSON polygon with one ring of [lng, lat]. */
export type Area = { type: 'Polygon'; coordinates: [lng: number, lat: number][][] }

export type MerchantRecord = {
  add(tx: Tx, merchant: Merchant & { area: Area | undefined }): Promise<void>
  find(tx: Tx, id: string): Promise<Merchant | undefined>
  /** The area is simple, and not a line or a point. Its ring must be closed. */
  isArea(tx: Tx, area: Area): Promise<boolean>
  /** Whether the operator lets the merchant hide there; never, where no area is set. */
  coversPlace(tx: Tx, merchantId: string, point: Point): Promise<boolean>

  /** Until the transaction ends, nobody else adds keys to this merchant. */
  lockKeys(tx: Tx, merchantId: string): Promise<void>
  addKey(tx: Tx, key: ApiKey & { hash: Uint8Array }): Promise<void>
  /** Newest first. */
  listKeys(tx: Tx, merchantId: string): Promise<ApiKey[]>
  /** A live key by the hash of its secret. */
  findLiveKey(tx: Tx, hash: Uint8Array): Promise<ApiKey | undefined>
  /** Those of these keys that are not revoked, by id. */
  listLiveKeys(tx: Tx, ids: readonly string[]): Promise<string[]>
  /** The key as it is afterwards; a key that was revoked before keeps its time. */
  revokeKey(tx: Tx, which: { id: string; merchantId: string; nowMs: number }): Promise<ApiKey | undefined>
  touchKey(tx: Tx, use: { id: string; nowMs: number }): Promise<void>
}
