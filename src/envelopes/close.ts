/**
 * The hider takes an envelope back. The row lock orders it against claims: whatever settled before keeps its share, the
 * rest is refunded, and nothing settles after.
 */
import type { Envelope as EnvelopeAnswer } from '#protocol/rest/envelopes.ts'
import type { Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import { announceEnds, type EndPorts, endLocked } from './end.ts'
import { type Envelope, isHiddenBy } from './envelope.ts'
import type { Transact } from '#platform/postgres.ts'
import type { EnvelopeRecord } from './ports.ts'
import { isEnded } from './state.ts'
import { toMoney, viewEnvelope } from './view.ts'

export type ClosePorts = EndPorts & {
  transact: Transact
  record: Pick<EnvelopeRecord, 'lockEnvelope'>
  clock: Clock
}

type Closed = {
  status: 200
  body: { envelope: EnvelopeAnswer; refund: { amountMinor: string; currency: string } }
}

/** Closed now or before, with the refund; `not_found` (also for strangers), `frozen`, or `ended` otherwise. */
export async function closeEnvelope(
  ports: ClosePorts,
  { caller, id }: { caller: PlayerCaller | MerchantCaller; id: string },
): Promise<Closed | Refusal> {
  const nowMs = ports.clock.nowMs()
  const end = { state: 'closed', nowMs } as const
  const closing = await ports.transact(async tx => {
    const verdict = judgeClosing(await ports.record.lockEnvelope(tx, id), caller)
    if (verdict.status === 'open') await endLocked(ports, tx, [verdict.envelope], end)
    return verdict
  })
  if (closing.status === 'refused') return closing
  const { status, envelope } = closing
  if (status === 'closed') return answerClosed(envelope, nowMs)
  announceEnds(ports, [envelope], end)
  const closed: Envelope = { ...envelope, state: 'closed', epoch: envelope.epoch + 1n, endedAtMs: nowMs }
  return answerClosed(closed, nowMs)
}

type Closing = { status: 'open' | 'closed'; envelope: Envelope } | Refusal

function judgeClosing(envelope: Envelope | undefined, caller: { kind: string; id: string }): Closing {
  if (envelope === undefined || !isHiddenBy(envelope, caller)) return refuse('not_found')
  if (envelope.state === 'closed') return { status: 'closed', envelope }
  if (envelope.state === 'frozen') return refuse('frozen')
  if (isEnded(envelope.state)) return refuse('ended', { reason: envelope.state })
  return { status: 'open', envelope }
}

const answerClosed = (envelope: Envelope, nowMs: number): Closed => ({
  status: 200,
  body: {
    envelope: viewEnvelope(envelope, { kind: 'hider' }, nowMs),
    refund: toMoney(envelope.totalMinor - envelope.claimedMinor, envelope.currency),
  },
})
