/**
 * The embedded PostgreSQL + PostGIS and Redis: real servers, started privately by the first process that needs them,
 * shared by every process with the same data folder, stopped by the last one that leaves. Membership is a list of
 * process identities in `run.json`; joining and leaving happen one at a time, under a lock that survives `kill -9`.
 */
import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { removeIfEmpty, withLock } from './crash-safe-lock.ts'
import { findPostgres, findRedis, listBinaryFolders, readDataMajor } from './find-binaries.ts'
import { explainMissing, type InstallMode, installMissing } from './install.ts'
import { formatDatabaseUrl, postgresServer } from './postgres-server.ts'
import { identifyThisProcess, isRunning, isSameProcess, type ProcessIdentity } from './process-identity.ts'
import { formatRedisAdminUrl, formatRedisUrl, redisServer } from './redis-server.ts'
import { createPassword, type RunFile, readRunFile, type ServerRecord, updateRunFile } from './run-file.ts'
import { type Place, type ServerKind, startServer, stopServer, waitUntilReady } from './server-process.ts'
import { type Account, findAccount, makeDataDir, outsideParent, placeFolder } from './service-account.ts'

export type Progress = (line: string) => void

export type Services = {
  databaseUrl: string
  redisUrl: string
  /** The default user of a Redis that we started, who may do everything; the given URL where one was given. */
  redisAdminUrl: string
  /** Leaves; the last one to leave stops what was started. Leaving twice is fine. */
  leave(): Promise<void>
}

export type JoinOptions = {
  /** Absolute; persistent data, or a throw-away folder for tests. */
  dataDir: string
  /** If set, no PostgreSQL is started. */
  databaseUrl?: string
  /** If set, no Redis is started. */
  redisUrl?: string
  install: InstallMode
  /** Tests: no sync while creating, data removed at the end; everything else as in earnest. */
  throwaway?: boolean
  /** Where to look for binaries; default: PATH and the usual places. */
  binaryFolders?: readonly string[]
  progress: Progress
}

type Name = 'postgres' | 'redis'

const KINDS: Record<Name, ServerKind> = { postgres: postgresServer, redis: redisServer }

/** Per service: the URL given, else a server of found binaries, else of installed ones, else one clear error. */
export async function joinServices(options: JoinOptions): Promise<Services> {
  const { dataDir, databaseUrl, redisUrl, progress } = options
  const names: Name[] = []
  if (databaseUrl === undefined) names.push('postgres')
  if (redisUrl === undefined) names.push('redis')
  if (names.length === 0) {
    const urls = { databaseUrl: databaseUrl ?? '', redisUrl: redisUrl ?? '', redisAdminUrl: redisUrl ?? '' }
    return { ...urls, leave: async () => {} }
  }

  await makeDataDir(dataDir)
  const member = identifyThisProcess()
  const sayWhy = ({ pid }: ProcessIdentity) => {
    progress(`Waiting for process ${pid}, which is starting or stopping the same servers …`)
  }
  const run = await withLock(lockOf(dataDir), () => startFor(member, names, options), sayWhy).catch(
    async error => {
      await removeIfEmpty(dataDir)
      throw error
    },
  )
  return {
    databaseUrl: databaseUrl ?? formatDatabaseUrl(addressOf(run.postgres)),
    redisUrl: redisUrl ?? formatRedisUrl(addressOf(run.redis)),
    redisAdminUrl: redisUrl ?? formatRedisAdminUrl(addressOf(run.redis)),
    leave: leaveOnce(dataDir, member, progress),
  }
}

/** Stops and removes a throw-away whose members were all killed; leaves anything else alone. */
export async function removeAbandoned(dataDir: string): Promise<void> {
  const run = await readRunFile(dataDir)
  if (!run.throwaway || run.members.some(isRunning)) return
  await withLock(lockOf(dataDir), () => stopUnused(dataDir))
  await removeIfEmpty(dataDir)
}

async function startFor(member: ProcessIdentity, names: Name[], options: JoinOptions): Promise<RunFile> {
  const { dataDir, throwaway = false, progress } = options
  try {
    await updateRunFile(dataDir, run => {
      // Data that outlived a run once is never thrown away, whatever a later caller says.
      const isNew = !run.postgres && !run.redis && Object.keys(run.secrets).length === 0
      const members = [...run.members.filter(isRunning), member]
      return { ...run, throwaway: isNew ? throwaway : run.throwaway, members }
    })
    const found = await Promise.all(
      names.map(async name => ({ name, joined: await joinRunning(dataDir, name) })),
    )
    const absent = found.filter(one => !one.joined).map(one => one.name)
    if (absent.length > 0) {
      const binaries = await provideBinaries(absent, options)
      const startedAtMs = Date.now()
      await settleAll(absent.map(name => start(dataDir, name, binaries[name])))
      progress(
        `${absent.map(name => KINDS[name].title).join(' and ')} started in ${Date.now() - startedAtMs} ms`,
      )
    }
    return await readRunFile(dataDir)
  } catch (error) {
    await removeMember(dataDir, member)
    throw error
  }
}

/** Is the server of this folder up already, remembered or not? Then it answers when this resolves to true. */
async function joinRunning(dataDir: string, name: Name): Promise<boolean> {
  const kind = KINDS[name]
  const record = (await readRunFile(dataDir))[name]
  if (!record) return false
  const folder = resolve(dataDir, record.folder)
  const remembered =
    record.process && record.port !== undefined && isRunning(record.process)
      ? { process: record.process, port: record.port }
      : undefined
  const running = remembered ?? (await kind.findForgotten(folder))
  if (!running) return false
  await rememberServer(dataDir, name, { ...record, ...running })
  const place = { ...placeOf(dataDir, name, record), port: running.port }
  if (!(await waitUntilReady(kind, place, running.process))) return false
  await kind.complete(place)
  return true
}

