/**
 * How a total becomes shares, decided once, when the envelope is funded. The usual red-envelope rule ("up to
 * twice the average of what is left") is unfair by position and biased when shares are tiny; cutting a line at
 * distinct random places treats every share alike. All randomness comes from one 32-byte seed by the steps
 * below, so that whoever learns the seed later can recompute every amount (`commitment.ts`):
 *
 * 1. Numbers. SHAKE256(seed) is an endless stream of bytes (FIPS 202; the extendable output makes one call of
 *    what would be thousands of HMACs). Every six bytes are an integer, big-endian. draw(n): take the next
 *    integers until one is below 2^48 - (2^48 mod n); the result is that one mod n, so no remainder is likelier
 *    than another.
 * 2. Cuts, Floyd's sampling: for j = total - shares + 1 … total - 1: c = 1 + draw(j); cut at c, or at j where c
 *    is already cut. Sorted, with 0 before and total behind them, their differences are the amounts.
 * 3. Cap: what amounts have above the cap is taken off and given to the smallest amounts (equal ones in order
 *    of their place), each filled to the cap before the next.
 * 4. Shuffle, Fisher and Yates: for i = shares - 1 … 1: swap amounts i and draw(i + 1).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

export type LuckySplit = { total: bigint; shares: number; capMinor?: bigint | undefined; seed: Uint8Array }

export const SEED_BYTES = 32

const DRAW_BYTES = 6
const DRAW_RANGE = 2 ** 48
/** Enough for a hundred shares; doubled when used up. */
const FIRST_STREAM_BYTES = 256 * DRAW_BYTES

/**
 * Amounts in minor units, the remainder one by one to the first shares. Sum is `total`, each at least 1.
 * Asserts 1 ≤ shares ≤ total: callers refuse anything else before.
 */
export function splitEqual(total: bigint, shares: number): bigint[] {
  assertSplittable({ total, shares })
  const [quotient, remainder] = [total / BigInt(shares), Number(total % BigInt(shares))]
  return Array.from({ length: shares }, (_, i) => (i < remainder ? quotient + 1n : quotient))
}

/**
 * Amounts in minor units by share number, every position with the same distribution. Sum is `total`, each at
 * least 1 and at most `capMinor`. Asserts shares ≤ total ≤ cap × shares and a seed of 32 bytes: callers refuse
 * anything else before.
 */
export function splitLucky({ total, shares, capMinor, seed }: LuckySplit): bigint[] {
  assertSplittable({ total, shares, capMinor })
  const draw = createDraw(seed)
  const amounts = cutRandomly(Number(total), shares, draw)
  if (capMinor !== undefined) levelAbove(amounts, Number(capMinor))
  shuffle(amounts, draw)
  return Array.from(amounts, BigInt)
}

/** Whether a split exists: every share at least 1, none above the cap, all in integers that a double holds exactly. */
export function isSplittable({ total, shares, capMinor }: Omit<LuckySplit, 'seed'>): boolean {
  const isCountable = Number.isSafeInteger(shares) && shares >= 1 && total < BigInt(DRAW_RANGE)
  if (!isCountable || BigInt(shares) > total) return false
  return capMinor === undefined || total <= capMinor * BigInt(shares)
}

function assertSplittable(terms: Omit<LuckySplit, 'seed'>): void {
  assert(
    isSplittable(terms),
    `no split of ${terms.total} into ${terms.shares}, cap ${terms.capMinor ?? 'none'}`,
  )
}

/** A uniform integer in [0, bound). */
type Draw = (bound: number) => number

function createDraw(seed: Uint8Array): Draw {
  assert.equal(seed.length, SEED_BYTES, 'a seed has 32 bytes')
  let stream = expandSeed(seed, FIRST_STREAM_BYTES)
  let offset = 0
  const next = () => {
    if (offset === stream.length) stream = expandSeed(seed, stream.length * 2)
    offset += DRAW_BYTES
    return stream.readUIntBE(offset - DRAW_BYTES, DRAW_BYTES)
  }
  return bound => {
    const fairLimit = DRAW_RANGE - (DRAW_RANGE % bound)
    let number = next()
    while (number >= fairLimit) number = next()
    return number % bound
  }
}

/** The first bytes of the stream; a longer output begins with the shorter one. */
function expandSeed(seed: Uint8Array, outputLength: number): Buffer {
  return createHash('shake256', { outputLength }).update(seed).digest()
}

function cutRandomly(total: number, shares: number, draw: Draw): Float64Array {
  const chosen = new Set<number>()
  for (let j = total - shares + 1; j < total; j++) {
    const candidate = 1 + draw(j)
    chosen.add(chosen.has(candidate) ? j : candidate)
  }
  const ends = Float64Array.from([...chosen, total]).sort()
  return ends.map((end, i) => end - (ends[i - 1] ?? 0))
}

function levelAbove(amounts: Float64Array, cap: number): void {
  if (amounts.every(amount => amount <= cap)) return
  const bySize = Array.from(amounts.entries()).sort(([i, a], [j, b]) => a - b || i - j)
  let surplus = 0
  for (const [i, amount] of bySize) {
    if (amount <= cap) continue
    surplus += amount - cap
    amounts[i] = cap
  }
  for (const [i, amount] of bySize) {
    if (surplus === 0) return
    const given = Math.min(surplus, Math.max(0, cap - amount))
    amounts[i] = Math.min(amount, cap) + given
    surplus -= given
  }
  assert.equal(surplus, 0, 'the total fits under the cap')
}

function shuffle(amounts: Float64Array, draw: Draw): void {
  for (let i = amounts.length - 1; i > 0; i--) {
    const j = draw(i + 1)
    const [here = 0, there = 0] = [amounts[i], amounts[j]]
    amounts[i] = there
    amounts[j] = here
  }
}
