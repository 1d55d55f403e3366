/**
 * PostgreSQL is the record of the money: what it answers to COMMIT has to survive a power cut, and the server's role
 * must not be able to rewrite it.
 */
import pg from 'pg'
import type { Clock } from '../clock.ts'
import { checkSchema, readMigrations } from '../migrations.ts'
import { loadStatements, type Row, type Statement } from '../postgres.ts'
import { type Check, describeUrl, failed, passed, Unreachable, warned } from './check.ts'
import { judgeSkew, measureSkew } from './clock-skew.ts'

const sql = loadStatements(import.meta.url, [
  'server-settings',
  'server-time',
  'role-rights',
  'disarmed-triggers',
  'unlogged-tables',
  'open-tables',
])

/** The game's own, and that of merchants' requests. */
const roles = ['hexbao_game', 'hexbao_merchant'] as const
const migrations = readMigrations()
/** They keep merchants apart: the migrations say so. */
const apartTables = migrations.flatMap(({ text }) =>
  [...text.matchAll(/^select keep_apart\('(\w+)'/gm)].map(([, table = '']) => table),
)
/** Rows are added here and never touched again: the migrations say so, wherever a trigger is dropped later. */
const appendOnlyTables = migrations.flatMap(({ text }) =>
  [...text.matchAll(/^create trigger (\w+)_append_only\b/gm)].map(([, table = '']) => table),
)
/** Its columns are moved by the trigger of the transfers alone. */
const recordTables = [...appendOnlyTables, 'accounts']

const money = { money: true }
const nuisance = { money: false }

export type PostgresOptions = { databaseUrl: string; clock: Clock; databaseConnections: number }

/** Throws {@link Unreachable} when PostgreSQL does not let us in. */
export async function checkPostgres(options: PostgresOptions): Promise<Check[]> {
  const { databaseUrl, clock, databaseConnections } = options
  const client = await connect(databaseUrl)
  const query = async <R extends Row>({ text }: Statement, params: unknown[] = []): Promise<R[]> =>
    (await client.query<R>(text, params)).rows
  try {
    const [settings] = await query<ServerSettings>(sql['server-settings'])
    if (settings === undefined) throw new Unreachable('PostgreSQL does not say its settings')
    const rights: Check[] = []
    for (const role of roles) {
      rights.push(judgeRole(role, (await query<RoleRights>(sql['role-rights'], [role, recordTables]))[0]))
    }
    const open = await query<{ name: string }>(sql['open-tables'], [apartTables])
    const disarmed = await query<{ name: string }>(sql['disarmed-triggers'], [appendOnlyTables])
    const unlogged = await query<{ name: string }>(sql['unlogged-tables'])
    const skewMs = await measureSkew(clock, async () => {
      const [row] = await query<{ now_ms: number }>(sql['server-time'])
      return row?.now_ms ?? Number.NaN
    })
    const schemaFault = await checkSchema(databaseUrl)
    return [
      ...judgeSettings(settings),
      judgeConnections(settings, databaseConnections),
      judgeSkew('PostgreSQL', skewMs),
      schemaFault === undefined ? passed('schema', 'up to date') : failed('schema', schemaFault, nuisance),
      ...rights,
      judgeRowSecurity(open.map(({ name }) => name)),
      judgeTriggers(disarmed.map(({ name }) => name)),
      judgeLogging(unlogged.map(({ name }) => name)),
    ]
  } finally {
    await client.end()
  }
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 5_000,
    application_name: 'hexbao-doctor',
  })
  client.on('error', () => {
    // The statement under way, or the next one, reports it.
  })
  try {
    await client.connect()
    return client
  } catch (error) {
    const why = describeFault(error)
    throw new Unreachable(`PostgreSQL at ${describeUrl(databaseUrl)} does not let us in: ${why}`, {
      cause: error,
    })
  }
}

/** A refused connection to several addresses has no message of its own. */
function describeFault(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}

export type ServerSettings = Row & {
  version: number
  version_name: string
  fsync: string
  full_page_writes: string
  synchronous_commit: string
  data_sync_retry: string
  zero_damaged_pages: string
  ignore_checksum_failure: string
  synchronous_standbys: string
  isolation: string
  is_standby: boolean
  followers: number
  max_connections: number
  reserved_connections: number
  postgis: string | null
}

