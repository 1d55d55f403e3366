/**
 * `npm run mutants [-- NAME …] [--seeds N] [--json]`: applies each patch of `patches/` to a copy of the tree, lets its
 * catcher run there, and says what caught it and after how long. A catcher that fails on the untouched tree proves
 * nothing, so each runs there first. Exit code 0: all were caught, 1: one survived, 2: it could not run.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { makeThrowawayFolder } from '#platform/embedded/throwaway.ts'
import { joinServices } from '#platform/embedded/services.ts'
import { type Catcher, type Mutant, mutants } from './mutants.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const progress = (line: string) => process.stderr.write(`${line}\n`)
/** Far more than any catcher needs; a mutant may hang instead of failing. */
const catcherMs = 300_000

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '20000' }, json: { type: 'boolean', default: false } },
})

/** `how` is what the catcher said: the broken invariant with its seed, or the test that failed. */
type Run = { isCaught: boolean; how: string; tookMs: number }
type Row = Mutant & Run

async function copyTree(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'hexbao-mutant-'))
  const { stdout } = await execute('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root })
  for (const path of stdout.trim().split('\n')) {
    await mkdir(dirname(join(copy, path)), { recursive: true })
    await cp(join(root, path), join(copy, path))
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Tests share the servers of this run, as those of `npm test` do. */
function commandOf(catcher: Catcher): string[] {
  return catcher.by === 'simulation'
    ? [...asTypeScript, 'test/simulation/simulate.ts', '--seeds', flags.seeds]
    : [...asTypeScript, catcher.file]
}

async function runCatcher(catcher: Catcher, cwd: string, dataDir: string): Promise<Run> {
  const began = performance.now()
  const child = spawn(process.execPath, commandOf(catcher), {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A test by itself has half a minute otherwise.
    env: { ...process.env, HEXBAO_TEST_SERVICES: dataDir, TAP_TIMEOUT: '240' },
    timeout: catcherMs,
    killSignal: 'SIGKILL',
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  const tookMs = Math.round(performance.now() - began)
  const found = findFailure(catcher, text)
  if (code === 0) return { isCaught: false, how: 'nothing failed', tookMs }
  if (found !== undefined) return { isCaught: true, how: found, tookMs }
  const last = text.trim().split('\n').slice(-15).join('\n')
  throw new Error(`not the failure that was meant (${code ?? signal}):\n${last}`)
}

/** What failed, if it is what was meant to. */
function findFailure(catcher: Catcher, text: string): string | undefined {
  if (catcher.by === 'simulation') return /^seed \d+.*$/m.exec(text)?.[0]
  const failed = [...text.matchAll(/^ *not ok \d+ - (.*?)(?: # .*)?$/gm)].map(([, name = '']) => name)
  return failed.find(name => name.includes(catcher.test))
}

async function tryMutant(mutant: Mutant, dataDir: string): Promise<Row> {
  const copy = await copyTree()
  try {
    await execute('git', ['apply', join(root, 'test/mutants/patches', `${mutant.name}.patch`)], { cwd: copy })
    return { ...mutant, ...(await runCatcher(mutant.caughtBy, copy, dataDir)) }
  } finally {
    await rm(copy, { recursive: true })
  }
}

const titleOf = (catcher: Catcher): string =>
  catcher.by === 'simulation' ? `the simulation, ${flags.seeds} seeds` : catcher.file

async function main(): Promise<void> {
  const unknown = positionals.find(name => !mutants.some(mutant => mutant.name === name))
  if (unknown !== undefined) throw new Error(`there is no mutant ${unknown}`)
  const chosen = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const dataDir = await makeThrowawayFolder()
  const services = await joinServices({ dataDir, throwaway: true, install: 'no', progress })
  try {
    const catchers = new Map(chosen.map(({ caughtBy }) => [titleOf(caughtBy), caughtBy]))
    for (const [title, catcher] of catchers) {
      const { isCaught, how } = await runCatcher(catcher, root, dataDir)
      if (isCaught) throw new Error(`${title} fails without any mutant: ${how}`)
      progress(`untouched: ${title} passes`)
    }
    const rows: Row[] = []
    for (const mutant of chosen) {
      const row = await tryMutant(mutant, dataDir)
      progress(formatRow(row))
      rows.push(row)
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
    const survivors = rows.filter(({ isCaught }) => !isCaught)
    progress(`${rows.length - survivors.length} of ${rows.length} mutants were caught.`)
    process.exitCode = survivors.length === 0 ? 0 : 1
  } finally {
    await services.leave()
  }
}

const formatRow = ({ name, isCaught, how, tookMs }: Row): string =>
  `${isCaught ? 'caught  ' : 'SURVIVED'}  ${name.padEnd(26)}${(tookMs / 1_000).toFixed(1).padStart(6)} s  ${how}`

try {
  await main()
} catch (error) {
  progress(`mutants: ${(error as Error).message}`)
  process.exitCode = 2
}
