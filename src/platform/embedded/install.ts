/**
 * Installs what is missing with the system's own package manager, or says how. Only binaries are wanted: the Debian
 * script keeps the packages from creating a cluster or starting a server of their own.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { listPostgres } from './find-binaries.ts'
import { openLog, readLogTail } from './log-file.ts'

export type InstallMode = 'yes' | 'ask' | 'no'
export type Missing = {
  postgres: boolean
  redis: boolean
  /** The version that existing data needs. */
  postgresMajor?: number | undefined
}

type Plan = { title: string; command: [string, ...string[]]; needsRoot: boolean }

const DEBIAN_SCRIPT = fileURLToPath(new URL('install-debian.sh', import.meta.url))
const BREW_POSTGRES_MAJOR = 17

/** At once as root, in CI or with `--yes`; asked on a terminal; otherwise only printed. */
export function chooseInstallMode(options: { yes?: boolean } = {}): InstallMode {
  if (options.yes || process.getuid?.() === 0 || process.env.CI) return 'yes'
  return process.stdin.isTTY && process.stderr.isTTY ? 'ask' : 'no'
}

/**
 * Installs what is missing; the package manager's output goes to `dataDir/install.log`.
 * Throws one error with the exact command and the container alternative when it may not or cannot.
 */
export async function installMissing(options: {
  missing: Missing
  mode: InstallMode
  dataDir: string
  folders: readonly string[]
  progress: (line: string) => void
}): Promise<void> {
  const { missing, mode } = options
  const plan = await planInstall(missing, options.folders)
  if (!plan || !(await mayInstall(plan, mode))) throw new Error(explainMissing(missing, plan))
  options.progress(`${plan.title} (about 20 s) …`)
  await runLogged(plan.command, join(options.dataDir, 'install.log'))
}

/** One message for whoever has to act: what is missing, and every way to provide it. */
export function explainMissing(missing: Missing, plan: Plan | undefined): string {
  const version =
    missing.postgresMajor === undefined ? '' : ` ${missing.postgresMajor} (the version of the data)`
  const names = [
    ...(missing.postgres ? [`PostgreSQL${version} with PostGIS`] : []),
    ...(missing.redis ? ['Redis 7 or newer'] : []),
  ]
  const byHand = plan
    ? ['install by hand:', `  ${plan.command.join(' ')}`, 'or start again with --yes, or ']
    : ['']
  return [
    `${names.join(' and ')} not found on this machine. Please`,
    `${byHand.join('\n')}run everything in containers:`,
    '  docker compose up',
    'or set DATABASE_URL and REDIS_URL to servers that run already.',
  ].join('\n')
}

async function planInstall(missing: Missing, folders: readonly string[]): Promise<Plan | undefined> {
  if (process.platform === 'darwin' && hasCommand('brew')) return planBrew(missing)
  if (process.platform === 'linux' && hasCommand('apt-get')) return await planApt(missing, folders)
  return undefined
}

async function planApt(missing: Missing, folders: readonly string[]): Promise<Plan> {
  // PostGIS for a PostgreSQL that is there already comes from the same source as that one.
  const packaged = (await listPostgres(folders)).find(one => one.folder.startsWith('/usr/lib/postgresql/'))
  const major = missing.postgresMajor ?? packaged?.major
  const names = [
    ...(missing.postgres ? [`PostgreSQL${major === undefined ? '' : ` ${major}`} with PostGIS 3`] : []),
    ...(missing.redis ? ['Redis'] : []),
  ]
  const args = [missing.postgres ? String(major ?? 'default') : 'none', missing.redis ? 'redis' : 'none']
  const sudo = process.getuid?.() === 0 ? [] : ['sudo']
  const [first = 'sh', ...rest] = [...sudo, 'sh', DEBIAN_SCRIPT, ...args]
  return { title: `Installing ${names.join(' and ')} with apt`, command: [first, ...rest], needsRoot: true }
}

function planBrew(missing: Missing): Plan {
  const major = missing.postgresMajor ?? BREW_POSTGRES_MAJOR
  const formulas = [
    ...(missing.postgres ? [`postgresql@${major}`, 'postgis'] : []),
    ...(missing.redis ? ['redis'] : []),
  ]
  const command: Plan['command'] = ['brew', 'install', ...formulas]
  return { title: `Installing ${formulas.join(', ')} with Homebrew`, command, needsRoot: false }
}

async function mayInstall(plan: Plan, mode: InstallMode): Promise<boolean> {
  if (mode === 'no') return false
  if (mode === 'ask') return await confirm(`${plan.title}? [Y/n] `)
  return !plan.needsRoot || process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^(y|yes|)$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}

async function runLogged([file, ...args]: [string, ...string[]], logFile: string): Promise<void> {
  const { handle, startByte } = await openLog(logFile)
  try {
    // sudo asks for its password on the terminal itself, not here.
    const child = spawn(file, args, { stdio: ['ignore', handle.fd, handle.fd] })
    const [code, signal] = await once(child, 'exit')
    if (code === 0) return
    const how = signal === null ? `exit code ${String(code)}` : String(signal)
    throw new Error(`${file} ${args.join(' ')} failed (${how}):\n${await readLogTail(logFile, startByte)}`)
  } finally {
    await handle.close()
  }
}

function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0
}
