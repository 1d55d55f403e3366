/** The operator verifies where a merchant may hide: at once, for what is planned and hidden from then on. */
import type { Area } from '#protocol/rest/areas.ts'
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import { createId } from '#platform/id.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Random } from '#platform/random.ts'
import { type AreaRecord, refuseGeometry, refuseShape } from '../areas/area.ts'
import type { NoteAction } from '../operator/action.ts'
import type { Merchant, MerchantRecord } from './merchant.ts'

export type SetAreaPorts = {
  merchants: Pick<MerchantRecord, 'storeArea' | 'noteAction'>
  areas: AreaRecord
  noteAction: NoteAction
  clock: Clock
  random: Random
}

/** A merchant with many houses is verified for a whole city. */
const mostM2 = 10_000_000_000

/** `merchant_refused` with what is wrong as its detail. */
export async function refuseMerchantArea(
  { areas }: Pick<SetAreaPorts, 'areas'>,
  tx: Tx,
  area: Area,
): Promise<Refusal | undefined> {
  const refusal =
    refuseShape(area, { vertices: limits.campaign.mostVertices }) ??
    (await refuseGeometry(areas, tx, { area, mostM2 }))
  if (refusal === undefined) return undefined
  return refuse('merchant_refused', {
    reason: 'area_invalid',
    ...(refusal.reason !== undefined && { detail: refusal.reason }),
  })
}

/** Without an area the merchant hides nowhere. What was hidden and launched before stays. */
export async function setMerchantArea(
  ports: SetAreaPorts,
  tx: Tx,
  { merchantId, area, reason }: { merchantId: string; area: Area | undefined; reason: string },
): Promise<{ status: 'stored'; merchant: Merchant } | Refusal> {
  const refusal = area && (await refuseMerchantArea(ports, tx, area))
  if (refusal !== undefined) return refusal
  const merchant = await ports.merchants.storeArea(tx, merchantId, area)
  if (merchant === undefined) return refuse('not_found')
  const atMs = ports.clock.nowMs()
  const target = { merchantId }
  await ports.noteAction(tx, { actor: 'operator', action: 'set_area', target, reason, atMs })
  const noted = { id: createId(ports), merchantId, keyId: undefined, operation: 'setMerchantArea' }
  await ports.merchants.noteAction(tx, { ...noted, target, atMs })
  return { status: 'stored', merchant }
}
