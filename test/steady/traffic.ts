/**
 * A day of a game again and again: crowds over HTTP and over sockets that come and go, a rush, lost replies, and a city
 * of bots that walk, are given hints, find, and cheat; everything that the tools of `src/bin` say, in rounds whose
 * proofs have to hold.
 */
import { createHttpAsking, openSocketAsking } from '../../src/bin/load/asking.ts'
import { createPlan, layOut, type Scenario } from '../../src/bin/load/plan.ts'
import { holds, prove } from '../../src/bin/load/proof.ts'
import { runLoad } from '../../src/bin/load/run-load.ts'
import { setStage } from '../../src/bin/load/stage.ts'
import { judgeThresholds } from '../../src/bin/load/thresholds.ts'
import { builtInArea } from '../../src/bin/bots/area.ts'
import { assignProfiles } from '../../src/bin/bots/census.ts'
import { judge as judgeBots } from '../../src/bin/bots/report.ts'
import { simulate } from '../../src/bin/bots/run.ts'

export type Traffic = {
  url: string
  merchantKey: string
  books: { databaseUrl: string; dataDir: string }
  seed: number
  /** Claims that players begin a second. */
  ratePerS: number
  roundMs: number
}

export type Round = { what: string; answers: number; broken: readonly string[] }

const kinds: readonly { scenario: Scenario; mode: 'http' | 'socket' }[] = [
  { scenario: 'city', mode: 'http' },
  { scenario: 'city', mode: 'socket' },
  { scenario: 'rush', mode: 'http' },
  { scenario: 'retry', mode: 'http' },
]
const CROWD = { players: 300, envelopes: 60 }
const SHARES = 40
/** A machine that does something else for a second makes players come late, and that is no fault here. */
const MOST = { failedPercent: 0, missedPercent: 5 }
const CITY = { speedMps: 1.4, noiseM: 8, envelopes: 12, pace: 20, record: undefined }
const BOTS = 60
const MOST_OF_BOTS = { refusedPercent: 1, cheatsPercent: 0, differences: 0 }
const AT_ONCE = 512
const silent = () => undefined

/** Envelopes end soon after their round, so that ends are a part of it. */
const livesMs = ({ roundMs }: Traffic) => roundMs + 120_000

export async function playLoad(traffic: Traffic, round: number): Promise<Round> {
  const { url, merchantKey, books, seed, ratePerS, roundMs } = traffic
  const { scenario, mode } = kinds[round % kinds.length] ?? { scenario: 'city', mode: 'http' }
  const layout = layOut(scenario, CROWD)
  const stage = await setStage({
    url,
    merchantKey,
    layout,
    shares: SHARES,
    livesMs: livesMs(traffic),
    say: silent,
  })
  const asking =
    mode === 'http' ? createHttpAsking(url, stage.claimants) : await openSocketAsking(url, stage.claimants)
  const plan = createPlan({ scenario, layout, ratePerS, seed: seed + round })
  const result = await runLoad({ stage, plan, asking, durationMs: roundMs, atOnce: AT_ONCE }).finally(() =>
    asking.close(),
  )
  const { promises, unresolved, answers } = result
  const proof = await prove({ url, merchantKey, stage, promises, isComplete: unresolved === 0, ...books })
  const unproven = holds(proof) ? [] : [`proof: ${proof.faults.join('; ')} ${JSON.stringify(proof.ledger)}`]
  return {
    what: `${scenario} over ${mode}`,
    answers,
    broken: [...judgeThresholds(result, MOST), ...unproven],
  }
}

export async function playBots(traffic: Traffic, round: number): Promise<Round> {
  const { url, merchantKey, books, seed, roundMs } = traffic
  const outcome = await simulate({
    ...{ ...CITY, url, merchantKey, books, bots: assignProfiles(BOTS, ['mix']), area: builtInArea() },
    ...{ seed: seed + round, forMs: roundMs * CITY.pace, say: silent },
  })
  const { honest, lies } = outcome.counted
  const answers = honest.fixes + honest.tries + lies.told
  return { what: 'bots', answers, broken: judgeBots(outcome, MOST_OF_BOTS) }
}
