/**
 * How an envelope ends before it is empty, by its hider or by time: in the transaction that holds its row lock it gets
 * its last state and a new epoch, and what is left in escrow goes back, as do coupons to their pool. A settlement that
 * comes later is refused.
 */
import assert from 'node:assert/strict'
import type { Tx } from '#platform/postgres.ts'
import { coarsen } from '../geo/cell.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { type Envelope, escrowMinorOf, holdsCoupons } from './envelope.ts'
import { refundEscrow } from './escrow.ts'
import type { Ledger } from '../ledger/transfer.ts'
import type { EnvelopeRecord } from './ports.ts'
import { canMove, isVisible } from './state.ts'
import { toMoney } from './view.ts'

export type EndPorts = {
  record: Pick<EnvelopeRecord, 'endEnvelopes'>
  ledger: Pick<Ledger, 'post'>
  /** Takes the coupons that nobody won out of locked envelopes, back into their pools; absent where there are none. */
  giveBackCoupons?: (tx: Tx, envelopeIds: readonly string[]) => Promise<void>
  announcer: Pick<Announcer, 'envelopeEnded' | 'toPlayer'>
}

export type End = { state: 'expired' | 'closed'; nowMs: number }

/** Ends envelopes whose rows the transaction has locked; call {@link announceEnds} after its commit. */
export async function endLocked(
  { record, ledger, giveBackCoupons }: Pick<EndPorts, 'record' | 'ledger' | 'giveBackCoupons'>,
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
  const withCoupons = envelopes.filter(holdsCoupons).map(({ id }) => id)
  if (withCoupons.length === 0) return
  assert(giveBackCoupons, 'coupons have a pool to go back to')
  await giveBackCoupons(tx, withCoupons)
}

/** Coupons that may come back in one transaction: each is a row, where money is one transfer an envelope. */
const mostCoupons = 5_000

/** As many of locked envelopes as one transaction ends; the others are left for the next. */
export function takeEndable(envelopes: readonly Envelope[]): readonly Envelope[] {
  let coupons = 0
  const past = envelopes.findIndex((envelope, i) => {
    if (holdsCoupons(envelope)) coupons += envelope.shareCount - envelope.claimedShares
    return i > 0 && coupons > mostCoupons
  })
  return past === -1 ? envelopes : envelopes.slice(0, past)
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
