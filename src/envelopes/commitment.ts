/**
 * Provably fair: the hash of seed and amounts is published when the envelope opens, the seed when it ended. So nobody,
 * the operator included, can choose the amounts after seeing who comes, and everybody can check that they were drawn.
 *
 * The hashed text is UTF-8, three lines without a newline at the end:
 *   hexbao-split-v1
 *   <seed, 64 lower-case hexadecimal digits>
 *   <amounts in minor units by share number, decimal, joined by commas>
 */
import { hash } from 'node:crypto'
import { isSplittable, SEED_BYTES, splitEqual, splitLucky } from './split.ts'

export type SplitClaim = {
  commitment: string
  seed: Uint8Array
  total: bigint
  shares: number
  capMinor?: bigint | undefined
  split: 'equal' | 'lucky'
  amounts: readonly bigint[]
}

/**
 * `terms`: no such split exists (seed length, more shares than money, cap too low). `commitment`: seed and amounts are
 * not what was published. `amounts`: they were published, but the seed does not give them; `shareNo` is the first that
 * differs, counted from 0 as in the list.
 */
export type SplitVerdict =
  | { status: 'verified' }
  | { status: 'refuted'; reason: 'terms' | 'commitment' }
  | { status: 'refuted'; reason: 'amounts'; shareNo: number }

/** SHA-256 of the canonical text, as 64 lower-case hexadecimal digits. */
export function commitSplit({ seed, amounts }: { seed: Uint8Array; amounts: readonly bigint[] }): string {
  const seedHex = Buffer.from(seed).toString('hex')
  return hash('sha256', `hexbao-split-v1\n${seedHex}\n${amounts.join(',')}`, 'hex')
}

/** Recomputes a split from its seed and compares it with what was published. The input is not trusted. */
export function verifySplit(claimed: SplitClaim): SplitVerdict {
  const { commitment, seed, total, shares, capMinor, split, amounts } = claimed
  if (seed.length !== SEED_BYTES || !isSplittable({ total, shares, capMinor })) {
    return { status: 'refuted', reason: 'terms' }
  }
  if (commitSplit({ seed, amounts }) !== commitment) return { status: 'refuted', reason: 'commitment' }
  const expected =
    split === 'equal' ? splitEqual(total, shares) : splitLucky({ total, shares, capMinor, seed })
  const shareNo = expected.findIndex((amount, i) => amount !== amounts[i])
  if (shareNo !== -1) return { status: 'refuted', reason: 'amounts', shareNo }
  if (amounts.length !== shares) return { status: 'refuted', reason: 'amounts', shareNo: shares }
  return { status: 'verified' }
}
