/** The other half of the seeds of simulation.test.ts. */
import t from 'tap'
import { breakNothing, seedsOfHalf } from './break-nothing.ts'

t.setTimeout(300_000)

t.test('and so does the other half', t => breakNothing(t, 1 + seedsOfHalf))
