import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import t from 'tap'
import { commitSplit, verifySplit } from '../../src/envelopes/commitment.ts'
import { isSplittable, splitEqual, splitLucky } from '../../src/envelopes/split.ts'

const MOST_MINOR = 10n ** 13n - 1n
/** More with `MONEY_RUNS=1000000`: see test/README.md. */
const RUNS = Number(process.env.MONEY_RUNS ?? 500)
const COUNTING_SEED = Uint8Array.from({ length: 32 }, (_, i) => i)

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** Splittable terms, with the tight corners (all ones, all at the cap) as likely as anything between. */
const terms = fc
  .tuple(
    fc.integer({ min: 1, max: 300 }),
    fc.bigInt({ min: 1n, max: 10n ** 10n }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .chain(([shares, cap, fill]) => {
    const [least, most] = [
      BigInt(shares),
      BigInt(shares) * cap < MOST_MINOR ? BigInt(shares) * cap : MOST_MINOR,
    ]
    const between = least + ((most - least) * BigInt(Math.floor(fill * 1000))) / 1000n
    return fc.constantFrom(least, between, most).map(total => ({ shares, capMinor: cap, total }))
  })

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((a, b) => a + b, 0n)
}

function numberedSeed(number: number): Uint8Array {
  return createHash('sha256').update(`seed ${number}`).digest()
}

t.test('an equal split differs by at most one, the first shares get the remainder', async t => {
  t.same(splitEqual(10n, 3), [4n, 3n, 3n])
  t.same(splitEqual(7n, 7), [1n, 1n, 1n, 1n, 1n, 1n, 1n])
  t.same(splitEqual(MOST_MINOR, 1), [MOST_MINOR])
  fc.assert(
    fc.property(terms, ({ total, shares }) => {
      const amounts = splitEqual(total, shares)
      assert.equal(sum(amounts), total)
      assert.equal(amounts.length, shares)
      assert(amounts.every((amount, i) => amount >= 1n && amount <= (amounts[i - 1] ?? amount)))
      assert((amounts[0] ?? 0n) - (amounts.at(-1) ?? 0n) <= 1n)
    }),
    { numRuns: RUNS },
  )
})

t.test('a lucky split spends the total, gives everyone something and nobody more than the cap', async () => {
  fc.assert(
    fc.property(terms, seeds, ({ total, shares, capMinor }, seed) => {
      const amounts = splitLucky({ total, shares, capMinor, seed })
      assert.equal(sum(amounts), total)
      assert.equal(amounts.length, shares)
      assert(amounts.every(amount => amount >= 1n && amount <= capMinor))
      assert.deepEqual(splitLucky({ total, shares, capMinor, seed }), amounts, 'the seed decides')
    }),
    { numRuns: RUNS },
  )
})

t.test('extremes', async t => {
  const seed = COUNTING_SEED
  t.same(splitLucky({ total: 5n, shares: 1, seed }), [5n])
  t.same(splitLucky({ total: 4n, shares: 4, seed }), [1n, 1n, 1n, 1n])
  t.same(splitLucky({ total: 60_000n, shares: 3, capMinor: 20_000n, seed }), [20_000n, 20_000n, 20_000n])
  t.same(splitLucky({ total: MOST_MINOR, shares: 1, seed }), [MOST_MINOR])
  const many = splitLucky({ total: MOST_MINOR, shares: 10_000, seed })
  t.equal(sum(many), MOST_MINOR)
  t.ok(new Set(many).size > 9_900, 'a large total is cut finely')
})

t.test('what cannot be split is a bug of the caller', async t => {
  const seed = COUNTING_SEED
  t.throws(() => splitLucky({ total: 3n, shares: 4, seed }), /no split/)
  t.throws(() => splitLucky({ total: 41n, shares: 4, capMinor: 10n, seed }), /no split/)
  t.throws(() => splitLucky({ total: 4n, shares: 0, seed }), /no split/)
  t.throws(() => splitLucky({ total: 4n, shares: 1.5, seed }), /no split/)
  t.throws(() => splitLucky({ total: 4n, shares: 2, seed: seed.subarray(1) }), /32 bytes/)
  t.throws(() => splitEqual(3n, 4), /no split/)
  t.notOk(isSplittable({ total: 2n ** 48n, shares: 1 }), 'beyond what the numbers of the stream reach')
})

/** Computed by an independent program (Python, hashlib.shake_256) from the text at the top of split.ts. */
t.test('known answers', async t => {
  const answers = [
    {
      terms: { total: 10_000n, shares: 8 },
      amounts: [85n, 837n, 589n, 3133n, 1050n, 1042n, 2355n, 909n],
      commitment: '986f13975d99aacb083034be3f0d6cde33bfba931fe12f446c7704bb1daba852',
    },
    {
      terms: { total: 10_000n, shares: 8, capMinor: 2000n },
      amounts: [1573n, 837n, 589n, 2000n, 1050n, 1042n, 2000n, 909n],
      commitment: '0c69ba6295d5497b0d02dbfa897d9f7c29bfcf8f260fcc13d03cf73c70f21e31',
    },
    {
      terms: { total: MOST_MINOR, shares: 10_000, capMinor: 2_000_000_000n },
      commitment: '92f87b58b82fa0a043b2ae9c36783205d86e75c357e1345a95b7bd6db2be8ae2',
    },
  ]
  for (const { terms, amounts, commitment } of answers) {
    const computed = splitLucky({ ...terms, seed: COUNTING_SEED })
    if (amounts) t.same(computed, amounts)
    t.equal(commitSplit({ seed: COUNTING_SEED, amounts: computed }), commitment)
  }
})

/** 99th percentiles of the chi-square distribution by degrees of freedom (NIST e-Handbook, table 1.3.6.7.4). */
const CHI_SQUARE_99 = { 9: 21.666 }

function chiSquare(observed: readonly number[]): number {
  const expected = observed.reduce((a, b) => a + b, 0) / observed.length
  return observed.reduce((chi, count) => chi + (count - expected) ** 2 / expected, 0)
}

t.test('every position is equally lucky, with and without a cap, and for tiny shares', async t => {
  for (const terms of [
    { total: 100_000n, shares: 10 },
    { total: 100_000n, shares: 10, capMinor: 25_000n },
    { total: 15n, shares: 10 },
  ]) {
    const bestAt = Array.from({ length: 10 }, () => 0)
    for (let n = 0; n < 5000; n++) {
      const amounts = splitLucky({ ...terms, seed: numberedSeed(n) })
      const best = amounts.reduce((a, b) => (a > b ? a : b))
      const places = amounts.flatMap((amount, i) => (amount === best ? [i] : []))
      const [place] = places
      if (place !== undefined && places.length === 1) bestAt[place] = (bestAt[place] ?? 0) + 1
    }
    t.ok(chiSquare(bestAt) < CHI_SQUARE_99[9], `best of ${terms.total}: ${chiSquare(bestAt).toFixed(1)}`)
  }
})

t.test('every way to cut is equally likely', async t => {
  const counts = new Map<string, number>()
  for (let n = 0; n < 10_000; n++) {
    const key = splitLucky({ total: 6n, shares: 3, seed: numberedSeed(n) }).join()
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  t.equal(counts.size, 10, 'two of five places')
  t.ok(chiSquare([...counts.values()]) < CHI_SQUARE_99[9], String(chiSquare([...counts.values()])))
})

function refuted(reason: string, shareNo?: number) {
  return { status: 'refuted', reason, ...(shareNo !== undefined && { shareNo }) }
}

t.test('a published split is verified, and any change refutes it', async t => {
  const fair = { total: 10_000n, shares: 8, capMinor: 2000n, split: 'lucky' as const, seed: COUNTING_SEED }
  const amounts = splitLucky(fair)
  const commitment = commitSplit({ seed: fair.seed, amounts })
  const claimed = { ...fair, amounts, commitment }
  t.same(verifySplit(claimed), { status: 'verified' })

  t.same(verifySplit({ ...claimed, commitment: commitment.toUpperCase() }), refuted('commitment'))
  t.same(verifySplit({ ...claimed, seed: numberedSeed(1) }), refuted('commitment'), 'another seed')
  t.same(verifySplit({ ...claimed, amounts: amounts.toReversed() }), refuted('commitment'), 'other amounts')
  t.same(verifySplit({ ...claimed, total: 10_001n }), refuted('amounts', 0), 'another total')
  t.same(verifySplit({ ...claimed, seed: COUNTING_SEED.subarray(1) }), refuted('terms'))
  t.same(verifySplit({ ...claimed, shares: 4 }), refuted('terms'), 'no such split under the cap')

  const chosen = [1n, ...amounts.slice(1, -1), (amounts[0] ?? 0n) + (amounts.at(-1) ?? 0n) - 1n]
  const chosenCommitment = commitSplit({ seed: fair.seed, amounts: chosen })
  t.same(
    verifySplit({ ...claimed, amounts: chosen, commitment: chosenCommitment }),
    refuted('amounts', 0),
    'chosen, not drawn',
  )

  const longer = [...amounts, 1n]
  const longerCommitment = commitSplit({ seed: fair.seed, amounts: longer })
  t.same(verifySplit({ ...claimed, amounts: longer, commitment: longerCommitment }), refuted('amounts', 8))
})

t.test('an equal split is verified too', async t => {
  const amounts = splitEqual(100n, 3)
  const commitment = commitSplit({ seed: COUNTING_SEED, amounts })
  t.same(verifySplit({ commitment, seed: COUNTING_SEED, total: 100n, shares: 3, split: 'equal', amounts }), {
    status: 'verified',
  })
})
