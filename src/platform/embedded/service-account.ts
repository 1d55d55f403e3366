/**
 * PostgreSQL refuses to run as root, and Redis has no reason to. When this process is root, each server gets an
 * unprivileged account and a folder of its own; when that account cannot walk down to the data folder (a checkout
 * below /root, say), the folder lies in /var/lib instead, under a name derived from the data folder.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chown, lstat, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tolerate } from './tolerate.ts'

export type Account = { uid: number; gid: number }

/**
 * The account that runs a server: the owner of `folder` when it exists (installing a package may add a better account
 * later, but data must not change hands), else the first of `names` on this machine. Undefined unless this is root.
 */
export async function findAccount(
  folder: string | undefined,
  names: readonly string[],
): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = folder === undefined ? undefined : await tolerate(['ENOENT'], stat(folder))
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  for (const name of names) {
    const ids = spawnSync('sh', ['-c', 'id -u "$1" && id -g "$1"', 'sh', name], { encoding: 'utf8' })
    const [uid, gid] = ids.stdout.split('\n').map(Number)
    if (ids.status === 0 && uid !== undefined && gid !== undefined) return { uid, gid }
  }
  throw new Error(
    `running as root needs an unprivileged account for the servers: none of ${names.join(', ')} exists`,
  )
}

/** Makes the data folder. Root's can be walked through (its servers have other accounts), not listed or read. */
export async function makeDataDir(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
}

/** Where a server's folder goes: below `dataDir` (then relative to it), else an absolute path in /var/lib. */
export async function placeFolder(
  dataDir: string,
  name: string,
  account: Account | undefined,
): Promise<string> {
  if (!account || canWalkTo(dataDir, account)) return name
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const outside = `/var/lib/hexbao-${hash}`
  await mkdir(outside, { recursive: true, mode: 0o711 })
  return join(outside, name)
}

/** A folder that only `account` (or this user) can enter. */
export async function makePrivateFolder(folder: string, account: Account | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const found = await lstat(folder)
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`)
  if (account && found.uid !== account.uid) await chown(folder, account.uid, account.gid)
}

/** The parent of a server's folder when it lies outside the data folder, to be removed with a throw-away. */
export function outsideParent(folder: string): string | undefined {
  return folder.startsWith('/') ? dirname(folder) : undefined
}

function canWalkTo(folder: string, account: Account): boolean {
  try {
    execFileSync('sh', ['-c', 'cd "$1"', 'sh', folder], { ...account, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
