/**
 * Ways to break the money path, and what keeps places secret, one patch each. A protection that can be taken out
 * without anybody noticing protects nothing: every mutant here has to be caught by the simulation, or, where other
 * layers hide the damage from outside, by the test that is named.
 */
export type Catcher =
  /** The simulation of the real verbs finds a seed. */
  | { by: 'simulation' }
  /** A test of this file, among those whose names contain `test`, fails. */
  | { by: 'test'; file: string; test: string }

export type Mutant = {
  /** Of the patch file, too. */
  name: string
  /** What is broken. */
  what: string
  caughtBy: Catcher
}

const simulation = { by: 'simulation' } as const
const test = (file: string, name: string) => ({ by: 'test', file, test: name }) as const
const recovery = (name: string) => test('test/claims/recovery.test.ts', name)
const order = (name: string) => test('test/claims/order.test.ts', name)
const attacks = test('test/attack/attack.test.ts', 'no attack gets below the hint cell')
const transcripts = test('test/attack/transcript.test.ts', 'all points of a hint cell')
const ports = (name: string) => test('test/simulation/ports.test.ts', name)

export const mutants: readonly Mutant[] = [
  {
    name: 'answer-before-settling',
    what: 'players hear of a win before PostgreSQL has committed it',
    caughtBy: simulation,
  },
  {
    name: 'no-unique-share',
    what: 'the schema lets two claims have one share',
    caughtBy: ports('a second claim of a player, or of a share'),
  },
  {
    name: 'no-unique-player',
    what: 'the schema lets one player claim twice',
    caughtBy: ports('a second claim of a player, or of a share'),
  },
  {
    name: 'no-epoch',
    what: 'settlement takes reservations of any epoch',
    caughtBy: simulation,
  },
  {
    name: 'no-row-lock',
    what: 'settlement reads rivals before it holds the envelopes',
    caughtBy: order('a settlement that waited for the row'),
  },
  {
    name: 'no-lock-in-sql',
    what: 'the statement that locks envelopes only reads them',
    caughtBy: ports('locks are taken in turn'),
  },
  {
    name: 'no-sweeper',
    what: 'nobody settles what a dead server reserved',
    caughtBy: simulation,
  },
  {
    name: 'cursor-before-marks',
    what: 'the sweeper stores its cursor before it settles and marks',
    caughtBy: order('the cursor stays behind'),
  },
  {
    name: 'void-returns-share',
    what: 'a voided reservation puts its share back on the list',
    caughtBy: ports('memory answers as Redis does'),
  },
  {
    name: 'write-before-read',
    what: 'a batch writes each win before it has read for the next',
    caughtBy: ports('memory answers as Redis does'),
  },
  {
    name: 'ended-by-counter',
    what: '“ended” is told from the counter in Redis, without reading the record',
    caughtBy: simulation,
  },
  {
    name: 'bump-on-refresh',
    what: 'every refresh raises the epoch, needed or not',
    caughtBy: recovery('two servers rebuild at once'),
  },
  {
    name: 'rebuild-in-one-statement',
    what: 'a rebuild reads what is left before it holds the row',
    caughtBy: order('a rebuild that waited for the row'),
  },
  {
    name: 'hint-from-claim-cell',
    what: 'the band of a hint is measured to the cell of resolution 12',
    caughtBy: attacks,
  },
  {
    name: 'reach-by-point',
    what: 'reach is measured to the point, not to the centre of its cell',
    caughtBy: test('test/attack/transcript.test.ts', 'all points of a claim cell'),
  },
  {
    name: 'code-from-claim-cell',
    what: 'with an on-site code, reach is measured to the cell of resolution 12',
    caughtBy: test('test/campaigns/codes.test.ts', 'all points of the hint cell'),
  },
  {
    name: 'no-failed-tries',
    what: 'failed tries are not counted',
    caughtBy: attacks,
  },
  {
    name: 'crowded-by-claim-cell',
    what: 'how crowded it is, is counted in the cell of resolution 12',
    caughtBy: transcripts,
  },
  {
    name: 'figures-in-production',
    what: 'refusals carry their numbers outside the sandbox, too',
    caughtBy: transcripts,
  },
  {
    name: 'order-for-everybody',
    what: 'lists are ordered by a hash that leaves out who asks',
    caughtBy: transcripts,
  },
  {
    name: 'clue-by-point',
    what: 'the clue is shown within 500 m of the point, not of the hint cell',
    caughtBy: transcripts,
  },
]
