/** The machine that this process runs on. */
import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { tolerate } from '../embedded/tolerate.ts'
import { type Check, failed, passed, warned } from './check.ts'

const minNode = [20, 19] as const
const minOpenFiles = 4_096
const minFreeMiB = 1_024

export async function checkMachine({ dataDir }: { dataDir: string }): Promise<Check[]> {
  return [
    judgeNode(process.versions.node),
    judgeOpenFiles(await readOpenFiles()),
    judgeFreeSpace(await readFreeMiB(resolve(dataDir)), dataDir),
  ]
}

export function judgeNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > minNode[0] || (major === minNode[0] && minor >= minNode[1])
  if (isEnough) return passed('Node.js', version)
  return failed('Node.js', `${version}, ${minNode.join('.')} or newer is needed`, { money: false })
}

/** Node raises its own soft limit to the hard one at start, and a child inherits what Node got. */
async function readOpenFiles(): Promise<number> {
  const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n'])
  const limit = stdout.trim()
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit)
}

export function judgeOpenFiles(limit: number): Check {
  const found = Number.isFinite(limit) ? String(limit) : 'unlimited'
  if (limit >= minOpenFiles) return passed('open files', found)
  const advice = `every socket is one, so raise it to ${minOpenFiles} or more (ulimit -n, LimitNOFILE=)`
  return warned('open files', `${found}: ${advice}`)
}

/** Of the folder, or of the nearest one above it that exists. */
async function readFreeMiB(folder: string): Promise<number> {
  const found = await tolerate(['ENOENT', 'ENOTDIR'], statfs(folder))
  if (found === undefined) return await readFreeMiB(dirname(folder))
  return Math.floor((found.bavail * found.bsize) / 2 ** 20)
}

export function judgeFreeSpace(freeMiB: number, dataDir: string): Check {
  const found = `${freeMiB} MiB free in ${dataDir}`
  if (freeMiB >= minFreeMiB) return passed('disk', found)
  return warned('disk', `${found}: PostgreSQL stops when it is full, keep ${minFreeMiB} MiB free`)
}
