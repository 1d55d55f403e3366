/**
 * `npm run generate` writes what `npm run bench -- NAME --record` recorded into README, between marks that name the
 * bench; with `--check` it writes nothing and exits 1 where README shows something else.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Figure, isKept } from './figures.ts'
import { readRecorded, type Recorded } from './recorded.ts'

const readme = new URL('../../README.md', import.meta.url)
const marked = /<!-- bench: (\w+) -->\n[^]*?<!-- bench end -->/g

/** What stands between the marks, from the record. */
export const publish = (text: string, read: (name: string) => Recorded): string =>
  text.replaceAll(
    marked,
    (_, name: string) => `<!-- bench: ${name} -->\n${formatRecorded(read(name))}\n<!-- bench end -->`,
  )

export function formatRecorded({ name, startedAt, machine, settings, figures, notes }: Recorded): string {
  const { cpu, memory, system, node, commit } = machine
  const set = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  return [
    '| `npm run bench -- ' + name + '` | median | quartiles | wanted |',
    '|---|---|---|---|',
    ...figures.map(formatRow),
    '',
    `On ${startedAt.slice(0, 10)} at commit ${commit}: ${cpu}, ${memory}, ${system}, Node ${node};`,
    ...notes.map(note => `${note};`),
    `${set.join(', ')}.`,
  ].join('\n')
}

/** The quartiles stand in the name of a figure that rounds measured. */
function formatRow(figure: Figure): string {
  const { what, value, unit, atLeast, atMost } = figure
  const [, label = what, first, third] = /^(.*?) \((?:quartiles )?([\d.]+) … ([\d.]+)\)$/.exec(what) ?? []
  const quartiles = first === undefined ? '' : `${round(Number(first))} … ${round(Number(third))}`
  const isPart = label.startsWith(' ')
  const wanted =
    atLeast !== undefined ? `at least ${atLeast}` : atMost !== undefined ? `at most ${atMost}` : ''
  const verdict = wanted === '' || isKept(figure) ? '' : ': **missed**'
  const cells = [
    isPart ? `… ${label.trim()}` : label,
    `${round(value)} ${unit}`.trim(),
    quartiles,
    wanted + verdict,
  ]
  return `| ${cells.join(' | ')} |`
}

function round(value: number): string {
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value < 1 ? 3 : 1
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const before = readFileSync(readme, 'utf8')
  const after = publish(before, readRecorded)
  if (!process.argv.includes('--check')) writeFileSync(readme, after)
  else if (after !== before) {
    process.stderr.write('README.md does not show what was recorded: run `npm run generate` and commit it\n')
    process.exitCode = 1
  }
}
