/**
 * Where in its hint cell an envelope may still lie. The server judges reach between the centres of res-12 cells, so a
 * hint cell is some 49 places, and a try that was out of reach crosses off those within the claim radius. An honest
 * player has ten tries an hour for an envelope, and spends them where they say most.
 */
import { limits } from '#protocol/limits.ts'
import { type Cell, centreOf, coarsen, locateCell } from '../../geo/cell.ts'
import { measureM, travelFrom } from '../../geo/distance.ts'
import type { Point } from '../../geo/point.ts'

export type Search = {
  /** What of the whole cell nobody has tried, 0 to 1. */
  left(): number
  /** What of the whole cell a try at this res-12 cell would test for the first time, 0 to 1. */
  gainAt(here: Cell): number
  /** A try here was out of reach. */
  crossOff(here: Cell): void
  /** The radius is known better now: what was crossed off within another one comes back. */
  setRadius(radiusM: number): void
}

export function createSearch(cell10: Cell): Search {
  const places = listPlaces(cell10)
  let radiusM: number = limits.envelope.claimRadiusM.default
  let open: readonly Point[] = places

  const isWithin = (here: Cell) => (place: Point) => measureM(centreOf(here), place) <= radiusM

  return {
    left: () => open.length / places.length,
    gainAt: here => open.filter(isWithin(here)).length / places.length,
    crossOff(here) {
      const within = isWithin(here)
      open = open.filter(place => !within(place))
    },
    setRadius(known) {
      if (known === radiusM) return
      radiusM = known
      open = places
    },
  }
}

/** No res-10 cell reaches farther from its centre, and no res-12 cell slips between two steps. */
const CELL_RADIUS_M = 90
const STEP_M = 5

/** A crowd searches the same cells; the oldest is forgotten where it would be more than these. */
const REMEMBERED = 500
const remembered = new Map<Cell, readonly Point[]>()

function listPlaces(cell10: Cell): readonly Point[] {
  const known = remembered.get(cell10)
  if (known !== undefined) return known
  const places = findPlaces(cell10)
  const [oldest] = remembered.keys()
  if (remembered.size >= REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  remembered.set(cell10, places)
  return places
}

/** The centres of the res-12 cells of a res-10 cell, found from rings of points around its centre. */
function findPlaces(cell10: Cell): Point[] {
  const centre = centreOf(cell10)
  const cells = new Set<Cell>()
  for (let distanceM = 0; distanceM <= CELL_RADIUS_M; distanceM += STEP_M) {
    const spokes = Math.max(1, Math.ceil((2 * Math.PI * distanceM) / STEP_M))
    for (let spoke = 0; spoke < spokes; spoke++) {
      const cell = locateCell(travelFrom(centre, { bearingDeg: (360 * spoke) / spokes, distanceM }))
      if (coarsen(cell, 10) === cell10) cells.add(cell)
    }
  }
  return [...cells].map(centreOf)
}
