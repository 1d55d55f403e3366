/** Randomness is an argument, like time: a seeded source makes a whole run repeatable. */
import { randomBytes } from 'node:crypto'

export type Random = {
  /** `size` unpredictable bytes. */
  bytes(size: number): Buffer
  /** A number in [0, 1), for jitter; never for money or secrets. */
  fraction(): number
}

export const systemRandom: Random = {
  bytes: size => randomBytes(size),
  fraction: () => Math.random(),
}
