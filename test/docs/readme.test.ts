/**
 * What the pages say is so: their links lead somewhere, their tables are the configuration and the limits, their
 * commands exist, and the round of the README is played on a server that its quick start has started.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { limits } from '#protocol/limits.ts'
import { ConfigSchema } from '#platform/config.ts'
import { makeDataDir, npmStart, startServer } from '../acceptance/launch.ts'
import { findUnlike } from './likeness.ts'
import { anchorOf, type Block, listLinks, type Page, readPage, readTable, root } from './page.ts'
import { proveOthers, saveScript } from './proof.ts'
import { openShell, openSocket, type PlayedSocket, type Shell } from './round.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const listFolders = (path: string): string[] => readdirSync(join(root, path)).map(name => `${path}/${name}`)
const folders = ['.', 'src', 'test', ...listFolders('src'), ...listFolders('test')]
const pages = folders
  .flatMap(folder => ['README.md', 'CHANGELOG.md'].map(name => join(folder, name)))
  .filter(path => existsSync(join(root, path)))
  .map(readPage)
const readme = readPage('README.md')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

t.test('every link leads somewhere', async t => {
  for (const page of pages)
    for (const target of listLinks(page)) t.ok(resolves(page, target), `${page.path}: ${target}`)
})

function resolves(page: Page, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page.path : join(dirname(page.path), path)
  if (!existsSync(join(root, file))) return false
  return anchor === undefined || readPage(file).headings.map(anchorOf).includes(anchor)
}

t.test('every file that a page names exists', async t => {
  for (const { path, text } of pages) {
    const named = [...text.matchAll(/`(\w[\w./-]*\.(?:ts|lua|sql|json|md|csv|geojson))`/g)].map(
      ([, name = '']) => name,
    )
    for (const name of named) {
      const isThere = ['.', dirname(path)].some(folder => existsSync(join(root, folder, name)))
      t.ok(isThere || isSomewhere(name), `${path}: ${name}`)
    }
  }
})

/** A name without a folder stands for whichever file is called so. */
const isSomewhere = (name: string): boolean =>
  !name.includes('/') && folders.some(folder => existsSync(join(root, folder, name)))

t.test('every command exists', async t => {
  for (const { path, text } of pages) {
    for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
      t.ok(name in scripts, `${path}: ${name}`)
    if (/npm start/.test(text)) t.ok('start' in scripts)
    if (/npm test/.test(text)) t.ok('test' in scripts)
  }
  for (const name of [
    'seed',
    'listen',
    'walk',
    'reconcile',
    'verify-chain',
    'redis-acl',
    'pg-roles',
    'doctor',
    'verify-split',
    'migrate',
  ]) {
    t.match(readme.text, `\`npm run ${name}`, `the README explains ${name}`)
  }
})

t.test('the configuration is the schema', async t => {
  type Variable = { description: string; default?: string | number; enum?: readonly string[] }
  const variables = ConfigSchema.properties as unknown as Record<string, Variable>
  const code = (text: string) => `\`${text}\``
  const expected = Object.entries(variables).map(([name, variable]) => [
    code(name),
    variable.default === undefined || variable.default === '' ? '' : code(String(variable.default)),
    (variable.enum ?? []).map(code).join(' '),
    variable.description,
  ])
  t.same(readTable(readme, 'variable'), expected)
})

t.test('the limits are those of the protocol', async t => {
  const rows = readTable(readme, 'limit')
  t.ok(rows.length > 10)
  for (const [path = '', value = ''] of rows) {
    const names = path.replaceAll('`', '').split('.')
    const limit = names.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], limits)
    t.equal(value.replaceAll(',', ''), String(limit), path)
  }
})

/** One after the other, with the same shell. */
const played = [
  ...['Play a round', 'Ask for a hand', 'What others read', 'Webhooks', 'Show a code at the till'],
  'Drop envelopes over a plaza',
]

t.test('the round of the README', { timeout: 100_000 }, async t => {
  const blocks = readme.blocks.filter(({ section }) => played.includes(section))
  const [opening, ...rest] = blocks
  const dataDir = await makeDataDir(t)
  const server = await startServer(t, { dataDir, command: npmStart })
  const { url, merchantKey } = server.banner
  const shell = openShell(t)
  await shell.run(`${opening?.text ?? ''}\nURL=${url}\nKEY=${server.banner.merchantKey}`)

  let printed = ''
  const script = await saveScript(t, rest.find(({ info }) => info === 'js')?.text ?? '')
  for (const block of rest) {
    if (block.info === 'js') continue
    const text = block.text.replace('prove.mjs', script).replace('hbk_test_…', merchantKey ?? '')
    if (block.info === 'sh') printed = await shell.run(text)
    else if (block.info === 'json')
      t.same(findUnlike(JSON.parse(block.text), parse(printed)), [], quote(printed))
    else if (/^[<>] /.test(block.text)) await playFrames(t, block, { shell, url })
    else t.same(findUnlike(block.text, printed), [], quote(printed))
  }
  t.match(
    blocks.map(({ info }) => info),
    /json,.*text/,
    'answers were compared',
  )
  await proveOthers(t, { shell, url, script })
  const example = readme.blocks.filter(({ section }) => section === 'A client of your own')
  const [program, shown] = example
  t.ok((program?.text ?? '').split('\n').length <= 25, 'the example is short')
  const maskAmounts = (text: string) => text.replaceAll(/'\d+'/g, "'…'")
  t.equal(maskAmounts(await runProgram(program?.text ?? '', url)), maskAmounts(shown?.text ?? ''))
  await server.pressCtrlC()
  t.match(server.stderr(), 'PostgreSQL and Redis stopped', 'Ctrl-C stops everything that it started')
})

async function runProgram(text: string, url: string): Promise<string> {
  const args = [...asTypeScript, '--input-type=module', '--eval', text]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    ...{ cwd: root, timeout: 60_000 },
    env: { ...process.env, URL: url },
  })
  return stdout.trim()
}

const quote = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function playFrames(
  t: Test,
  { text }: Block,
  { shell, url }: { shell: Shell; url: string },
): Promise<void> {
  const socket = await openSocket(t, url)
  const lines = (await shell.fillIn(text)).split('\n')
  let expected: string[] = []
  for (const line of [...lines, '> ']) {
    const json = line.slice(2)
    if (line.startsWith('< ')) expected.push(json)
    else {
      await hearAll(t, socket, expected)
      expected = []
      if (json !== '') socket.say(json)
    }
  }
}

async function hearAll(t: Test, socket: PlayedSocket, expected: readonly string[]): Promise<void> {
  const shown = expected.map(json => JSON.parse(json) as { type: string })
  const heard = await socket.hear(shown.map(({ type }) => type))
  shown.forEach((frame, i) => t.same(findUnlike(frame, heard[i]), [], frame.type))
}
