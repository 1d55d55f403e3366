/** What the commands share at their edge: files and standard input, numbers, where the local server keeps its keys. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { readRunFile } from '#platform/embedded/run-file.ts'
import { ServerFault } from './rest-client.ts'
import { UsageFault } from './usage-fault.ts'

export type ExitCode = 0 | 1 | 2

export const defaultUrl = 'http://127.0.0.1:8080'

/** `parseArgs`, whose complaints are the user's faults and not ours. */
export function parseCommandLine<C extends ParseArgsConfig>(config: C): ReturnType<typeof parseArgs<C>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageFault((error as Error).message, { cause: error })
  }
}

/** Runs a command: 2 with the usage where the caller is wrong, 1 where the server is, else what `main` says. */
export async function runCommand(usage: string, main: () => Promise<ExitCode>): Promise<void> {
  if (process.argv.includes('--help')) return void process.stdout.write(`${usage}\n`)
  try {
    process.exitCode = await main()
  } catch (error) {
    if (error instanceof UsageFault) {
      process.stderr.write(`${error.message}\n\n${usage}\n`)
      process.exitCode = 2
    } else if (error instanceof ServerFault) {
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
    } else throw error
  }
}

/** The text of a file, or of standard input for `-`. */
export function readSource(source: string): string {
  try {
    return readFileSync(source === '-' ? 0 : source, 'utf8')
  } catch (error) {
    throw new UsageFault(`cannot read ${source}: ${(error as Error).message}`, { cause: error })
  }
}

/** A whole number from an option, `undefined` where it was not given. */
export function readWhole(
  text: string | undefined,
  { option, min, max }: { option: string; min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageFault(`${option} is a whole number from ${min} to ${max}, not ${text}`)
}

export function readUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text
  throw new UsageFault(`--url is an address like ${defaultUrl}, not ${text}`)
}

export const findDataDir = (): string => resolve(process.env.DATA_DIR ?? '.data')

/** A secret that `npm start` keeps in the data folder. */
export async function findSecret(name: string): Promise<string | undefined> {
  return (await readRunFile(findDataDir())).secrets[name]
}
