/** What benches measured and README shows, one file each, written by `npm run bench -- NAME --record`. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Outcome, Settings } from './figures.ts'
import type { Machine } from './machine.ts'

export type Recorded = Outcome & {
  name: string
  /** ISO 8601. */
  startedAt: string
  machine: Machine
  settings: Settings
  /** Whether all was kept that is promised. */
  holds: boolean
}

const addressOf = (name: string): URL => new URL(`recorded/${name}.json`, import.meta.url)

export const readRecorded = (name: string): Recorded =>
  JSON.parse(readFileSync(addressOf(name), 'utf8')) as Recorded

export const record = (result: Recorded): void =>
  writeFileSync(addressOf(result.name), `${JSON.stringify(result, null, 2)}\n`)
