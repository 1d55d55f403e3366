/**
 * What one client has been told, and the frames that bring it up to date. The difference is taken when it is sent, not
 * when it arises: whatever came and went between two ticks is never sent, and a client that reads slowly is told the
 * newest state instead of its history. Fifty hints with the longest texts would be 100 KB at once; so a tick carries
 * 16 KiB of them, nearest first, whole, and the others follow on the next ticks.
 *
 * What a client knows are hints as they were told. A crowd in one cell knows the same ones, mostly in the same array,
 * and the difference between two such arrays is taken once for all of them.
 */
import { limits } from '#protocol/limits.ts'
import { createRecent } from '#platform/recent.ts'
import type { HintItem, ServerFrame, Unnumbered } from '#protocol/ws/server.ts'
import type { Cell } from '../geo/cell.ts'
import type { Hint } from '../hints/around.ts'
import type { Warmth } from '../hints/band.ts'
import { zoneOf } from '../hints/zone.ts'
import { type FrameText, type SharedText, shareText } from './text-frames.ts'

export type GoneReason = Extract<ServerFrame, { type: 'gone' }>['reason']

/** Frames without numbers; unless `isComplete`, there is more to tell at the next tick. */
export type Update = { frames: FrameText[]; isComplete: boolean }

/** How it is told: which comes first, and why what is not there any more is not. */
export type Manner = {
  inOrder(hints: readonly Hint[]): readonly Hint[]
  reasonOf(envelopeId: string): GoneReason
}

export type View = {
  /** From what the client knows towards these: first a snapshot, then only what changed. */
  update(hints: readonly Hint[], warmth: Warmth, manner: Manner): Update
}

/** A client forgets no zone; we do, after more cells than anyone walks through, and send it again. */
const ZONES_REMEMBERED = 2_000
/** More than what surrounds a hint: commas, `"type"`, and a `seq` of any length. */
const HEAD_BYTES = 64

const none: readonly Hint[] = []
const noItems: readonly Item[] = []

export const createView = (): View => new ClientView()

/** A class, as there is one for each session. */
class ClientView implements View {
  /** Undefined before the snapshot. */
  private known: readonly Hint[] | undefined
  private warmth: Warmth | undefined
  private readonly zonesSent = createRecent<Cell>(ZONES_REMEMBERED)

  update(hints: readonly Hint[], warmth: Warmth, manner: Manner): Update {
    const frames: FrameText[] = []
    const isComplete = this.tellHints(hints, manner, frames)
    const { within1Km, within2Km } = warmth
    if (this.warmth?.within1Km !== within1Km || this.warmth.within2Km !== within2Km) {
      frames.push(serialise({ type: 'warmth', within1Km, within2Km }))
    }
    this.warmth = warmth
    return { frames, isComplete }
  }

  /** Adds the frames to `frames`; true where that was all. */
  private tellHints(hints: readonly Hint[], manner: Manner, frames: FrameText[]): boolean {
    const before = this.known ?? none
    const { gone, changed } = compare(before, hints)
    const news = inOrder(changed, manner)
    const items = this.serialiseSome(news)
    if (this.known === undefined)
      frames.push(`{"type":"snapshot","hints":[${items.map(({ json }) => json).join()}]}`)
    else {
      for (const hint of inOrder(gone, manner)) {
        frames.push(serialiseGone(hint, manner.reasonOf(hint.envelopeId)))
      }
      for (const { frame } of items) frames.push(frame)
    }
    const isComplete = items.length === news.length
    this.known = isComplete ? hints : withoutLate({ before, hints, late: news.slice(items.length) })
    return isComplete
  }

