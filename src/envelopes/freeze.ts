/**
 * An operator freezes one envelope, or lets it go on. Both are a new epoch, so what is reserved at that moment is
 * refused and its share comes back. What is unfrozen after its time has passed ends and is refunded at once; what had
 * not opened yet waits for its opening again, one of a drop until the drop is open, whatever the time is.
 */
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import { coarsen } from '../geo/cell.ts'
import type { NoteAction } from '../operator/action.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { announceEnds, type EndPorts, endLocked } from './end.ts'
import { type Envelope, toLiveEnvelope } from './envelope.ts'
import type { Campaigns, EnvelopeRecord } from './ports.ts'
import { isEnded, isVisible } from './state.ts'

export type EnvelopeFreezePorts = EndPorts & {
  record: Pick<EnvelopeRecord, 'findEnvelope' | 'lockEnvelope' | 'moveEnvelope' | 'listGuests'>
  campaigns: Pick<Campaigns, 'lockDrop'>
  announcer: Pick<Announcer, 'envelopeOpened'>
  noteAction: NoteAction
  clock: Clock
}

export type EnvelopeFreezeOrder = { envelopeId: string; reason: string }

type LastingState = Exclude<Envelope['state'], 'draft' | 'empty' | 'closed'>

/** `changed` is false where it was so already; then nothing is noted. `announce` is for after the commit. */
export type Moved = { status: 'ok'; state: LastingState; changed: boolean; announce: () => void } | Refusal

const unchanged = (state: LastingState): Moved => ({
  status: 'ok',
  state,
  changed: false,
  announce: () => {},
})

export async function freezeEnvelope(
  ports: EnvelopeFreezePorts,
  tx: Tx,
  order: EnvelopeFreezeOrder,
): Promise<Moved> {
  const envelope = await ports.record.lockEnvelope(tx, order.envelopeId)
  if (envelope === undefined || envelope.state === 'draft') return refuse('not_found')
  if (isEnded(envelope.state)) return refuse('ended', { reason: envelope.state })
  if (envelope.state === 'frozen') return unchanged('frozen')
  await ports.record.moveEnvelope(tx, envelope.id, 'frozen')
  await note(ports, tx, envelope, { ...order, action: 'freeze', state: 'frozen' })
  const { id, cell } = envelope
  const announce = () => {
    // One that had not opened is known to nobody.
    if (isVisible(envelope.state)) {
      ports.announcer.envelopeEnded({ id, cell7: coarsen(cell, 7), reason: 'frozen' })
    }
  }
  return { status: 'ok', state: 'frozen', changed: true, announce }
}

export async function unfreezeEnvelope(
  ports: EnvelopeFreezePorts,
  tx: Tx,
  order: EnvelopeFreezeOrder,
): Promise<Moved> {
  const { record, campaigns, clock, announcer } = ports
  const nowMs = clock.nowMs()
  const dropId = (await record.findEnvelope(tx, order.envelopeId))?.dropId ?? null
  // Before its envelope, as whoever fills it does: it is not called open before what is decided here can be seen.
  const drop = dropId === null ? undefined : await campaigns.lockDrop(tx, dropId)
  const envelope = await record.lockEnvelope(tx, order.envelopeId)
  if (envelope === undefined || envelope.state === 'draft') return refuse('not_found')
  if (isEnded(envelope.state)) return refuse('ended', { reason: envelope.state })
  if (envelope.state !== 'frozen') return unchanged(envelope.state)
  const state = stateAt(envelope, drop, nowMs)
  await note(ports, tx, envelope, { ...order, action: 'unfreeze', state })
  if (state === 'expired') {
    const end = { state, nowMs } as const
    await endLocked(ports, tx, [envelope], end)
    return { status: 'ok', state, changed: true, announce: () => announceEnds(ports, [envelope], end) }
  }
  await record.moveEnvelope(tx, envelope.id, state)
  if (state === 'funded') return { status: 'ok', state, changed: true, announce: () => {} }
  const guests = await record.listGuests(tx, [envelope.id])
  const live = toLiveEnvelope(envelope, guests.get(envelope.id) ?? [])
  return { status: 'ok', state, changed: true, announce: () => announcer.envelopeOpened(live) }
}

/** What an envelope that nothing holds up is at a moment. */
function stateAt(
  { opensAtMs, expiresAtMs }: Envelope,
  drop: { isOpened: boolean } | undefined,
  nowMs: number,
): 'funded' | 'live' | 'expired' {
  if (expiresAtMs <= nowMs) return 'expired'
  const isOpen = drop === undefined ? opensAtMs <= nowMs : drop.isOpened
  return isOpen ? 'live' : 'funded'
}

type Noted = EnvelopeFreezeOrder & { action: 'freeze' | 'unfreeze'; state: Envelope['state'] }

function note(
  { noteAction, clock }: EnvelopeFreezePorts,
  tx: Tx,
  envelope: Envelope,
  { envelopeId, reason, action, state }: Noted,
): Promise<void> {
  const { claimedShares, claimedMinor, epoch } = envelope
  const before = { state: envelope.state, epoch, claimedShares, claimedMinor }
  const what = { actor: 'operator', action, target: { envelopeId }, reason } as const
  return noteAction(tx, { ...what, before, after: { state, epoch: epoch + 1n }, atMs: clock.nowMs() })
}
