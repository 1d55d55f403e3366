/**
 * What one client has been told, and the frames that bring it up to date. The difference is taken when it is sent, not
 * when it arises: whatever came and went between two ticks is never sent, and a client that reads slowly is told the
 * newest state instead of its history. Fifty hints with the longest texts would be 100 KB at once; so a tick carries
 * 16 KiB of them, nearest first, whole, and the others follow on the next ticks.
 */
import { limits } from '#protocol/limits.ts'
import { createRecent } from '#platform/recent.ts'
import type { HintItem, ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cell } from '../geo/cell.ts'
import type { Hint, Surroundings } from '../hints/around.ts'
import type { Band, Warmth } from '../hints/band.ts'
import { zoneOf } from '../hints/zone.ts'

type GoneReason = Extract<ServerFrame, { type: 'gone' }>['reason']

/** Frames, serialised; unless `isComplete`, there is more to tell at the next tick. */
export type Update = { frames: string[]; isComplete: boolean }

export type View = {
  /** From what the client knows towards `seen`: first a snapshot, then only what changed. */
  update(seen: Surroundings, reasonOf: (envelopeId: string) => GoneReason): Update
}

/** A client forgets no zone; we do, after more cells than anyone walks through, and send it again. */
const ZONES_REMEMBERED = 2_000
/** More than what surrounds a hint: commas, `"type"`, and a `seq` of any length. */
const HEAD_BYTES = 64

export function createView(): View {
  /** Undefined before the snapshot. */
  let told: Map<string, Told> | undefined
  let warmth: Warmth | undefined
  const zonesSent = createRecent<Cell>(ZONES_REMEMBERED)

  /** As many as one tick carries, in their order, and one at least. */
  function serialiseSome(hints: readonly Hint[]): string[] {
    const items: string[] = []
    let bytes = HEAD_BYTES
    for (const hint of hints) {
      const { cell10 } = hint.envelope
      const item = serialiseItem(hint, !zonesSent.has(cell10))
      bytes += item.bytes + (told === undefined ? 1 : HEAD_BYTES)
      if (bytes > limits.hint.bytesPerTick && items.length > 0) break
      zonesSent.add(cell10)
      items.push(item.json)
    }
    return items
  }

  function tellHints(hints: readonly Hint[], reasonOf: (envelopeId: string) => GoneReason): Update {
    const before = told ?? new Map<string, Told>()
    const changed = hints.filter(hint => isNews(hint, before.get(hint.envelopeId)))
    const items = serialiseSome(changed)
    const late = new Set(changed.slice(items.length).map(({ envelopeId }) => envelopeId))
    const now = new Map<string, Told>()
    for (const { envelopeId, band, envelope } of hints) {
      const known = late.has(envelopeId) ? before.get(envelopeId) : { band, ...textOf(envelope) }
      if (known !== undefined) now.set(envelopeId, known)
    }
    const gone = [...before.keys()].filter(envelopeId => !now.has(envelopeId))
    const frames =
      told === undefined
        ? [`{"type":"snapshot","hints":[${items.join()}]}`]
        : [
            ...gone.map(envelopeId => serialise({ type: 'gone', envelopeId, reason: reasonOf(envelopeId) })),
            ...items.map(item => `{"type":"hint",${item.slice(1)}`),
          ]
    told = now
    return { frames, isComplete: late.size === 0 }
  }

  function tellWarmth(now: Warmth): string[] {
    const isSame = warmth?.within1Km === now.within1Km && warmth.within2Km === now.within2Km
    warmth = now
    return isSame ? [] : [serialise({ type: 'warmth', ...now })]
  }

  return {
    update(seen, reasonOf) {
      const { frames, isComplete } = tellHints(seen.hints, reasonOf)
      return { frames: [...frames, ...tellWarmth(seen.warmth)], isComplete }
    },
  }
}

/** What a client knows of an envelope; its text may come later, or go. */
type Told = { band: Band; greeting: string | undefined; clue: string | undefined }

const textOf = ({ greeting, clue }: Hint['envelope']) => ({ greeting, clue })

const isNews = ({ band, envelope }: Hint, known: Told | undefined): boolean =>
  known === undefined ||
  known.band !== band ||
  known.greeting !== envelope.greeting ||
  known.clue !== envelope.clue

const serialise = (frame: Unnumbered): string => JSON.stringify(frame)

type Item = { json: string; bytes: number }

/** A crowd in one cell is sent the same bytes: hints are shared objects, so each is serialised once. */
const serialised = new WeakMap<Hint, { zoned?: Item; plain?: Item }>()

function serialiseItem(hint: Hint, withZone: boolean): Item {
  const known = serialised.get(hint) ?? {}
  serialised.set(hint, known)
  const item = (): Item => {
    const json = JSON.stringify(describeHint(hint, withZone))
    return { json, bytes: Buffer.byteLength(json) }
  }
  return withZone ? (known.zoned ??= item()) : (known.plain ??= item())
}

function describeHint({ envelopeId, band, envelope }: Hint, withZone: boolean): HintItem {
  const { cell10, kind, audience, presence, brand, greeting, clue } = envelope
  return {
    envelopeId,
    band,
    cell: cell10,
    kind,
    audience,
    ...(presence !== undefined && { presence }),
    ...(withZone && { zone: zoneOf(cell10) }),
    ...(brand !== undefined && { brand }),
    ...(greeting !== undefined && { greeting }),
    ...(clue !== undefined && { clue: { text: clue } }),
  }
}
