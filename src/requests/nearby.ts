/**
 * Which service requests are near a player: a function of two res-9 cells, the player's and the request's, of how far
 * the request is shown by now, and of nothing else. One list per cell and category serves everybody there; it is made
 * again only when something changed within the widest circle, nearest circle first and no longer than can be shown, so
 * that a hundred thousand requests around cost no more than the nearest few.
 */
import { limits } from '#protocol/limits.ts'
import { type Cell, centreOf, coarsen } from '../geo/cell.ts'
import { measureM } from '../geo/distance.ts'
import { neighboursWithin } from '../geo/neighbourhood.ts'
import { LRUCache } from 'lru-cache'
import type { LiveRequest } from './live-request.ts'
import type { LiveRequests } from './live-requests.ts'
import type { RequestCategory } from './request.ts'

const { reachesM, perSnapshot, unendedPerPoster } = limits.serviceRequest
const widestM = Math.max(...reachesM)

/** One request as seen from one cell; shared by all who stand there. */
export type NearRequest = { readonly request: LiveRequest; readonly withinM: number }

export type Nearby = {
  /** Counted: each watch needs its unwatch. Loading begins at once. */
  watch(cell9: Cell): void
  unwatch(cell9: Cell): void
  /** The res-7 cells that a watched cell needs. */
  cells7At(cell9: Cell): readonly Cell[]
  /** Calls `listener` with each watched cell from which something else may be seen than before. */
  onChange(listener: (cell9: Cell) => void): void
  /** Of a watched cell: the same array until it changes; `undefined` until all of it is loaded. */
  listAt(cell9: Cell, category?: RequestCategory): readonly NearRequest[] | undefined
  /** What of it one player is shown, at most 50: not their own. */
  select(playerId: string, list: readonly NearRequest[]): NearRequest[]
}

type Standpoint = {
  cells7: readonly Cell[]
  watchers: number
  lists: Map<RequestCategory | undefined, readonly NearRequest[]>
}

/** With those that are one's own left out, a full page remains. */
const longest = perSnapshot + unendedPerPoster

/** The circle that a request's cell lies in, between the two centres; undefined beyond the widest. */
export function circleOf(cell9: Cell, requestCell9: Cell): number | undefined {
  const distanceM = measureM(centreOf(cell9), centreOf(requestCell9))
  return reachesM.find(reachM => distanceM <= reachM)
}

const circles = new LRUCache<Cell, ReadonlyMap<Cell, number>>({ max: 2_000 })

/** Every res-9 cell within the widest circle, nearest circle first; computed once per cell and shared. */
function circlesAround(cell9: Cell): ReadonlyMap<Cell, number> {
  const known = circles.get(cell9)
  if (known) return known
  const around = neighboursWithin(cell9, widestM).flatMap(cell => {
    const withinM = circleOf(cell9, cell)
    return withinM === undefined ? [] : [[cell, withinM] as const]
  })
  const sorted = new Map([...around].sort(([, a], [, b]) => a - b))
  circles.set(cell9, sorted)
  return sorted
}

export function createNearby(requests: LiveRequests): Nearby {
  const standpoints = new Map<Cell, Standpoint>()
  const byCell7 = new Map<Cell, Set<Cell>>()
  const listeners: ((cell9: Cell) => void)[] = []

  requests.onChange(change => {
    for (const cell9 of byCell7.get(change.cell7) ?? []) {
      if (change.type === 'changed' && !circlesAround(cell9).has(change.cell9)) continue
      standpoints.get(cell9)?.lists.clear()
      for (const listener of listeners) listener(cell9)
    }
  })

  return {
    watch(cell9) {
      const known = standpoints.get(cell9)
      if (known !== undefined) {
        known.watchers++
        return
      }
      const cells7 = [...new Set([...circlesAround(cell9).keys()].map(cell => coarsen(cell, 7)))]
      standpoints.set(cell9, { cells7, watchers: 1, lists: new Map() })
      for (const cell7 of cells7) byCell7.set(cell7, (byCell7.get(cell7) ?? new Set()).add(cell9))
      requests.watch(cells7)
    },
    unwatch(cell9) {
      const standpoint = standpoints.get(cell9)
      if (standpoint === undefined || --standpoint.watchers > 0) return
      standpoints.delete(cell9)
      for (const cell7 of standpoint.cells7) {
        const others = byCell7.get(cell7)
        others?.delete(cell9)
        if (others?.size === 0) byCell7.delete(cell7)
      }
      requests.unwatch(standpoint.cells7)
    },
    cells7At: cell9 => standpoints.get(cell9)?.cells7 ?? [],
    onChange: listener => void listeners.push(listener),
    listAt(cell9, category) {
      const standpoint = standpoints.get(cell9)
      if (standpoint === undefined || !requests.isLoaded(standpoint.cells7)) return undefined
      const known = standpoint.lists.get(category)
      if (known !== undefined) return known
      const list = gather(requests, cell9, category)
      standpoint.lists.set(category, list)
      return list
    },
    select: (playerId, list) =>
      list.filter(({ request }) => request.posterId !== playerId).slice(0, perSnapshot),
  }
}

/** Nearest circle first, in each the newest first, and no more than can be shown. */
function gather(
  requests: Pick<LiveRequests, 'requestsAt'>,
  cell9: Cell,
  category: RequestCategory | undefined,
): NearRequest[] {
  const near: NearRequest[] = []
  let circle: NearRequest[] = []
  let circleM: number = reachesM[0]
  const closeCircle = () => {
    keepNewest(circle)
    near.push(...circle)
    circle = []
  }
  for (const [cell, withinM] of circlesAround(cell9)) {
    if (withinM !== circleM) {
      closeCircle()
      circleM = withinM
      if (near.length >= longest) break
    }
    for (const request of requests.requestsAt(cell).values()) {
      const isShown = withinM <= request.reachM && (category ?? request.category) === request.category
      if (isShown) circle.push({ request, withinM })
    }
    if (circle.length > 4 * longest) keepNewest(circle)
  }
  closeCircle()
  return near.slice(0, longest)
}

/** The newest first: the ids are sorted by time, and say nothing of a place. */
function keepNewest(circle: NearRequest[]): void {
  circle.sort((a, b) => (a.request.id > b.request.id ? -1 : 1))
  circle.length = Math.min(circle.length, longest)
}
