/**
 * How an envelope ends before it is empty, by its hider or by time: in the transaction that holds its row lock it gets
 * its last state and a new epoch, and what is left in escrow goes back. A settlement that comes later is refused.
 */
import assert from 'node:assert/strict'
import type { Tx } from '#platform/postgres.ts'
import { coarsen } from '../geo/cell.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { type Envelope, escrowMinorOf } from './envelope.ts'
import { refundEscrow } from './escrow.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { EnvelopeRecord } from './ports.ts'
import { canMove, isVisible } from './state.ts'
import { toMoney } from './view.ts'

export type EndPorts = {
  record: Pick<EnvelopeRecord, 'endEnvelopes'>
  ledger: Pick<Ledger, 'post'>
  announcer: Pick<Announcer, 'envelopeEnded' | 'toPlayer'>
}

export type End = { state: 'expired' | 'closed'; nowMs: number }

/** Ends envelopes whose rows the transaction has locked; call {@link announceEnds} after its commit. */
export async function endLocked(
  { record, ledger }: Pick<EndPorts, 'record' | 'ledger'>,
  tx: Tx,
  envelopes: readonly Envelope[],
  { state, nowMs }: End,
): Promise<void> {
  if (envelopes.length === 0) return
  for (const { id, state: from } of envelopes) assert(canMove(from, state), `${id}: ${from} -> ${state}`)
  await record.endEnvelopes(tx, { ids: envelopes.map(({ id }) => id), state, endedAtMs: nowMs })
  const refunds = envelopes.flatMap(envelope => {
    const amountMinor = escrowMinorOf(envelope)
    return amountMinor === 0n ? [] : [refundEscrow(envelope, { amountMinor, atMs: nowMs })]
  })
  await ledger.post(tx, refunds)
}

/** Tells those near it and the hider; `envelopes` are as they were before they ended. */
export function announceEnds(
  { announcer }: Pick<EndPorts, 'announcer'>,
  envelopes: readonly Envelope[],
  { state }: End,
): void {
  for (const envelope of envelopes) {
    const { id, cell, hider, currency } = envelope
    if (isVisible(envelope.state)) announcer.envelopeEnded({ id, cell7: coarsen(cell, 7), reason: state })
    const refundMinor = escrowMinorOf(envelope)
    if (hider.kind !== 'player' || refundMinor === 0n) continue
    const amount = toMoney(refundMinor, currency)
    announcer.toPlayer(hider.id, { type: 'wallet.changed', kind: 'refund', amount, envelopeId: id })
  }
}
