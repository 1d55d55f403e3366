/**
 * What a player is told of the envelopes around: a function of the player's res-10 cell, the envelopes' res-10 cells
 * and who the player is, never of a point. All players in one cell share one computation, which is made again only when
 * the index changed within 2 km, and whose result is the same object as long as it says the same.
 */
import { LRUCache } from 'lru-cache'
import type { Cell } from '../geo/cell.ts'
import { cells7Around } from './area.ts'
import { type Band, bandsAround, measureWarmth, type Warmth } from './band.ts'
import type { LiveEnvelope } from './live-envelope.ts'
import type { LiveIndex } from './live-index.ts'
import type { SelectHints } from './order.ts'

/** One envelope as seen from one cell; shared by all players there. */
export type Hint = { readonly envelopeId: string; readonly band: Band; readonly envelope: LiveEnvelope }

/** Everything within the publish radius of a cell, and how much lies farther. */
export type Surroundings = { readonly hints: readonly Hint[]; readonly warmth: Warmth }

export type Viewer = {
  id: string
  /** Envelopes that this player has a share of. */
  claimedIds: ReadonlySet<string>
}

export type Around = {
  /** `undefined` until the index has loaded `cells7Around(cell10)`, which the caller watches. */
  surroundings(cell10: Cell): Surroundings | undefined
  /** What of it one player may see, at most 50, in the order of display. */
  select(viewer: Viewer, surroundings: Surroundings): Hint[]
  /** Both at once. */
  hintsAround(viewer: Viewer, cell10: Cell): Surroundings | undefined
}

export type AroundPorts = {
  index: Pick<LiveIndex, 'envelopesAt' | 'openCountsIn' | 'versionOf' | 'isLoaded'>
  selectHints: SelectHints
}

const CELLS_REMEMBERED = 5_000

export function createAround({ index, selectHints }: AroundPorts): Around {
  const remembered = new LRUCache<Cell, { version: number; surroundings: Surroundings }>({
    max: CELLS_REMEMBERED,
  })

  function surroundings(cell10: Cell): Surroundings | undefined {
    const area = cells7Around(cell10)
    if (!index.isLoaded(area)) return undefined
    // Versions only grow, over all cells: the newest tells whether any changed.
    const version = Math.max(...area.map(index.versionOf))
    const known = remembered.get(cell10)
    if (known?.version === version) return known.surroundings
    const computed = { hints: gatherHints(cell10), warmth: measureWarmth(cell10, mergeCounts(area)) }
    const latest =
      known !== undefined && saysTheSame(known.surroundings, computed) ? known.surroundings : computed
    remembered.set(cell10, { version, surroundings: latest })
    return latest
  }

  function gatherHints(cell10: Cell): Hint[] {
    const hints: Hint[] = []
    for (const [cell, band] of bandsAround(cell10)) {
      for (const envelope of index.envelopesAt(cell)) hints.push({ envelopeId: envelope.id, band, envelope })
    }
    return hints
  }

  function mergeCounts(area: readonly Cell[]): Map<Cell, number> {
    return new Map(area.flatMap(cell7 => [...index.openCountsIn(cell7)]))
  }

  function select(viewer: Viewer, { hints }: Surroundings): Hint[] {
    const visible = hints.filter(({ envelope }) => isVisibleTo(viewer, envelope))
    return selectHints(visible, { playerId: viewer.id })
  }

  return {
    surroundings,
    select,
    hintsAround(viewer, cell10) {
      const all = surroundings(cell10)
      return all && { hints: select(viewer, all), warmth: all.warmth }
    },
  }
}

/** Not what they hid, not what they have won, and of a closed circle only what they are a guest of. */
function isVisibleTo({ id, claimedIds }: Viewer, envelope: LiveEnvelope): boolean {
  if (envelope.kind === 'player' && envelope.hiderId === id) return false
  if (claimedIds.has(envelope.id)) return false
  return envelope.audience !== 'players' || envelope.guestIds?.includes(id) === true
}

function saysTheSame(a: Surroundings, b: Surroundings): boolean {
  return (
    a.warmth.within1Km === b.warmth.within1Km &&
    a.warmth.within2Km === b.warmth.within2Km &&
    a.hints.length === b.hints.length &&
    a.hints.every((hint, i) => hint.envelope === b.hints[i]?.envelope)
  )
}
