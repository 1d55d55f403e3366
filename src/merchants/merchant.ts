/** A merchant, and what the verbs of this folder need from its tables. */
import type { Area } from '#protocol/rest/areas.ts'
import type { PageRequest } from '#platform/page.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Point } from '../geo/point.ts'
import type { ApiKey } from './api-key.ts'

export type Merchant = {
  id: string
  name: string
  /** Where the operator lets them hide; in production nowhere else. */
  area: Area | undefined
  createdAtMs: number
}

/** Something that a key changed, or the operator, where no key is named. */
export type MerchantAction = {
  id: string
  merchantId: string
  keyId: string | undefined
  /** By the id that the protocol gives it. */
  operation: string
  target: object
  atMs: number
}

/** Writes it in the transaction of what it tells, unless nothing was written there. */
export type NoteMerchantAction = (tx: Tx, action: MerchantAction) => Promise<void>

/** Lists are read one row past the page, newest first. */
export type MerchantRecord = {
  add(tx: Tx, merchant: Merchant): Promise<void>
  find(tx: Tx, id: string): Promise<Merchant | undefined>
  list(tx: Tx, page: PageRequest): Promise<Merchant[]>
  /** The merchant as it is then; undefined takes the area away. */
  storeArea(tx: Tx, id: string, area: Area | undefined): Promise<Merchant | undefined>
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

  noteAction: NoteMerchantAction
  listActions(tx: Tx, merchantId: string, page: PageRequest): Promise<MerchantAction[]>
}
