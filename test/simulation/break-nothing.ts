/** Many seeds in a row, none of which may break an invariant, and all of which together have to meet every fault. */
import type { Test } from 'tap'
import { runSeeds } from './campaign.ts'
import { faultKinds } from './faults.ts'

/** Half of what CI tries. */
export const seedsOfHalf = 5_000

export async function breakNothing(t: Test, seed: number): Promise<void> {
  const { seeds, failure, faults } = await runSeeds({ seed, seeds: seedsOfHalf })
  t.equal(failure, undefined, `replay: npm run simulate-faults -- --seeds 1 --seed ${failure?.seed}`)
  t.equal(seeds, seedsOfHalf)
  for (const kind of faultKinds) t.ok((faults[kind] ?? 0) >= 100, `${kind}: ${faults[kind] ?? 0} times`)
}
