/**
 * The ledger of one envelope, for whoever put the money in: every movement from the escrow down to zero, as the record
 * has it. What remains by the movements and what the escrow's account says are two figures that have to agree.
 */
import type { Static } from 'typebox'
import { getEnvelopeLedger } from '#protocol/rest/envelopes.ts'
import { readPage, toPage } from '#platform/page.ts'
import type { Database } from '#platform/postgres.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { Caller } from '../players/caller.ts'
import { pseudonymOf } from './audience.ts'
import { type Envelope, isHiddenBy } from './envelope.ts'
import type { Entry, EnvelopeRecord } from './ports.ts'
import { toMoney, toTimestamp } from './view.ts'

export type EnvelopeLedger = Static<(typeof getEnvelopeLedger.answers)[200]>

export type EnvelopeLedgerPorts = {
  snapshot: Database['snapshot']
  record: Pick<EnvelopeRecord, 'findEnvelope' | 'listEntries' | 'sumEntries'>
  settings: { hmacSecret: string }
}

type Request = { caller: Caller; id: string; query: { limit?: string; cursor?: string } }

/** `not_found` to everybody but the hider and the operator. */
export function readEnvelopeLedger(
  { snapshot, record, settings }: EnvelopeLedgerPorts,
  { caller, id, query }: Request,
): Promise<{ status: 200; body: EnvelopeLedger } | Refusal> {
  return snapshot(async tx => {
    const page = readPage(query)
    if (page.status === 'refused') return page
    const envelope = await record.findEnvelope(tx, id)
    const mayRead = envelope && (caller.kind === 'operator' || isHiddenBy(envelope, caller))
    if (!mayRead) return refuse('not_found')
    const entries = await record.listEntries(tx, id, page)
    const { funded, claimed, refunded, remaining } = await record.sumEntries(tx, id)
    const money = (amountMinor: bigint) => toMoney(amountMinor, envelope.currency)
    const request = { path: getEnvelopeLedger.path.replace('{id}', id), limit: page.limit }
    const listed = toPage(entries, request, {
      item: entry => viewEntry(entry, envelope, settings.hmacSecret),
      key: ({ createdAtMs, transferId }) => ({ atMs: createdAtMs, id: transferId }),
    })
    const sums = {
      total: money(envelope.totalMinor),
      ...{ funded: money(funded), claimed: money(claimed) },
      ...{ refunded: money(refunded), remaining: money(remaining) },
    }
    return { status: 200, body: { envelopeId: id, state: envelope.state, sums, ...listed } }
  })
}

const viewEntry = (
  { transferId, kind, amountMinor, remainingMinor, claim, createdAtMs }: Entry,
  { id, hider, currency }: Envelope,
  hmacSecret: string,
): EnvelopeLedger['items'][number] => ({
  transferId,
  kind,
  amount: toMoney(amountMinor, currency),
  remaining: toMoney(remainingMinor, currency),
  ...(claim !== undefined && {
    shareNo: claim.shareNo,
    winner: pseudonymOf(hmacSecret, { envelopeId: id, hider, playerId: claim.playerId }),
  }),
  createdAt: toTimestamp(createdAtMs),
})
