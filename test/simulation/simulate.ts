/**
 * `npm run simulate-faults`: the shipped claim path under faults, seed after seed. Ends with 1 at the first invariant
 * that breaks, and says which seed replays it.
 */
import { fork } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { failpoints } from '../../src/claims/failpoints.ts'
import { addTally, emptyTally, runSeeds, type Tally } from './campaign.ts'
import { faultKinds } from './faults.ts'
import { runSeed } from './run.ts'

const usage = `npm run simulate-faults -- [--seeds N] [--seed S] [--workers N] [--seconds N]
  --seeds    how many seeds (10000)
  --seed     the first one (1)
  --workers  processes that share them (1)
  --seconds  stop after so long, however many are left`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const [seed, seeds, workers] = [Number(values.seed), Number(values.seeds), Number(values.workers)]
const isUsable = [seed, seeds, workers].every(Number.isSafeInteger) && seeds >= 1 && workers >= 1
if (values.help || !isUsable) {
  process.stdout.write(`${usage}\n`)
  process.exit(values.help ? 0 : 2)
}

const startedMs = performance.now()
const elapsedS = () => (performance.now() - startedMs) / 1_000
const limitS = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds)

/** A child: its share of the seeds, told to the parent. */
async function work(): Promise<void> {
  const tell = (part: Tally) => void process.send?.(part)
  await runSeeds({ seed, seeds, onProgress: tell, isOver: () => elapsedS() > limitS })
  process.disconnect()
}

async function lead(): Promise<void> {
  const sum = emptyTally()
  let saidMs = startedMs
  const onProgress = (part: Tally) => {
    addTally(sum, part)
    if (performance.now() - saidMs < 5_000) return
    saidMs = performance.now()
    process.stderr.write(`${sum.seeds} of ${seeds} seeds, ${rate(sum)} a second\n`)
  }
  if (workers === 1) await runSeeds({ seed, seeds, onProgress, isOver: () => elapsedS() > limitS })
  else await share(onProgress)
  process.stdout.write(`${describeTally(sum)}\n`)
  if (sum.failure === undefined) return
  process.exitCode = 1
  await describeFailure(sum.failure)
}

const rate = (sum: Tally): string => (sum.seeds / elapsedS()).toFixed(0)

/** Each child has seeds in a row of its own; the first failure stops all of them. */
async function share(onProgress: (part: Tally) => void): Promise<void> {
  const each = Math.ceil(seeds / workers)
  const children = Array.from({ length: workers }, (_, i) => {
    const count = Math.min(each, seeds - i * each)
    const limit = values.seconds === undefined ? [] : ['--seconds', values.seconds]
    const args = ['--seed', String(seed + i * each), '--seeds', String(Math.max(count, 1)), ...limit]
    return fork(fileURLToPath(import.meta.url), args)
  })
  const ended = children.map(
    child =>
      new Promise<void>((resolve, reject) => {
        child.on('message', part => {
          onProgress(part as Tally)
          if ((part as Tally).failure !== undefined) for (const other of children) other.kill()
        })
        child.on('exit', code => (code ? reject(new Error(`a worker ended with ${code}`)) : resolve()))
      }),
  )
  await Promise.all(ended)
}

function describeTally(sum: Tally): string {
  const total = faultKinds.reduce((count, kind) => count + (sum.faults[kind] ?? 0), 0)
  const crashes = new Set<string>(failpoints.map(point => `crash ${point}`))
  const line = (kind: (typeof faultKinds)[number]) =>
    `  ${String(sum.faults[kind] ?? 0).padStart(9)}  ${kind}`
  return [
    `${sum.seeds} seeds, ${total} faults, ${sum.calls} calls of verbs`,
    'faults',
    ...faultKinds.filter(kind => !crashes.has(kind)).map(line),
    'crashes by failpoint',
    ...faultKinds.filter(kind => crashes.has(kind)).map(line),
    `${rate(sum)} seeds a second in ${elapsedS().toFixed(1)} s; workers: ${workers}; ` +
      `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}`,
    sum.failure === undefined ? 'every invariant held' : 'AN INVARIANT BROKE',
  ].join('\n')
}

const shownLines = 60

async function describeFailure({ seed: failed, violation }: NonNullable<Tally['failure']>): Promise<void> {
  const { log } = await runSeed(failed, { isLogged: true })
  const shown = seeds === 1 ? log : log.slice(-shownLines)
  process.stdout.write(
    `\nseed ${failed} breaks ${violation.invariant}: ${violation.what}\n\n${shown.join('\n')}\n\n` +
      `replay: npm run simulate-faults -- --seeds 1 --seed ${failed}\n`,
  )
}

if (process.send === undefined) await lead()
else await work()
