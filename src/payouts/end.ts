/**
 * How a payout ends, whoever says so: the operator, a signed callback, or a provider that refuses it. The row lock
 * orders them; the first decides. Who says the same again hears the same, who says the opposite is refused, and in
 * both cases no money moves.
 */
import { limits } from '#protocol/limits.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import { isRefusal, type Refusal, refuse } from '#platform/problem.ts'
import type { PostTransfers } from '../ledger/transfer.ts'
import type { Announcer } from '../realtime/announcer.ts'
import { type Payout, type PayoutEnd, type PayoutRecord, releasePayout } from './payout.ts'
import { readText } from './request.ts'
import { isEnded } from './state.ts'

export type EndPorts = {
  record: Pick<PayoutRecord, 'lock' | 'end'>
  postTransfers: PostTransfers
  clock: Clock
}

/** `ended`: now; `repeated`: before, in the same way. */
export type Ended = { status: 'ended' | 'repeated'; payout: Payout }

/**
 * Refusals in this order: `bad_request` for a text that is none or a reason that is missing or unasked for, below
 * `pointer`; `not_found`; `payout_ended` for one that ended in the other way.
 */
export async function endPayout(
  { record, postTransfers, clock }: EndPorts,
  tx: Tx,
  { id, pointer, end: raw }: { id: string; pointer: string; end: PayoutEnd },
): Promise<Ended | Refusal> {
  const end = readEnd(raw, pointer)
  if (isRefusal(end)) return end
  const payout = await record.lock(tx, id)
  if (payout === undefined) return refuse('not_found', { detail: 'No such payout.' })
  const { outcome, reason, reference } = end
  if (payout.state === outcome) return { status: 'repeated', payout }
  if (isEnded(payout.state)) return refuse('payout_ended', { reason: payout.state })
  const endedAtMs = clock.nowMs()
  await postTransfers(tx, [releasePayout(payout, { outcome, atMs: endedAtMs })])
  await record.end(tx, { ...end, id, endedAtMs })
  const texts = { ...(reason !== undefined && { reason }), ...(reference !== undefined && { reference }) }
  return { status: 'ended', payout: { ...payout, ...texts, state: outcome, endedAtMs } }
}

function readEnd(
  { outcome, reason, reference }: PayoutEnd,
  pointer: string,
): (PayoutEnd & { status: 'ok' }) | Refusal {
  const { reasonChars, referenceChars } = limits.payout
  if ((reason !== undefined) !== (outcome === 'failed')) {
    const message = outcome === 'failed' ? 'a failed payout says why' : 'a paid one has no reason'
    return refuse('bad_request', { errors: [{ pointer: `${pointer}/reason`, message }] })
  }
  const why = readText(reason, { pointer: `${pointer}/reason`, maxChars: reasonChars })
  if (isRefusal(why)) return why
  const name = readText(reference, { pointer: `${pointer}/reference`, maxChars: referenceChars })
  if (isRefusal(name)) return name
  return {
    ...{ status: 'ok', outcome },
    ...(why.text === undefined ? {} : { reason: why.text }),
    ...(name.text === undefined ? {} : { reference: name.text }),
  }
}

/** Tells a player's sockets, after the commit. */
export function announceEnd(
  announcer: Pick<Announcer, 'toPlayer'>,
  { id, owner, state, amountMinor, currency }: Payout,
): void {
  if (owner.kind !== 'player') return
  announcer.toPlayer(owner.id, {
    type: 'wallet.changed',
    kind: state === 'paid' ? 'payout_paid' : 'payout_returned',
    amount: { amountMinor: String(amountMinor), currency },
    payoutId: id,
  })
}
