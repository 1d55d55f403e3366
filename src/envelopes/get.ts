/**
 * Looking at one envelope. What is unknown, not open yet, or meant for other players is one and the same `not_found`:
 * an id alone never tells whether there is something behind it.
 */
import type { Envelope as EnvelopeAnswer } from '#protocol/rest/envelopes.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import { type Envelope, hasOpened, isHiddenBy } from './envelope.ts'
import type { Positions } from '../positions/positions.ts'
import type { EnvelopeRecord } from './ports.ts'
import { viewEnvelope } from './view.ts'

export type FindPorts = {
  tx: Tx
  record: Pick<EnvelopeRecord, 'findEnvelope' | 'isGuest'>
}

export type Look = { caller: PlayerCaller | MerchantCaller; id: string; nowMs: number }

export type Found = { envelope: Envelope; isHider: boolean }

/**
 * The envelope, if this caller may know of it: the hider always, other players once it opened, guests where there are
 * any. A merchant plays nowhere, and sees what is theirs alone.
 */
export async function findVisible(
  { tx, record }: FindPorts,
  { caller, id, nowMs }: Look,
): Promise<Found | undefined> {
  const envelope = await record.findEnvelope(tx, id)
  if (envelope === undefined) return undefined
  if (isHiddenBy(envelope, caller)) return { envelope, isHider: true }
  if (caller.kind === 'merchant' || !hasOpened(envelope, nowMs)) return undefined
  if (envelope.audience !== 'players') return { envelope, isHider: false }
  const isGuest = await record.isGuest(tx, { envelopeId: id, playerId: caller.id })
  return isGuest ? { envelope, isHider: false } : undefined
}

export type GetPorts = FindPorts & { positions: Pick<Positions, 'lastCell'>; clock: Clock }

/** The envelope as the caller may see it, its clue by where they last stood. */
export async function getEnvelope(
  ports: GetPorts,
  { caller, id }: Omit<Look, 'nowMs'>,
): Promise<{ status: 200; body: EnvelopeAnswer } | Refusal> {
  const nowMs = ports.clock.nowMs()
  const found = await findVisible(ports, { caller, id, nowMs })
  if (found === undefined) return refuse('not_found')
  if (found.isHider) return { status: 200, body: viewEnvelope(found.envelope, { kind: 'hider' }, nowMs) }
  const cell = caller.kind === 'player' ? await ports.positions.lastCell(caller.id) : undefined
  return { status: 200, body: viewEnvelope(found.envelope, { kind: 'other', cell }, nowMs) }
}
