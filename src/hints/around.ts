/**
 * What a player is told of the envelopes around: a function of the player's res-10 cell, the envelopes' res-10 cells
 * and who the player is, never of a point. All players in one cell share one computation, which is made again only when
 * something changed that can be seen from there.
 */
import { limits } from '#protocol/limits.ts'
import type { Cell } from '../geo/cell.ts'
import { type Band, bandsAround, type Warmth } from './band.ts'
import type { LiveEnvelope } from './live-envelope.ts'
import type { LiveIndex } from './live-index.ts'
import type { SelectHints } from './order.ts'
import { createStandpoints, type Standpoints, type StandpointIndex } from './standpoints.ts'

/** One envelope as seen from one cell; shared by all players there. */
export type Hint = { readonly envelopeId: string; readonly band: Band; readonly envelope: LiveEnvelope }

/** Everything within the publish radius of a cell, and how much lies farther. */
export type Surroundings = { readonly hints: readonly Hint[]; readonly warmth: Warmth }

export type Viewer = {
  id: string
  /** Envelopes that this player has a share of. */
  claimedIds: ReadonlySet<string>
}

export type Around = Pick<Standpoints, 'watch' | 'unwatch'> & {
  /** Calls `listener` with each watched cell from which something else is seen than before. */
  onChange(listener: (cell10: Cell) => void): void
  /** Of a watched cell: the same object until it changes; `undefined` until all of it is loaded. */
  surroundings(cell10: Cell): Surroundings | undefined
  /**
   * What of it one player may see, at most 50, in no order that means anything: the very same hints where that is
   * everything.
   */
  select(viewer: Viewer, surroundings: Surroundings): readonly Hint[]
  /** In the order of display. */
  inOrder(viewer: Viewer, hints: readonly Hint[]): readonly Hint[]
  /** All three at once. */
  hintsAround(viewer: Viewer, cell10: Cell): Surroundings | undefined
}

export type AroundPorts = {
  index: StandpointIndex & Pick<LiveIndex, 'envelopesAt'>
  selectHints: SelectHints
}

export function createAround({ index, selectHints }: AroundPorts): Around {
  const computed = new Map<Cell, Surroundings>()
  const listeners: ((cell10: Cell) => void)[] = []
  const standpoints = createStandpoints(index, cell10 => {
    computed.delete(cell10)
    for (const listener of listeners) listener(cell10)
  })

  function surroundings(cell10: Cell): Surroundings | undefined {
    const known = computed.get(cell10)
    if (known !== undefined) return known
    const warmth = standpoints.warmthAt(cell10)
    if (warmth === undefined) return undefined
    const now = { hints: gatherHints(cell10), warmth }
    computed.set(cell10, now)
    return now
  }

  function gatherHints(cell10: Cell): Hint[] {
    const hints: Hint[] = []
    for (const [cell, band] of bandsAround(cell10)) {
      for (const envelope of index.envelopesAt(cell)) hints.push({ envelopeId: envelope.id, band, envelope })
    }
    return hints
  }

  const inOrder = ({ id: playerId }: Viewer, hints: readonly Hint[]) => selectHints(hints, { playerId })

  function select(viewer: Viewer, { hints }: Surroundings): readonly Hint[] {
    const isAll = hints.every(({ envelope }) => isVisibleTo(viewer, envelope))
    const visible = isAll ? hints : hints.filter(({ envelope }) => isVisibleTo(viewer, envelope))
    return visible.length > limits.hint.perSnapshot ? inOrder(viewer, visible) : visible
  }

  return {
    watch: standpoints.watch,
    unwatch(cell10) {
      standpoints.unwatch(cell10)
      if (standpoints.warmthAt(cell10) === undefined) computed.delete(cell10)
    },
    onChange: listener => void listeners.push(listener),
    surroundings,
    select,
    inOrder,
    hintsAround(viewer, cell10) {
      const all = surroundings(cell10)
      return all && { hints: inOrder(viewer, select(viewer, all)), warmth: all.warmth }
    },
  }
}

/** Not what they hid, not what they have won, and of a closed circle only what they are a guest of. */
function isVisibleTo({ id, claimedIds }: Viewer, envelope: LiveEnvelope): boolean {
  if (envelope.kind === 'player' && envelope.hiderId === id) return false
  if (claimedIds.has(envelope.id)) return false
  return envelope.audience !== 'players' || envelope.guestIds?.includes(id) === true
}
