/**
 * What one client has been told, and the frames that bring it up to date. The difference is taken when it is sent, not
 * when it arises: whatever came and went between two ticks is never sent, and a client that reads slowly is told the
 * newest state instead of its history.
 */
import { LRUCache } from 'lru-cache'
import type { HintItem, ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cell } from '../geo/cell.ts'
import type { Hint, Surroundings } from '../hints/around.ts'
import type { Band, Warmth } from '../hints/band.ts'
import { zoneOf } from '../hints/zone.ts'

type GoneReason = Extract<ServerFrame, { type: 'gone' }>['reason']

export type View = {
  /** The frames, serialised, from what the client knows to `seen`: first a snapshot, then only what changed. */
  update(seen: Surroundings, reasonOf: (envelopeId: string) => GoneReason): string[]
}

/** A client forgets no zone; we do, after more cells than anyone walks through, and send it again. */
const ZONES_REMEMBERED = 2_000

export function createView(): View {
  /** Undefined before the snapshot. */
  let bands: Map<string, Band> | undefined
  let warmth: Warmth | undefined
  const zonesSent = new LRUCache<Cell, true>({ max: ZONES_REMEMBERED })

  const needsZone = ({ envelope }: Hint): boolean => {
    const isNew = !zonesSent.has(envelope.cell10)
    zonesSent.set(envelope.cell10, true)
    return isNew
  }

  function tellHints(hints: readonly Hint[], reasonOf: (envelopeId: string) => GoneReason): string[] {
    const now = new Map(hints.map(({ envelopeId, band }) => [envelopeId, band]))
    const before = bands
    bands = now
    if (before === undefined) {
      return [serialise({ type: 'snapshot', hints: hints.map(hint => describeHint(hint, needsZone(hint))) })]
    }
    const gone = [...before.keys()].filter(envelopeId => !now.has(envelopeId))
    const changed = hints.filter(({ envelopeId, band }) => before.get(envelopeId) !== band)
    return [
      ...gone.map(envelopeId => serialise({ type: 'gone', envelopeId, reason: reasonOf(envelopeId) })),
      ...changed.map(hint => serialiseHint(hint, needsZone(hint))),
    ]
  }

  function tellWarmth(now: Warmth): string[] {
    const isSame = warmth?.within1Km === now.within1Km && warmth.within2Km === now.within2Km
    warmth = now
    return isSame ? [] : [serialise({ type: 'warmth', ...now })]
  }

  return {
    update: (seen, reasonOf) => [...tellHints(seen.hints, reasonOf), ...tellWarmth(seen.warmth)],
  }
}

const serialise = (frame: Unnumbered): string => JSON.stringify(frame)

/** A crowd in one cell is sent the same bytes: hints are shared objects, so each is serialised once. */
const serialised = new WeakMap<Hint, { zoned?: string; plain?: string }>()

function serialiseHint(hint: Hint, withZone: boolean): string {
  const known = serialised.get(hint) ?? {}
  serialised.set(hint, known)
  const frame = () => serialise({ type: 'hint', ...describeHint(hint, withZone) })
  return withZone ? (known.zoned ??= frame()) : (known.plain ??= frame())
}

function describeHint({ envelopeId, band, envelope }: Hint, withZone: boolean): HintItem {
  const { cell10, kind, audience, brand, greeting, clue } = envelope
  return {
    envelopeId,
    band,
    cell: cell10,
    kind,
    audience,
    ...(withZone && { zone: zoneOf(cell10) }),
    ...(brand !== undefined && { brand }),
    ...(greeting !== undefined && { greeting }),
    ...(clue !== undefined && { clue: { text: clue } }),
  }
}
