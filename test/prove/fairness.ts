/**
 * Fairness: a city of bots, as `npm run simulate` lets one live, at a server as `npm start` starts it: what honest
 * people are refused, and what becomes of teleports and of tracks that are glued together.
 */
import { findDatabaseUrl, makeDataDir, startServer, type Teardown } from '../acceptance/launch.ts'
import { builtInArea } from '../../src/bin/bots/area.ts'
import {
  assignProfiles,
  cheatsPercent,
  type Counted,
  honestRefusedPercent,
} from '../../src/bin/bots/census.ts'
import { simulate } from '../../src/bin/bots/run.ts'
import { judge } from '../../src/bin/bots/report.ts'
import type { Found } from './lines.ts'

const CITY = { speedMps: 1.4, noiseM: 8, envelopes: 20, forMs: 8 * 60_000, pace: 30, record: undefined }
const BOTS = 120
/** Percent; the first is what the rules are made for. */
const MOST = { refusedPercent: 0.1, cheatsPercent: 0, differences: 0 }
/** Fewer lies would prove little. */
const LEAST_LIES = 100

export async function proveFairness(
  seed: number,
  t: Teardown,
  progress: (line: string) => void,
): Promise<Found> {
  const dataDir = await makeDataDir(t)
  const { banner } = await startServer(t, { dataDir })
  const { url, merchantKey } = banner
  const books = { databaseUrl: await findDatabaseUrl(dataDir), dataDir }
  const bots = assignProfiles(BOTS, ['mix'])
  const city = { ...CITY, seed, bots, area: builtInArea(), url, merchantKey, books, say: progress }
  const outcome = await simulate(city)
  return judgeFairness(outcome.counted, judge(outcome, MOST))
}

export function judgeFairness(counted: Counted, broken: readonly string[]): Found {
  const { honest, lies, firstFindsMs } = counted
  const asked = honest.fixes + honest.tries
  const refused = [...honest.refused].map(([what, times]) => `${times} × ${what}`).join(', ') || 'none'
  const caught = 100 - cheatsPercent(counted)
  const said = [
    `${honestRefusedPercent(counted).toFixed(3)} % of ${asked.toLocaleString('en')} honest fixes and claims refused ` +
      `(${refused})`,
    `${caught.toFixed(1)} % of ${lies.told.toLocaleString('en')} teleports and joined tracks refused`,
    ...broken,
  ].join('; ')
  const isEnough = lies.told >= LEAST_LIES && firstFindsMs.length > 0
  return {
    holds: broken.length === 0 && isEnough,
    said: isEnough ? said : `${said}; too little to prove anything`,
  }
}
