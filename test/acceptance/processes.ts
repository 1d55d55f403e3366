/** What runs on this machine, and what it listens on, as `ps` and the kernel tell it. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type Process = { pid: number; parent: number; command: string }

/** Everything that runs; zombies are gone already. */
export function listProcesses(): Process[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,state=,args='], { encoding: 'utf8' }).split('\n')
  return lines.flatMap(line => {
    const [, pid, parent, state, command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined || state?.startsWith('Z') ? [] : [{ pid: +pid, parent: Number(parent), command }]
  })
}

/** A process and all that it started, directly or not. */
export function listTree(rootPid: number): Process[] {
  const all = listProcesses()
  const tree = all.filter(({ pid }) => pid === rootPid)
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid))
  return tree
}

/** Those of `tree` that still run as what they were: a pid may belong to somebody else by now. */
export function listLeft(tree: readonly Process[]): Process[] {
  const now = new Map(listProcesses().map(one => [one.pid, one]))
  return tree.filter(({ pid, command }) => {
    const name = (text: string | undefined) => text?.split(' ')[0]
    return now.has(pid) && name(now.get(pid)?.command) === name(command)
  })
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** `address:port` of every TCP socket that one of these processes listens on. Linux only. */
export function listListening(pids: readonly number[]): string[] {
  const inodes = new Set(pids.flatMap(listSockets))
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readTable).flatMap(({ local, state, inode }) => {
    return state === LISTENING && inodes.has(inode) ? [formatAddress(local)] : []
  })
}

const LISTENING = '0A'

/** proc(5): `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`. */
function readTable(path: string): { local: string; state: string; inode: string }[] {
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1)
  return rows.map(row => {
    const [, local = '', , state = '', , , , , , inode = ''] = row.trim().split(/\s+/)
    return { local, state, inode }
  })
}

/** Addresses stand as 32-bit words in the byte order of the machine. */
function formatAddress(local: string): string {
  const [words = '', port = ''] = local.split(':')
  const bytes = (words.match(/.{8}/g) ?? []).flatMap(word => [...Buffer.from(word, 'hex')].reverse())
  const address =
    bytes.length === 4 ? bytes.join('.') : `[${Buffer.from(bytes).toString('hex').replace(/^0+/, '::')}]`
  return `${address}:${Number.parseInt(port, 16)}`
}

function listSockets(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // It was closed since the folder was read.
      return []
    }
  })
  return links.flatMap(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
}
