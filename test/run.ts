/**
 * `npm test`: one private PostgreSQL and Redis for the whole run, tap over every test file, and as the last line the
 * runner's own totals. Arguments go to tap.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chooseInstallMode } from '#platform/embedded/install.ts'
import { joinServices } from '#platform/embedded/services.ts'
import { makeThrowawayFolder } from '#platform/embedded/throwaway.ts'

const require = createRequire(import.meta.url)
const tap = join(require.resolve('tap/package.json'), '..', require('tap/package.json').bin.tap)

const dataDir = await makeThrowawayFolder()
const progress = (line: string) => process.stderr.write(`${line}\n`)
const services = await joinServices({ dataDir, throwaway: true, install: chooseInstallMode(), progress })
const results = join(dataDir, 'results.tap')
const diagnosisLines = 40
/**
 * Tests are TypeScript by way of our own hook. Tap loads ts-node into every test file all the same, which takes two
 * seconds of each; this switch keeps it out, and only works from inside the process, before anything else of tap is
 * loaded.
 */
const withoutTsNode = '--import=data:text/javascript,process.env.TAP_TYPE_STRIP_ONLY=1'

/** What failed, with its diagnosis: the raw results hold it between `---` and `...`, each nested by its test. */
function listFailures(text: string): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, i) => {
    if (!/^ *not ok /.test(line) || !/^ *---$/.test(lines[i + 1] ?? '')) return []
    const end = lines.findIndex((later, at) => at > i && /^ *\.\.\.$/.test(later))
    return lines.slice(i, Math.min(end, i + diagnosisLines) + 1)
  })
}

/**
 * What failed comes last: who reads a log reads its end. The raw results end in a line for each file and
 * `# { total: 12, pass: 11, fail: 1 }`.
 */
function summarise(text: string): string {
  const files = text.match(/^(not )?ok \d+ - .*$/gm) ?? []
  const totals = text.match(/^# \{ total: .*\}$/gm)?.at(-1) ?? ''
  const count = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
  return [
    '',
    ...files,
    '',
    ...listFailures(text),
    '',
    `${count('pass')} passed, ${count('fail')} failed`,
    '',
  ].join('\n')
}

try {
  const run = spawn(
    process.execPath,
    [
      tap,
      `--reporter=${process.stdout.isTTY ? 'base' : 'min'}`,
      `--output-file=${results}`,
      ...process.argv.slice(2),
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        HEXBAO_TEST_SERVICES: dataDir,
        NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} ${withoutTsNode}`.trim(),
      },
    },
  )
  // Ctrl-C reaches tap as well; it ends by itself, and the servers stop after it.
  process.on('SIGINT', () => {})
  const [code] = (await once(run, 'exit')) as [number | null]
  process.stdout.write(summarise(await readFile(results, 'utf8').catch(() => '')))
  process.exitCode = code ?? 1
} finally {
  await services.leave()
}
