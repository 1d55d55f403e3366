/**
 * Many envelopes on the same terms, as a drop makes them: funded from the drop, seen by nobody until the drop is live.
 * A batch is a few statements, whatever its size.
 */
import { createId } from '#platform/id.ts'
import type { Clock } from '#platform/clock.ts'
import type { Tx } from '#platform/postgres.ts'
import type { Random } from '#platform/random.ts'
import { type Cell, locateCell } from '../geo/cell.ts'
import type { Point } from '../geo/point.ts'
import { dropOf } from '../ledger/account.ts'
import type { Ledger } from '../ledger/transfer.ts'
import { commitSplit } from './commitment.ts'
import type { Presence } from './envelope.ts'
import { fundEscrow } from './escrow.ts'
import { SEED_BYTES, splitEqual, splitLucky } from './split.ts'

/** What all of them share. */
export type BatchTerms = {
  merchantId: string
  campaignId: string
  dropId: string
  currency: string
  totalMinor: bigint
  shareCount: number
  split: 'equal' | 'lucky'
  claimRadiusM: number
  opensAtMs: number
  expiresAtMs: number
  greeting: string | null
  clue: string | null
  brand: string | null
  presence: Presence
  createdAtMs: number
}

/** What each has of its own. */
export type BatchEnvelope = {
  id: string
  place: Point
  cell: Cell
  seed: Uint8Array
  commitment: string
  /** By share number, from 1; none where the shares are coupons. */
  amountsMinor: readonly bigint[]
}

export type BatchRecord = {
  /** `couponIds`: one for each share, in the order of the envelopes; none where there is money in them. */
  insertBatch(
    tx: Tx,
    terms: BatchTerms,
    content: { envelopes: readonly BatchEnvelope[]; couponIds: readonly string[] },
  ): Promise<void>
}

export type BatchPorts = { record: BatchRecord; ledger: Pick<Ledger, 'post'>; clock: Clock; random: Random }

/** Computed before the transaction: splits and hashes are most of the work. */
export function drawBatch(
  ports: Pick<BatchPorts, 'clock' | 'random'>,
  { totalMinor, shareCount, split }: Pick<BatchTerms, 'totalMinor' | 'shareCount' | 'split'>,
  places: readonly Point[],
): BatchEnvelope[] {
  return places.map(place => {
    const seed = ports.random.bytes(SEED_BYTES)
    const amountsMinor = drawAmounts({ totalMinor, shareCount, split }, seed)
    const commitment = commitSplit({ seed, amounts: amountsMinor })
    return { id: createId(ports), place, cell: locateCell(place), seed, commitment, amountsMinor }
  })
}

function drawAmounts(
  { totalMinor, shareCount, split }: Pick<BatchTerms, 'totalMinor' | 'shareCount' | 'split'>,
  seed: Uint8Array,
): bigint[] {
  if (totalMinor === 0n) return []
  return split === 'equal'
    ? splitEqual(totalMinor, shareCount)
    : splitLucky({ total: totalMinor, shares: shareCount, seed })
}

export async function insertBatch(
  { record, ledger }: Pick<BatchPorts, 'record' | 'ledger'>,
  tx: Tx,
  {
    terms,
    envelopes,
    couponIds = [],
  }: { terms: BatchTerms; envelopes: readonly BatchEnvelope[]; couponIds?: readonly string[] | undefined },
): Promise<void> {
  await record.insertBatch(tx, terms, { envelopes, couponIds })
  const { merchantId, dropId, currency, totalMinor, createdAtMs } = terms
  if (totalMinor === 0n) return
  const source = dropOf(dropId, currency)
  const funded = envelopes.map(({ id }) => ({
    id,
    hider: { kind: 'merchant' as const, id: merchantId },
    currency,
  }))
  await ledger.post(
    tx,
    funded.map(one => ({
      ...fundEscrow(one, { amountMinor: totalMinor, atMs: createdAtMs }),
      debit: source,
    })),
  )
}
