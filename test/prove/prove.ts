/**
 * `npm run prove [-- --seed N] [-- --only NAME …]`: in three minutes, on servers of its own, whether the four promises
 * hold: no cent is lost when Redis and a server are killed in a rush, nobody learns more than a cell, honest people are
 * not refused and cheats are, and what that costs. Standard output has a heading and one line for each; progress goes
 * to standard error. Exit code 0: all hold; 1: one does not; 2: one could not be tried, or usage.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { findPostgres, findRedis, listBinaryFolders } from '#platform/embedded/find-binaries.ts'
import { startThrowawayServices } from '#platform/embedded/throwaway.ts'
import type { Teardown } from '../acceptance/launch.ts'
import { describeMachine } from '../bench/machine.ts'
import { proveFairness } from './fairness.ts'
import {
  exitCodeOf,
  formatHeading,
  formatVerdict,
  type Found,
  type PromiseName,
  reach,
  type Verdict,
} from './lines.ts'
import { proveMoney } from './money.ts'
import { proveSecrecy } from './secrecy.ts'
import { proveSpeed } from './speed.ts'

const usage = `Usage: npm run prove -- [options]
  --seed N       of faults, noise and bots; default 1
  --only NAME    money, secrecy, fairness or speed; several times for several`

const say = (line: string): void => void process.stderr.write(`prove: ${line}\n`)

type Part = (seed: number, t: Teardown, progress: (line: string) => void) => Promise<Found>
const parts: Readonly<Record<PromiseName, Part>> = {
  money: (seed, _, progress) => proveMoney(seed, progress),
  secrecy: proveSecrecy,
  fairness: proveFairness,
  speed: (_seed, _t, progress) => proveSpeed(progress),
}
const names = Object.keys(parts) as PromiseName[]

function readFlags(): { seed: number; only: readonly PromiseName[] } | undefined {
  const options = {
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ options })
  if (values.help) return undefined
  const seed = /^\d{1,9}$/.test(values.seed) ? Number(values.seed) : Number.NaN
  if (!(seed >= 1)) throw new Error(`--seed ${values.seed} is not a number from 1 on`)
  const wrong = (values.only ?? []).find(name => !Object.hasOwn(parts, name))
  if (wrong !== undefined) throw new Error(`--only is ${names.join(', ')}, not ${wrong}`)
  return { seed, only: values.only === undefined ? names : names.filter(name => values.only?.includes(name)) }
}

/** On a clean machine the first thing is to install them, as `npm start` does. */
async function findStores(): Promise<string> {
  const find = async () => {
    const folders = await listBinaryFolders()
    return await Promise.all([findPostgres(folders), findRedis(folders)])
  }
  if ((await find()).includes(undefined)) await (await startThrowawayServices()).leave()
  const [postgres, redis] = await find()
  const ask = async (binary: string) => (await promisify(execFile)(binary, ['--version'])).stdout
  const [, postgresVersion] = / (\d+\S*)/.exec(await ask(join(postgres ?? '', 'postgres'))) ?? []
  const [, redisVersion] = /v=(\S+)/.exec(await ask(redis ?? '')) ?? []
  return `PostgreSQL ${postgresVersion}, Redis ${redisVersion}`
}

const undo: (() => unknown)[] = []
const takeDown = async (): Promise<void> => {
  for (const step of undo.splice(0).reverse()) await step()
}
const t: Teardown = { teardown: step => void undo.push(step as () => unknown) }

async function main(): Promise<0 | 1 | 2> {
  const flags = readFlags()
  if (flags === undefined) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const { seed, only } = flags
  const startMs = performance.now()
  const [stores, machine] = [await findStores(), await describeMachine()]
  const verdicts: Verdict[] = []
  for (const name of only) {
    say(`${name} …`)
    const verdict = await reach(name, () => parts[name](seed, t, line => say(`${name}: ${line}`)))
    // What this part has started must not slow the next one down.
    await takeDown()
    say(`${formatVerdict(verdict)} (${Math.round(verdict.tookMs / 1_000)} s)`)
    if (verdict.error !== undefined) say(String(verdict.error.stack))
    verdicts.push(verdict)
  }
  const heading = formatHeading({ seed, machine, stores, tookMs: performance.now() - startMs })
  process.stdout.write(`${[heading, ...verdicts.map(formatVerdict)].join('\n')}\n`)
  return exitCodeOf(verdicts)
}

let isInterrupted = false
process.once('SIGINT', () => {
  isInterrupted = true
  void takeDown().then(() => process.exit(130))
})

try {
  process.exitCode = await main()
} catch (error) {
  say((error as Error).message)
  process.exitCode = 2
}
if (!isInterrupted) {
  await takeDown()
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  // A socket to a process that was killed may hold this one for minutes, and nothing is left to do.
  process.exit()
}
