/**
 * Forward-only migrations: one transaction each, under one advisory lock, with checksums, so that two servers that
 * start together migrate once and a file that was edited after it ran is noticed.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { lockNumber } from './postgres.ts'

export type Migration = { name: string; text: string; checksum: string }

const folder = new URL('../../migrations/', import.meta.url)

export function readMigrations(from: URL = folder): Migration[] {
  return readdirSync(from)
    .filter(name => /^\d{4}_\w+\.sql$/.test(name))
    .sort()
    .map(name => {
      const text = readFileSync(new URL(name, from), 'utf8')
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
    })
}

const ensureTable = `create table if not exists migrations (
  name text primary key, checksum text not null, applied_at timestamptz not null default now())`

/** Applies what is missing; returns the names applied. Throws when an applied file changed or is unknown here. */
export async function migrate(databaseUrl: string, migrations = readMigrations()): Promise<string[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    lock_timeout: 30_000,
    application_name: 'hexbao-migrate',
  })
  await client.connect()
  const applied: string[] = []
  try {
    for (const migration of migrations) {
      if (await applyOne(client, migration, migrations)) applied.push(migration.name)
    }
    return applied
  } finally {
    await client.end()
  }
}

async function applyOne(client: pg.Client, migration: Migration, all: Migration[]): Promise<boolean> {
  await client.query('begin')
  try {
    // Transaction-level, so that no lock survives its work; taken anew for each file.
    await client.query('select pg_advisory_xact_lock($1::bigint)', [
      lockNumber({ scope: 'migrations', id: 0 }),
    ])
    await client.query(ensureTable)
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'select name, checksum from migrations',
    )
    const fault = compareSchema(rows, all)
    if (fault !== undefined) throw new Error(fault)
    const isDone = rows.some(row => row.name === migration.name)
    if (!isDone) {
      await client.query(migration.text)
      await client.query('insert into migrations (name, checksum) values ($1, $2)', [
        migration.name,
        migration.checksum,
      ])
    }
    await client.query('commit')
    return !isDone
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** What is wrong between the rows applied and the files here, in words; missing files are what migrating is for. */
export function compareSchema(
  applied: readonly { name: string; checksum: string }[],
  migrations: readonly Migration[],
): string | undefined {
  for (const row of applied) {
    const file = migrations.find(m => m.name === row.name)
    if (file === undefined) return `the database has migration ${row.name}, which this version does not know`
    if (file.checksum !== row.checksum) return `migration ${row.name} was changed after it was applied`
  }
  return undefined
}

/** Says why this server must not run on that schema, or nothing. */
export async function checkSchema(
  databaseUrl: string,
  migrations = readMigrations(),
): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'hexbao-migrate' })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'select name, checksum from migrations',
    )
    const missing = migrations.find(m => !rows.some(row => row.name === m.name))
    return (
      compareSchema(rows, migrations) ??
      (missing && `migration ${missing.name} is missing: run npm run migrate`)
    )
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return 'the database is empty: run npm run migrate'
    throw error
  } finally {
    await client.end()
  }
}