export function judgeSettings(settings: ServerSettings): Check[] {
  return [
    settings.version >= 150_000
      ? passed('PostgreSQL', settings.version_name)
      : failed('PostgreSQL', `${settings.version_name}, 15 or newer is needed: upgrade it`, nuisance),
    settings.postgis === null
      ? failed('PostGIS', 'not in this database: run create extension postgis there', nuisance)
      : passed('PostGIS', settings.postgis),
    settings.is_standby
      ? failed(
          'primary',
          'this is a standby, which takes no writes: point DATABASE_URL to the primary',
          nuisance,
        )
      : passed('primary', 'takes writes'),
    judgeSwitch('fsync', settings.fsync, {
      wanted: 'on',
      why: 'a power cut would corrupt the database',
    }),
    judgeSwitch('full_page_writes', settings.full_page_writes, {
      wanted: 'on',
      why: 'a power cut could leave half-written pages',
    }),
    judgeSwitch('data_sync_retry', settings.data_sync_retry, {
      wanted: 'off',
      why: 'a write that the disk refused would count as done',
    }),
    judgeSwitch('zero_damaged_pages', settings.zero_damaged_pages, {
      wanted: 'off',
      why: 'rows of a damaged page would be gone without a word',
    }),
    judgeSwitch('ignore_checksum_failure', settings.ignore_checksum_failure, {
      wanted: 'off',
      why: 'a damaged page would be read as if it were right',
    }),
    judgeCommit(settings),
    settings.isolation === 'read committed'
      ? passed('isolation', settings.isolation)
      : failed(
          'isolation',
          `default_transaction_isolation is ${settings.isolation}: the locks of the claims count on read committed`,
          money,
        ),
  ]
}

function judgeSwitch(name: string, found: string, { wanted, why }: { wanted: string; why: string }): Check {
  if (found === wanted) return passed(name, found)
  return failed(name, `${found}: ${why}. Set ${name} = ${wanted} and reload PostgreSQL`, money)
}

/** `on` waits for our disk and a synchronous standby's, `local` for ours alone, `off` for none. */
function judgeCommit({ synchronous_commit: found, synchronous_standbys, followers }: ServerSettings): Check {
  const name = 'synchronous_commit'
  if (found === 'off') {
    const advice = 'Set synchronous_commit = on for this database and user, and reload PostgreSQL'
    return failed(name, `off: a crash forgets wins that players were told of. ${advice}`, money)
  }
  if (synchronous_standbys !== '') {
    if (found === 'local') {
      const advice = 'set it to on, or a failover forgets the latest wins'
      return warned(name, `local does not wait for the standby ${synchronous_standbys}: ${advice}`)
    }
    return passed(name, `${found}, with the synchronous standby ${synchronous_standbys}`)
  }
  if (followers > 0) {
    const advice = 'name one in synchronous_standby_names, or a failover forgets the latest wins'
    return warned(name, `${found}, but no commit waits for the ${followers} standby: ${advice}`)
  }
  return passed(name, `${found}; no standby, so this machine's disk is the record`)
}

function judgeConnections(settings: ServerSettings, wanted: number): Check {
  const open = settings.max_connections - settings.reserved_connections
  const found = `DATABASE_CONNECTIONS ${wanted} a server process, PostgreSQL takes ${open}`
  if (wanted <= open) return passed('connections', found)
  return failed('connections', `${found}: raise max_connections, or lower DATABASE_CONNECTIONS`, nuisance)
}

type RoleRights = Row & {
  is_superuser: boolean
  bypasses_row_security: boolean
  is_ours: boolean
  rewritable: string[]
}

function judgeRole(role: string, rights: RoleRights | undefined): Check {
  if (rights === undefined) {
    return failed(`role ${role}`, 'does not exist: run npm run migrate', nuisance)
  }
  const faults = [
    ...(rights.is_superuser ? [`is a superuser: alter role ${role} nosuperuser`] : []),
    ...(rights.bypasses_row_security ? [`bypasses row security: alter role ${role} nobypassrls`] : []),
    ...rights.rewritable.map(table => `may rewrite ${table}: revoke update, delete, truncate, trigger on it`),
  ]
  if (faults.length > 0) return failed(`role ${role}`, faults.join('; '), money)
  if (!rights.is_ours) {
    return failed(`role ${role}`, `our user may not take it: grant ${role} to that user`, nuisance)
  }
  return passed(`role ${role}`, 'can add to the record of the money and not rewrite it')
}

function judgeRowSecurity(open: readonly string[]): Check {
  if (open.length === 0) return passed('row security', 'merchants see their own rows alone')
  const advice = 'alter table <table> enable row level security, force row level security'
  return failed('row security', `${open.join(', ')}: merchants see the rows of others. Run ${advice}`, money)
}

function judgeTriggers(disarmed: readonly string[]): Check {
  if (disarmed.length === 0) return passed('append-only', 'the record refuses changes, whoever asks')
  const names = disarmed.join(', ')
  return failed('append-only', `${names}: the trigger <table>_append_only is missing or disabled`, money)
}

function judgeLogging(unlogged: readonly string[]): Check {
  const name = 'write-ahead log'
  if (unlogged.length === 0) return passed(name, 'every table is in it')
  const tables = unlogged.join(', ')
  return failed(name, `${tables}: a crash would empty it. Run alter table <table> set logged`, money)
}
