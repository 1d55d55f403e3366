/** What the worker that finds places is asked, and what it answers. */
import type { DropOrder } from '#protocol/rest/drops.ts'
import type { Places } from '../geo/places.ts'
import type { Polygons } from '../geo/spread.ts'

type Told = Exclude<DropOrder['strategy'], { type: 'points' | 'uploaded' }>

export type PlaceRequest = {
  strategy: Told | { type: 'given'; places: Places }
  seed: string
  spacingM: number | undefined
  free: Polygons
  /** Where the merchant's other envelopes are. */
  others: Places
}

export type Placed = {
  places: Places
  /** Wanted, and not placed: the spacing leaves no room. */
  missing: number
  /** Cells of which too little is left to hide in. */
  cellsWithoutRoom: number
  /** Of given places: the numbers of those that are too near another. */
  crowded: number[]
  cells: { hex_id: string; envelopes: number }[]
}
