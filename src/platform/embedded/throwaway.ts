/**
 * Real servers for tests: one instance for a whole run when `HEXBAO_TEST_SERVICES` names a folder (the runner holds it
 * as a member while test files come and go), else one for this process alone.
 */
import { mkdtemp, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chooseInstallMode } from './install.ts'
import { joinServices, type Services } from './services.ts'

/** The folder to hand down as `HEXBAO_TEST_SERVICES`. */
export async function makeThrowawayFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hexbao-test-'))
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
