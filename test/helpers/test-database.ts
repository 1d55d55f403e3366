/**
 * One migrated template per set of migrations and service instance, cloned for each test file: cloning takes a fraction
 * of migrating. The template is built under a name of its own and renamed, so it exists complete or not at all.
 */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { migrate, readMigrations } from '#platform/migrations.ts'
import { lockNumber } from '#platform/postgres.ts'

export type TestDatabase = {
  url: string
  /** Drops the clone; throws when somebody still holds a connection or left a transaction open. */
  drop(): Promise<void>
}

export async function cloneDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `hexbao_test_${process.pid}_${randomBytes(6).toString('hex')}`
  await withAdmin(serverUrl, async admin => {
    const template = await buildTemplate(serverUrl, admin)
    await admin.query(`create database ${name} template ${template}`)
  })
  return { url: databaseUrlOf(serverUrl, name), drop: () => dropClone(serverUrl, name) }
}

/** Parallel test files take turns: the session's lock goes with the connection. */
async function buildTemplate(serverUrl: string, admin: Client): Promise<string> {
  const checksums = readMigrations().map(migration => migration.checksum)
  const digest = createHash('sha256').update(checksums.join()).digest('hex').slice(0, 12)
  const template = `hexbao_template_${digest}`
  await admin.query('select pg_advisory_lock($1::bigint)', [
    lockNumber({ scope: 'test-template', id: digest }),
  ])
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [template])
  if (rowCount === 0) {
    const draft = `${template}_draft`
    await admin.query(`drop database if exists ${draft} with (force)`)
    await admin.query(`create database ${draft}`)
    await migrate(databaseUrlOf(serverUrl, draft))
    await admin.query(`alter database ${draft} rename to ${template}`)
  }
  return template
}

async function dropClone(serverUrl: string, name: string): Promise<void> {
  await withAdmin(serverUrl, async admin => {
    const left = await listSessions(admin, name)
    await admin.query(`drop database ${name} with (force)`)
    if (left.length > 0) throw new Error(`sessions left in the test database: ${left.join('; ')}`)
  })
}

/** Sessions that are still there half a second after everything was closed: a backend needs a moment to go. */
async function listSessions(admin: Client, name: string): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const { rows } = await admin.query<{ state: string; query: string }>(
      `select coalesce(state, 'unknown') as state, query from pg_stat_activity
       where datname = $1 and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      [name],
    )
    if (rows.length === 0 || attempt === 20)
      return rows.map(row => `${row.state}: ${row.query.slice(0, 200)}`)
    await sleep(25)
  }
}

async function withAdmin(serverUrl: string, run: (admin: Client) => Promise<void>): Promise<void> {
  const admin = new Client({ connectionString: databaseUrlOf(serverUrl, 'postgres') })
  await admin.connect()
  try {
    await run(admin)
  } finally {
    await admin.end()
  }
}

function databaseUrlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
