/**
 * Times by the million in a few hundred numbers, as HdrHistogram keeps them: buckets that grow with the value, each at
 * most 3 % wide, so that the slowest of a hundred thousand is as exact as the median.
 */

export type Histogram = {
  record(ms: number): void
  count(): number
  meanMs(): number
  maxMs(): number
  /** The time that `part` of all do not exceed, rounded up to the end of its bucket; 0 of nothing. */
  quantileMs(part: number): number
  /** How many took `fromMs` or more and less than `toMs`, for each doubling that anything fell into. */
  octaves(): Octave[]
}

export type Octave = { fromMs: number; toMs: number; count: number }

/** 32 buckets for each doubling. */
const SUB_BITS = 5
const SUBS = 2 ** SUB_BITS
const LONGEST_US = 2 ** 31 - 1

/** Up to 63 µs a bucket each; above, the leading six bits of the number of µs. */
function bucketOf(us: number): number {
  if (us < 2 * SUBS) return us
  const shift = 31 - Math.clz32(us) - SUB_BITS
  return shift * SUBS + (us >>> shift)
}

/** The smallest number of µs in a bucket; the next one's is one more than its largest. */
function startOf(bucket: number): number {
  if (bucket < 2 * SUBS) return bucket
  const shift = Math.floor(bucket / SUBS) - 1
  return ((bucket % SUBS) + SUBS) * 2 ** shift
}

export function createHistogram(): Histogram {
  const counts: number[] = []
  let [total, sumUs, maxUs] = [0, 0, 0]

  return {
    record(ms) {
      const us = Math.min(LONGEST_US, Math.max(0, Math.round(ms * 1_000)))
      const bucket = bucketOf(us)
      counts[bucket] = (counts[bucket] ?? 0) + 1
      total++
      sumUs += us
      maxUs = Math.max(maxUs, us)
    },
    count: () => total,
    meanMs: () => (total === 0 ? 0 : sumUs / total / 1_000),
    maxMs: () => maxUs / 1_000,
    quantileMs(part) {
      const wanted = Math.max(1, Math.ceil(part * total))
      let seen = 0
      for (const [bucket, count = 0] of counts.entries()) {
        seen += count
        if (seen >= wanted) return Math.min(startOf(bucket + 1) - 1, maxUs) / 1_000
      }
      return 0
    },
    octaves() {
      const sums = new Map<number, number>()
      for (const [bucket, count = 0] of counts.entries()) {
        const octave = 31 - Math.clz32(Math.max(1, startOf(bucket)))
        if (count > 0) sums.set(octave, (sums.get(octave) ?? 0) + count)
      }
      return [...sums].map(([octave, count]) => {
        const fromMs = 2 ** octave / 1_000
        return { fromMs, toMs: 2 * fromMs, count }
      })
    },
  }
}
