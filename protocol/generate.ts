/**
 * Writes openapi.json and asyncapi.json from the protocol: `npm run generate`. With `--check` it writes nothing and
 * exits 1 when a checked-in document is not what the protocol says now.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeSocket } from './documents/asyncapi.ts'
import { describeRest } from './documents/openapi.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** The documents as they should stand in this folder, by file name. */
export const documents: Readonly<Record<string, string>> = {
  'openapi.json': `${JSON.stringify(describeRest(version), null, 2)}\n`,
  'asyncapi.json': `${JSON.stringify(describeSocket(version), null, 2)}\n`,
}

const addressOf = (file: string): URL => new URL(file, import.meta.url)

function writeDocuments(): void {
  for (const [file, text] of Object.entries(documents)) writeFileSync(addressOf(file), text)
  process.stdout.write(`wrote ${Object.keys(documents).join(', ')}\n`)
}

/** Names the documents that are missing or differ from the protocol. */
export const listStaleDocuments = (): string[] =>
  Object.entries(documents)
    .filter(([file, text]) => readIfThere(addressOf(file)) !== text)
    .map(([file]) => file)

function readIfThere(address: URL): string | undefined {
  try {
    return readFileSync(address, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function checkDocuments(): void {
  const stale = listStaleDocuments()
  for (const file of stale) {
    process.stderr.write(
      `protocol/${file} is not what the protocol says: run \`npm run generate\` and commit it\n`,
    )
  }
  process.exitCode = stale.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) checkDocuments()
  else writeDocuments()
}
