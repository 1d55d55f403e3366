/**
 * The server. `npm start` runs it with `--local`: it joins or starts private PostgreSQL and Redis, keeps generated
 * secrets in DATA_DIR, seeds a demo once, and prints a banner. Without it, everything comes from the environment.
 *
 * Usage: server [--local] [--migrate] [--banner text|json] [--yes] [--workers N]
 */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findMoneyFaults, formatMoneyFaults, runChecks } from '#platform/checks.ts'
import { systemClock } from '#platform/clock.ts'
import { type Config, loadConfig, makeCouponKeys, type ReadyConfig, requireReady } from '#platform/config.ts'
import { chooseInstallMode } from '#platform/embedded/install.ts'
import { createPassword, keepSecret } from '#platform/embedded/run-file.ts'
import { joinServices } from '#platform/embedded/services.ts'
import { checkBudget } from '#platform/connections.ts'
import { createFleetMember, type FleetMember } from '#platform/fleet.ts'
import { createLogger } from '#platform/logger.ts'
import { checkSchema, migrate } from '#platform/migrations.ts'
import { systemRandom } from '#platform/random.ts'
import { type App, createApp } from '../app.ts'
import { printBanner } from './banner.ts'
import { prepareDemo } from './demo.ts'
import { readFailpoint } from './failpoint.ts'
import { stopOnce } from './stop.ts'
import { retire, startWorkers } from './workers.ts'

const { values: flags } = parseArgs({
  options: {
    local: { type: 'boolean', default: false },
    migrate: { type: 'boolean', default: false },
    banner: { type: 'string', default: 'text' },
    yes: { type: 'boolean', default: false },
    workers: { type: 'string', default: '1' },
  },
})

/** Longer than this a shutdown does not take: what is left, another server's sweeper settles. */
const shutdownMs = 20_000

const progress = (line: string) => process.stderr.write(`hexbao: ${line}\n`)

/** What has to be undone on the way out, the latest first. */
const undo: (() => Promise<void>)[] = []

async function shutDown(): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    await step().catch((error: unknown) => progress(`while stopping: ${(error as Error).message}`))
  }
}

/** A private start fills in what the environment does not say: services, secrets, the sandbox. */
async function provide(config: Config): Promise<ReadyConfig> {
  const dataDir = resolve(config.dataDir)
  await mkdir(dataDir, { recursive: true })
  const joining = joinServices({
    dataDir,
    ...(config.databaseUrl === undefined ? {} : { databaseUrl: config.databaseUrl }),
    ...(config.redisUrl === undefined ? {} : { redisUrl: config.redisUrl }),
    install: chooseInstallMode({ yes: flags.yes }),
    progress,
  })
  // From now on, not from when they are up: whoever fails to join has left already.
  undo.push(() =>
    joining.then(
      services => services.leave(),
      () => undefined,
    ),
  )
  const services = await joining
  const keep = (name: string) => keepSecret(dataDir, name, () => createPassword() + createPassword())
  const { databaseUrl, redisUrl } = services
  const secret =
    config.jwt.jwksUrl === undefined ? (config.jwt.secret ?? (await keep('jwtSecret'))) : undefined
  const hmacSecret = config.hmacSecret ?? (await keep('hmacSecret'))
  return requireReady({
    ...config,
    dataDir,
    databaseUrl,
    redisUrl,
    jwt: { ...config.jwt, secret },
    operatorKey: config.operatorKey ?? `hbo_${await keep('operatorKey')}`,
    hmacSecret,
    couponKeys: config.couponKeys ?? makeCouponKeys(hmacSecret),
  })
}

/** Brings the schema up to date, or says why this server must not run on it. */
async function prepareSchema(config: ReadyConfig): Promise<void> {
  let fault = await checkSchema(config.databaseUrl)
  // A user who may not migrate starts on a schema that needs none of it.
  if (fault !== undefined && (flags.local || flags.migrate)) {
    const applied = await migrate(config.databaseUrl)
    if (applied.length > 0) progress(`migrated: ${applied.join(', ')}`)
    fault = await checkSchema(config.databaseUrl)
  }
  if (fault !== undefined) throw new Error(fault)
}

