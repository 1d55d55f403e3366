/** What the live index holds of a service request that is open to all: its res-9 cell, never its place. */
import { type Cell, coarsen } from '../geo/cell.ts'
import type { RequestCategory, ServiceRequest } from './request.ts'
import type { RequestMode } from './state.ts'

export type LiveRequest = {
  id: string
  /** Resolution 9: a request is a person, and nothing finer of one is known to others. */
  cell9: Cell
  /** Resolution 7: the unit that servers watch. */
  cell7: Cell
  version: number
  posterId: string
  mode: RequestMode
  category: RequestCategory
  text: string
  /** Decimal minor units. */
  priceMinor: string
  currency: string
  reachM: number
  expiresAtMs: number
}

export function toLiveRequest(request: ServiceRequest): LiveRequest {
  const { id, posterId, mode, category, text, currency, reachM, expiresAtMs, cell } = request
  return {
    ...{ id, posterId, mode, category, text, currency, reachM, expiresAtMs },
    ...{ cell9: coarsen(cell, 9), cell7: coarsen(cell, 7) },
    ...{ version: Number(request.version), priceMinor: String(request.priceMinor) },
  }
}
