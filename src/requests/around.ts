/** The service requests around a player's last fix, for whoever has no socket. */
import type { Static } from 'typebox'
import { listServiceRequests, type RequestItem } from '#protocol/rest/service-requests.ts'
import { type Refusal, refuse, Unavailable } from '#platform/problem.ts'
import { toMoney, toTimestamp } from '../envelopes/view.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import { zoneOf } from '../hints/zone.ts'
import type { PlayerCaller } from '../players/caller.ts'
import { refuseMinor } from './provider.ts'
import type { LiveRequests } from './live-requests.ts'
import type { Nearby, NearRequest } from './nearby.ts'
import type { Positions } from '../positions/positions.ts'
import type { RequestCategory } from './request.ts'

export type AroundPorts = {
  live: Pick<LiveRequests, 'whenLoaded'>
  nearby: Nearby
  positions: Pick<Positions, 'lastCell'>
}

type Answer = Static<(typeof listServiceRequests.answers)[200]>

/** They watch for the time of the request; the index keeps the cells for a while after it. */
export async function listAround(
  { live, nearby, positions }: AroundPorts,
  { caller, category }: { caller: PlayerCaller; category?: RequestCategory },
): Promise<{ status: 200; body: Answer } | Refusal> {
  const minor = refuseMinor(caller)
  if (minor !== undefined) return minor
  const cell = await positions.lastCell(caller.id)
  if (cell === undefined) return refuse('position_needed')
  const cell9 = coarsen(cell, 9)
  nearby.watch(cell9)
  try {
    await live.whenLoaded(nearby.cells7At(cell9))
    const list = nearby.listAt(cell9, category)
    if (list === undefined) throw new Unavailable('the live index is closed')
    const near = nearby.select(caller.id, list)
    const features = near.map(one => ({
      ...{ type: 'Feature' as const, id: one.request.id },
      geometry: zoneOf(one.request.cell9),
      properties: describeNear(one),
    }))
    const links = { self: listServiceRequests.path }
    return {
      status: 200,
      body: { type: 'FeatureCollection', features, numberReturned: features.length, links },
    }
  } finally {
    nearby.unwatch(cell9)
  }
}

export const describeNear = ({ request, withinM }: NearRequest): RequestItem => ({
  ...{ serviceRequestId: request.id, withinM, cell: request.cell9 as Cell, mode: request.mode },
  ...{ category: request.category, text: request.text },
  price: toMoney(BigInt(request.priceMinor), request.currency),
  expiresAt: toTimestamp(request.expiresAtMs),
})
