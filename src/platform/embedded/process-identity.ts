/**
 * A process is named by its pid *and* the moment it started: pids are reused, and a number remembered in a file over
 * a crash or a reboot may belong to a stranger by now. Everything that outlives a process (members, locks, servers)
 * is checked against this pair.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** `startedAt` is opaque: equal strings on one machine mean the same process. */
export type ProcessIdentity = { pid: number; startedAt: string }

/** Who has this pid now; undefined when nobody does, or only a zombie that nobody has reaped. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === 'linux' ? readStartFromProc(pid) : readStartFromPs(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

export function identifyThisProcess(): ProcessIdentity {
  const identity = identifyProcess(process.pid)
  if (!identity) throw new Error('this process cannot see itself: is /proc mounted, or ps installed?')
  return identity
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startedAt === b.startedAt
}

/** The arguments of a running process, joined by blanks; empty when it is gone. */
export function readCommandLine(pid: number): string {
  if (process.platform !== 'linux') return runPs(pid, 'command=') ?? ''
  return readProcFile(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? ''
}

function readStartFromProc(pid: number): string | undefined {
  const stat = readProcFile(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The command may hold blanks and brackets: fields are counted from the last bracket (proc(5): state is the third).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, ticksSinceBoot] = [fields[0], fields[19]]
  if (state === 'Z' || state === 'X' || ticksSinceBoot === undefined) return undefined
  return `${ticksSinceBoot}.${readBootId()}`
}

let bootId: string | undefined
function readBootId(): string {
  bootId ??= readProcFile('/proc/sys/kernel/random/boot_id')?.trim() ?? 'boot'
  return bootId
}

function readStartFromPs(pid: number): string | undefined {
  const state = runPs(pid, 'state=')
  if (state === undefined || state.startsWith('Z')) return undefined
  return runPs(pid, 'lstart=')
}

function runPs(pid: number, format: string): string | undefined {
  try {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
    return (
      execFileSync('ps', ['-o', format, '-p', String(pid)], { env, encoding: 'utf8' }).trim() || undefined
    )
  } catch (error) {
    // ps exits with 1 when there is no such process.
    if ((error as { status?: unknown }).status === 1) return undefined
    throw error
  }
}

/** A file below /proc; nothing when the process is gone, or where there is no such file. */
export function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: the process ended between open and read.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
