/**
 * Who may take a request on. An exact place is not for harvesting: whoever has learned of fifty today, or has given
 * five back, learns of no more, and nobody gets a request twice. What is worth more needs more trust, by a table that
 * everybody can read; nothing else about a person counts.
 */
import { limits } from '#protocol/limits.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { needsTrust } from '../trust/trust.ts'
import type { PlayerCaller } from '../players/caller.ts'
import type { RequestRecord, RequestSettings, TrustOf } from './ports.ts'
import { isToday } from './post.ts'
import type { ServiceRequest } from './request.ts'

type ProviderPorts = { record: RequestRecord; settings: Pick<RequestSettings, 'dayZone'> }

export type TrustingPorts = { trustOf: TrustOf; settings: Pick<RequestSettings, 'isSandbox'> }

/** `minors_mode`: those who are under age take nothing on from strangers. */
export const refuseMinor = ({ isMinor }: PlayerCaller): Refusal | undefined =>
  isMinor === true ? refuse('minors_mode', { reason: 'strangers' }) : undefined

/** `trust_needed`, by the price; asked of whoever offers or takes, not again when the poster accepts. */
export async function refuseUntrusted(
  { trustOf, settings }: TrustingPorts,
  tx: Tx,
  { playerId, priceMinor, nowMs }: { playerId: string; priceMinor: bigint; nowMs: number },
): Promise<Refusal | undefined> {
  const needed = needsTrust(priceMinor)
  if (settings.isSandbox || needed === 0) return undefined
  const trust = await trustOf(tx, { playerId, nowMs })
  return trust >= needed ? undefined : refuse('trust_needed', { reason: `${needed}` })
}

export type Provider = { id: string; timeScale: number; deviceId?: string }

/**
 * `own_request` from the device that posted it (a hint, not a proof: only where both tokens name one), `offer_gone`
 * dropped, `daily_limit`. Counted under a lock on the provider until the transaction ends.
 */
export async function refuseProvider(
  { record, settings }: ProviderPorts,
  tx: Tx,
  { provider, request, nowMs }: { provider: Provider; request: ServiceRequest; nowMs: number },
): Promise<Refusal | undefined> {
  const { placesPerDay, dropsPerDay } = limits.serviceRequest
  const isSameDevice = provider.deviceId !== undefined && provider.deviceId === request.deviceId
  if (isSameDevice) return refuse('own_request')
  await record.lockPlayer(tx, 'take', provider.id)
  if (await record.hasDropped(tx, { requestId: request.id, providerId: provider.id })) {
    return refuse('offer_gone', { reason: 'dropped' })
  }
  const day = { nowMs, timeScale: provider.timeScale, zone: settings.dayZone }
  const nthPlaceMs = await record.findNthNewestPlaceMs(tx, { playerId: provider.id, nth: placesPerDay })
  const nthDropMs = await record.findNthNewestDropMs(tx, { playerId: provider.id, nth: dropsPerDay })
  return isToday(nthPlaceMs, day) || isToday(nthDropMs, day) ? refuse('daily_limit') : undefined
}
