/** Randomness is an argument, like time: a seeded source makes a whole run repeatable. */
import { randomBytes } from 'node:crypto'

export type Random = {
  /** `size` unpredictable bytes. */
  bytes(size: number): Buffer
  /** A number in [0, 1), for jitter; never for money or secrets. */
  fraction(): number
}

/** Asking the system costs as much for 16 bytes as for thousands; ids and seeds are cut from a few of them at once. */
const pooledBytes = 4_096
const cutBytes = 64
let pool = Buffer.alloc(0)

/** Every byte is given out once. */
function cutFromPool(size: number): Buffer {
  if (pool.length < size) pool = randomBytes(pooledBytes)
  const cut = pool.subarray(0, size)
  pool = pool.subarray(size)
  return cut
}

export const systemRandom: Random = {
  bytes: size => (size <= cutBytes ? cutFromPool(size) : randomBytes(size)),
  fraction: () => Math.random(),
}
