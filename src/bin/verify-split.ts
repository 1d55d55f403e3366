/**
 * `npm run verify-split -- <file|-> [commitment]`: recomputes a split from the answer of GET /v1/envelopes/{id}/verify,
 * without a server. The second argument is the commitment as you noted it while the envelope was open: only that makes
 * it a proof, for an answer always fits itself. Exit code 0: fair, 1: not, 2: nothing to check.
 */
import { readFileSync } from 'node:fs'
import { Check } from 'typebox/value'
import { SplitProof as ProofSchema } from '#protocol/rest/envelopes.ts'
import { checkProof, type SplitProof } from '../envelopes/verify.ts'

const usage = `Usage: npm run verify-split -- <file|-> [commitment]
  <file|->      the JSON answer of GET /v1/envelopes/{id}/verify, or - for standard input
  [commitment]  the commitment that you saw while the envelope was open`

process.exitCode = run(process.argv.slice(2))

function run(args: readonly string[]): 0 | 1 | 2 {
  const [source, noted, ...extra] = args
  if (source === undefined || extra.length > 0) return give(2, usage)
  const proof = readProof(source)
  if (typeof proof === 'string') return give(2, proof)
  const lines = [describe(proof)]
  if (noted !== undefined && noted.toLowerCase() !== proof.commitment) {
    return give(1, ...lines, `NOT FAIR: the commitment is ${proof.commitment}, you noted ${noted}.`)
  }
  const verdict = checkProof(proof)
  if (verdict.status === 'verified') {
    const shown = noted === undefined ? 'the commitment in the answer' : 'the commitment that you noted'
    const advice = noted === undefined ? ['Compare it with what was shown while the envelope was open.'] : []
    return give(
      0,
      ...lines,
      `Seed and amounts hash to ${shown}: ${proof.commitment}`,
      ...advice,
      'The seed gives exactly these amounts.',
      'FAIR: the split was drawn before anyone came, and nobody changed it.',
    )
  }
  return give(1, ...lines, `NOT FAIR: ${explain(verdict, proof)}`)
}

function readProof(source: string): SplitProof | string {
  let text: string
  try {
    text = readFileSync(source === '-' ? 0 : source, 'utf8')
  } catch (error) {
    return `${source} cannot be read: ${(error as Error).message}`
  }
  try {
    const proof: unknown = JSON.parse(text)
    return Check(ProofSchema, proof) ? proof : `${source} is not the answer of /v1/envelopes/{id}/verify.`
  } catch (error) {
    return `${source} is not JSON: ${(error as Error).message}`
  }
}

function describe({ envelopeId, total, shares, split, shareCapMinor }: SplitProof): string {
  const cap = shareCapMinor === undefined ? '' : `, at most ${shareCapMinor} a share`
  const money = `${total.amountMinor} minor units of ${total.currency}`
  return `Envelope ${envelopeId}: ${money}, ${shares} shares, ${split}${cap}.`
}

type Refuted = Exclude<ReturnType<typeof checkProof>, { status: 'verified' }>

function explain(verdict: Refuted, proof: SplitProof): string {
  switch (verdict.reason) {
    case 'terms':
      return 'no split has such a seed, total, number of shares and cap.'
    case 'commitment':
      return `seed and amounts do not hash to the commitment ${proof.commitment}.`
    case 'amounts': {
      const amount = proof.amountsMinor[verdict.shareNo] ?? 'missing'
      return `share ${verdict.shareNo + 1} is ${amount}, the seed gives another amount.`
    }
  }
}

function give<C extends 0 | 1 | 2>(code: C, ...lines: string[]): C {
  const stream = code === 2 ? process.stderr : process.stdout
  stream.write(`${lines.join('\n')}\n`)
  return code
}