async function start(dataDir: string, name: Name, binary: string): Promise<void> {
  const kind = KINDS[name]
  const run = await readRunFile(dataDir)
  const existing = run[name]
  const account = await findAccount(existing && resolve(dataDir, existing.folder), kind.accounts)
  const record = existing ?? (await createRecord(dataDir, name, account))
  // The password is on disk before the data that needs it.
  if (!existing) await rememberServer(dataDir, name, record)
  const place = { ...placeOf(dataDir, name, record), account, throwaway: run.throwaway }
  const started = await startServer(kind, place, binary, running =>
    rememberServer(dataDir, name, { ...record, ...running }),
  )
  await kind.complete(started)
}

async function createRecord(
  dataDir: string,
  name: Name,
  account: Account | undefined,
): Promise<ServerRecord> {
  const folder = await placeFolder(dataDir, name, account)
  const path = resolve(dataDir, folder)
  if ((await readDataMajor(path)) !== undefined) {
    throw new Error(
      `${path} has data, but ${dataDir}/run.json, which knew its password, is gone: restore it, or remove both`,
    )
  }
  return { folder, password: createPassword() }
}

/** Paths of the binaries, after installing what is missing. */
async function provideBinaries(names: Name[], options: JoinOptions): Promise<Record<Name, string>> {
  const { dataDir, install, progress } = options
  const record = (await readRunFile(dataDir)).postgres
  const postgresMajor = record && (await readDataMajor(resolve(dataDir, record.folder)))
  const look = async () => {
    const folders = options.binaryFolders ?? (await listBinaryFolders())
    const [postgres, redis] = await Promise.all([findPostgres(folders, postgresMajor), findRedis(folders)])
    const missing = {
      postgres: names.includes('postgres') && postgres === undefined,
      redis: names.includes('redis') && redis === undefined,
      postgresMajor,
    }
    return { folders, missing, binaries: { postgres: postgres ?? '', redis: redis ?? '' } }
  }
  const first = await look()
  if (!first.missing.postgres && !first.missing.redis) return first.binaries
  await installMissing({ missing: first.missing, mode: install, dataDir, folders: first.folders, progress })
  const second = await look()
  if (!second.missing.postgres && !second.missing.redis) return second.binaries
  // What the distribution has is too old: no command of its package manager can help.
  throw new Error(explainMissing(second.missing, undefined))
}

function leaveOnce(dataDir: string, member: ProcessIdentity, progress: Progress): () => Promise<void> {
  let left: Promise<void> | undefined
  return () => {
    left ??= withLock(lockOf(dataDir), async () => {
      if (await removeMember(dataDir, member)) progress('PostgreSQL and Redis stopped')
    }).then(() => removeIfEmpty(dataDir))
    return left
  }
}

/** Returns whether it was the last one, so that the servers were stopped. */
async function removeMember(dataDir: string, member: ProcessIdentity): Promise<boolean> {
  await updateRunFile(dataDir, run => {
    const index = run.members.findIndex(one => isSameProcess(one, member))
    return { ...run, members: run.members.filter((_, i) => i !== index) }
  })
  return await stopUnused(dataDir)
}

/** Stops the servers, and removes a throw-away, unless a living member needs them. Returns whether it did. */
async function stopUnused(dataDir: string): Promise<boolean> {
  const run = await readRunFile(dataDir)
  if (run.members.some(isRunning)) return false
  await settleAll(
    (['postgres', 'redis'] as const).map(async name => {
      const record = run[name]
      if (!record?.process) return
      await stopServer(KINDS[name], record.process)
      await rememberServer(dataDir, name, { ...record, process: undefined })
    }),
  )
  if (run.throwaway) await removeData(dataDir, run)
  return true
}

/** Everything but the locks: the one held now, and what others wait with. */
async function removeData(dataDir: string, run: RunFile): Promise<void> {
  const inside = (await readdir(dataDir))
    .filter(name => !name.includes('.lock'))
    .map(name => join(dataDir, name))
  const outside = [run.postgres, run.redis].map(record => record && outsideParent(record.folder))
  const all = [...inside, ...outside.filter(path => path !== undefined)]
  await Promise.all(all.map(path => rm(path, { recursive: true, force: true })))
}

async function rememberServer(dataDir: string, name: Name, record: Forgettable): Promise<void> {
  const { process, ...rest } = record
  await updateRunFile(dataDir, run => ({ ...run, [name]: process ? { ...rest, process } : rest }))
}

type Forgettable = Omit<ServerRecord, 'process'> & { process?: ProcessIdentity | undefined }

function placeOf(dataDir: string, name: Name, record: ServerRecord): Place {
  return {
    folder: resolve(dataDir, record.folder),
    logFile: join(dataDir, `${name}.log`),
    account: undefined,
    password: record.password,
    port: record.port ?? 0,
    throwaway: false,
  }
}

function addressOf(record: ServerRecord | undefined): { password: string; port: number } {
  const port = record?.port
  assert(record && port !== undefined, 'a started server has a port')
  return { password: record.password, port }
}

function lockOf(dataDir: string): string {
  return join(dataDir, 'services.lock')
}

/** Like `Promise.all`, but nothing is still going on when it throws. */
async function settleAll(tasks: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason
}
