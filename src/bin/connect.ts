/**
 * Where the tools find PostgreSQL and Redis: the environment says it, or else the data folder of `npm start` does.
 * Its servers are joined while they run, and started for the time of the tool when they do not.
 */
import { resolve } from 'node:path'
import { type Config, loadConfig } from '#platform/config.ts'
import { readRunFile } from '#platform/embedded/run-file.ts'
import { joinServices, type Services } from '#platform/embedded/services.ts'

const toStderr = (line: string) => process.stderr.write(`hexbao: ${line}\n`)

/** Throws one message that names every way to say where they are. The caller leaves when it is done. */
export async function reachServices(config: Config): Promise<Services> {
  const { databaseUrl, redisUrl } = config
  const dataDir = resolve(config.dataDir)
  const run = await readRunFile(dataDir)
  const unknown = [
    ...(databaseUrl === undefined && run.postgres === undefined ? ['DATABASE_URL'] : []),
    ...(redisUrl === undefined && run.redis === undefined ? ['REDIS_URL'] : []),
  ]
  if (unknown.length > 0) {
    const names = unknown.join(' and ')
    throw new Error(
      `${names} not set, and npm start has never run with DATA_DIR ${dataDir}: set ${names}, or DATA_DIR`,
    )
  }
  return await joinServices({
    dataDir,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    install: 'no',
    progress: toStderr,
  })
}

/** For what needs PostgreSQL alone: with DATABASE_URL set, nobody asks for Redis. */
export async function reachDatabase(config: Config): Promise<Pick<Services, 'databaseUrl' | 'leave'>> {
  const { databaseUrl } = config
  return databaseUrl === undefined ? await reachServices(config) : { databaseUrl, leave: async () => {} }
}

export type ExitCode = 0 | 1 | 2

/** Runs a tool with the configuration of this process. Exit code 2: it could not run, and says why in one line. */
export async function runTool(run: (config: Config) => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await run(loadConfig(process.env))
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    toStderr(message || code || String(error))
    process.exitCode = 2
  }
}
