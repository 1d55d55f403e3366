/** The outline of a hint cell, remembered: a crowd in one place is shown the same few cells. */
import { LRUCache } from 'lru-cache'
import type { Cell } from '../geo/cell.ts'
import { cellPolygon } from '../geo/polygon.ts'

type Zone = ReturnType<typeof cellPolygon>

const zones = new LRUCache<Cell, Zone>({ max: 10_000 })

/** A polygon, or two halves where the cell crosses the antimeridian, as the protocol's `Zone`. */
export function zoneOf(cell: Cell): Zone {
  const known = zones.get(cell)
  if (known) return known
  const zone = cellPolygon(cell)
  zones.set(cell, zone)
  return zone
}
