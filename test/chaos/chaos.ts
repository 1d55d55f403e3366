/**
 * `npm run chaos -- --faults N [--minutes M] [--seed S] [--kinds PATTERN] …`: N faults, drawn from the seed,
 * on real processes under load; `--failpoints N` crashes servers N times at each failpoint instead. Exit code 0:
 * every promise was kept; 1: one was broken, with the seed; 2: it could not run.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { createDice } from '../../src/bin/play/dice.ts'
import { drawFaults, planCrashes } from './faults/unleash.ts'
import { formatVerdict, toJson } from './report.ts'
import { runTrial } from './trial.ts'

const { values: flags } = parseArgs({
  options: {
    faults: { type: 'string', default: '100' },
    failpoints: { type: 'string' },
    kinds: { type: 'string', default: '' },
    forgetful: { type: 'boolean', default: false },
    'at-once': { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    servers: { type: 'string', default: '3' },
    rate: { type: 'string', default: '600' },
    json: { type: 'boolean', default: false },
  },
})

/** What a fault takes of the time, where `--minutes` does not say. */
const msPerFault = 1_500

function readNumber(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} ${text} is not a number above 0`)
  return value
}

async function main(): Promise<0 | 1> {
  const seed = flags.seed === undefined ? randomInt(2 ** 31) : readNumber('seed', flags.seed)
  const dice = createDice(seed)
  const servers = readNumber('servers', flags.servers)
  const plan =
    flags.failpoints === undefined
      ? drawFaults(dice, {
          count: readNumber('faults', flags.faults),
          kinds: new RegExp(flags.forgetful ? '^kill -9 of PostgreSQL$' : flags.kinds),
        })
      : planCrashes(readNumber('failpoints', flags.failpoints))
  const minutes = flags.minutes === undefined ? undefined : readNumber('minutes', flags.minutes)
  const overMs = minutes === undefined ? plan.length * msPerFault : minutes * 60_000
  const verdict = await runTrial({
    ...{
      seed,
      plan,
      servers,
      patience: 1,
      isForgetful: flags.forgetful,
      rate: readNumber('rate', flags.rate),
    },
    overMs,
    latestMs: Number.POSITIVE_INFINITY,
    atOnce: readNumber(
      'at-once',
      flags['at-once'] ?? (flags.failpoints === undefined ? '12' : flags.servers),
    ),
    quietMs: { least: 60_000, most: 90_000 },
    progress: line => process.stderr.write(`chaos: ${line}\n`),
  })
  process.stdout.write(`${flags.json ? toJson(verdict) : formatVerdict(verdict)}\n`)
  return verdict.holds ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`chaos: ${(error as Error).stack}\n`)
  process.exitCode = 2
}
// A socket to a process that was killed or frozen may hold this one for minutes, and nothing is left to do.
if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
process.exit()
