/**
 * `npm run soak [-- NAME [SIZE]]`: the runs that are too long for every change, each at the size of a release. Without
 * a name it lists them. What they found is in the README of this folder.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { asTypeScript } from './helpers/run-typescript.ts'

type Soak = {
  what: string
  command: readonly string[]
  env?: Readonly<Record<string, string>>
  /** The variable that a second argument sets. */
  size?: string
}

/** A test file, or those of its tests in whose titles `title` stands; where there is none, nothing would be run. */
function test(file: string, title?: string): readonly string[] {
  if (title !== undefined && !readFileSync(file, 'utf8').includes(title))
    throw new Error(`${file} has no test '${title}'`)
  return ['npx', 'tap', '--timeout=3600', `--grep=/${title ?? '.'}/`, file]
}
const strain = 'test/realtime/strain.test.ts'
const sessions = 'test/realtime/sessions.test.ts'
const race = 'test/acceptance/race.test.ts'

const soaks: Readonly<Record<string, Soak>> = {
  rush: {
    what: '10,000 players, five claims each at once, three servers, 100 shares',
    command: test(race),
    env: { RACE_PLAYERS: '10000', RACE_SERVERS: '3', RACE_TRIES: '5', RACE_FINAL_WITHIN_MS: '300000' },
  },
  'lost-replies': {
    what: '20,000 players, 10,000 shares, three answers in ten thrown away after the claim was executed',
    command: test(race),
    env: {
      ...{ RACE_PLAYERS: '20000', RACE_SHARES: '10000', RACE_SERVERS: '3', RACE_TRIES: '4' },
      ...{ RACE_LOSS: '0.3', RACE_FINAL_WITHIN_MS: '600000' },
    },
  },
  faults: {
    what: 'a million seeds of the simulation',
    command: [
      'npm',
      'run',
      'simulate-faults',
      '--',
      '--seeds',
      '1000000',
      '--workers',
      String(cpus().length),
    ],
  },
  chaos: {
    what: 'a thousand faults on real processes',
    command: ['npm', 'run', 'chaos', '--', '--faults', '1100'],
  },
  failpoints: {
    what: '200 crashes at each failpoint',
    command: ['npm', 'run', 'chaos', '--', '--failpoints', '200'],
  },
  mutants: { what: 'every mutant, caught', command: ['npm', 'run', 'mutants'] },
  ends: {
    what: '20,000 envelopes closed and expired at random moments under claims',
    command: test('test/claims/ends.test.ts'),
    env: { ENDS: '20000' },
  },
  errands: {
    what: '10,000 service requests under five actors who know nothing of each other',
    command: test('test/requests/interleavings.test.ts'),
    env: { INTERLEAVINGS: '10000', SEED: '42' },
  },
  amounts: {
    what: 'a million amounts',
    command: test('test/ledger/amounts.test.ts'),
    env: { MONEY_RUNS: '1000000' },
  },
  splits: {
    what: 'a million splits',
    command: test('test/envelopes/split.test.ts'),
    env: { MONEY_RUNS: '1000000', TAP_TIMEOUT: '3600' },
  },
  cuts: {
    what: '10,000 connections cut at a random byte; in the end clients know what the server knows',
    command: test(sessions, 'cuts'),
    env: { CUTS: '10000' },
  },
  bans: {
    what: '1,000 of 2,000 live players banned, with pub/sub and without, in real time',
    command: test(sessions, 'banned'),
    env: { BANS: '1000', PACE: '1' },
  },
  'dead-peers': {
    what: '500 half-open sockets, in real time',
    command: test(sessions, 'half-open'),
    env: { HALF_OPEN: '500', PACE: '1' },
  },
  'deaf-peers': {
    what: '1,000 sockets, of which 100 never read, for a minute',
    command: test(strain, 'never reads'),
    env: { SOCKETS: '1000', DEAF_S: '60' },
  },
  strain: {
    what: 'a million fragments, 10,000 connections of noise',
    command: test(strain),
    env: { FRAGMENTS: '1000000', NOISES: '10000' },
  },
  deploy: {
    what: 'a server with 5,000 sockets is taken down, and they come back to another one',
    command: test(strain, 'a deploy with'),
    env: { MOVING: '5000' },
  },
  frames: {
    what: 'a million fuzzed frames',
    command: test('test/realtime/dialogue.test.ts', 'by the thousand'),
    env: { FUZZED_FRAMES: '1000000' },
  },
  fuzz: {
    what: 'a million requests made from the OpenAPI document, good and broken',
    command: ['npx', 'tap', '--timeout=43200', 'test/fuzz/fuzz.test.ts'],
    env: { HEXBAO_FUZZ_REQUESTS: '1000000', HEXBAO_FUZZ_AT_ONCE: '4' },
    size: 'HEXBAO_FUZZ_REQUESTS',
  },
  attack: {
    what: 'every attack, on six envelopes each, with borders in eight directions',
    command: ['npm', 'run', 'attack', '--', '--rays', '8', '--repeats', '1000'],
  },
  transcripts: {
    what: '100 points in each of 200 hint cells and 200 claim cells, every byte equal',
    command: test('test/attack/transcript.test.ts'),
    env: { TRANSCRIPT_CELLS: '200', TRANSCRIPT_POINTS: '100' },
  },
  timing: {
    what: 'the times of 10,000 answers about each of two places in one cell, compared as distributions',
    command: test('test/attack/timing.test.ts'),
    env: { TIMING_ANSWERS: '10000' },
  },
  'slow-clients': {
    what: 'a thousand sockets that send a byte twice a second, and what others notice of it',
    command: test('test/platform/exhaustion.test.ts'),
    env: { SLOW_CLIENTS: '1000' },
  },
  steady: {
    what: 'a server under everything that players do for 35 minutes: memory flat, event loop free, books right',
    command: ['node', ...asTypeScript, 'test/steady/steady.ts'],
  },
  'lost-commits': {
    what: 'a thousand connections cut at COMMIT',
    command: test('test/platform/lost-answer.test.ts'),
    env: { LOST_ANSWERS: '1000' },
  },
}

const [name, size] = process.argv.slice(2)
const soak = name === undefined ? undefined : soaks[name]
if (soak === undefined) {
  const rows = Object.entries(soaks).map(([key, { what }]) => `  ${key.padEnd(14)}${what}`)
  process.stdout.write(`npm run soak -- NAME, where NAME is\n${rows.join('\n')}\n`)
  process.exitCode = name === undefined ? 0 : 2
} else {
  const [file = '', ...args] = soak.command
  const sized = soak.size !== undefined && size !== undefined ? { [soak.size]: size } : {}
  const run = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...soak.env, ...sized } })
  const [code] = (await once(run, 'exit')) as [number | null]
  process.exitCode = code ?? 1
}
