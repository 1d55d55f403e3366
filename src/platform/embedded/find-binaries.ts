/**
 * Finds server binaries that are on this machine already. A PostgreSQL counts only when PostGIS lies in its own share
 * folder (several majors may be installed, each with or without it), a Redis only from 7.0 on.
 */
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { tolerate } from './tolerate.ts'

const run = promisify(execFile)

const REDIS_MIN_MAJOR = 7

/** Folders where binaries may lie: PATH, Debian's and Homebrew's places. */
export async function listBinaryFolders(): Promise<string[]> {
  const path = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  const debian = (await listNames('/usr/lib/postgresql')).map(major => `/usr/lib/postgresql/${major}/bin`)
  const brew = await Promise.all(['/opt/homebrew', '/usr/local'].map(listBrewFolders))
  return [...new Set([...path, ...debian, ...brew.flat()])]
}

/** The folder of the newest PostgreSQL with PostGIS; of `major` only, when data of that version exists. */
export async function findPostgres(folders: readonly string[], major?: number): Promise<string | undefined> {
  const found = await listPostgres(folders)
  const fitting = found.filter(one => one.hasPostgis && (major === undefined || one.major === major))
  return fitting[0]?.folder
}

/** Installed PostgreSQL servers, newest first, with or without PostGIS. */
export async function listPostgres(
  folders: readonly string[],
): Promise<{ folder: string; major: number; hasPostgis: boolean }[]> {
  const candidates = await Promise.all(
    folders.map(async folder => {
      const complete =
        (await isExecutable(join(folder, 'postgres'))) && (await isExecutable(join(folder, 'initdb')))
      if (!complete) return []
      const major = await readMajor(join(folder, 'postgres'))
      return major === undefined ? [] : [{ folder, major, hasPostgis: await hasPostgis(folder, major) }]
    }),
  )
  return candidates.flat().sort((a, b) => b.major - a.major)
}

/** Path of a `redis-server` or `valkey-server` that is new enough. */
export async function findRedis(folders: readonly string[]): Promise<string | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const path = join(folder, name)
      if ((await isExecutable(path)) && ((await readMajor(path)) ?? 0) >= REDIS_MIN_MAJOR) return path
    }
  }
  return undefined
}

/** The version that made a data folder; undefined when there is none yet. */
export async function readDataMajor(folder: string): Promise<number | undefined> {
  const version = await tolerate(['ENOENT'], readFile(join(folder, 'PG_VERSION'), 'utf8'))
  return version === undefined ? undefined : Number.parseInt(version, 10)
}

async function hasPostgis(folder: string, major: number): Promise<boolean> {
  const shares = [`/usr/share/postgresql/${major}`]
  const pgConfig = join(folder, 'pg_config')
  if (await isExecutable(pgConfig)) shares.unshift((await run(pgConfig, ['--sharedir'])).stdout.trim())
  const found = await Promise.all(
    shares.map(share => isReadable(join(share, 'extension', 'postgis.control'))),
  )
  return found.includes(true)
}

/** "postgres (PostgreSQL) 15.18 (Debian …)", "Redis server v=7.0.15 …", "Valkey server v=8.1.1 …" */
async function readMajor(binary: string): Promise<number | undefined> {
  const { stdout } = await run(binary, ['--version'])
  const major = /(?:PostgreSQL\) |v=)(\d+)/.exec(stdout)?.[1]
  return major === undefined ? undefined : Number(major)
}

async function listBrewFolders(prefix: string): Promise<string[]> {
  const kegs = (await listNames(join(prefix, 'opt'))).filter(name => /^(postgresql|redis|valkey)/.test(name))
  return [join(prefix, 'bin'), ...kegs.map(keg => join(prefix, 'opt', keg, 'bin'))]
}

async function listNames(folder: string): Promise<string[]> {
  return (await tolerate(['ENOENT'], readdir(folder))) ?? []
}

async function isExecutable(path: string): Promise<boolean> {
  return await isAllowed(path, constants.X_OK)
}

async function isReadable(path: string): Promise<boolean> {
  return await isAllowed(path, constants.R_OK)
}

async function isAllowed(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  )
}
