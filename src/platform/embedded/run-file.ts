/**
 * `DATA_DIR/run.json` is what a data folder knows about itself between and during runs: who uses its servers, where
 * they listen, their passwords, and the secrets that were generated once. It is readable by its owner only and is
 * replaced as a whole, so a reader sees the old or the new file and a crash cannot leave half of one.
 */
import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import { withLock } from './crash-safe-lock.ts'
import { tolerate } from './tolerate.ts'

const Identity = Type.Object({ pid: Type.Integer(), startedAt: Type.String() })

const ServerRecord = Type.Object({
  /** Relative to the data folder, or absolute when the server's account cannot reach into it. */
  folder: Type.String(),
  password: Type.String(),
  /** Where it listens, or did last; tried first at the next start, so that open URLs stay good. */
  port: Type.Optional(Type.Integer()),
  /** The running server; absent when it was stopped. May be stale after a crash. */
  process: Type.Optional(Identity),
})

const RunFile = Type.Object({
  /** Processes that use the servers; one entry each time a process joined. May hold dead ones. */
  members: Type.Array(Identity),
  /** The last member removes all data. */
  throwaway: Type.Boolean(),
  postgres: Type.Optional(ServerRecord),
  redis: Type.Optional(ServerRecord),
  secrets: Type.Record(Type.String(), Type.String()),
})

export type ServerRecord = Static<typeof ServerRecord>
export type RunFile = Static<typeof RunFile>

const EMPTY: RunFile = { members: [], throwaway: false, secrets: {} }

/** What is remembered; an empty record for a folder that was never used. Throws when the file is damaged. */
export async function readRunFile(dataDir: string): Promise<RunFile> {
  const path = join(dataDir, 'run.json')
  const text = await tolerate(['ENOENT'], readFile(path, 'utf8'))
  if (text === undefined) return EMPTY
  const content = parseJson(text)
  if (Check(RunFile, content)) return content
  throw new Error(
    `${path} is damaged. It holds the passwords of the data beside it: restore it, or remove the folder`,
  )
}

/** Replaces the file by `change(current)`; updates of all processes happen one after the other. Returns the new one. */
export async function updateRunFile(dataDir: string, change: (run: RunFile) => RunFile): Promise<RunFile> {
  const path = join(dataDir, 'run.json')
  return await withLock(`${path}.lock`, async () => {
    const changed = change(await readRunFile(dataDir))
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(changed, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    return changed
  })
}

/** The secret of that name, made by `create` when the folder has none yet; the same for every process and run. */
export async function keepSecret(dataDir: string, name: string, create = createPassword): Promise<string> {
  const run = await updateRunFile(dataDir, run => ({ ...run, secrets: { [name]: create(), ...run.secrets } }))
  return run.secrets[name] ?? ''
}

/** 192 random bits in characters that need no escaping in a URL, a shell or a configuration file. */
export function createPassword(): string {
  return randomBytes(24).toString('base64url')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