  /** As many as one tick carries, in their order, and one at least. */
  private serialiseSome(hints: readonly Hint[]): readonly Item[] {
    if (hints.length === 0) return noItems
    const items: Item[] = []
    let bytes = HEAD_BYTES
    for (const hint of hints) {
      const { cell10 } = hint.envelope
      const isZoneNew = !this.zonesSent.has(cell10)
      const item = serialiseItem(hint, isZoneNew)
      bytes += item.bytes + (this.known === undefined ? 1 : HEAD_BYTES)
      if (bytes > limits.hint.bytesPerTick && items.length > 0) break
      if (isZoneNew) this.zonesSent.add(cell10)
      items.push(item)
    }
    return items
  }
}

const inOrder = (hints: readonly Hint[], manner: Manner): readonly Hint[] =>
  hints.length > 1 ? manner.inOrder(hints) : hints

/** What the client knows where some of it is told later: of those, what it was told before, if anything. */
function withoutLate({ before, hints, late }: Record<'before' | 'hints' | 'late', readonly Hint[]>): Hint[] {
  const isLate = new Set(late)
  const older = new Map(before.map(hint => [hint.envelopeId, hint]))
  return hints
    .map(hint => (isLate.has(hint) ? older.get(hint.envelopeId) : hint))
    .filter(hint => hint !== undefined)
}

type Difference = { gone: readonly Hint[]; changed: readonly Hint[] }

type Taken = { to: readonly Hint[]; difference: Difference }

const nothing: Difference = { gone: none, changed: none }

/**
 * The last difference that was taken from each array: a crowd goes from the same one to the same one, in one tick, for
 * which a WeakRef holds. Held for longer, whoever stands still would keep all that the others have seen since.
 */
const taken = new WeakMap<readonly Hint[], WeakRef<Taken>>()

function compare(from: readonly Hint[], to: readonly Hint[]): Difference {
  if (from === to) return nothing
  const known = taken.get(from)?.deref()
  if (known?.to === to) return known.difference
  const before = new Map(from.map(hint => [hint.envelopeId, hint]))
  const now = new Set(to.map(({ envelopeId }) => envelopeId))
  const difference = {
    gone: from.filter(({ envelopeId }) => !now.has(envelopeId)),
    changed: to.filter(hint => isNews(hint, before.get(hint.envelopeId))),
  }
  taken.set(from, new WeakRef({ to, difference }))
  return difference
}

/** Whether a client has to be told: what is written on an envelope may come later, or go. */
const isNews = ({ band, envelope }: Hint, known: Hint | undefined): boolean =>
  known === undefined ||
  known.band !== band ||
  known.envelope.greeting !== envelope.greeting ||
  known.envelope.clue !== envelope.clue

const serialise = (frame: Unnumbered): string => JSON.stringify(frame)

/** A hint in a snapshot, and the frame of one. */
type Item = { json: string; frame: SharedText; bytes: number }
type Texts = { zoned?: Item; plain?: Item; gone?: { reason: GoneReason; frame: SharedText } }

/** A crowd in one cell is sent the same bytes: hints are shared objects, so each is serialised once. */
const serialised = new WeakMap<Hint, Texts>()

function textsOf(hint: Hint): Texts {
  const known = serialised.get(hint)
  if (known !== undefined) return known
  const texts: Texts = {}
  serialised.set(hint, texts)
  return texts
}

function serialiseItem(hint: Hint, withZone: boolean): Item {
  const texts = textsOf(hint)
  const known = withZone ? texts.zoned : texts.plain
  if (known !== undefined) return known
  const json = JSON.stringify(describeHint(hint, withZone))
  const item = { json, frame: shareText(`{"type":"hint",${json.slice(1)}`), bytes: Buffer.byteLength(json) }
  texts[withZone ? 'zoned' : 'plain'] = item
  return item
}

function serialiseGone(hint: Hint, reason: GoneReason): SharedText {
  const texts = textsOf(hint)
  if (texts.gone?.reason === reason) return texts.gone.frame
  const frame = shareText(serialise({ type: 'gone', envelopeId: hint.envelopeId, reason }))
  texts.gone = { reason, frame }
  return frame
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
