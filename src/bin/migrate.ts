/**
 * `npm run migrate`: brings the schema of the database up to date. Running it twice is fine, also at the same time.
 * Exit code 0: up to date now, 1: a migration failed or the database belongs to another version, 2: it could not run.
 */
import { parseArgs } from 'node:util'
import type { Config } from '#platform/config.ts'
import { checkSchema, migrate } from '#platform/migrations.ts'
import { type ExitCode, reachDatabase, runTool } from './connect.ts'

async function applyMigrations(config: Config): Promise<ExitCode> {
  parseArgs({ options: {} })
  const services = await reachDatabase(config)
  try {
    // Whether the database answers is one question, what is wrong with its schema another.
    await checkSchema(services.databaseUrl)
    const applied = await migrate(services.databaseUrl).catch((error: Error) => error)
    if (applied instanceof Error) {
      process.stderr.write(`hexbao: ${applied.message}\n`)
      return 1
    }
    process.stdout.write(`${applied.map(name => `applied ${name}\n`).join('')}The schema is up to date.\n`)
    return 0
  } finally {
    await services.leave()
  }
}

await runTool(applyMigrations)
