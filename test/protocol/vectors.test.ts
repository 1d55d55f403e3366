/** Vectors are frozen: whoever writes a client in another language reproduces them, and so must every later server. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { envelopeId, mei, claimId } from '#protocol/examples/story.ts'
import { checkCharacterOf, couponAlphabet, readCouponCode, writeCouponCode } from '#protocol/coupon-code.ts'
import { claimIdOf, claimNamespace } from '../../src/claims/reservation.ts'
import { commitSplit, verifySplit } from '../../src/envelopes/commitment.ts'
import { splitEqual, splitLucky } from '../../src/envelopes/split.ts'
import { toWgs84 } from '../../src/geo/datum.ts'
import { parsePosition } from '../../src/geo/point.ts'
import { measureM } from '../../src/geo/distance.ts'

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../protocol/vectors/${name}.json`, import.meta.url), 'utf8'))

type SplitVector = {
  split: 'lucky' | 'equal'
  totalMinor: string
  shares: number
  shareCapMinor?: string
  seed: string
  amountsMinor: string[]
  commitment: string
}

t.test('splits', async t => {
  const { vectors } = read('split') as { vectors: SplitVector[] }
  t.ok(vectors.length >= 9)
  for (const { split, totalMinor, shares, shareCapMinor, commitment, ...vector } of vectors) {
    const [seed, total] = [Buffer.from(vector.seed, 'hex'), BigInt(totalMinor)]
    const capMinor = shareCapMinor === undefined ? undefined : BigInt(shareCapMinor)
    const amounts =
      split === 'equal' ? splitEqual(total, shares) : splitLucky({ total, shares, capMinor, seed })
    t.same(amounts.map(String), vector.amountsMinor, `${split} ${totalMinor} into ${shares}`)
    t.equal(commitSplit({ seed, amounts }), commitment)
    t.same(verifySplit({ commitment, seed, total, shares, capMinor, split, amounts }), { status: 'verified' })
  }
})

t.test('datums', async t => {
  type Position = [number, number]
  const { vectors } = read('datum') as { vectors: { wgs84: Position; gcj02: Position; bd09: Position }[] }
  for (const vector of vectors) {
    const truth = parsePosition(vector.wgs84)
    for (const crs of ['gcj02', 'bd09'] as const) {
      const sent = parsePosition(vector[crs])
      t.ok(truth && sent && measureM(toWgs84(sent, crs), truth) < 0.1, `${crs} ${vector.wgs84.join()}`)
    }
  }
})

t.test('claim ids', async t => {
  type ClaimVector = { envelopeId: string; playerId: string; claimId: string }
  const { namespace, vectors } = read('claim-id') as { namespace: string; vectors: ClaimVector[] }
  t.equal(namespace, claimNamespace)
  for (const vector of vectors) t.equal(claimIdOf(vector.envelopeId, vector.playerId), vector.claimId)
  t.equal(claimIdOf(envelopeId, mei), claimId, 'the story of the examples is true')
})

t.test('codes of coupons', async t => {
  type CodeVectors = { alphabet: string; checked: string[]; typed: { text: string; code: string | null }[] }
  const { alphabet, checked, typed } = read('coupon-code') as CodeVectors
  t.equal(couponAlphabet, alphabet)
  for (const text of checked) t.equal(checkCharacterOf(text.slice(0, -1)), text.at(-1), text)
  for (const { text, code } of typed) {
    t.equal(readCouponCode(text) ?? null, code, text)
    if (code !== null) t.equal(writeCouponCode(code), text.trim().toUpperCase().replaceAll(' ', '-'))
  }
})
