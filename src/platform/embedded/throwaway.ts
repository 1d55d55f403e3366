/**
 * Real servers for tests: one instance for a whole run when `HEXBAO_TEST_SERVICES` names a folder (the runner holds it
 * as a member while test files come and go), else one for this process alone.
 */
import { chmod, lstat, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chooseInstallMode } from './install.ts'
import { joinServices, removeAbandoned, type Services } from './services.ts'
import { tolerate } from './tolerate.ts'

const PREFIX = 'hexbao-test-'

/** A folder to hand down as `HEXBAO_TEST_SERVICES`. Takes the occasion to clean up after runs that were killed. */
export async function makeThrowawayFolder(): Promise<string> {
  await removeAllAbandoned()
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  // As root, the servers' accounts walk through it to their own folders.
  if (process.getuid?.() === 0) await chmod(folder, 0o711)
  return folder
}

/** Joins the run's servers, or starts some; `leave` stops and removes what nobody else uses. */
export async function startThrowawayServices(): Promise<Services> {
  const dataDir = process.env.HEXBAO_TEST_SERVICES ?? (await makeThrowawayFolder())
  return await joinServices({
    dataDir,
    throwaway: true,
    install: chooseInstallMode(),
    progress: line => process.stderr.write(`${line}\n`),
  })
}

async function removeAllAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(tmpdir(), name)
    // Its last member may be removing it right now. Somebody else's folder is not to be trusted: it may name any pid.
    const found = await tolerate(['ENOENT'], lstat(folder))
    const isOurs = found?.isDirectory() && found.uid === process.getuid?.()
    if (isOurs) await tolerate(['ENOENT'], removeAbandoned(folder))
  }
}
