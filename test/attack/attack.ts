/**
 * `npm run attack [-- --url URL …]`: everything that an attacker could try to find an envelope with, on a naive build,
 * where it has to succeed, and on the server that ships. Exit code 0: ours tells nothing below the hint cell, and
 * nothing below the claim cell to whoever tries on the spot; 1: it does, or an attack fails where it has to succeed;
 * 2: it could not run.
 */
import { parseArgs } from 'node:util'
import { reachOperations } from './attacks.ts'
import type { Finding } from './finding.ts'
import { type Game, joinGame, startGame } from './game.ts'
import { type Meter, readMeter } from './meter.ts'
import { formatFindings, formatMeter } from './report.ts'
import { attackGame, attackNaive, precisionM } from './trial.ts'

const usage = `Usage: npm run attack -- [options]
  --url URL       a sandbox that runs; without it a server of its own, in production mode
  --targets N     envelopes of others that each attack is tried on, default 6
  --own N         envelopes of the attacker that it learns from before, default 2
  --rays N        directions in which borders are looked for, default 6
  --repeats N     times that the same question is asked, default 100
  --at-once N     attacks at a time, default 3
  --seed S        of the naive build's noise, default 1
  --json          the findings for machines`

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    targets: { type: 'string', default: '6' },
    own: { type: 'string', default: '2' },
    rays: { type: 'string', default: '6' },
    repeats: { type: 'string', default: '100' },
    'at-once': { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function readCount(name: 'targets' | 'own' | 'rays' | 'repeats' | 'at-once' | 'seed'): number {
  const value = Number(flags[name])
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${flags[name]} is not a count`)
  return value
}

const undo: (() => unknown)[] = []
const takeDown = async (): Promise<void> => {
  for (const step of undo.splice(0).reverse()) await step()
}

async function openGame(): Promise<Game> {
  if (flags.url !== undefined) return joinGame(flags.url.replace(/\/+$/, ''))
  return await startGame({ teardown: step => void undo.push(step as () => unknown) })
}

/** The naive build answers from memory: noise is averaged away there for real. */
const naiveRepeats = 5_000

async function main(): Promise<0 | 1> {
  const effort = { rays: readCount('rays'), precisionM, repeats: readCount('repeats') }
  const size = { own: readCount('own'), others: readCount('targets'), effort }
  const naiveSize = { ...size, effort: { ...effort, repeats: naiveRepeats } }
  const naive = await attackNaive({ seed: readCount('seed'), size: naiveSize })
  const progress = ({ attack, build, verdict }: Finding) =>
    process.stderr.write(`attack: ${attack} on ${build}: ${verdict}\n`)
  const game = await openGame()
  const ours = await attackGame(game, { size, atOnce: readCount('at-once'), onFinding: progress })
  const meter = await readMeter(game, reachOperations)
  print({ naive, ours, meter })
  const isReal = naive.every(({ verdict, worstErrorM }) => verdict === 'leaks' && worstErrorM <= 1)
  return isReal && meter.holds && ours.every(holdsBack) ? 0 : 1
}

/** An attacker who is mistaken about all of it has understood nothing, which proves nothing. */
const holdsBack = ({ verdict, isRight }: Finding): boolean => verdict === 'holds' && isRight

function print(findings: { naive: readonly Finding[]; ours: readonly Finding[]; meter: Meter }): void {
  const { naive, ours, meter } = findings
  const text = flags.json
    ? JSON.stringify(findings, undefined, 2)
    : `${formatFindings([...naive, ...ours])}\n\n${formatMeter(meter)}`
  process.stdout.write(`${text}\n`)
}

let isInterrupted = false
process.once('SIGINT', () => {
  isInterrupted = true
  void takeDown().then(() => process.exit(130))
})

if (flags.help) process.stdout.write(`${usage}\n`)
else {
  try {
    process.exitCode = await main()
  } catch (error) {
    // Whatever is under way when it is taken down fails somehow.
    if (!isInterrupted) process.stderr.write(`attack: ${(error as Error).stack}\n`)
    process.exitCode = 2
  }
  if (!isInterrupted) {
    await takeDown()
    process.exit()
  }
}
