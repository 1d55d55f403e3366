/**
 * The proof of a split: seed and amounts beside the commitment that was shown from the moment the envelope opened. Once
 * it ended anyone can recompute the amounts, here or with `npm run verify-split`.
 */
import type { Static } from 'typebox'
import type { SplitProof as ProofSchema } from '#protocol/rest/envelopes.ts'
import type { Clock } from '#platform/clock.ts'
import { type Refusal, refuse } from '#platform/problem.ts'
import type { MerchantCaller, PlayerCaller } from '../players/caller.ts'
import { type SplitVerdict, verifySplit } from './commitment.ts'
import { holdsCoupons } from './envelope.ts'
import { type FindPorts, findVisible } from './get.ts'
import type { EnvelopeRecord } from './ports.ts'
import { isEnded } from './state.ts'
import { toMoney } from './view.ts'

export type SplitProof = Static<typeof ProofSchema>

export type VerifyPorts = FindPorts & {
  record: Pick<EnvelopeRecord, 'findSeed' | 'listShares'>
  clock: Clock
}

/** The proof, `not_found` until the envelope ended: its seed would tell what each share is worth. */
export async function verifyEnvelope(
  ports: VerifyPorts,
  { caller, id }: { caller: PlayerCaller | MerchantCaller; id: string },
): Promise<{ status: 200; body: SplitProof } | Refusal> {
  const found = await findVisible(ports, { caller, id, nowMs: ports.clock.nowMs() })
  if (found === undefined || !isEnded(found.envelope.state)) return refuse('not_found')
  const { envelope } = found
  // One coupon is worth as much as another: nothing was drawn.
  if (holdsCoupons(envelope)) return refuse('not_found')
  const seed = await ports.record.findSeed(ports.tx, id)
  if (seed === undefined) return refuse('not_found')
  const amountsMinor = await ports.record.listShares(ports.tx, id)
  const proof = {
    envelopeId: id,
    split: envelope.split,
    total: toMoney(envelope.totalMinor, envelope.currency),
    shares: envelope.shareCount,
    ...(envelope.shareCapMinor !== null && { shareCapMinor: String(envelope.shareCapMinor) }),
    commitment: envelope.commitment,
    seed: Buffer.from(seed).toString('hex'),
    amountsMinor: amountsMinor.map(String),
  }
  return { status: 200, body: { ...proof, valid: checkProof(proof).status === 'verified' } }
}

/** Recomputes a proof as it was sent; numbers that are none count as impossible terms. */
export function checkProof(proof: Omit<SplitProof, 'valid'>): SplitVerdict {
  const { commitment, split, shares, shareCapMinor } = proof
  const numbers = [proof.total.amountMinor, ...(shareCapMinor === undefined ? [] : [shareCapMinor])]
  const isReadable =
    /^[0-9a-f]{64}$/.test(proof.seed) &&
    [...numbers, ...proof.amountsMinor].every(number => /^\d{1,15}$/.test(number))
  if (!isReadable) return { status: 'refuted', reason: 'terms' }
  return verifySplit({
    commitment,
    seed: Buffer.from(proof.seed, 'hex'),
    total: BigInt(proof.total.amountMinor),
    shares,
    capMinor: shareCapMinor === undefined ? undefined : BigInt(shareCapMinor),
    split,
    amounts: proof.amountsMinor.map(BigInt),
  })
}
