/**
 * The container image without a container engine: exactly the files that the Dockerfile copies, installed as it says,
 * started with its own command and environment, judged by its own health check, stopped by its own signal.
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { ConfigSchema, loadConfig, requireReady } from '#platform/config.ts'
import { startThrowawayServices } from '#platform/embedded/throwaway.ts'
import { asTypeScript } from '../helpers/run-typescript.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readRoot = (name: string) => readFile(join(root, name), 'utf8')
const run = promisify(execFile)

/** `[instruction, the rest of it]`, continued lines joined. */
async function readDockerfile(): Promise<[string, string][]> {
  const text = (await readRoot('Dockerfile')).replace(/\\\n/g, ' ')
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return lines.map(line => {
    const [, instruction = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    return [instruction, rest]
  })
}

type Stage = { name: string; steps: [string, string][] }

async function readStages(): Promise<[Stage, Stage]> {
  const stages: Stage[] = []
  for (const [instruction, rest] of await readDockerfile()) {
    if (instruction === 'FROM') stages.push({ name: / AS (\S+)$/.exec(rest)?.[1] ?? '', steps: [] })
    else stages.at(-1)?.steps.push([instruction, rest])
  }
  const [dependencies, final, ...more] = stages
  if (dependencies === undefined || final === undefined || more.length > 0) throw new Error('not two stages')
  return [dependencies, final]
}

const restsOf = ({ steps }: Stage, wanted: string): string[] =>
  steps.filter(([instruction]) => instruction === wanted).map(([, rest]) => rest)

const parseCommand = (rest: string): string[] => JSON.parse(rest.slice(rest.indexOf('['))) as string[]

/** `ENV A=b C=d` */
const readEnvironment = (stage: Stage): Record<string, string> =>
  Object.fromEntries(
    restsOf(stage, 'ENV')
      .flatMap(rest => rest.split(/\s+/))
      .map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )

/** Copies what a stage copies from the repository. */
async function copyFiles(stage: Stage, folder: string): Promise<void> {
  for (const rest of restsOf(stage, 'COPY').filter(rest => !rest.startsWith('--from='))) {
    const paths = rest.split(/\s+/)
    const target = paths.pop() ?? ''
    for (const path of paths) {
      const isInto = target.endsWith('/')
      await cp(join(root, path), join(folder, isInto ? join(target, path) : target), { recursive: true })
    }
  }
}

/** As the Dockerfile does; without a registry, what npm says that production needs is copied instead. */
async function installDependencies(stage: Stage, folder: string): Promise<void> {
  const [command = '', ...args] = (restsOf(stage, 'RUN')[0] ?? '').split(/\s+/)
  try {
    await run(command, [...args, '--prefer-offline', '--fetch-retries=0'], { cwd: folder, timeout: 20_000 })
  } catch {
    await rm(join(folder, 'node_modules'), { recursive: true, force: true })
    const { stdout } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root })
    const packages = stdout.split('\n').filter(path => path.includes('/node_modules/'))
    for (const path of packages) await cp(path, join(folder, relative(root, path)), { recursive: true })
  }
}

async function buildImage(t: Test): Promise<{ folder: string; stage: Stage }> {
  const [dependencies, final] = await readStages()
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-image-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [first, second] = [join(folder, 'first'), join(folder, 'second')]
  await Promise.all([mkdir(first), mkdir(second)])
  await copyFiles(dependencies, first)
  await installDependencies(dependencies, first)
  await copyFiles(final, second)
  for (const rest of restsOf(final, 'COPY').filter(rest => rest.startsWith('--from='))) {
    const [from = '', path = '', target = ''] = rest.split(/\s+/)
    t.equal(from, `--from=${dependencies.name}`)
    const workdir = restsOf(dependencies, 'WORKDIR')[0] ?? ''
    await cp(join(first, relative(workdir, path)), join(second, target), { recursive: true })
  }
  return { folder: second, stage: final }
}

async function createDatabase(t: Test): Promise<{ databaseUrl: string; redisUrl: string }> {
  const services = await startThrowawayServices()
  const name = `hexbao_image_${randomBytes(6).toString('hex')}`
  const admin = new Client({ connectionString: services.databaseUrl })
  await admin.connect()
  await admin.query(`create database ${name}`)
  t.teardown(async () => {
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
    await services.leave()
  })
  const url = new URL(services.databaseUrl)
  url.pathname = `/${name}`
  return { databaseUrl: url.href, redisUrl: services.redisUrl }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const secret = () => randomBytes(32).toString('hex')
const createSecrets = () => ({
  JWT_SECRET: secret(),
  OPERATOR_KEY: `hbo_${secret()}`,
  HMAC_SECRET: secret(),
  COUPON_KEYS: `k1:${randomBytes(32).toString('base64')}`,
})

type Started = { argv: string[]; cwd: string; env: Record<string, string> }

/** Node as `node` of the image; nothing of our own environment but the path. */
function start({ argv: [command, ...args], cwd, env }: Started) {
  const file = command === 'node' ? process.execPath : (command ?? '')
  const child = spawn(file, args, { cwd, env: { PATH: process.env.PATH, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += String(chunk)))
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }) as { code: number | null })
  return { child, exited, readOutput: () => output }
}

