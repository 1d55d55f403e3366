/** The simulation in CI: 10,000 seeds, every kind of fault in them, and the same run from the same seed. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { runSeeds } from './campaign.ts'
import { faultKinds } from './faults.ts'
import { runSeed } from './run.ts'

t.setTimeout(300_000)

t.test('the same seed is the same run', async t => {
  for (const seed of [1, 7, 4_242]) {
    const hashes = []
    for (let time = 0; time < 2; time++) {
      const { log, events } = await runSeed(seed, { isLogged: true })
      t.ok(log.length > 40, `seed ${seed} has a story of ${log.length} lines`)
      hashes.push(
        createHash('sha256')
          .update(`${events}\n${log.join('\n')}`)
          .digest('hex'),
      )
    }
    t.equal(hashes[0], hashes[1], `seed ${seed}`)
  }
})

t.test('each run is eventful enough to prove something', async t => {
  for (let seed = 1; seed <= 200; seed++) {
    const { faults, calls } = await runSeed(seed)
    const count = [...faults.values()].reduce((sum, times) => sum + times, 0)
    if (count < 5 || calls < 20) t.fail(`seed ${seed}: ${count} faults, ${calls} calls`)
  }
  t.pass('at least 5 faults and 20 calls each')
})

t.test('10,000 seeds break no invariant, and meet every fault', async t => {
  const { seeds, failure, faults } = await runSeeds({ seed: 1, seeds: 10_000 })
  t.equal(failure, undefined, `replay: npm run simulate-faults -- --seeds 1 --seed ${failure?.seed}`)
  t.equal(seeds, 10_000)
  for (const kind of faultKinds) t.ok((faults[kind] ?? 0) >= 100, `${kind}: ${faults[kind] ?? 0} times`)
})