async function refuseRiskyServices(config: ReadyConfig): Promise<void> {
  const faults = findMoneyFaults(await runChecks({ ...config, clock: systemClock }))
  if (faults.length > 0) throw new Error(formatMoneyFaults(faults))
}

async function listen(app: App, config: ReadyConfig): Promise<number> {
  try {
    await app.http.listen({ port: config.port, host: config.host })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${config.port} is taken: choose another with PORT=…, or 0 for a free one`, {
      cause: error,
    })
  }
  return (app.http.server.address() as AddressInfo).port
}

function urlOf(config: ReadyConfig, port: number): string {
  const isEverywhere = config.host === '0.0.0.0' || config.host === '::'
  const host = isEverywhere ? '127.0.0.1' : config.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function main(): Promise<void> {
  if (flags.banner !== 'text' && flags.banner !== 'json') throw new Error('--banner is text or json')
  const env = flags.local ? { MODE: 'sandbox', LOG_LEVEL: 'warn', ...process.env } : process.env
  const loaded = loadConfig(env)
  const config = flags.local ? await provide(loaded) : requireReady(loaded)
  await prepareSchema(config)
  await refuseRiskyServices(config)
  const port = countWorkers() > 1 ? await serveByWorkers(config) : await serve(config)
  if (cluster.isPrimary) await introduce(config, urlOf(config, port))
}

const mostWorkers = 64

function countWorkers(): number {
  const count = Number(flags.workers)
  if (Number.isInteger(count) && count >= 1 && count <= mostWorkers) return count
  throw new Error(`--workers is a number from 1 to ${mostWorkers}`)
}

async function serveByWorkers(config: ReadyConfig): Promise<number> {
  const count = countWorkers()
  await checkBudget(config, count)
  const workers = startWorkers({
    ...{ config, count, progress },
    onGiveUp: error => stopping.begin({ error }),
  })
  undo.push(workers.stop)
  return workers.port
}

async function serve(config: ReadyConfig): Promise<number> {
  const log = createLogger(config.logLevel)
  const reach = readFailpoint(process.env.FAILPOINT, config)
  const fleet = cluster.isWorker ? joinFleet() : undefined
  const app = await createApp({ config, clock: systemClock, random: systemRandom, log, reach, fleet })
  let isReplaced = false
  undo.push(async () => {
    await app.close({ isReplaced })
    await fleet?.tellLast()
  })
  process.on('message', message => {
    if (message !== retire) return
    isReplaced = true
    stopping.begin({ signal: 'replaced' })
  })
  const port = await listen(app, config)
  if (config.runsJobs) app.jobs.start()
  if (!flags.local) log.info({ url: urlOf(config, port), mode: config.mode }, 'hexbao listens')
  return port
}

/** The line to the first process; once that is gone this one ends as well, and nothing has to be told. */
const joinFleet = (): FleetMember =>
  createFleetMember({
    send: message =>
      new Promise(resolve => {
        if (!process.connected) resolve()
        else process.send?.(message, undefined, undefined, () => resolve())
      }),
    listen: hear => process.on('message', hear),
    clock: systemClock,
  })

/** Says where it is, and what there is to try. */
async function introduce(config: ReadyConfig, url: string): Promise<void> {
  const hasDemo = flags.local && config.isSandbox && config.jwt.secret !== undefined
  const demo = hasDemo ? await prepareDemo({ ...config, url, progress }) : undefined
  if (flags.local) await printBanner({ url, config, demo, format: flags.banner === 'json' ? 'json' : 'text' })
}

const stopping = stopOnce(
  async cause => {
    if ('error' in cause) progress(`stopping after an error: ${describeError(cause.error)}`)
    else if (flags.local) progress(`${cause.signal}: stopping …`)
    await shutDown()
  },
  // Whoever waits for others gives them time.
  { withinMs: flags.workers === '1' ? shutdownMs : shutdownMs + 5_000 },
)

const describeError = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

try {
  await main()
} catch (error) {
  // A start that is called off fails somewhere, and the one who called it off knows.
  if (!stopping.hasBegun()) await giveUp(error as Error)
}

async function giveUp(error: Error): Promise<never> {
  progress(error.message)
  await shutDown()
  // Nothing is left to run; anything that still holds the process would only hide the failure.
  if (process.stderr.writableNeedDrain) await once(process.stderr, 'drain')
  process.exit(1)
}