t.test('the image starts, is healthy, and stops', async t => {
  const [{ folder, stage }, urls] = await Promise.all([buildImage(t), createDatabase(t)])
  const env = {
    ...readEnvironment(stage),
    ...createSecrets(),
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    PORT: String(await findFreePort()),
    LOG_LEVEL: 'info',
  }
  t.match(env, { MODE: 'production', HOST: '0.0.0.0' })
  const server = start({ argv: parseCommand(restsOf(stage, 'CMD')[0] ?? ''), cwd: folder, env })
  let isGone = false
  void server.exited.then(() => (isGone = true))

  const health = parseCommand(restsOf(stage, 'HEALTHCHECK')[0] ?? '')
  const isHealthy = async () => (await start({ argv: health, cwd: folder, env }).exited).code === 0
  t.equal(await isHealthy(), false, 'not healthy before it listens')
  let healthy = false
  for (let attempt = 0; attempt < 60 && !healthy && !isGone; attempt++) {
    healthy = await isHealthy()
    if (!healthy) await sleep(200)
  }
  t.ok(healthy, `healthy; it said: ${server.readOutput()}`)
  t.match(server.readOutput(), 'migrated: 0001_ledger.sql')

  const signal = (restsOf(stage, 'STOPSIGNAL')[0] ?? '') as NodeJS.Signals
  server.child.kill(signal)
  t.match(await server.exited, { code: 0 }, `stops on ${signal}; it said: ${server.readOutput()}`)
  t.notMatch(server.readOutput(), env.JWT_SECRET)
  t.notMatch(server.readOutput(), env.OPERATOR_KEY)
})

t.test('production does not start with a secret missing', async t => {
  const urls = { DATABASE_URL: 'postgres://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' }
  const whole = { MODE: 'production', ...urls, ...createSecrets() }
  for (const name of ['JWT_SECRET', 'OPERATOR_KEY', 'HMAC_SECRET', 'COUPON_KEYS'] as const) {
    const { [name]: _, ...env } = whole
    t.throws(() => requireReady(loadConfig(env)), { message: new RegExp(`${name}.* must be set`) })
  }
  const { OPERATOR_KEY: _, ...env } = whole
  const server = start({ argv: ['node', ...asTypeScript, 'src/bin/server.ts'], cwd: root, env })
  t.match(await server.exited, { code: 1 })
  t.equal(server.readOutput(), 'hexbao: OPERATOR_KEY must be set\n', 'before it asks any other server')
  const weak = { ...env, OPERATOR_KEY: `hbo_${'o'.repeat(40)}`, JWT_SECRET: env.HMAC_SECRET }
  const guessed = start({ argv: ['node', ...asTypeScript, 'src/bin/server.ts'], cwd: root, env: weak })
  t.match(await guessed.exited, { code: 1 }, 'nor with one that can be guessed')
  t.match(
    guessed.readOutput(),
    /^hexbao: OPERATOR_KEY can be guessed; JWT_SECRET is the same as HMAC_SECRET; /,
  )
  t.notMatch(guessed.readOutput(), env.HMAC_SECRET)
})

t.test('the image holds what it needs and runs as nobody special', async t => {
  const [dependencies, final] = await readStages()
  t.same(restsOf(final, 'USER'), ['node'])
  t.ok(final.steps.findIndex(([instruction]) => instruction === 'USER') < final.steps.length - 1)
  const copied = [dependencies, final]
    .flatMap(stage => restsOf(stage, 'COPY'))
    .filter(rest => !rest.startsWith('--from='))
    .flatMap(rest => rest.split(/\s+/).slice(0, -1))
  const ignore = (await readRoot('.dockerignore'))
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  t.same(
    ignore,
    ['*', ...new Set(copied.map(path => `!${path}`))],
    '.dockerignore lets exactly these through',
  )
})

t.test('compose publishes the server only and keeps what Redis and PostgreSQL hold', async t => {
  const compose = await readRoot('compose.yaml')
  t.equal(compose.match(/^ +ports:/gm)?.length, 1)
  t.match(compose, /\n {2}server:\n(?: {4}.*\n)* {4}ports:\n/)
  t.match(compose, /image: postgis\/postgis:\d+-\d+\.\d+\n/, 'a pinned PostGIS')
  t.match(compose, /image: redis:\d+\.\d+\.\d+\n/, 'a pinned Redis')
  t.match(compose, /- --appendonly\n +- 'yes'\n/)
  t.match(compose, /- --maxmemory-policy\n +- noeviction\n/)
  const asked = new Set([...compose.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))
  const example = await readRoot('.env.example')
  for (const name of asked) t.match(example, new RegExp(`^#?${name}=`, 'm'), `.env.example names ${name}`)
})

type Variable = { description: string; default?: string | number }

/** What has no default and must be there before a production server starts. */
const filledIn = ['JWT_SECRET', 'OPERATOR_KEY', 'HMAC_SECRET', 'COUPON_KEYS']

function describeVariable(name: string, { description, default: standard }: Variable): string {
  const assignment = `${name}=${standard ?? ''}`
  return `# ${description}\n${filledIn.includes(name) ? assignment : `#${assignment}`}\n`
}

t.test('.env.example says every variable once, as the configuration describes it', async t => {
  const schema = JSON.parse(JSON.stringify(ConfigSchema)) as { properties: Record<string, Variable> }
  const variables = Object.entries(schema.properties)
  const example = await readRoot('.env.example')
  const blocks = example.split(/\n(?=# )/).map(block => `${block.trimEnd()}\n`)
  const ours = blocks.filter(block => variables.some(([name]) => new RegExp(`^#?${name}=`, 'm').test(block)))
  t.same(
    ours,
    variables.map(([name, variable]) => describeVariable(name, variable)),
  )
})
