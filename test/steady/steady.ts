/**
 * `npm run soak -- steady`: a server as `npm start` starts it works for half an hour and more, and must be at the end
 * what it was: memory flat, event loop free, nothing left waiting, books right. Options: --minutes N (default 35),
 * --rate N (claims begun a second), --seed N. Exit code 0: steady; 1: not; 2: it could not be tried.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readWhole } from '../../src/bin/play/command-line.ts'
import { findDatabaseUrl, makeDataDir, startServer, type Teardown } from '../acceptance/launch.ts'
import { inspect } from '../bench/heap.ts'
import { describeMachine } from '../bench/machine.ts'
import { awaitBooks, type Sample, takeSample } from './samples.ts'
import { gatherCrowd, playBots, playLoad, type Round, type Traffic } from './traffic.ts'
import { formatVerdict, judgeSamples, mib } from './verdict.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const MINUTE_MS = 60_000
const ROUND_MS = 45_000
const SAMPLE_MS = 30_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function readFlags() {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, rate: { type: 'string' }, seed: { type: 'string' } },
  })
  const whole = (name: keyof typeof values, usual: number, max: number): number =>
    readWhole(values[name], { option: `--${name}`, min: 1, max }) ?? usual
  return {
    minutes: whole('minutes', 35, 1_440),
    ratePerS: whole('rate', 60, 10_000),
    seed: whole('seed', 1, 1e9),
  }
}

type Flags = ReturnType<typeof readFlags>

async function run(t: Teardown, { minutes, ratePerS, seed }: Flags): Promise<0 | 1> {
  const inspected = await inspect()
  const dataDir = await makeDataDir(t)
  const { banner } = await startServer(t, {
    dataDir,
    command: [
      ...[process.execPath, '--max-semi-space-size=32', ...inspected.nodeArgs],
      ...asTypeScript,
      ...['src/bin/server.ts', '--local'],
    ],
    env: { LOG_LEVEL: 'warn' },
  })
  const { url, merchantKey, operatorKey } = banner
  const books = { databaseUrl: await findDatabaseUrl(dataDir), dataDir }
  const crowd = await gatherCrowd({ url })
  await awaitBooks({ url, operatorKey })
  const startMs = performance.now()
  const elapsedMs = () => performance.now() - startMs
  const leftMs = () => minutes * MINUTE_MS - elapsedMs()
  const isOver = () => leftMs() <= 0
  const traffic: Traffic = { url, merchantKey, books, seed, ratePerS, roundMs: ROUND_MS, crowd, leftMs }
  const rounds: Round[] = []
  const samples: Sample[] = []

  const repeat = async (play: (traffic: Traffic, round: number) => Promise<Round>): Promise<void> => {
    for (let round = 0; !isOver(); round++) {
      // Who is turned away for good ends the round, not the run.
      const played = await play(traffic, round).catch((error: Error) => ({
        ...{ what: 'a round', answers: 0, broken: [error.message] },
      }))
      rounds.push(played)
      for (const what of played.broken) say(`round ${round}, ${played.what}: ${what}`)
    }
  }
  const watch = async (): Promise<void> => {
    while (!isOver()) {
      await sleep(SAMPLE_MS)
      const sample = await takeSample({ url, operatorKey, inspected }, elapsedMs() / MINUTE_MS)
      samples.push(sample)
      say(describe(sample))
    }
  }
  await Promise.all([repeat(playLoad), repeat(playBots), watch()])
  return conclude({ rounds, samples })
}

function conclude({ rounds, samples }: { rounds: readonly Round[]; samples: readonly Sample[] }): 0 | 1 {
  const verdict = judgeSamples(samples)
  const broken = [...rounds.flatMap(round => round.broken), ...verdict.broken]
  const answers = rounds.reduce((sum, round) => sum + round.answers, 0)
  say(`${rounds.length} rounds, ${answers.toLocaleString('en')} answers, ${samples.length} samples`)
  formatVerdict({ ...verdict, broken }).forEach(say)
  return broken.length === 0 ? 0 : 1
}

const describe = ({ atMin, heldBytes, rssBytes, loopP99Ms, figures }: Sample): string =>
  `${atMin.toFixed(1)} min: held ${mib(heldBytes)}, in memory ${mib(rssBytes)}, loop p99 ` +
  `${loopP99Ms.toFixed(1)} ms, ${figures.hexbao_sockets} sockets, outbox ` +
  `${figures.hexbao_outbox_lag_seconds.toFixed(1)} s`

const undo: (() => unknown)[] = []
try {
  const flags = readFlags()
  const { cpu, memory, node, commit } = await describeMachine()
  const { minutes, ratePerS, seed } = flags
  say(`${minutes} min, ${ratePerS} claims a second, seed ${seed}: ${cpu}; ${memory}; Node ${node}; ${commit}`)
  process.exitCode = await run({ teardown: step => void undo.push(step as () => unknown) }, flags)
} catch (error) {
  say(String((error as Error).stack))
  process.exitCode = 2
} finally {
  for (const step of undo.reverse()) await step()
}
process.exit()
