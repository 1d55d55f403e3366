/**
 * Exclusion between processes that survives `kill -9` without anyone cleaning up. The lock is a folder that holds one
 * empty file named after its owner (pid and start time). Taking it renames a prepared folder over it, which the
 * kernel refuses unless the target is absent or empty; a dead owner is evicted by unlinking *that owner's* file, so
 * two evictors can never throw out each other's fresh lock.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyThisProcess, isRunning, type ProcessIdentity } from './process-identity.ts'
import { tolerate } from './tolerate.ts'

const POLL_MS = 10
const SAY_AFTER_MS = 2_000

/**
 * Runs `task` while no other task in any process holds `path`. Waits as long as the holder lives; `onWait` is told
 * once, after two seconds, for whom. Not reentrant. The parent folder must exist.
 */
export async function withLock<T>(
  path: string,
  task: () => Promise<T>,
  onWait?: (holder: ProcessIdentity) => void,
): Promise<T> {
  const token = writeToken(identifyThisProcess())
  await takeLock(path, token, onWait)
  try {
    return await task()
  } finally {
    await unlink(join(path, token))
    await removeIfEmpty(path)
  }
}

/** Removes a folder unless something is in it; one that is gone already is fine. */
export async function removeIfEmpty(folder: string): Promise<void> {
  await tolerate(['ENOENT', 'ENOTEMPTY', 'EEXIST'], rmdir(folder))
}

async function takeLock(
  path: string,
  token: string,
  onWait?: (holder: ProcessIdentity) => void,
): Promise<void> {
  await removeAbandonedOffers(path)
  const offer = `${path}.${token}.${randomUUID()}`
  await mkdir(offer, { mode: 0o700 })
  await writeFile(join(offer, token), '')
  let sayAtMs = Date.now() + SAY_AFTER_MS
  while (!(await renameOver(offer, path))) {
    const holder = await evictIfDead(path)
    if (!holder) continue
    if (Date.now() > sayAtMs) {
      onWait?.(holder)
      sayAtMs = Number.POSITIVE_INFINITY
    }
    await sleep(POLL_MS)
  }
}

async function renameOver(offer: string, path: string): Promise<boolean> {
  const taken = tolerate(
    ['ENOTEMPTY', 'EEXIST'],
    rename(offer, path).then(() => true),
  )
  return (await taken) ?? false
}

/** The living holder; undefined when the lock is free now. */
async function evictIfDead(path: string): Promise<ProcessIdentity | undefined> {
  const [token] = (await tolerate(['ENOENT'], readdir(path))) ?? []
  if (token === undefined) return undefined
  const holder = readToken(token)
  if (holder && isRunning(holder)) return holder
  await tolerate(['ENOENT'], unlink(join(path, token)))
  return undefined
}

/** A waiter that was killed leaves its offer behind. */
async function removeAbandonedOffers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const owner = readToken(name.slice(prefix.length, name.lastIndexOf('.')))
    if (owner && !isRunning(owner)) await rm(join(dirname(path), name), { recursive: true, force: true })
  }
}

function writeToken({ pid, startedAt }: ProcessIdentity): string {
  return `${pid}@${encodeURIComponent(startedAt)}`
}

function readToken(token: string): ProcessIdentity | undefined {
  const [pid, startedAt] = token.split('@')
  if (startedAt === undefined) return undefined
  return { pid: Number(pid), startedAt: decodeURIComponent(startedAt) }
}
