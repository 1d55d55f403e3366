/** What `npm run verify-split` says of a proof, in words for someone who did not write the game. */
import { Check } from 'typebox/value'
import { SplitProof as ProofSchema } from '#protocol/rest/envelopes.ts'
import type { SplitVerdict } from './commitment.ts'
import { checkProof, type SplitProof } from './verify.ts'

export type ProofReport = {
  /** `unreadable`: nothing was checked. */
  status: 'fair' | 'unfair' | 'unreadable'
  lines: string[]
}

/**
 * Judges the JSON answer of GET /v1/envelopes/{id}/verify. `noted` is the commitment as it was shown while the envelope
 * was open: only that makes it a proof, for an answer can always be made to fit itself.
 */
export function reportProof(json: string, noted?: string): ProofReport {
  const proof = parse(json)
  if (proof === undefined) return { status: 'unreadable', lines: ['This is not an answer of …/verify.'] }
  const lines = [describe(proof)]
  if (noted !== undefined && noted.toLowerCase() !== proof.commitment) {
    lines.push(`NOT FAIR: the commitment is ${proof.commitment}, you noted ${noted}.`)
    return { status: 'unfair', lines }
  }
  const verdict = checkProof(proof)
  if (verdict.status === 'refuted') {
    return { status: 'unfair', lines: [...lines, `NOT FAIR: ${explain(verdict, proof)}`] }
  }
  const shown = noted === undefined ? 'the commitment in the answer' : 'the commitment that you noted'
  lines.push(`Seed and amounts hash to ${shown}, ${proof.commitment}.`)
  if (noted === undefined) lines.push('Compare it with the one that was shown while the envelope was open.')
  lines.push(
    'The seed gives exactly these amounts.',
    'FAIR: drawn before anyone came, and not changed since.',
  )
  return { status: 'fair', lines }
}

function parse(json: string): SplitProof | undefined {
  try {
    const proof: unknown = JSON.parse(json)
    return Check(ProofSchema, proof) ? proof : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function describe({ envelopeId, total, shares, split, shareCapMinor }: SplitProof): string {
  const cap = shareCapMinor === undefined ? '' : `, at most ${shareCapMinor} a share`
  const money = `${total.amountMinor} minor units of ${total.currency}`
  return `Envelope ${envelopeId}: ${money} in ${shares} shares, ${split}${cap}.`
}

function explain(verdict: Exclude<SplitVerdict, { status: 'verified' }>, proof: SplitProof): string {
  switch (verdict.reason) {
    case 'terms':
      return 'no split has such a seed, total, number of shares and cap.'
    case 'commitment':
      return `seed and amounts do not hash to the commitment ${proof.commitment}.`
    case 'amounts': {
      const amount = proof.amountsMinor[verdict.shareNo] ?? 'missing'
      return `share ${verdict.shareNo + 1} is ${amount}, which is not what the seed gives.`
    }
  }
}
