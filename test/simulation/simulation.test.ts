/**
 * The simulation in CI: 10,000 seeds, every kind of fault in them, and the same run from the same seed. The seeds are
 * in two files, which run side by side: this one and second-half.test.ts.
 */
import { createHash } from 'node:crypto'
import t from 'tap'
import { breakNothing } from './break-nothing.ts'
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

t.test('half of 10,000 seeds break no invariant, and meet every fault', t => breakNothing(t, 1))
