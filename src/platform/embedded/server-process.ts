/**
 * Starts, awaits and stops a server that outlives the process that started it. Servers are detached (a Ctrl-C in the
 * terminal must not reach them before the game server has drained) and log to a file; they are found again by
 * identity, never by being somebody's child.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { logHas, openLog, readLogTail } from './log-file.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'
import type { Account } from './service-account.ts'

/** Where and as whom one server runs. */
export type Place = {
  folder: string
  logFile: string
  account: Account | undefined
  password: string
  port: number
  throwaway: boolean
}

export type Launch = { file: string; args: string[] }

/** What the two servers have in common. `binary` is what `find-binaries.ts` found for it. */
export type ServerKind = {
  title: string
  /** Preferred accounts when this process is root. */
  accounts: readonly string[]
  /** Creates or completes what the server needs on disk; repeated before each start. */
  prepare(place: Place, binary: string): Promise<void>
  launch(place: Place, binary: string): Launch
  /** What its log says once the port is its own: nobody sends a password there before. */
  listening: RegExp
  /** Connects with the password; throws as long as it does not answer. */
  probe(place: Place): Promise<void>
  /** Has the probe failed in a way that waiting cannot help? */
  isFinal(failure: unknown): boolean
  /** Completes what is inside once it answers; repeated at each join. */
  complete(place: Place): Promise<void>
  /** A running server of this folder that nobody had the time to remember. */
  findForgotten(folder: string): Promise<{ process: ProcessIdentity; port: number } | undefined>
  /** What helps after a failed start with this log: time, until a killed one's leftovers are gone, or another port. */
  findRemedy(log: string): 'wait' | 'other_port' | undefined
  stopSteps: readonly StopStep[]
}

export type StopStep = { signal: NodeJS.Signals; waitMs: number }

const POLL_MS = 20
/** Long enough for a crash recovery; a server that dies is noticed at once. */
const READY_MS = 120_000
const RESPAWN_MS = 30_000

/**
 * Starts a server that answers: again on another port when the port was taken meanwhile, and again while leftovers
 * of a killed one hold it back. `remember` is called as soon as there is a process.
 */
export async function startServer(
  kind: ServerKind,
  place: Place,
  binary: string,
  remember: (running: { process: ProcessIdentity; port: number }) => Promise<void>,
): Promise<Place> {
  const deadlineMs = Date.now() + RESPAWN_MS
  let port = await chooseFreePort(place.port)
  for (;;) {
    const attempt = { ...place, port }
    await kind.prepare(attempt, binary)
    const { process, startByte } = await spawnDetached(kind.launch(attempt, binary), attempt)
    if (process) {
      await remember({ process, port })
      if (await waitUntilReady(kind, attempt, process, startByte)) return attempt
    }
    const log = await readLogTail(place.logFile, startByte)
    const remedy = kind.findRemedy(log)
    if (remedy === undefined || Date.now() > deadlineMs) {
      throw new Error(`${kind.title} stopped while starting (${place.logFile}):\n${log}`)
    }
    await sleep(POLL_MS * 5)
    // Leftovers cost time, not the port: URLs that somebody holds open stay good.
    port = await chooseFreePort(remedy === 'wait' ? port : 0)
  }
}

/**
 * True when it answers, false when it died before. `startByte`: where the log of this process begins; without it, the
 * server is known to have its port already.
 */
export async function waitUntilReady(
  kind: ServerKind,
  place: Place,
  process: ProcessIdentity,
  startByte?: number,
): Promise<boolean> {
  const deadlineMs = Date.now() + READY_MS
  let isListening = startByte === undefined
  let failure: unknown
  while (isRunning(process)) {
    isListening ||= await logHas(place.logFile, startByte ?? 0, kind.listening)
    if (isListening) {
      failure = await settle(kind.probe(place))
      if (failure === undefined) return true
      if (kind.isFinal(failure)) throw failure
    }
    if (Date.now() > deadlineMs) {
      const log = await readLogTail(place.logFile)
      throw new Error(`${kind.title} is not ready (${String(failure)}; ${place.logFile}):\n${log}`)
    }
    await sleep(POLL_MS)
  }
  return false
}

/** Asks more and more firmly; throws when the process outlives the last step. */
export async function stopServer(kind: ServerKind, server: ProcessIdentity): Promise<void> {
  for (const { signal, waitMs } of kind.stopSteps) {
    if (!isRunning(server)) return
    sendSignal(server.pid, signal)
    const deadlineMs = Date.now() + waitMs
    while (isRunning(server) && Date.now() < deadlineMs) await sleep(POLL_MS)
  }
  if (isRunning(server)) throw new Error(`${kind.title} (pid ${server.pid}) does not stop`)
}

async function spawnDetached(
  { file, args }: Launch,
  { folder, account, logFile }: Place,
): Promise<{ process: ProcessIdentity | undefined; startByte: number }> {
  const { handle, startByte } = await openLog(logFile)
  try {
    const child = spawn(file, args, {
      ...account,
      detached: true,
      cwd: folder,
      // Nothing of the caller's environment (PGOPTIONS, LANG, …) changes how the servers behave.
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', handle.fd, handle.fd],
    })
    await once(child, 'spawn')
    child.unref()
    return { process: child.pid === undefined ? undefined : identifyProcess(child.pid), startByte }
  } finally {
    await handle.close()
  }
}

/** `preferred` when nobody listens there, else any free port of 127.0.0.1. */
async function chooseFreePort(preferred: number): Promise<number> {
  const server = createServer()
  try {
    const listening = once(server, 'listening')
    server.listen(preferred, '127.0.0.1')
    await listening
  } catch (error) {
    if (preferred !== 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      return await chooseFreePort(0)
    throw error
  }
  const address = server.address()
  const closed = once(server, 'close')
  server.close()
  await closed
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}

/** What it failed with, if it did. */
async function settle(attempt: Promise<void>): Promise<unknown> {
  return await attempt.then(
    () => undefined,
    (failure: unknown) => failure,
  )
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
