import type { Static } from 'typebox'
import { type HintFeature, listEnvelopes } from '#protocol/rest/envelopes.ts'
import type { Bind } from '#platform/http.ts'
import { refuse, Unavailable } from '#platform/problem.ts'
import { type Cell, coarsen } from '../geo/cell.ts'
import type { Caller, PlayerCaller } from '../players/caller.ts'
import type { Viewpoint } from '../positions/positions.ts'
import { cells7Around } from './area.ts'
import type { Around, Hint, Surroundings, Viewer } from './around.ts'
import type { LiveIndex } from './live-index.ts'
import { zoneOf } from './zone.ts'

export type HintRoutePorts = {
  index: Pick<LiveIndex, 'whenLoaded'>
  around: Around
  positions: { viewpoint(player: PlayerCaller): Promise<Viewpoint> }
  /** The live envelopes that a player has won a share of. */
  claims: { claimedIds(playerId: string): Promise<readonly string[]> }
}

export function registerHintRoutes(bind: Bind<Caller>, ports: HintRoutePorts): void {
  bind(listEnvelopes, async ({ caller }) => {
    const view = await ports.positions.viewpoint(caller)
    if (view.status === 'unknown') return refuse('position_needed')
    if (view.status === 'paused') return refuse('hints_paused', pauseOf(view))
    const claimedIds = new Set(await ports.claims.claimedIds(caller.id))
    const { hints, warmth } = await lookAround({ id: caller.id, claimedIds }, coarsen(view.cell, 10), ports)
    const features = hints.map(describeHint)
    const body = {
      type: 'FeatureCollection' as const,
      features,
      numberReturned: features.length,
      warmth,
      links: { self: listEnvelopes.path },
    }
    return { status: 200 as const, body }
  })
}

const pauseOf = ({ reason, retryAfterMs }: Extract<Viewpoint, { status: 'paused' }>) => ({
  reason,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
})

/** Whoever has no socket watches for the time of the request; the index keeps the cells for a while after it. */
async function lookAround(
  viewer: Viewer,
  cell10: Cell,
  { index, around }: HintRoutePorts,
): Promise<Surroundings> {
  around.watch(cell10)
  try {
    await index.whenLoaded(cells7Around(cell10))
    const seen = around.hintsAround(viewer, cell10)
    if (seen === undefined) throw new Unavailable('the live index is closed')
    return seen
  } finally {
    around.unwatch(cell10)
  }
}

function describeHint({ envelopeId, band, envelope }: Hint): Static<typeof HintFeature> {
  const { cell10, kind, audience, presence, brand, greeting, clue } = envelope
  return {
    type: 'Feature',
    id: envelopeId,
    geometry: zoneOf(cell10),
    properties: {
      band,
      kind,
      audience,
      ...(presence !== undefined && { presence }),
      ...(brand !== undefined && { brand }),
      ...(greeting !== undefined && { greeting }),
      ...(clue !== undefined && { clue: { text: clue } }),
    },
  }
}
