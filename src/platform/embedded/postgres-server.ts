/**
 * The private PostgreSQL: TCP on 127.0.0.1 only, no Unix socket, a password for everyone. Its folder appears complete
 * or not at all (initdb runs beside it), and its pid file is PostgreSQL's own business: after a crash we only start
 * again until the kernel has let go of the old one.
 */
import { execFile } from 'node:child_process'
import { chown, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, type QueryResult } from 'pg'
import { readDataMajor } from './find-binaries.ts'
import { identifyProcess, readCommandLine } from './process-identity.ts'
import type { Place, ServerKind } from './server-process.ts'
import { makePrivateFolder } from './service-account.ts'
import { tolerate } from './tolerate.ts'

const USER = 'hexbao'
const DATABASE = 'hexbao'
const CONNECT_MS = 5_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

const LEFTOVERS = /lock file "postmaster\.pid" already exists|pre-existing shared memory block|still in use/
const PORT_TAKEN = /Address already in use|could not create any TCP\/IP sockets/

export const postgresServer: ServerKind = {
  title: 'PostgreSQL',
  accounts: ['postgres', 'nobody'],
  prepare: initialise,
  launch: ({ folder, port }, binary) => ({
    file: join(binary, 'postgres'),
    args: [
      '-D',
      folder,
      '-c',
      `port=${port}`,
      ...Object.entries(SETTINGS).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
    ],
  }),
  listening: /listening on IPv4 address/,
  probe: async place => {
    await query(place, 'postgres', 'SELECT 1')
  },
  // Class 28: invalid authorization. Anything else may pass: 57P03 while it recovers, 53300 while it is full.
  isFinal: failure => String((failure as { code?: unknown }).code).startsWith('28'),
  complete: async place => {
    const found = await query(place, 'postgres', `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`)
    if (found.rowCount === 0) await query(place, 'postgres', `CREATE DATABASE ${DATABASE}`)
    await query(place, DATABASE, 'CREATE EXTENSION IF NOT EXISTS postgis')
  },
  findForgotten: async folder => {
    const lines = (
      (await tolerate(['ENOENT'], readFile(join(folder, 'postmaster.pid'), 'utf8'))) ?? ''
    ).split('\n')
    // Lines 1 and 4 of postmaster.pid: pid and port (PostgreSQL's miscadmin.h).
    const [pid, port] = [Number(lines[0]), Number(lines[3])]
    const process = pid > 0 && readCommandLine(pid).includes(folder) ? identifyProcess(pid) : undefined
    return process && port > 0 ? { process, port } : undefined
  },
  findRemedy: log => (PORT_TAKEN.test(log) ? 'other_port' : LEFTOVERS.test(log) ? 'wait' : undefined),
  // Fast shutdown; then immediate, from which the next start recovers.
  stopSteps: [
    { signal: 'SIGINT', waitMs: 30_000 },
    { signal: 'SIGQUIT', waitMs: 10_000 },
  ],
}

export function formatDatabaseUrl({ password, port }: { password: string; port: number }): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`
}

async function initialise({ folder, account, password, throwaway }: Place, binary: string): Promise<void> {
  if ((await readDataMajor(folder)) !== undefined) return
  const draft = `${folder}.new`
  const passwordFile = `${folder}.password`
  await rm(draft, { recursive: true, force: true })
  await makePrivateFolder(draft, account)
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account) await chown(passwordFile, account.uid, account.gid)
  const args = ['-D', draft, `--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  args.push('--encoding=UTF8', '--locale=C', ...(throwaway ? ['--no-sync'] : []))
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
  await promisify(execFile)(join(binary, 'initdb'), args, { ...account, env, cwd: draft })
  await rm(passwordFile)
  await rename(draft, folder)
}

async function query({ port, password }: Place, database: string, sql: string): Promise<QueryResult> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    database,
    ssl: false,
    connectionTimeoutMillis: CONNECT_MS,
  })
  // A server that goes away ends the query with an error of its own; without a listener it would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.query(sql)
  } finally {
    await client.end()
  }
}
