/**
 * `npm run bench -- NAME … [--set name=number] … [--json FILE] [--record]`: measures, and says on what machine and how.
 * Without a name it lists the benches. Exit code 0: what is promised was kept; 1: it was not; 2: it could not run.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { claims } from './claims.ts'
import { drop } from './drop.ts'
import { type Bench, formatFigure, isKept, type Settings } from './figures.ts'
import { geometry } from './geometry.ts'
import { hints } from './hints.ts'
import { live } from './live.ts'
import { describeMachine } from './machine.ts'
import { record, type Recorded } from './recorded.ts'
import { requests } from './requests.ts'
import { sockets } from './sockets.ts'

const benches: Readonly<Record<string, Bench>> = { claims, sockets, live, hints, requests, drop, geometry }

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    /** Beside the benches, for the tables of README. */
    record: { type: 'boolean', default: false },
  },
})

function list(): string {
  const rows = Object.entries(benches).map(([name, { what, settings }]) => {
    const usual = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
    return `  ${name.padEnd(10)}${what}\n  ${' '.repeat(10)}${usual.join(' ')}`
  })
  return `npm run bench -- NAME … [--set name=number] [--json FILE] [--record], where NAME is\n${rows.join('\n')}\n`
}

/** A name that no chosen bench knows is a mistake. */
function readSettings(chosen: readonly Bench[]): Settings {
  const pairs = flags.set.map(text => {
    const [name = '', value = ''] = text.split('=')
    const isKnown = chosen.some(({ settings }) => name in settings) && Number.isFinite(Number(value || 'x'))
    if (!isKnown) throw new Error(`--set ${text}: not a setting of these benches, or not a number`)
    return [name, Number(value)] as const
  })
  return Object.fromEntries(pairs)
}

const progress = (line: string) => void process.stderr.write(`${line}\n`)
const print = (line: string) => void process.stdout.write(`${line}\n`)

async function measure(name: string, bench: Bench, given: Settings): Promise<Recorded> {
  const settings = Object.fromEntries(
    Object.entries(bench.settings).map(([key, usual]) => [key, given[key] ?? usual]),
  )
  const [machine, startedAt] = [await describeMachine(), new Date().toISOString()]
  const outcome = await bench.run(settings, progress)
  const holds = outcome.figures.every(isKept)
  print(`\n${name}: ${bench.what}`)
  print(`  ${Object.values(machine).join('; ')}`)
  const chosenSettings = Object.entries(settings).map(entry => entry.join('='))
  print(`  ${chosenSettings.join(' ')}`)
  for (const figure of outcome.figures) print(formatFigure(figure))
  for (const note of outcome.notes) print(`  ${note}`)
  return { name, startedAt, machine, settings, holds, ...outcome }
}

const chosen = positionals.map(name => [name, benches[name]] as const)
if (chosen.length === 0 || chosen.some(([, bench]) => bench === undefined)) {
  print(list())
  process.exitCode = chosen.length === 0 ? 0 : 2
} else {
  try {
    const given = readSettings(chosen.flatMap(([, bench]) => bench ?? []))
    const results: Recorded[] = []
    for (const [name, bench] of chosen) if (bench) results.push(await measure(name, bench, given))
    const file = flags.json ?? `.data/bench/${positionals.join('-')}.json`
    if (flags.record) results.forEach(record)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `${JSON.stringify(results, null, 2)}\n`)
    print(`\n${file}`)
    process.exitCode = results.every(({ holds }) => holds) ? 0 : 1
  } catch (error) {
    progress(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = 2
  }
}
