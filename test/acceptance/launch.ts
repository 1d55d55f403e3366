/**
 * Servers as a user starts them: commands in a shell's environment, each a process group of its own like a terminal's
 * foreground job, so that Ctrl-C reaches all of it. Whatever a test leaves running is killed at its end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import { eventually } from './eventually.ts'
import { kill, listLeft, listTree, type Process } from './processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The start of the README. */
export const npmStart = ['npm', 'start', '--'] as const
/** What it runs, without npm in between. */
export const nodeStart = [
  process.execPath,
  '--import',
  './src/platform/typescript/register.mjs',
  'src/bin/server.ts',
  '--local',
] as const

/** Of a test, or of a command that takes down what it has put up. */
export type Teardown = Pick<Test, 'teardown'>

export type Run = {
  /** Of the process that was started; also its group. */
  pid: number
  stdout(): string
  stderr(): string
  /** What `pattern` matched on standard output; throws when the process ends before. */
  until(pattern: RegExp): Promise<string>
  /** The exit code, or nothing after a signal. */
  exited: Promise<number | null>
  isRunning(): boolean
  /** SIGINT to the whole group, as a terminal sends it. */
  pressCtrlC(): Promise<number | null>
  /** `kill -9` of everything that was started, the servers of the data folder included; resolves when all is gone. */
  killAll(): Promise<Process[]>
}

const START_MS = 90_000

/** Runs a command in the project, with nothing of this process' environment but where things are. */
export function run(t: Teardown, [file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Run {
  const { PATH, HOME } = process.env
  const child = spawn(file, args, {
    cwd: root,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => (text.stdout += String(chunk)))
  child.stderr.on('data', chunk => (text.stderr += String(chunk)))
  // `close` rather than `exit`: then everything that it wrote has been read.
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const pid = child.pid ?? 0
  const explain = () => `${[file, ...args].join(' ')} said: ${text.stdout}${text.stderr}`

  async function killAll(): Promise<Process[]> {
    const tree = listTree(pid)
    for (const one of tree) kill(one.pid, 'SIGKILL')
    await eventually('all are gone', () => listLeft(tree).length === 0 || undefined)
    return tree
  }
  t.teardown(async () => {
    if (isRunning()) await killAll()
  })

  return {
    pid,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    exited,
    isRunning,
    until: pattern =>
      eventually(
        String(pattern),
        () => {
          const [found] = pattern.exec(text.stdout) ?? []
          if (found === undefined && !isRunning()) throw new Error(`ended too soon: ${explain()}`)
          return found
        },
        { withinMs: START_MS, explain },
      ),
    pressCtrlC() {
      process.kill(-pid, 'SIGINT')
      return exited
    },
    killAll,
  }
}

/** A data folder that no server has used; at the end of `t` its servers are gone, whatever happened, and so is it. */
export async function makeDataDir(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-acceptance-'))
  // As root, the servers' accounts walk through it to their own folders.
  await chmod(folder, 0o711)
  t.teardown(async () => {
    const { postgres, redis } = await readRun(folder).catch(() => ({ postgres: undefined, redis: undefined }))
    const forgotten = [postgres?.process, redis?.process].flatMap(one =>
      one === undefined ? [] : listTree(one.pid),
    )
    const ours = forgotten.filter(({ command }) => /postgres|redis|valkey/.test(command))
    for (const { pid } of ours) kill(pid, 'SIGKILL')
    await eventually('no server is left', () => listLeft(ours).length === 0 || undefined)
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

const Service = Type.Object({
  password: Type.String(),
  port: Type.Integer(),
  process: Type.Optional(Type.Object({ pid: Type.Integer() })),
})
const RunJson = Type.Object({
  postgres: Type.Optional(Service),
  redis: Type.Optional(Service),
  secrets: Type.Record(Type.String(), Type.String()),
})

/** What `DATA_DIR/run.json` says of the servers and the secrets. */
export async function readRun(dataDir: string): Promise<Static<typeof RunJson>> {
  const content: unknown = JSON.parse(await readFile(join(dataDir, 'run.json'), 'utf8'))
  if (!Check(RunJson, content)) throw new Error('run.json is not as it was')
  return content
}

/** What the services of a data folder have logged. */
export async function readLogs(dataDir: string): Promise<string[]> {
  const names = (await readdir(dataDir)).filter(name => name.endsWith('.log'))
  return await Promise.all(names.map(name => readFile(join(dataDir, name), 'utf8')))
}

export async function findDatabaseUrl(dataDir: string): Promise<string> {
  const { postgres } = await readRun(dataDir)
  return `postgres://hexbao:${postgres?.password}@127.0.0.1:${postgres?.port}/hexbao`
}

export const Banner = Type.Object(
  {
    url: Type.String({ pattern: '^http://127\\.0\\.0\\.1:\\d+$' }),
    socketUrl: Type.String({ pattern: '^ws://127\\.0\\.0\\.1:\\d+/v1/play$' }),
    playerToken: Type.String(),
    playerId: Type.String({ pattern: '^[0-9a-f-]{36}$' }),
    merchantKey: Type.String({ pattern: '^hbk_test_' }),
    operatorKey: Type.String({ pattern: '^hbo_' }),
  },
  { additionalProperties: false },
)
export type Banner = Static<typeof Banner>

export type Server = Run & { banner: Banner }

/** Starts a server and waits for its banner, the one line of JSON on standard output. */
export async function startServer(
  t: Teardown,
  {
    dataDir,
    command = nodeStart,
    env = {},
  }: { dataDir: string; command?: readonly string[]; env?: NodeJS.ProcessEnv },
): Promise<Server> {
  const started = run(t, [...command, '--banner', 'json'], { DATA_DIR: dataDir, PORT: '0', ...env })
  const line = await started.until(/^\{.*\}$/m)
  const banner: unknown = JSON.parse(line)
  if (!Check(Banner, banner)) throw new Error(`not the banner: ${line}`)
  return { ...started, banner }
}
