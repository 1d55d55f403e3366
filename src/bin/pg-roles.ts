/**
 * `npm run pg-roles [-- --print] [-- --database-url URL] [-- --prefix NAME] [-- --rotate]`: makes the roles that own,
 * serve and read the database, with no more rights than they need, and prints the DATABASE_URL of each that is new (of
 * all with `--rotate`): it is shown this once. `--print` writes the statements instead. Running it again is fine, and
 * needed after a migration. Exit code 0: done, 2: it could not run.
 */
import { parseArgs } from 'node:util'
import type { Config } from '#platform/config.ts'
import { applyRoles, formatRoles, nameRoles, urlOfLogin } from '#platform/pg-roles.ts'
import { systemRandom } from '#platform/random.ts'
import { type ExitCode, reachDatabase, runTool } from './connect.ts'

async function makeRoles(config: Config): Promise<ExitCode> {
  const { values: flags } = parseArgs({
    options: {
      print: { type: 'boolean', default: false },
      rotate: { type: 'boolean', default: false },
      prefix: { type: 'string', default: 'hexbao' },
      'database-url': { type: 'string' },
    },
  })
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(flags.prefix)) {
    throw new Error('--prefix is a lower-case letter, then at most 39 of a-z, 0-9 and _')
  }
  const names = nameRoles(flags.prefix)
  if (flags.print) {
    process.stdout.write(`${formatRoles(names)}\n`)
    return 0
  }
  const services = await reachDatabase({
    ...config,
    databaseUrl: flags['database-url'] ?? config.databaseUrl,
  })
  try {
    const { databaseUrl } = services
    const applied = await applyRoles(databaseUrl, { names, rotate: flags.rotate, random: systemRandom })
    process.stdout.write(applied.map(role => describe(databaseUrl, role)).join(''))
    return 0
  } finally {
    await services.leave()
  }
}

function describe(
  databaseUrl: string,
  { name, password }: { name: string; password: string | undefined },
): string {
  if (password === undefined) return `${name}: as it should be, with the password that it had\n`
  return `${name}: ${urlOfLogin(databaseUrl, { name, password })}\n`
}

await runTool(makeRoles)
